"""An epoch that goes on under a new name is no event."""

import pytest

from exporter.core import fold
from exporter.core.model import Facts, Role, Sample
from tests.core.filming import HK, Projector, film, moment


def primary(shown: Projector, at: float, epoch: str, continues: str | None) -> None:
    """One good look at home, which holds the role."""
    facts = Facts(Role.PRIMARY, writable=True, epoch=epoch, continues=continues, position=int(at * 10))
    shown.take(fold.observe(shown.system, shown.state, Sample(HK, at, at, facts=facts), moment(at)))


def test_an_epoch_that_goes_on_under_a_new_name_is_no_event() -> None:
    """Nothing is recorded, the system stays healthy, and what was proven by positions stays proven."""
    shown = film("hhh")
    before, records = shown.state, len(shown.records)
    primary(shown, 4, "renamed", "1")
    primary(shown, 5, "renamed", "1")
    assert len(shown.records) == records
    assert shown.state.roles["database"].epoch == "renamed"
    assert shown.state.sources == before.sources
    assert shown.state.histories["database"][:3] == before.histories["database"][:3]


@pytest.mark.parametrize("continues", [None, "another"])
def test_an_epoch_that_goes_on_from_another_one_is_an_event(continues: str | None) -> None:
    """Only who goes on from the epoch that we know may change its name."""
    shown = film("hhh")
    primary(shown, 4, "new", continues)
    assert "epoch_changed" in shown.kinds()

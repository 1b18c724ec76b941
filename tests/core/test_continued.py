"""An epoch that goes on under a new name is no event."""

from dataclasses import replace

import pytest

from exporter.core import fold
from exporter.core.canary import Outcome
from exporter.core.model import Facts, Reason, Role, Sample
from tests.core.filming import HK, SYSTEM, Projector, film, moment


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


@pytest.mark.parametrize(("sent", "ended"), [(4.5, 5.0), (3.9, 6.1)])
def test_a_write_just_before_the_new_epoch_was_seen_counts(sent: float, ended: float) -> None:
    """The server was restarted and took it, though its look came a moment later. One that began before the last failed look
    may have met the old one, so the next is waited for."""
    components = {"database": replace(SYSTEM.components["database"], canary_every=1.0)}
    shown = Projector(replace(SYSTEM, components=components))

    def write(sent: float, at: float, reason: Reason | None = None) -> None:
        shown.state, marker = fold.marker_sent(shown.state, "database", "hk", sent)
        outcome = Outcome(at, reason)
        shown.take(fold.marker_finished(shown.system, shown.state, "database", marker, outcome, moment(at)))

    for tick in (1.0, 2.0):
        shown.frame("h", tick)
        write(tick, tick + 0.1)
    for tick in (3.0, 4.0):
        write(tick, tick, Reason.REFUSED)
        shown.look(HK, tick, None, Reason.REFUSED)
    write(sent, 4.8)
    primary(shown, 5.0, "restarted", None)
    write(6.0, 6.1)
    incident = shown.state.incident
    assert incident is not None
    assert incident.end is not None
    assert (incident.end.lower, incident.end.upper) == (4.0, ended)

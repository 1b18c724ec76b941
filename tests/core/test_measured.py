"""What an incident leaves behind for the live checklist: the newest figure whose bounds tell something."""

from dataclasses import replace

from exporter.core.interval import Interval
from exporter.core.past import Incident
from exporter.core.proof import measured_by
from tests.metrics.scenes import failover


def verdicts(closed: Incident) -> dict[str, str]:
    return {which: one.verdict for which, one in measured_by(closed).items()}


def test_each_figure_by_its_bounds() -> None:
    """31 s of 90 s are met; with lost markers an RPO of 0 is missed; both are dated by the latest end."""
    closed = failover()
    assert verdicts(closed) == {"rto": "met", "rpo": "missed"}
    assert closed.end is not None
    assert {(one.incident, one.at) for one in measured_by(closed).values()} == {(closed.id, closed.end.upper)}


def test_what_tells_nothing_is_left_out() -> None:
    """Bounds on both sides of the objective, no objective, no figure, and what was only inferred."""
    objectives = {"rto": 31.0, "rpo_site_loss": None}
    assert verdicts(replace(failover(), objectives=objectives)) == {}
    assert verdicts(replace(failover(), rpo=None)) == {"rto": "met"}
    assert verdicts(replace(failover(), inferred=True)) == {}
    assert verdicts(replace(failover(), rpo=Interval(0.1, 0.2), objectives={"rpo_site_loss": 1.0})) == {"rpo": "met"}

"""What is told when it is read: estimates, shares, writable sites, verdicts."""

from dataclasses import replace

import pytest

from exporter.core import fold
from exporter.core.interval import Interval, Verdict, difference, verdict
from exporter.core.model import Component, Part, Reason
from exporter.core.past import Counters
from exporter.core.readiness import readiness
from exporter.core.readings import exposure, functional_ratio, rto_clock, rto_estimate, writable_sites
from tests.core.filming import HK, SG, SYSTEM, Projector, film, moment


@pytest.mark.parametrize(
    ("value", "objective", "told"),
    [
        (Interval(1, 2), 2, Verdict.MET),
        (Interval(1, 2), 1.5, Verdict.NOT_PROVEN),
        (Interval(1, 2), 1, Verdict.NOT_PROVEN),
        (Interval(1.1, 2), 1, Verdict.MISSED),
        (Interval(0, 0), 0, Verdict.MET),
        (None, 1, Verdict.NOT_PROVEN),
        (Interval(1, 2), None, Verdict.NO_OBJECTIVE),
    ],
)
def test_verdicts(value: Interval | None, objective: float | None, told: Verdict) -> None:
    """The upper bound has to keep the objective, the lower one has to break it; in between nothing is proven."""
    assert verdict(value, objective) is told


def test_a_difference_is_never_negative() -> None:
    """Bounds that overlap leave a lower bound of 0, and the estimate inside."""
    value = difference(Interval(1, 3, 2.5), Interval(2, 4))
    assert value[:2] == (0, 3)
    assert 0 <= value.estimate <= 3


def test_no_estimate_from_nothing() -> None:
    """Without a measured or configured switch there is none; with one it is detection + switch + backlog."""
    state = film("hhh").state
    assert rto_estimate(SYSTEM, state, 4.0) is None
    assert rto_estimate(replace(SYSTEM, switch_time=20.0), state, 4.0) == pytest.approx(1 + 0.5 + 2 + 20)
    measured = replace(state, counters=Counters(switch_times=(3.0, 7.0, 5.0)))
    assert rto_estimate(replace(SYSTEM, switch_time=20.0), measured, 4.0) == pytest.approx(1 + 0.5 + 2 + 7)


def test_an_unknown_backlog_is_no_estimate() -> None:
    """Something waits to be applied and nobody knows how fast that goes: unknown, not zero."""
    state = film("hhh").state
    key = ("sg", "database", "streaming")
    waiting = replace(state, sources={key: replace(state.sources[key], backlog=100.0, apply_rate=None)})
    system = replace(SYSTEM, switch_time=20.0)
    assert rto_estimate(system, waiting, 4.0) is None
    rated = replace(state, sources={key: replace(state.sources[key], backlog=100.0, apply_rate=50.0)})
    assert rto_estimate(system, rated, 4.0) == pytest.approx(23.5 + 2)


def test_a_standby_that_tells_nothing_applied_has_no_backlog_of_zero() -> None:
    """Not told is unknown: no estimate, and no check that passes; where it is told again, both are there again."""
    shown = film("hhh")
    key = ("sg", "database", "streaming")
    mute = replace(shown.state.sources[key], backlog=None, applied_at=None)
    state = replace(shown.state, sources={**shown.state.sources, key: mute})
    assert rto_estimate(replace(SYSTEM, switch_time=20.0), state, 4.0) is None
    assert "backlog" not in readiness(SYSTEM, state, "sg", 4.0)
    assert readiness(SYSTEM, shown.state, "sg", 4.0)["backlog"] is True


def test_writable_sites() -> None:
    """One in calm, two in a split brain, none without a primary, unknown before the first look."""
    assert [writable_sites(SYSTEM, film(letters).state) for letters in ("", "hh", "hhb", "hhr")] == [None, 1, 2, 0]


def test_functional_ratio_is_weighted() -> None:
    """A share of what was looked at, where the system serves; unknown before the first look."""
    names = {"database": Component("database", critical=True, weight=3, stateful=True), "login": Component("login")}
    system = replace(SYSTEM, components=names, parts=SYSTEM.parts | {Part("hk", "login")})
    shown = Projector(system)
    assert functional_ratio(system, shown.state) is None
    shown.frame("h", 1.0)
    assert functional_ratio(system, shown.state) == 1.0
    shown.look(Part("hk", "database"), 2.0, None, Reason.REFUSED)
    assert functional_ratio(system, shown.state) == 0.0


def test_what_was_only_heard_of_in_blindness_lowers_no_ratio() -> None:
    """Nothing was judged, so the share is unknown, and not 0."""
    shown = Projector()
    shown.take(fold.blinded(shown.system, shown.state, 0.5, moment(0.5)))
    shown.look(HK, 1.0, None, Reason.TIMEOUT)
    assert functional_ratio(SYSTEM, shown.state) is None


def test_a_standby_is_ready_by_every_check() -> None:
    """All checks pass in calm; none are told of the site that serves; a dead standby is neither reachable nor replicating."""
    shown = film("hhh")
    assert readiness(SYSTEM, shown.state, "hk", 3.0) == {}
    assert readiness(SYSTEM, shown.state, "sg", 3.0) == {
        "reachable": True,
        "replicating": True,
        "rpo": True,
        "backlog": True,
    }
    assert readiness(SYSTEM, shown.state, "sg", 30.0)["rpo"] is False
    shown.look(SG, 4.0, None, Reason.REFUSED)
    checks = readiness(SYSTEM, shown.state, "sg", 4.0)
    assert (checks["reachable"], checks["replicating"]) == (False, False)


def test_a_standby_does_not_age_in_an_outage() -> None:
    """Nothing can be acknowledged in a declared outage, so a standby that was up to date stays inside its objective."""
    shown = film("hhh")
    for tick in range(4, 60):
        shown.look(HK, float(tick), None, Reason.REFUSED)
    assert readiness(SYSTEM, shown.state, "sg", 60.0)["rpo"] is True
    assert exposure(SYSTEM, shown.state, "site_loss", 60.0).seconds <= 2.0
    assert rto_clock(shown.state, 60.0) == 57.0


def test_progress_overrules_failed_looks() -> None:
    """A standby that receives more with each look hears from the primary: nothing is declared, the exposure goes on."""
    shown = film("hhh")
    for tick in range(4, 60):
        shown.look(HK, float(tick), None, Reason.REFUSED)
        shown.look(SG, float(tick), False)
    assert rto_clock(shown.state, 60.0) == 0.0
    assert exposure(SYSTEM, shown.state, "site_loss", 60.0).seconds == 57.0


def test_never_proven_is_never_zero() -> None:
    """A standby that was never seen: the exposure counts from when we began to look, and is not known."""
    shown = Projector()
    for tick in range(1, 10):
        shown.look(HK, float(tick), True)
        shown.look(SG, float(tick), None, Reason.REFUSED)
    told = exposure(SYSTEM, shown.state, "site_loss", 10.0)
    assert (told.seconds, told.known) == (10.0, False)


def test_exposure_grows_on_in_blindness() -> None:
    """In a declared outage nothing is acknowledged any more; but while we are blind it may be over, and writes go on."""
    shown = film("hhhoooo")
    assert exposure(shown.system, shown.state, "site_loss", 20.0) == exposure(
        shown.system, shown.state, "site_loss", 8.0
    )
    shown.take(fold.blinded(shown.system, shown.state, 7.0, moment(8)))
    assert exposure(shown.system, shown.state, "site_loss", 20.0).seconds == pytest.approx(18.0)

"""From when to when a system was watched, and what was promised: each is a record."""

from dataclasses import replace

import pytest

from exporter.core import fold, watching
from exporter.core.codec import Decoder, encode
from exporter.core.model import Facts, Objectives, Role, Sample
from exporter.core.readings import observed_until, totals
from exporter.core.standing import standing
from exporter.core.state import Mode, SystemState
from tests.core.filming import HK, SYSTEM, WALL, film, moment


def begun() -> SystemState:
    return watching.begun(SYSTEM, moment(0)).state


def test_the_first_look_says_what_was_promised() -> None:
    """With how often is looked, the sites, and every objective, also those that were not set."""
    (record,) = watching.begun(SYSTEM, moment(0)).records
    assert record.kind == "watch_started"
    assert record.data["objectives"] == {"rto": 30.0, "rpo_site_loss": 5.0, "availability": None, "drill_every": None}
    assert record.data["probing"]["declare_after"] == 3


def test_an_absence_is_told_with_its_bounds() -> None:
    """Killed at 5, back at 9: four seconds in which nobody looked; from 3 on, if it was blind since then."""
    shown = film("hhh")
    step = watching.resumed(SYSTEM, replace(shown.state, promised=SYSTEM.objectives), 5.0, moment(9))
    away = next(record for record in step.records if record.kind == "absence")
    assert away.data == {"from_unix": WALL + 5, "to_unix": WALL + 9}
    assert "objectives_changed" not in [record.kind for record in step.records]
    blind = watching.blinded(SYSTEM, shown.state, 3.0, moment(4)).state
    (again, *_) = watching.resumed(SYSTEM, blind, 5.0, moment(9)).records
    assert again.data["from_unix"] == WALL + 3


def test_time_in_which_we_stood_still_is_unobserved() -> None:
    """Frozen from 2 to 32: it counts as blindness, the state stands, and the next look goes on from it."""
    state = film("hhh").state
    step = watching.paused(SYSTEM, state, 2.0, moment(32))
    (record,) = step.records
    assert (record.kind, record.data) == ("absence", {"from_unix": WALL + 2, "to_unix": WALL + 32})
    assert step.state.mode is state.mode
    assert step.state.counters.blind == state.counters.blind + 30
    observed = observed_until(step.state, 40.0)
    assert observed == pytest.approx(observed_until(state, 2.0) + 8.0)
    blind = watching.blinded(SYSTEM, state, 1.0, moment(3)).state
    assert watching.paused(SYSTEM, blind, 3.0, moment(33)) == (blind, ()), "that time is counted already"


def test_an_end_just_before_we_went_on_costs_no_downtime() -> None:
    """A look that waited through a standstill is answered a moment before anybody notes that it is over: what was hidden after
    that end is no part of the outage, and what was told of it stays."""
    state = watching.paused(SYSTEM, film("hhhhoooo").state, 8.5, moment(20.1)).state
    told = totals(state, 20.2)
    assert state.incident is not None
    assert told.downtime == pytest.approx(8.5 - state.incident.start.lower)
    for started, ended in ((8.4, 20.0), (20.3, 20.35)):
        good = Sample(HK, started, ended, facts=Facts(Role.PRIMARY, True, epoch="1", position=80))
        state = fold.observe(SYSTEM, state, good, moment(20.4)).state
        assert totals(state, 20.4).downtime == told.downtime
    assert state.mode is Mode.RECOVERING
    assert state.incident is not None
    assert state.incident.end is not None
    assert state.incident.end.upper == 20.0
    assert state.incident.blind == pytest.approx(11.5)


def test_blindness_is_told_with_its_bounds_once() -> None:
    """Its beginning is dated back, its end tells both; what is blind already tells nothing."""
    shown = film("hhh")
    step = watching.blinded(SYSTEM, shown.state, 3.0, moment(5))
    assert [record.kind for record in step.records] == ["blind_began", "transition"]
    assert step.records[0].data == {"since_unix": WALL + 3}
    assert watching.blinded(SYSTEM, step.state, 3.0, moment(6)).records == ()
    seen = watching.sighted(SYSTEM, step.state, moment(8))
    assert seen.records[0].data == {"from_unix": WALL + 3, "to_unix": WALL + 8}
    assert watching.sighted(SYSTEM, seen.state, moment(9)).records == ()


def test_a_change_of_objectives_is_a_record() -> None:
    """By a reload, or found after a restart; the same objectives are none."""
    state = begun()
    assert watching.reconfigured(SYSTEM, state, moment(1)).records == ()
    stricter = replace(SYSTEM, objectives=Objectives(rto=10.0, rpo={"site_loss": 5.0}, baseline_rto=60.0))
    (record,) = watching.reconfigured(stricter, state, moment(1)).records
    assert record.sentence == "objectives changed: rto from 30.0 to 10.0, baseline_rto from None to 60.0"
    assert (record.data["from"]["rto"], record.data["to"]["rto"], record.data["objectives"]["rto"]) == (
        30.0,
        10.0,
        10.0,
    )
    kept = Decoder().state(encode(state))
    assert kept.promised == SYSTEM.objectives
    kinds = [record.kind for record in watching.resumed(stricter, kept, 1.0, moment(2)).records]
    assert "objectives_changed" in kinds


def test_a_state_of_an_older_exporter_tells_what_is_promised_now() -> None:
    """It did not keep the objectives, so nothing can be said of a change."""
    older = replace(begun(), promised=None)
    kinds = [record.kind for record in watching.resumed(SYSTEM, older, 1.0, moment(2)).records]
    assert "watch_started" in kinds
    assert "objectives_changed" not in kinds


def test_standing_tells_of_standbys_that_were_looked_at() -> None:
    """Nothing before the first look; then each check of each standby, in a form that two rounds can compare."""
    assert standing(SYSTEM, begun(), 0.0) == {"sites": {}, "backups": {}}
    shown = film("hhhh")
    told = standing(SYSTEM, shown.state, 4.0)
    assert list(told["sites"]) == ["sg"]
    assert told["sites"]["sg"]["reachable"] is True
    assert told == standing(SYSTEM, shown.state, 4.0)


def test_blindness_begins_when_somebody_looked_again_at_the_earliest() -> None:
    """Away from 5 to 9 in an outage, and cut off when it came back: the last answer was at 4, but what was seen until 5 stays seen."""
    shown = film("hhooo")
    back = watching.resumed(SYSTEM, shown.state, 5.0, moment(9)).state
    step = watching.blinded(SYSTEM, back, 4.0, moment(12))
    assert step.records[0].data == {"since_unix": WALL + 9}
    seen = watching.sighted(SYSTEM, step.state, moment(15))
    assert seen.state.counters.blind == back.counters.blind + 6
    assert seen.state.incident is not None
    assert seen.state.incident.blind == 10

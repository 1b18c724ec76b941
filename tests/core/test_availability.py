"""The budget of a rolling year: what counts, what counts once, and what has left the window."""

from dataclasses import replace

import pytest

from exporter.core.availability import DAY, WINDOW, Budget, book, budget
from exporter.core.closing import close_incident
from exporter.core.codec import Decoder, encode
from exporter.core.events import Draft
from exporter.core.interval import Interval
from exporter.core.model import Moment
from exporter.core.past import NO_COUNTERS, Counters, Incident, Kind
from exporter.core.state import SystemState
from tests.metrics import scenes

NOON = Moment(mono=100_000.0, wall=20_000 * DAY + DAY / 2)
"""The middle of day 20,000."""
OBJECTIVE = 0.9999
ALLOWED = (1 - OBJECTIVE) * WINDOW


def closed(start: float, end: float, *, blind: float = 0.0, drill: str | None = None) -> Incident:
    """From `start` to `end` seconds after noon, both 2 s wide."""
    bounds = [Interval(NOON.mono + at, NOON.mono + at + 2) for at in (start, end - 2)]
    apart = None if drill is None else end - start - blind
    return Incident(
        "id", "orders", Kind.OUTAGE_IN_PLACE, bounds[0], "cause", bounds[1], blind=blind, drill=drill, apart=apart
    )


def booked(*incidents: Incident, now: Moment = NOON) -> Counters:
    counters = NO_COUNTERS
    for one in incidents:
        counters = book(counters, one, now)
    return counters


def test_an_incident_counts_by_its_outer_bounds() -> None:
    """From the last good look to the end of the first good one, as the metric does: never flattered."""
    assert booked(closed(-100, -40)).down_days == {20_000: 60.0}


def test_what_overlaps_counts_once() -> None:
    """Two incidents of one system whose bounds overlap, or one inside the other, in whatever order they are booked."""
    assert booked(closed(-100, -40), closed(-50, -20)).down_days == {20_000: 80.0}
    assert booked(closed(-100, -40), closed(-90, -50)).down_days == {20_000: 60.0}
    assert booked(closed(-100, -40), closed(-100, -40)).down_days == {20_000: 60.0}


def test_midnight_divides_an_incident() -> None:
    """Each day has its own part of it; days in UTC."""
    days = booked(closed(-DAY / 2 - 100, -DAY / 2 + 50)).down_days
    assert days == {19_999: pytest.approx(100), 20_000: pytest.approx(50)}


def test_blindness_is_left_out() -> None:
    """A quarter of it was not seen, so a quarter of it does not count."""
    assert booked(closed(-100, 0, blind=25)).down_days == {20_000: pytest.approx(75)}


def test_days_leave_the_window_and_the_memory() -> None:
    """Once 365 days have passed since the end of its day it is as if it had not been, and nothing of it is kept."""
    counters = booked(closed(-100, -40))
    later = NOON._replace(mono=NOON.mono + 365 * DAY, wall=NOON.wall + 365 * DAY)
    assert told(counters, later).downtime == 60
    gone = later._replace(mono=later.mono + DAY, wall=later.wall + DAY)
    assert told(counters, gone).downtime == 0
    again = replace(closed(0, 0), start=Interval(gone.mono - 12, gone.mono - 10), end=Interval(gone.mono, gone.mono))
    assert book(counters, again, gone).down_days == {20_366: 12}


def test_years_of_outages_take_bounded_room() -> None:
    """Two failures a day for three years leave 366 sums."""
    counters, now = NO_COUNTERS, NOON
    for half_days in range(2 * 3 * 365):
        at = half_days * DAY / 2
        now = NOON._replace(mono=NOON.mono + at, wall=NOON.wall + at)
        counters = book(counters, closed(at - 60, at), now)
    assert len(counters.down_days) <= 366
    assert 2 * 365 * 60 <= told(counters, now).downtime <= 2 * 366 * 60


def told(counters: Counters, now: Moment = NOON) -> Budget:
    """The budget of a healthy system with these counters."""
    of = scenes.system()
    objectives = replace(of.objectives, availability=OBJECTIVE)
    state = replace(scenes.healthy(of, now.mono), counters=counters, observed_since=now.mono - DAY)
    found = budget(replace(of, objectives=objectives), state, now)
    assert found is not None
    return found


def test_the_budget_before_the_window_is_full() -> None:
    """The whole window is allowed for, and it says how much of it was observed."""
    found = told(booked(closed(-100, -40)))
    assert list(found) == pytest.approx([OBJECTIVE, WINDOW, 60, ALLOWED - 60, 0, DAY])
    assert list(told(replace(NO_COUNTERS, observed=2 * WINDOW))) == pytest.approx(
        [OBJECTIVE, WINDOW, 0, ALLOWED, 0, WINDOW]
    )


def test_an_open_outage_counts_as_it_runs() -> None:
    """From its last good look to now; a doubt does not; and it can overspend the budget."""
    of, now = scenes.system(), NOON
    state = scenes.outage(of, now.mono)
    found = budget(of, state, now)
    assert found is not None
    assert [found.downtime, found.left] == pytest.approx([40, ALLOWED - 40])
    assert state.incident is not None
    doubt = budget(of, replace(state, incident=replace(state.incident, declared=False)), now)
    assert doubt is not None
    assert doubt.downtime == 0
    hour = replace(state, counters=replace(state.counters, down_days={20_000: 3600.0}))
    spent = budget(of, hour, now)
    assert spent is not None
    assert spent.left < 0


def test_drills_are_booked_apart() -> None:
    """A drill's downtime is told, and spends the budget or not by the policy, while it runs and afterwards."""
    counted = booked(closed(-100, -40, drill="d1"))
    assert counted.down_days == counted.drill_days == {20_000: 60.0}
    counters = booked(replace(closed(-100, -40, drill="d1"), excluded=True))
    assert (counters.down_days, counters.drill_days) == ({}, {20_000: 60.0})
    later = booked(replace(closed(-100, -40, drill="d1"), excluded=True, apart=20.0))
    assert (later.down_days, later.drill_days) == ({20_000: 40.0}, {20_000: 20.0})
    of = scenes.system()
    state = scenes.outage(of, NOON.mono)
    assert state.incident is not None
    state = replace(state, counters=counters, incident=replace(state.incident, drill="d2", excluded=True))
    found = budget(of, state, NOON)
    assert found is not None
    assert [found.downtime, found.drills] == pytest.approx([0, 100])


def test_nothing_promised_has_no_budget() -> None:
    """None, and not a budget of nothing."""
    of = scenes.system()
    bare = replace(of, objectives=replace(of.objectives, availability=None))
    assert budget(bare, scenes.healthy(of), NOON) is None


def test_closing_books_and_a_restart_keeps_it() -> None:
    """What the fold closes is in the days, which survive in the checkpoint, moved to another boot's clock."""
    of = scenes.system()
    state = scenes.outage(of, NOON.mono)
    assert state.incident is not None
    end = Interval(NOON.mono - 11, NOON.mono - 10)
    state = replace(state, counters=NO_COUNTERS, incident=replace(state.incident, end=end))
    draft = Draft(of.name, state)
    close_incident(of, draft, NOON)
    counters = draft.state.counters
    assert counters.down_days == {20_000: pytest.approx(counters.downtime)} == {20_000: pytest.approx(30)}
    kept: SystemState = Decoder(shift=500.0).state(encode(draft.state))
    assert kept.counters.down_days == counters.down_days
    assert kept.counters.down_until == NOON.mono - 10 + 500

"""The budget of a rolling year: what counts, what counts once, and what has left the window."""

from dataclasses import replace

import pytest

from exporter.core.availability import DAY, UNSETTLED_KEPT, WINDOW, Budget, book, budget
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
ZERO = NOON.mono - NOON.wall
EVEN = replace(NO_COUNTERS, unix_zero=Interval(ZERO, ZERO), even_since=NOON.mono - DAY)
"""By a clock that has run evenly for a day."""


def closed(start: float, end: float, *, blind: float = 0.0, drill: str | None = None) -> Incident:
    """From `start` to `end` seconds after noon, both 2 s wide."""
    bounds = [Interval(NOON.mono + at, NOON.mono + at + 2) for at in (start, end - 2)]
    apart = None if drill is None else end - start - blind
    return Incident(
        "id", "orders", Kind.OUTAGE_IN_PLACE, bounds[0], "cause", bounds[1], blind=blind, drill=drill, apart=apart
    )


def booked(*incidents: Incident, now: Moment = NOON) -> Counters:
    counters = EVEN
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


def test_days_leave_the_window() -> None:
    """Once 365 days have passed since the end of its day it is as if it had not been."""
    counters = booked(closed(-100, -40))
    assert told(counters, later(365)).downtime == 60
    gone = later(366)
    assert told(counters, gone).downtime == 0
    again = replace(closed(0, 0), start=Interval(gone.mono - 12, gone.mono - 10), end=Interval(gone.mono, gone.mono))
    assert told(book(counters, again, gone), gone).downtime == 12


def test_years_of_outages_take_bounded_room() -> None:
    """Two failures a day for three years leave 366 sums."""
    counters, now = NO_COUNTERS, NOON
    for half_days in range(2 * 3 * 365):
        at = half_days * DAY / 2
        now = NOON._replace(mono=NOON.mono + at, wall=NOON.wall + at)
        counters = book(counters, closed(at - 60, at), now)
    assert len(counters.down_days) <= 366
    assert len(counters.unsettled) <= 1
    assert 2 * 365 * 60 <= told(counters, now).downtime <= 2 * 366 * 60


def later(days: float, off: float = 0.0) -> Moment:
    """So many days after noon, by a clock that is wrong by `off` days."""
    return Moment(NOON.mono + days * DAY, NOON.wall + (days + off) * DAY)


@pytest.mark.parametrize("off", [400.0, -400.0, 0.2, -20_000.0])
@pytest.mark.parametrize("before", [EVEN, NO_COUNTERS])
def test_a_wall_clock_that_is_wrong_for_a_while_costs_no_day(off: float, before: Counters) -> None:
    """While an incident closes it is years ahead or behind: what was booked stays, and what is booked goes where it belongs once the
    clock has run evenly for a day."""
    counters = book(before, closed(-660, -60), NOON)
    counters = book(counters, closed(DAY - 10, DAY), later(1, off))
    assert told(counters, later(1)).downtime == pytest.approx(610)
    counters = book(counters, closed(3 * DAY - 20, 3 * DAY), later(3))
    assert told(counters, later(3)).downtime == pytest.approx(630)
    counters = book(counters, closed(5 * DAY - 30, 5 * DAY), later(5))
    assert counters.down_days == pytest.approx({20_000: 600, 20_001: 10, 20_003: 20, 20_005: 30})
    assert told(counters, later(367)).downtime == pytest.approx(50)


def test_what_is_unsettled_leaves_the_window_too() -> None:
    """Nothing was booked after it, so nobody asked the clock again."""
    counters = book(NO_COUNTERS, closed(-100, -40), NOON)
    assert (told(counters, later(365)).downtime, told(counters, later(367)).downtime) == (60, 0)


def test_an_uneven_clock_takes_bounded_room() -> None:
    """One that jumps before every outage settles nothing; all of it is counted, drills apart, and is in its days in the end."""
    counters = NO_COUNTERS
    for at in range(100):
        drill = "d1" if at % 2 else None
        counters = book(counters, closed(at * DAY - 60, at * DAY, drill=drill), later(at, at))
    found = told(counters, later(100))
    assert (found.downtime, found.drills) == pytest.approx((6000, 3000))
    assert len(counters.unsettled) <= UNSETTLED_KEPT
    for at in (101, 103):
        counters = book(counters, closed(at * DAY - 60, at * DAY), later(at))
    assert counters.unsettled == ()
    assert sum(counters.down_days.values()) == pytest.approx(6120)
    assert sum(counters.drill_days.values()) == pytest.approx(3000)


def test_after_a_reboot_the_clock_has_yet_to_prove_itself() -> None:
    """It came up two years ahead and moved all instants with it: what closes then waits until it was put right."""
    state = replace(scenes.healthy(scenes.system(), NOON.mono), counters=booked(closed(-100, -40)))
    kept = Decoder(shift=-730 * DAY, slack=2.0).state(encode(state)).counters
    kept = book(kept, closed(DAY - 10, DAY), later(1, 730))
    assert kept.down_days == {20_000: 60}
    kept = book(kept, closed(2 * DAY - 10, 2 * DAY), later(2))
    kept = book(kept, closed(4 * DAY - 10, 4 * DAY), later(4))
    assert kept.down_days == pytest.approx({20_000: 60, 20_001: 10, 20_002: 10, 20_004: 10})


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
    split = booked(replace(closed(-100, -40, drill="d1"), excluded=True, apart=20.0))
    assert (split.down_days, split.drill_days) == ({20_000: 40.0}, {20_000: 20.0})
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
    state = replace(state, counters=EVEN, incident=replace(state.incident, end=end))
    draft = Draft(of.name, state)
    close_incident(of, draft, NOON)
    counters = draft.state.counters
    assert counters.down_days == {20_000: pytest.approx(counters.downtime)} == {20_000: pytest.approx(30)}
    kept: SystemState = Decoder(shift=500.0).state(encode(draft.state))
    assert kept.counters.down_days == counters.down_days
    assert kept.counters.down_until == NOON.mono - 10 + 500

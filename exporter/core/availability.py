"""How much of the promised availability is left: downtime in a rolling window, kept as sums by day.

Sums by day are enough and bounded: a system that fails every minute for a year takes no more room than 366 numbers, and no
ledger has to be read to tell the budget.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from exporter.core.model import Instant, Moment, System
from exporter.core.past import Counters, Incident
from exporter.core.readings import declared_beforehand, observed_until, running_downtime
from exporter.core.state import SystemState

DAY = 86400.0
DAYS = 365
WINDOW = DAYS * DAY
"""Seconds. Since what is kept are whole days (in UTC), downtime leaves the window up to a day late: the budget never flatters."""


class Budget(NamedTuple):
    """Seconds. `left` is the downtime that the objective still allows in the window; below 0 it is overspent.

    Before we have looked for as long as the window lasts, `downtime` is what was observed so far, and `observed` tells how long
    that was: nothing is made up for the time before.
    """

    objective: float
    window: float
    downtime: float
    """Upper bounds of the incidents, open ones included, less what fell into blindness and what the policy does not count."""
    left: float
    drills: float
    """The same in drills alone, counted or not."""
    observed: float
    """Looked at, not blind; at most the window."""


def budget(system: System, state: SystemState, now: Moment) -> Budget | None:
    """None where no availability was promised."""
    objective = system.objectives.availability
    if objective is None:
        return None
    today = int(now.wall // DAY)
    down, drills = _within(state.counters.down_days, today), _within(state.counters.drill_days, today)
    counted, rehearsed, _ = declared_beforehand(state.incident, min(running_cost_seconds(state, now.mono), WINDOW))
    down, drills = down + counted, drills + rehearsed
    observed = min(observed_until(state, now.mono), WINDOW)
    return Budget(objective, WINDOW, down, (1.0 - objective) * WINDOW - down, drills, observed)


def running_cost_seconds(state: SystemState, now: Instant) -> float:
    """Seconds of downtime of the open declared outage, without what was counted for the one before; 0 while none is open."""
    incident, until = state.incident, state.counters.down_until
    if incident is None or not incident.declared:
        return 0.0
    twice = 0.0 if until is None else max(0.0, until - incident.start.lower)
    return max(0.0, running_downtime(state, now) - twice)


def _within(days: Mapping[int, float], today: int) -> float:
    return sum(seconds for day, seconds in days.items() if day >= today - DAYS)


def book(counters: Counters, closed: Incident, now: Moment) -> Counters:
    """The counters with a closed incident in its days.

    It counts from `start.lower` to `end.upper`, but not from before the end of the incident booked last: what overlaps counts
    once. Where in it we were blind is not known any more, so blindness is taken evenly from all of it.
    """
    if closed.end is None:
        return counters
    start, end = closed.start.lower, closed.end.upper
    if end <= start:
        return counters
    seen = max(0.0, 1.0 - closed.blind / (end - start))
    if counters.down_until is not None:
        start = max(start, counters.down_until)
    counters = replace(counters, down_until=max(end, start))
    today, split = int(now.wall // DAY), start
    if closed.apart and seen:  # what was declared beforehand comes first; where in it we were blind is not known either
        split = min(end, max(start, closed.start.lower + closed.apart / seen))
    from_, until, last = now.wall_of(start), now.wall_of(split), now.wall_of(end)
    if closed.drill is not None:
        counters = replace(counters, drill_days=_booked(counters.drill_days, from_, until, seen, today))
    counted = until if closed.excluded else from_
    return replace(counters, down_days=_booked(counters.down_days, counted, last, seen, today))


def _booked(days: Mapping[int, float], start: float, end: float, share: float, today: int) -> dict[int, float]:
    """`start` and `end` in Unix seconds; days that have left the window are left out."""
    after = dict(days)
    day = max(int(start // DAY), today - DAYS)
    while day * DAY < end:
        seconds = min(end, (day + 1) * DAY) - max(start, day * DAY)
        if seconds > 0:
            after[day] = after.get(day, 0.0) + seconds * share
        day += 1
    return {day: seconds for day, seconds in after.items() if day >= today - DAYS}

"""How much of the promised availability is left: downtime in a rolling window, kept as sums by day.

Sums by day are enough and bounded: a system that fails every minute for a year takes no more room than 366 numbers, and no
ledger has to be read to tell the budget. On which day something was is told by a wall clock, and that may be wrong for a while: so it is
written down there only after the clock has run evenly for a day, and is counted meanwhile all the same.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from exporter.core.interval import Interval
from exporter.core.model import Instant, Moment, System
from exporter.core.past import Counters, Incident, Unsettled
from exporter.core.readings import declared_beforehand, observed_until, running_downtime
from exporter.core.state import SystemState

DAY = 86400.0
DAYS = 365
WINDOW = DAYS * DAY
"""Seconds. Since what is kept are whole days (in UTC), downtime leaves the window up to a day late: the budget never flatters."""
EVEN_WITHIN = 60.0
"""Seconds by which a clock may move and still runs evenly."""
UNSETTLED_KEPT = 32


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
    recent = [part for part in state.counters.unsettled if part.end > now.mono - WINDOW - DAY]
    down, drills = down + sum(part.down for part in recent), drills + sum(part.drills for part in recent)
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
    """The counters with a closed incident.

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
    end, split = max(end, start), start
    if closed.apart and seen:  # what was declared beforehand comes first; where in it we were blind is not known either
        split = min(end, max(start, closed.start.lower + closed.apart / seen))
    apart, later = (split - start) * seen, (end - split) * seen
    parts = (
        Unsettled(start, split, 0.0 if closed.excluded else apart, apart if closed.drill is not None else 0.0),
        Unsettled(split, end, later, 0.0),
    )
    unsettled = _bounded((*counters.unsettled, *(part for part in parts if part.down or part.drills)))
    return _settled(replace(counters, down_until=end, unsettled=unsettled), now)


def _bounded(parts: tuple[Unsettled, ...]) -> tuple[Unsettled, ...]:
    """Of too many those that are nearest to each other become one."""
    while len(parts) > UNSETTLED_KEPT:
        at = min(range(len(parts) - 1), key=lambda place: parts[place + 1].end - parts[place].start)
        one, more = parts[at], parts[at + 1]
        both = Unsettled(one.start, more.end, one.down + more.down, one.drills + more.drills)
        parts = (*parts[:at], both, *parts[at + 2 :])
    return parts


def _settled(counters: Counters, now: Moment) -> Counters:
    """The counters with what is unsettled in its days, if the wall clock has run evenly for a day; else it waits, since a clock
    that is wrong for a while would put it where it is forgotten too early, or hardly ever."""
    zero, known = now.mono - now.wall, counters.unix_zero
    # A reboot moves all instants by the wall clock, which may have come up wrong: it has yet to show that it runs evenly.
    if known is None or known.width or abs(zero - known.lower) > EVEN_WITHIN:
        return replace(counters, unix_zero=Interval(zero, zero), even_since=now.mono)
    if now.mono - counters.even_since < DAY:
        return counters
    down, drills = dict(counters.down_days), dict(counters.drill_days)
    for part in counters.unsettled:
        _spread(down, now.wall_of(part.start), now.wall_of(part.end), part.down)
        _spread(drills, now.wall_of(part.start), now.wall_of(part.end), part.drills)
    return replace(counters, down_days=_newest(down), drill_days=_newest(drills), unsettled=())


def _spread(days: dict[int, float], start: float, end: float, seconds: float) -> None:
    """Add them to the days from `start` to `end`, in Unix seconds."""
    if not seconds:
        return
    first, last = int(start // DAY), int(end // DAY)
    for day in range(max(first, last - DAYS), last + 1):
        share = (min(end, (day + 1) * DAY) - max(start, day * DAY)) / (end - start)
        if share > 0:
            days[day] = days.get(day, 0.0) + seconds * share


def _newest(days: Mapping[int, float]) -> dict[int, float]:
    """As many as the window has: no clock is asked which, so none that is wrong makes any be forgotten."""
    return {day: days[day] for day in sorted(days)[-DAYS - 1 :]}

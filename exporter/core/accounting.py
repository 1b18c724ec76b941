"""Availability as an account: what was observed, what of it was down, what that leaves of the promise. Pure.

Everything is Unix seconds, and spans are half-open [start, end): a day of 23 or 25 hours is as long as it is, and a
leap day is a day more, because nobody counts days here.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from exporter.core.interval import Interval, Verdict, verdict


class Span(NamedTuple):
    start: float
    end: float


class Class(StrEnum):
    """On whose account an incident goes."""

    REAL = "real"
    DRILL = "drill"
    MAINTENANCE = "maintenance"
    RECLASSIFIED = "reclassified"
    """People said afterwards that it should not count. It is shown both ways."""


class Outage(NamedTuple):
    """One interval in which a system did not serve. `certain` is the part of `possible` that is proven."""

    possible: Span
    """From the earliest start to the latest end: the upper bound, which is what is booked."""
    certain: Span
    """From the latest start to the earliest end; empty (end <= start) where not even a moment is proven."""
    account: Class = Class.REAL


class Account(NamedTuple):
    """One window of one system, in seconds. `downtime` counts every incident but drills and declared maintenance."""

    length: float
    observed: float
    downtime: Interval
    drill: float
    maintenance: float
    reclassified: float
    """Of `downtime.upper`: what would not count if the later judgement of people did."""

    @property
    def unobserved(self) -> float:
        return self.length - self.observed

    @property
    def availability(self) -> float | None:
        """Share of the observed time, by the upper bound of the downtime; None: nothing was observed."""
        return 1 - self.downtime.upper / self.observed if self.observed > 0 else None

    @property
    def availability_reclassified(self) -> float | None:
        """The same without what people reclassified."""
        if self.observed <= 0:
            return None
        return 1 - max(0.0, self.downtime.upper - self.reclassified) / self.observed


class Budget(NamedTuple):
    """How much downtime an objective leaves in a window, and how much of that is spent. Seconds."""

    allowed: float | None
    """None: no objective was set in any part of the window."""
    spent: float

    @property
    def left(self) -> float | None:
        return None if self.allowed is None else self.allowed - self.spent


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time as disjoint spans in order: what overlaps or touches counts once. Empty spans vanish."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if found and start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, end))
        else:
            found.append(Span(start, end))
    return found


def common(first: Sequence[Span], second: Sequence[Span]) -> list[Span]:
    """What lies in both; each of the two merged."""
    found: list[Span] = []
    i = j = 0
    while i < len(first) and j < len(second):
        start, end = max(first[i].start, second[j].start), min(first[i].end, second[j].end)
        if start < end:
            found.append(Span(start, end))
        if first[i].end < second[j].end:
            i += 1
        else:
            j += 1
    return found


def without(spans: Sequence[Span], gone: Sequence[Span]) -> list[Span]:
    """What lies in the first and not in the second; each of the two merged."""
    found: list[Span] = []
    j = 0
    for start, end in spans:
        at = start
        while j < len(gone) and gone[j].end <= at:
            j += 1
        k = j
        while k < len(gone) and gone[k].start < end:
            if gone[k].start > at:
                found.append(Span(at, gone[k].start))
            at = max(at, gone[k].end)
            k += 1
        if at < end:
            found.append(Span(at, end))
    return found


def length(spans: Iterable[Span]) -> float:
    return sum(end - start for start, end in spans)


def account(window: Span, observed: Sequence[Span], outages: Iterable[Outage]) -> Account:
    """Book a window. `observed` are the merged spans in which the system was looked at.

    Downtime is the union of the upper bounds of the incidents inside the window and the observed time; overlapping ones
    count once, and what is real wins over what was planned.
    """
    seen = common([window], observed)
    by_class: dict[Class, list[Outage]] = {one: [] for one in Class}
    for outage in outages:
        if outage.possible.start < window.end and outage.possible.end > window.start:
            by_class[outage.account].append(outage)
    firm = _inside(seen, (o.possible for o in by_class[Class.REAL]))
    soft = without(_inside(seen, (o.possible for o in by_class[Class.RECLASSIFIED])), firm)
    down = merged([*firm, *soft])
    counted = [*by_class[Class.REAL], *by_class[Class.RECLASSIFIED]]
    proven = _inside(seen, (o.certain for o in counted))
    drills = without(_inside(seen, (o.possible for o in by_class[Class.DRILL])), down)
    planned = _inside(seen, (o.possible for o in by_class[Class.MAINTENANCE]))
    planned = without(planned, merged([*down, *drills]))
    return Account(
        window.end - window.start,
        length(seen),
        Interval(length(proven), length(down)),
        length(drills),
        length(planned),
        length(soft),
    )


def _inside(seen: Sequence[Span], spans: Iterable[Span]) -> list[Span]:
    return common(seen, merged(spans))


def allowed(window: Span, objectives: Sequence[tuple[float, float | None]]) -> float | None:
    """Seconds of downtime that the availability objective leaves in the window: (1 - objective) x its calendar length.

    `objectives`: (Unix seconds from which it holds, ratio or None), ascending. What was promised before the first one is
    taken to be the same. None: none was set in any part of the window.
    """
    total: float | None = None
    for index, (since, ratio) in enumerate(objectives):
        start = window.start if index == 0 else max(window.start, since)
        end = min(window.end, objectives[index + 1][0]) if index + 1 < len(objectives) else window.end
        if ratio is not None and end > start:
            total = (total or 0.0) + (1 - ratio) * (end - start)
    return total


def judged(booked: Account, permitted: float | None) -> Verdict:
    """Whether the promise was kept: by the upper bound of the downtime, as everywhere. Nothing observed proves nothing."""
    if permitted is None:
        return Verdict.NO_OBJECTIVE
    if booked.observed <= 0:
        return Verdict.NOT_PROVEN
    return verdict(booked.downtime, permitted)

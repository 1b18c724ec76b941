"""What was told of many outages, held against the record of what was broken when."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from exporter.core.interval import Interval
from tests.faults.exporter import instants, seconds
from tests.faults.world import Break

CLOCK = 0.02
"""Seconds by which the wall clock, in which instants are told, may have moved against the monotonic one meanwhile."""
SURELY = 3.0
"""Seconds of an outage that an exporter saw from end to end, so that it must have told of it."""


class Life(NamedTuple):
    """From when to when an exporter looked."""

    began: float
    ended: float


class Fault(NamedTuple):
    """One thing that is wrong, its class before a colon, and the span in which it happened."""

    words: str
    span: Interval

    def concerns(self, stall: Interval) -> bool:
        """Whether it may be what the exporter saw of a machine that stood still."""
        return stall.lower < self.span.upper and self.span.lower < stall.upper


def judged(told: Sequence[dict[str, Any]], breaks: Sequence[Break], lives: Sequence[Life]) -> Iterator[Fault]:
    """What is wrong: bounds that miss the truth, incidents of nothing, one told as two, and outages that nobody told."""
    for one in told:
        yield from _bounds(one, [each for each in breaks if each.system == one["system"]])
    yield from _doubled(told)
    for fault in breaks:
        served = (each for each in breaks if each.system == fault.system and each.began.lower < fault.began.lower)
        if (
            _seen(fault, lives) >= SURELY
            and _known(fault, list(served), lives)
            and not any(_covers(one, fault) for one in told)
        ):
            words = f"missed: {fault.system} was down from {fault.began} to {fault.ended}, and nobody told"
            yield Fault(words, Interval(fault.began.lower, (fault.ended or fault.began).upper))


def _bounds(one: dict[str, Any], breaks: Sequence[Break]) -> Iterator[Fault]:
    start, end, rto = instants(one["start"]), instants(one["end"]), seconds(one["rto"])
    began = [each for each in breaks if _within(each.began, start)]
    ended = [each for each in breaks if each.ended is not None and _within(each.ended, end)]
    if not any(_covers(one, each) for each in breaks):
        words = f"false incident: {one['id']} from {start} to {end}: {one['cause']}"
    elif not began:
        words = f"missed bound: {one['id']} did not begin in {start}: {_those(breaks, start, end)}"
    elif not ended:
        words = f"missed bound: {one['id']} did not end in {end}: {_those(breaks, start, end)}"
    elif not any(_lasted(first, last, rto) for first in began for last in ended):
        words = f"missed bound: {one['id']} did not last {rto}: {_those(breaks, start, end)}"
    else:
        return
    yield Fault(words, Interval(start.lower, end.upper))


def _within(truth: Interval, told: Interval) -> bool:
    return truth.lower <= told.upper + CLOCK and told.lower - CLOCK <= truth.upper


def _lasted(first: Break, last: Break, rto: Interval) -> bool:
    assert last.ended is not None
    shortest, longest = last.ended.lower - first.began.upper, last.ended.upper - first.began.lower
    return shortest <= rto.upper + CLOCK and rto.lower - CLOCK <= longest


def _covers(one: dict[str, Any], fault: Break) -> bool:
    """Whether it may be told of by this incident."""
    start, end = instants(one["start"]), instants(one["end"])
    ended = fault.began.upper if fault.ended is None else fault.ended.upper
    same = one["system"] == fault.system
    return same and fault.began.lower <= end.upper + CLOCK and start.lower - CLOCK <= ended


def _those(breaks: Sequence[Break], start: Interval, end: Interval) -> str:
    near = [
        each
        for each in breaks
        if each.began.lower < end.upper + 5 and (each.ended or each.began).upper > start.lower - 5
    ]
    return "; ".join(f"{each.began} .. {each.ended}" for each in near)


def _doubled(told: Sequence[dict[str, Any]]) -> Iterator[Fault]:
    """Two incidents of one system cannot both have been going on for certain."""
    spans: dict[str, list[tuple[float, float, str]]] = {}
    for one in told:
        start, end = instants(one["start"]).upper, instants(one["end"]).lower
        if start < end:
            spans.setdefault(one["system"], []).append((start, end, one["id"]))
    for those in spans.values():
        those.sort()
        for (_, end, first), (start, _, second) in pairwise(those):
            if start < end - CLOCK:
                yield Fault(f"doubled: {first} and {second} overlap", Interval(start, end))


def _seen(fault: Break, lives: Sequence[Life]) -> float:
    """For how long one exporter looked at it without a break, in seconds."""
    ended = fault.began.lower if fault.ended is None else fault.ended.lower
    return max((min(life.ended, ended) - max(life.began, fault.began.upper) for life in lives), default=0.0)


def _known(fault: Break, earlier: Sequence[Break], lives: Sequence[Life]) -> bool:
    """Whether an exporter had surely seen the system serve before: what never served is unknown, not down."""
    gaps = [each.ended.upper for each in earlier if each.ended is not None]
    ends = [*(each.began.lower for each in earlier), fault.began.lower]
    calm = zip([float("-inf"), *gaps], ends, strict=False)
    return any(min(end, life.ended) - max(begun, life.began) >= SURELY / 2 for begun, end in calm for life in lives)

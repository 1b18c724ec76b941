"""What is told of outages, held against what the services know of themselves."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from exporter.core.interval import Interval
from tests.bench.breakable import Outage

LOOK = 2.0
"""Seconds for which a look may last."""


class Told(NamedTuple):
    """What one side says of one outage."""

    outage: Outage
    seconds: float | None
    """How long it lasted; None: nobody noticed."""
    noticed: float | None
    """Seconds from the fault until it was noticed."""
    declared: float | None
    """Seconds from the fault until somebody would have been paged."""

    @property
    def error(self) -> float:
        """Seconds. An outage that nobody noticed is told as none: it is wrong by all of its length."""
        return abs((self.seconds or 0.0) - self.outage.lasted)


class Ours(NamedTuple):
    """The same of the exporter, with its bounds."""

    told: Told
    missed: tuple[str, ...]
    """Which of its bounds the truth lies outside of."""
    start_error: float | None
    """Seconds by which the estimated start lies after the fault."""


class Look(NamedTuple):
    """One sample of probe_success."""

    begun: float
    """CLOCK_MONOTONIC."""
    ended: float
    good: bool


def ours(outage: Outage, incidents: Iterable[Mapping[str, Any]], offset: float, heard: Mapping[str, float]) -> Ours:
    """`incidents`: those of this service, as the API tells them. `offset`: Unix time minus CLOCK_MONOTONIC. `heard`: state ->
    when the stream told it first after the fault."""
    found = [one for one in incidents if _meet(outage.broken[0], outage.mended[1], one, offset)]
    noticed, declared = (
        heard[state] - outage.broken[1] if state in heard else None for state in ("suspected", "outage")
    )
    if not found:
        return Ours(Told(outage, None, None, None), (), None)
    seconds = sum(one["rto"]["estimate"] for one in found)
    told = Told(outage, seconds, noticed, declared)
    first, last = (sorted(found, key=lambda one: one["start"]["lower"])[at] for at in (0, -1))
    bounds = {
        "start": (outage.broken, _interval(first["start"], offset)),
        "end": (outage.mended, _interval(last["end"], offset)),
    }
    if len(found) == 1:
        shortest, longest = outage.mended[0] - outage.broken[1], outage.mended[1] - outage.broken[0]
        bounds["length"] = (shortest, longest), _interval(first["rto"], 0.0)
    wrong = [name for name, (truth, said) in bounds.items() if not (said.lower <= truth[1] and truth[0] <= said.upper)]
    return Ours(told, tuple(wrong), bounds["start"][1].estimate - sum(outage.broken) / 2)


def _interval(told: Mapping[str, float], offset: float) -> Interval:
    return Interval(told["lower"] - offset, told["upper"] - offset, told["estimate"] - offset)


def _meet(begun: float, ended: float, incident: Mapping[str, Any], offset: float) -> bool:
    """Whether the incident tells of this time: between two outages of one service lie at least twenty good seconds."""
    start, end = incident["start"]["lower"] - offset, incident["end"]["upper"] - offset
    return bool(start <= ended and begun <= end)


def stray(
    outages: Iterable[Outage],
    incidents: Iterable[Mapping[str, Any]],
    still: Iterable[tuple[float, float]],
    offset: float,
) -> int:
    """How many incidents tell of no outage at all, and of no time at which the services stood `still`."""
    known = [(outage.broken[0], outage.mended[1]) for outage in outages]
    known += [(since - LOOK, until + LOOK) for since, until in still]
    return sum(not any(_meet(begun, ended, one, offset) for begun, ended in known) for one in incidents)


def theirs(outage: Outage, looks: Sequence[Look], every: float, fired: Sequence[float]) -> Told:
    """What people make of probe_success: failed samples times the interval, which on their grid is the same as from the first
    failed one to the next good one. `fired`: when an alert without `for` was first evaluated as firing."""
    failed = [look for look in looks if not look.good and _during(outage, look, every)]
    if not failed:
        return Told(outage, None, None, None)
    alarm = next((at for at in fired if at >= outage.broken[0] and at <= outage.mended[1] + 2 * every), None)
    declared = None if alarm is None else alarm - outage.broken[1]
    return Told(outage, len(failed) * every, failed[0].ended - outage.broken[1], declared)


def _during(outage: Outage, look: Look, every: float) -> bool:
    """A look that began before the fault may have met it, and one that began in the outage may end after it."""
    return outage.broken[0] - every < look.begun <= outage.mended[1]


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value below or at which lies this share of all."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

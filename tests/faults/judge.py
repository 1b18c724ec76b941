"""What really happened, and whether what was told of it is right. All instants are CLOCK_MONOTONIC, in seconds."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from exporter.core.interval import Interval
from tests.faults.exporter import instants, seconds
from tests.faults.table import Miss, Run, Wrong

REFUSED_WIDTH = 1.0 + 0.25 + 0.1
"""Seconds: interval + fast_interval, and 0.1 for the machine."""
HANG_WIDTH = 1.0 + 0.25 + 2 * 0.5 + 0.25 + 0.1
"""Seconds: interval + overdue + fast_interval + two fast time-outs, and 0.1 for the machine."""
DECLARED = 1.0 + 0.1 + 0.5 + 1.0
"""Seconds within which an outage is declared: interval + overdue + a fast time-out + `declare_min`. What ends before is a blip."""
START_ERROR = 0.020
"""Seconds by which the estimated start may lie outside of what the writer saw: a server whose postmaster was killed goes on
for some 5 to 15 ms until its processes have noticed, and the writer's own attempts are 10 ms apart."""
MOVES = ("failover", "switchover", "failback")


class Loss(NamedTuple):
    """What a move of the role cost."""

    rpo: Interval
    """Seconds of acknowledged writes."""
    markers: int
    """The exporter's own acknowledged markers that are gone."""


class Outage(NamedTuple):
    """One interruption, as it really was."""

    start: Interval
    end: Interval
    kinds: tuple[str, ...]
    """What it may be told as."""
    width: float = HANG_WIDTH
    """How wide the bounds of its RTO may be, before the machine's stalls."""
    noticed: float | None = None
    """A tripwire dates it: by then those who use the service had noticed."""
    loss: Loss | None = None
    certain: bool = True
    """Whether it lasts so long that it must be told."""

    @property
    def rto(self) -> Interval:
        return Interval(self.end.lower - self.start.upper, self.end.upper - self.start.lower)


def compare(outages: Sequence[Outage], told: Sequence[dict[str, Any]], stall: float) -> Iterator[Wrong]:
    """Hold each outage against the incident that tells of it; what tells of none is false."""
    rest = sorted(told, key=lambda one: float(one["start"]["lower"]))
    for outage in outages:
        found = next((one for one in rest if meets(outage, one)), None)
        if found is not None:
            rest.remove(found)
            yield from _judge(outage, found, stall)
        elif outage.certain:
            yield Wrong(Miss.KIND, f"an outage of {outage.rto.estimate:.2f} s was not told")
    for one in rest:
        rto = seconds(one["rto"]) if one["rto"] else None
        length = f"{rto.lower:.2f} .. {rto.upper:.2f} s" if rto else "no end"
        yield Wrong(Miss.FALSE, f"{one['kind']}, {length}: {one['cause']}")


def meets(outage: Outage, told: dict[str, Any]) -> bool:
    """Whether it may be this outage that was told."""
    begins = instants(told["start"]).lower
    ends = instants(told["end"]).upper if told["end"] else float("inf")
    return begins <= outage.end.upper and outage.start.lower <= ends


def _judge(outage: Outage, told: dict[str, Any], stall: float) -> Iterator[Wrong]:
    short = told["kind"] == "blip" and outage.loss is None and outage.rto.lower < DECLARED + stall
    if told["kind"] not in outage.kinds and not short:
        yield Wrong(Miss.KIND, f"{told['kind']}, was {' or '.join(outage.kinds)}")
    if told["end"] is None or told["rto"] is None:
        yield Wrong(Miss.KIND, "no end was told")
        return
    start, end, rto = instants(told["start"]), instants(told["end"]), seconds(told["rto"])
    for name, bounds, truth in (("start", start, outage.start), ("end", end, outage.end), ("RTO", rto, outage.rto)):
        if not _overlap(bounds, truth):
            yield Wrong(Miss.BOUND, f"{name} {_offset(bounds, outage)}, was {_offset(truth, outage)}")
    if rto.width > outage.width + stall:
        yield Wrong(Miss.WIDTH, f"{rto.width:.2f} s")
    if outage.noticed is not None:
        error = START_ERROR + stall
        if not outage.start.lower - error <= start.estimate <= outage.noticed + error:
            late = (outage.noticed - outage.start.lower) * 1000
            yield Wrong(Miss.WIDTH, f"start estimate; it was noticed after {late:.0f} ms")
    if outage.loss is not None:
        yield from _judge_loss(outage.loss, told)


def _judge_loss(loss: Loss, told: dict[str, Any]) -> Iterator[Wrong]:
    if told["rpo"] is None or told["markers"] is None:
        yield Wrong(Miss.KIND, "RPO not measured")
        return
    if not _overlap(seconds(told["rpo"]), loss.rpo):
        yield Wrong(Miss.BOUND, f"RPO {shown(seconds(told['rpo']))}, was {shown(loss.rpo)}")
    if told["markers"]["lost"] != loss.markers:
        yield Wrong(Miss.BOUND, f"{told['markers']['lost']} markers lost, were {loss.markers}")


def _overlap(bounds: Interval, truth: Interval) -> bool:
    return bounds.lower <= truth.upper and truth.lower <= bounds.upper


def shown(interval: Interval) -> str:
    return f"{interval.lower:.2f} .. {interval.upper:.2f}"


def _offset(interval: Interval, outage: Outage) -> str:
    """Instants from the start of the outage on; lengths as they are."""
    since = outage.start.lower if interval.lower > outage.start.lower - 60 else 0.0
    return shown(Interval(interval.lower - since, interval.upper - since))


def fill(run: Run, outages: Sequence[Outage], told: Sequence[dict[str, Any]]) -> None:
    """The figures of the first outage into the row."""
    first = next(((o, one) for o in outages for one in told if meets(o, one) and one["rto"]), None)
    if first is None:
        return
    outage, one = first
    rto = seconds(one["rto"])
    run.rto, run.true_rto, run.width = shown(rto), f"{outage.rto.estimate:.2f}", rto.width
    run.start_error = instants(one["start"]).estimate - outage.start.lower
    if outage.loss is not None and one["rpo"] and one["markers"]:
        run.rpo, run.true_rpo = shown(seconds(one["rpo"])), f"{outage.loss.rpo.estimate:.2f}"
        run.lost = f"{one['markers']['lost']}/{outage.loss.markers}"

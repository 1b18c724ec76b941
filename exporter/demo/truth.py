"""What really happened, from the load writer's ledger: pure functions, nothing measured by the exporter goes in."""

import json
from collections.abc import Collection, Sequence
from typing import NamedTuple

from exporter.core.interval import Interval, difference


class Attempt(NamedTuple):
    """One order that was tried. Instants in seconds of CLOCK_MONOTONIC."""

    id: int
    sent: float
    done: float
    ok: bool


class Truth(NamedTuple):
    """The truth about one failover, as exactly as the pace of the writer tells. Seconds."""

    rto: Interval
    rpo: Interval
    acknowledged: int
    """Orders acknowledged before the kill."""
    lost: int
    """Those of them that the survivor does not have."""
    restored: Interval
    """When the first order after the kill could be acknowledged: an instant."""


def read_ledger(text: str) -> list[Attempt]:
    """The attempts in the writer's ledger; a last line that is still being written is not one yet."""
    return [Attempt(**json.loads(line)) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def restoration(attempts: Sequence[Attempt], killed: Interval) -> Interval | None:
    """Between the start of the last order that failed and the acknowledgement of the first one after the kill."""
    failed = killed.lower
    for attempt in attempts:
        if attempt.sent <= killed.upper:
            continue
        if attempt.ok:
            return Interval(failed, attempt.done)
        failed = attempt.sent
    return None


def loss(attempts: Sequence[Attempt], killed: Interval, present: Collection[int]) -> tuple[Interval, int, int]:
    """(seconds of acknowledged orders that are gone, orders acknowledged before the kill, how many of them are gone).

    The recovery point lies between the newest order before which all survived and the first that did not.
    """
    before = [attempt for attempt in attempts if attempt.ok and attempt.sent <= killed.upper]
    gone = [attempt for attempt in before if attempt.id not in present]
    if not before:
        return Interval(0.0, 0.0), 0, 0
    if not gone:
        return Interval(0.0, max(0.0, killed.upper - before[-1].sent)), len(before), 0
    last_kept = before[max(0, before.index(gone[0]) - 1)]
    rpo = Interval(max(0.0, killed.lower - gone[0].done), killed.upper - last_kept.sent)
    return rpo, len(before), len(gone)


def find(attempts: Sequence[Attempt], killed: Interval, present: Collection[int]) -> Truth:
    """`killed`: from just before the signal was sent until the process was seen dead. `present`: the orders that the
    survivor has. Raises ValueError if no order was acknowledged after the kill."""
    restored = restoration(attempts, killed)
    if restored is None:
        raise ValueError("no order was acknowledged after the kill: there is no end of the outage to compare with")
    rpo, acknowledged, lost = loss(attempts, killed, present)
    return Truth(difference(killed, restored), rpo, acknowledged, lost, restored)


def inside(truth: Interval, bounds: Interval) -> bool:
    """Whether the true value can lie in the bounds. The writer itself only knows it between two of its orders, so this
    is overlap; it errs by one pace of the writer at most."""
    return truth.lower <= bounds.upper and bounds.lower <= truth.upper

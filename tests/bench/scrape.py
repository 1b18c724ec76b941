"""What a scrape of 10,000 and 100,000 series costs, beside prometheus_client writing the very same series.

Run it: `python -m tests.bench --only scrape`. Everything moved since the scrape before, or a tenth of the systems was looked
at again; time went on for all of them. Costs are seconds of CPU, so that
neighbours on the machine do not count. The stall is what a task on the same event loop saw as its longest wait during
our scrapes, in milliseconds. The peer holds a gauge or a counter with a child for each series, already set: what an
exporter built on prometheus_client has at that moment.
"""

import asyncio
import gc
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import replace
from time import perf_counter, process_time
from typing import NamedTuple, Self

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric, disable_created_metrics, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from exporter.catalogue.metrics import METRICS
from exporter.core.model import Moment, System
from exporter.core.snapshot import Clocked, Snapshot
from exporter.core.state import SystemState
from exporter.metrics.exposition import Exposition
from tests.bench.quiet import Patience
from tests.bench.rig import Row
from tests.metrics import scenes

WANTED = frozenset(METRICS)
SERIES = (10_000, 100_000)
MOVES = (("all moved", 1, 0.05), ("a tenth moved", 10, 0.012))
"""Words, every how many-th system was looked at again, and the promised ratio."""


class Finished(Collector):
    """Families that need no collecting."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return (self._family,)


def registry_of(families: Iterable[Metric]) -> CollectorRegistry:
    """What an exporter that uses prometheus_client would hold: a gauge or counter with a child for each series."""
    registry = CollectorRegistry(auto_describe=False)
    for family in families:
        if family.type not in ("gauge", "counter"):
            registry.register(Finished(family))
            continue
        labels = tuple(family.samples[0].labels)
        made = (Gauge if family.type == "gauge" else Counter)(
            family.name, family.documentation, labels, registry=registry
        )
        for sample in family.samples:
            child = made.labels(**sample.labels) if labels else made
            child.inc(sample.value)
    return registry


class Fleet:
    """Two-site systems whose looks go on from round to round, as the engine would publish them."""

    def __init__(self, count: int) -> None:
        self.systems = [scenes.system(f"orders-{number:04}") for number in range(count)]
        self.states = [self._state(of, None, 0) for of in self.systems]
        self.round = 0

    def move(self, one_in: int) -> Clocked:
        """Every n-th system was looked at again; all are read a second later."""
        self.round += 1
        for number in range(0, len(self.systems), one_in):
            self.states[number] = self._state(self.systems[number], self.states[number], self.round)
        now = Moment(scenes.NOW.mono + self.round, scenes.NOW.wall + self.round)
        watched = (scenes.watched(of, state) for of, state in zip(self.systems, self.states, strict=True))
        return Clocked(Snapshot({each.system.name: each for each in watched}, scenes.EXPORTER), now)

    @staticmethod
    def _state(of: System, before: SystemState | None, looks: int) -> SystemState:
        fresh = scenes.healthy(of, scenes.NOW.mono + looks, attempts=1000 + looks)
        fresh = replace(fresh, observed_since=fresh.watched_since)
        if before is None:
            return fresh
        return replace(fresh, counters=before.counters, last=before.last, roles=before.roles)


class Neighbour:
    """A task that wants to run all the time, and remembers its longest wait in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        before = perf_counter()
        while True:
            await asyncio.sleep(0)
            now = perf_counter()
            self.longest, before = max(self.longest, now - before), now


async def ours(exposition: Exposition, clocked: Clocked) -> bytes:
    return b"".join([piece async for piece in exposition.pieces(clocked, names=WANTED)])


def parsed(body: bytes) -> list[Metric]:
    return list(text_string_to_metric_families(body.decode()))


def samples(families: Iterable[Metric]) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


class Costs(NamedTuple):
    """Of one scrape, in seconds of CPU."""

    ours: float
    stock: float
    series: int
    equal: bool
    """When parsed."""


async def one_round(exposition: Exposition, fleet: Fleet, one_in: int) -> Costs:
    """Ours, then prometheus_client with what ours said; both in this process."""
    clocked = fleet.move(one_in)
    gc.collect()
    started = process_time()
    body = await ours(exposition, clocked)
    mine = process_time() - started
    families = parsed(body)
    registry = registry_of(families)
    gc.collect()
    started = process_time()
    theirs = generate_latest(registry)
    stock = process_time() - started
    mine_parsed = samples(families)
    equal = mine_parsed == samples(parsed(theirs))
    return Costs(mine, stock, len(mine_parsed), equal)


async def stall(exposition: Exposition, clocked: Clocked) -> float:
    gc.collect()
    async with Neighbour() as neighbour:
        async for _ in exposition.pieces(clocked, names=WANTED):
            await asyncio.sleep(0)  # where the server waits for its client
    return neighbour.longest


class Measured(NamedTuple):
    """One round."""

    costs: Costs
    stall: float
    """Seconds."""


async def one_measure(exposition: Exposition, fleet: Fleet, one_in: int) -> Measured:
    """The stall first: then the scrape that is charged finds things as the one before it, of the same kind, left them."""
    longest = await stall(exposition, fleet.move(one_in))
    return Measured(await one_round(exposition, fleet, one_in), longest)


def measure(rounds: int, patience: Patience) -> Iterator[Row]:
    """10,000 and 100,000 series: all of them moved since the scrape before, and a tenth of them."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # ours writes none, and theirs is not charged for them
    with asyncio.Runner() as runner:
        per_system = runner.run(one_round(Exposition(), Fleet(20), 1)).series / 20
        for series in SERIES:
            fleet, exposition = Fleet(round(series / per_system)), Exposition()
            runner.run(ours(exposition, fleet.move(1)))
            for name, one_in, limit in MOVES:
                found = [
                    patience.undisturbed(lambda: runner.run(one_measure(exposition, fleet, one_in)))  # noqa: B023 - it is called before the loop goes on
                    for _ in range(rounds)
                ]
                yield from _rows(f"{series:,} series, {name}", limit, found)


def _rows(name: str, limit: float, found: list[Measured]) -> Iterator[Row]:
    costs = [one.costs for one in found]
    if not all(one.equal for one in costs):
        raise RuntimeError(f"{name}: not what prometheus_client writes")
    mine, theirs = (statistics.median(side) * 1000 for side in ([c.ours for c in costs], [c.stock for c in costs]))
    words = f"{mine:.1f} ms, theirs {theirs:.0f} ms, {costs[0].series:,} series, equal when parsed"
    yield Row(f"{name} / generate_latest", [one.ours / one.stock for one in costs], limit, words=words)
    yield Row(f"{name}: loop stall", [one.stall * 1000 for one in found], 5, "ms")

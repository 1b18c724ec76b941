"""A snapshot, written as Prometheus reads it, without ever holding up the event loop.

prometheus_client writes 100,000 series in 0.6 s in one go, in which no probe could start. Here each system has its lines
ready but for the values (`exporter.metrics.lines`), rows that cannot have changed are kept, and the loop gets its turn
every millisecond or two.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from operator import is_
from time import perf_counter
from typing import NamedTuple

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from exporter.catalogue.metrics import Metric, Type
from exporter.core.model import Moment, System
from exporter.core.snapshot import Clocked
from exporter.metrics.clocks import Clocks, Recovery
from exporter.metrics.drills import Drills
from exporter.metrics.inspected import Inspected
from exporter.metrics.negotiation import OPENMETRICS, content_type, wants_gzip
from exporter.metrics.own import own_lines
from exporter.metrics.past import Past
from exporter.metrics.section import Row, Section
from exporter.metrics.standing import Looks, Promised, Standing

SECTIONS = (Promised, Standing, Clocks, Recovery, Inspected, Past, Drills, Looks)

TURN = 0.001
"""Seconds after which the scrape gives others a turn, once it has done what it has begun, which takes as long on a slow processor."""
PIECE = 1 << 17
"""Bytes that are compressed and sent at once."""
GROUP = 16
"""How many systems are written together: enough to share the cost of a call, few enough for a turn."""
CLOCK_STEP = 0.001
"""Seconds by which the wall clock may drift from the monotonic one before all timestamps are made anew."""


class Answer(NamedTuple):
    """What a scrape is answered with."""

    headers: Mapping[str, str]
    body: AsyncGenerator[bytes, None]


class _Turn:
    """Whether others have waited long enough for the event loop."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due = perf_counter() + TURN

    def is_over(self) -> bool:
        return perf_counter() > self._due

    async def give(self) -> None:
        await asyncio.sleep(0)
        self._due = perf_counter() + TURN


class Exposition:
    """Keeps what is ready between scrapes. Scrapes may overlap: each sees its own snapshot and moment throughout."""

    def __init__(self) -> None:
        self._prepared: dict[int, tuple[Sequence[System], Sequence[Section]]] = {}
        self._offset = 0.0
        self._process = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)

    def answer(self, clocked: Clocked, accept: str, accept_encoding: str, names: Collection[str]) -> Answer:
        """`names`: only these metrics; empty for all."""
        kind = content_type(accept)
        headers = {"Content-Type": kind, "Vary": "Accept, Accept-Encoding"}
        body = self.pieces(clocked, openmetrics=kind == OPENMETRICS, names=names)
        if wants_gzip(accept_encoding):
            headers["Content-Encoding"] = "gzip"
            body = _squeezed(body)
        return Answer(headers, body)

    async def pieces(
        self, clocked: Clocked, *, openmetrics: bool = False, names: Collection[str] = ()
    ) -> AsyncGenerator[bytes, None]:
        """The whole exposition in UTF-8, in pieces of about `PIECE` bytes."""
        turn = _Turn()
        lines = await self._system_lines(clocked, names, turn)
        lines += [(metric, [text]) for metric, text in own_lines(clocked.snapshot.exporter)]
        waiting: list[bytes] = []
        size = 0
        for metric, texts in lines:
            if not (_is_wanted(metric, names) and any(texts)):
                continue
            waiting.append(_head(metric, openmetrics))
            for text in texts:
                waiting.append(text)
                size += len(text)
                if size >= PIECE:
                    yield b"".join(waiting)
                    waiting.clear()
                    size = 0
                    if turn.is_over():
                        await turn.give()
        waiting.append(self._process_text(openmetrics, names))
        yield b"".join(waiting)

    def _anchor(self, now: Moment) -> float:
        """What turns instants into Unix seconds: kept while the clocks agree, so that a timestamp does not jitter."""
        offset = now.wall_of(0.0)
        if abs(offset - self._offset) > CLOCK_STEP:
            self._offset = offset
        return self._offset

    async def _system_lines(
        self, clocked: Clocked, names: Collection[str], turn: _Turn
    ) -> list[tuple[Metric, list[bytes]]]:
        """Per metric, the lines of each group of systems. Sections of which nothing is wanted are left out."""
        snapshot, now = clocked
        offset = self._anchor(now)
        chosen = [at for at, section in enumerate(SECTIONS) if any(_is_wanted(each, names) for each in section.metrics)]
        rows: dict[int, list[Row]] = {at: [] for at in chosen}
        watched = list(snapshot.systems.values())
        for first in range(0, len(watched), GROUP):
            group = watched[first : first + GROUP]
            sections = await self._ready(first, [each.system for each in group], turn)
            states = [each.state for each in group]
            for at, made in rows.items():
                made.append(sections[at].row(states, now.mono, offset))
                if turn.is_over():
                    await turn.give()
        self._forget(len(watched))
        return [
            (metric, [row[place] for row in made])
            for at, made in rows.items()
            for place, metric in enumerate(SECTIONS[at].metrics)
        ]

    async def _ready(self, first: int, systems: list[System], turn: _Turn) -> Sequence[Section]:
        """The sections of the group that begins at `first`; made once, and again when a reload changed a system in it."""
        known, sections = self._prepared.get(first, ([], []))
        if len(known) != len(systems) or not all(map(is_, known, systems)):
            sections = []
            for section in SECTIONS:
                sections.append(section(systems))
                if turn.is_over():
                    await turn.give()
            self._prepared[first] = (systems, sections)
        return sections

    def _forget(self, count: int) -> None:
        """Drop the groups beyond the number of systems that a reload left."""
        for first in [first for first in self._prepared if first >= count]:
            del self._prepared[first]

    def _process_text(self, openmetrics: bool, names: Collection[str]) -> bytes:
        """`process_*` and `python_info`, which prometheus_client knows best; it also writes OpenMetrics' last line."""
        registry = self._process.restricted_registry(names) if names else self._process
        return (generate_openmetrics if openmetrics else generate_latest)(registry)


def _is_wanted(metric: Metric, names: Collection[str]) -> bool:
    if not names:
        return True
    suffixes = ("_bucket", "_sum", "_count") if metric.type is Type.HISTOGRAM else ()
    return metric.name in names or any(metric.name + suffix in names for suffix in suffixes)


def _head(metric: Metric, openmetrics: bool) -> bytes:
    if not openmetrics:
        kind = "gauge" if metric.type is Type.INFO else metric.type
        return f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {kind}\n".encode()
    unit = f"# UNIT {metric.family} {metric.unit}\n" if metric.unit else ""
    return f"# HELP {metric.family} {metric.help}\n# TYPE {metric.family} {metric.type}\n{unit}".encode()


async def _squeezed(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """gzip; zlib works in a thread and without the interpreter lock, so probes go on."""
    packer = zlib.compressobj(level=1, wbits=31)
    async with aclosing(pieces):
        async for piece in pieces:
            packed = await asyncio.to_thread(packer.compress, piece)
            if packed:
                yield packed
    yield packer.flush()

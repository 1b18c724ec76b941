"""Thousands of endpoints: CPU, lateness and memory of the whole exporter, beside blackbox_exporter with Prometheus."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from tests.bench import fleet
from tests.bench.rig import Row, cpu_seconds, memory_mb, serving
from tests.bench.servers import Endpoints, blackbox, endpoints, prometheus

MANY = 5000
EVERY = 5.0
FLEETS = {"in systems of 50": 50, "in systems of 1": 1}
WARM = 12.0
"""Seconds until everything was looked at and scraped twice."""
SCRAPE = 5.0
_CRITICAL = 334
"""Systems of three critical endpoints: 1,002 looks a second."""


class Found(NamedTuple):
    """What one window brought."""

    cores: float
    """CPU seconds a second."""
    looks: float
    """Looks a second that arrived at the server."""
    late: float
    """99th percentile, in seconds, as the server saw it."""
    memory: float = 0.0
    """Peak so far, in units of 10^6 bytes."""

    @property
    def a_look(self) -> float:
        """CPU microseconds."""
        return self.cores / self.looks * 1e6


def measure(rounds: int, seconds: float) -> Iterator[Row]:
    """All sides in turn, `rounds` times."""
    ours: dict[str, list[Found]] = {name: [] for name in FLEETS}
    critical: list[Found] = []
    theirs: list[Found] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name, endpoints(Path(name)) as server:
            theirs.append(_theirs(Path(name), server, seconds))
            for fleet_name, a_system in FLEETS.items():
                config = fleet.background(server.http, MANY, a_system)
                ours[fleet_name].append(_ours(Path(name) / str(a_system), config, server, seconds, EVERY))
            settings = {"url": fleet.page(server.http, 1), "expect": fleet.EXPECT}
            config = fleet.critical(settings, _CRITICAL)
            critical.append(_ours(Path(name) / "critical", config, server, seconds, 1.0))
    for fleet_name, found in ours.items():
        yield from _rows(fleet_name, found, theirs)
    yield Row(
        "1,000 critical ones every 1 s",
        [one.cores for one in critical],
        0.5,
        "cores",
        f"{critical[0].looks:.0f} looks/s",
    )


def _rows(name: str, ours: list[Found], theirs: list[Found]) -> Iterator[Row]:
    ratios = [one.a_look / other.a_look for one, other in zip(ours, theirs, strict=True)]
    words = f"{ours[0].a_look:.0f} us a look at {ours[0].looks:.0f}/s, theirs {theirs[0].a_look:.0f} us at {theirs[0].looks:.0f}/s"
    yield Row(f"5,000 {name} / blackbox + Prometheus", ratios, 0.25, words=words)
    late = f"theirs {theirs[0].late * 1000:.0f} ms"
    yield Row(f"5,000 {name}: p99 lateness", [one.late * 1000 for one in ours], 50, "ms", late)
    yield Row(f"5,000 {name}: memory", [one.memory for one in ours], 200, "MB")


def _ours(folder: Path, config: dict[str, Any], server: Endpoints, seconds: float, every: float) -> Found:
    folder.mkdir()
    with serving(folder, config) as (pid, port):
        asyncio.run(_scraped(port, WARM))
        server.told(every)
        before, begun = cpu_seconds(pid), time.monotonic()
        asyncio.run(_scraped(port, seconds))
        spent, lasted = cpu_seconds(pid) - before, time.monotonic() - begun
        looks, late = server.told(every)
        return Found(spent / lasted, looks / lasted, late, memory_mb(pid))


async def _scraped(port: int, seconds: float) -> None:
    """Take /metrics every SCRAPE seconds, as Prometheus does, and throw it away."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), aiohttp.ClientSession() as session:
            while True:
                async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                    await answer.read()
                await asyncio.sleep(SCRAPE)


def _theirs(folder: Path, server: Endpoints, seconds: float) -> Found:
    urls = [fleet.page(server.http, number) for number in range(MANY)]
    with blackbox(folder) as (pid, port), prometheus(folder, port, urls, f"{EVERY:g}s") as other:
        time.sleep(WARM)
        server.told(EVERY)
        before, begun = cpu_seconds(pid) + cpu_seconds(other), time.monotonic()
        time.sleep(seconds)
        spent, lasted = cpu_seconds(pid) + cpu_seconds(other) - before, time.monotonic() - begun
        looks, late = server.told(EVERY)
        return Found(spent / lasted, looks / lasted, late)

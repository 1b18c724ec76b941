"""Thousands of endpoints: CPU, lateness and memory of the whole exporter, beside blackbox_exporter with Prometheus."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import aiohttp

from tests.bench import fleet
from tests.bench.quiet import DisturbedError, Patience
from tests.bench.rig import Row, cpu_seconds, memory_mb, serving
from tests.bench.servers import Endpoints, blackbox, endpoints, probing
from tests.servers.prometheus import Prometheus

BESIDE = 5000
"""Endpoints that the others look at, too."""
MANY = (1000, BESIDE, 10_000)
A_SYSTEM = 50
EVERY = 5.0
WARM = 12.0
"""Seconds until everything was looked at and scraped twice."""
SCRAPE = 5.0
FEWEST, MOST = 0.95, 1.5
"""Share of the looks that are due: with fewer or more the machine was too busy for them."""
_CRITICAL = 334
"""Systems of three critical endpoints: 1,002 looks a second."""

APART, CRITICAL = "in systems of 1", "critical"
PACE = {
    **{f"{many}": (many / EVERY, EVERY) for many in MANY},
    APART: (BESIDE / EVERY, EVERY),
    CRITICAL: (3.0 * _CRITICAL, 1.0),
}
"""Fleet -> looks a second, and seconds between two looks at the same endpoint."""


class Found(NamedTuple):
    """What one window brought."""

    cores: float
    """CPU seconds a second."""
    looks: float
    """Looks a second that arrived at the server."""
    late: float
    """99th percentile, in seconds, as the server saw it."""
    memory: float
    """Peak so far, in units of 10^6 bytes."""

    @property
    def a_look(self) -> float:
        """CPU microseconds."""
        return self.cores / self.looks * 1e6

    def __str__(self) -> str:
        return f"{self.a_look:.0f} us a look at {self.looks:.0f}/s, {self.memory:.0f} MB, p99 {self.late * 1000:.0f} ms late"


def measure(rounds: int, seconds: float, patience: Patience) -> Iterator[Row]:
    """All sides in turn, `rounds` times."""
    fleets: dict[str, list[Found]] = {}
    theirs: list[Found] = []
    with tempfile.TemporaryDirectory() as name, endpoints(Path(name)) as server:
        configs = {f"{many}": fleet.background(server.http, many, A_SYSTEM) for many in MANY}
        configs[APART] = fleet.background(server.http, BESIDE, 1)
        page = {"url": fleet.page(server.http, 1), "expect": fleet.EXPECT}
        configs[CRITICAL] = fleet.critical(page, _CRITICAL)
        for number in range(rounds):
            with _others(Path(name) / f"theirs-{number}", server) as pids:
                theirs.append(patience.undisturbed(lambda: _window(pids, server, None, seconds, BESIDE / EVERY, EVERY)))
            for fleet_name, config in configs.items():
                folder, (due, every) = Path(name) / f"{fleet_name}-{number}", PACE[fleet_name]
                folder.mkdir()
                with serving(folder, config) as (pid, port):
                    asyncio.run(_scraped(port, WARM))
                    found = patience.undisturbed(lambda: _window([pid], server, port, seconds, due, every))  # noqa: B023 - it is called before the loop goes on
                fleets.setdefault(fleet_name, []).append(found)
    yield from _beside(fleets, theirs)
    yield from _alone(fleets)


def _beside(fleets: dict[str, list[Found]], theirs: list[Found]) -> Iterator[Row]:
    """5,000 endpoints, as few systems and as many."""
    for name, found in (("", fleets[f"{BESIDE}"]), (f" {APART}", fleets[APART])):
        what, pairs = f"{BESIDE:,} endpoints every 5 s{name}", list(zip(found, theirs, strict=True))
        costs = [one.a_look / other.a_look for one, other in pairs]
        yield Row(f"{what}: CPU / blackbox + Prometheus", costs, 0.25, words=f"{found[0]}; theirs {theirs[0]}")
        held = [one.memory / other.memory for one, other in pairs]
        yield Row(f"{what}: memory / blackbox + Prometheus", held, 0.35, words=_megabytes(found[0], theirs[0]))
        late = [one.late / other.late for one, other in pairs]
        words = f"{found[0].late * 1000:.0f} ms, theirs {theirs[0].late * 1000:.0f} ms"
        yield Row(f"{what}: p99 off schedule / blackbox + Prometheus", late, 1.0, words=words)


def _megabytes(one: Found, other: Found) -> str:
    return f"{one.memory:.0f} MB, theirs {other.memory:.0f} MB"


def _alone(fleets: dict[str, list[Found]]) -> Iterator[Row]:
    few, many = fleets[f"{MANY[0]}"], fleets[f"{MANY[-1]}"]
    yield Row(f"{MANY[-1]:,} endpoints every 5 s: CPU", [one.cores for one in many], 1.0, "cores", str(many[0]))
    growth = [one.a_look / other.a_look for one, other in zip(many, few, strict=True)]
    yield Row(f"CPU a look at {MANY[-1]:,} endpoints / at {MANY[0]:,}", growth, 1.15, words=f"{MANY[0]:,}: {few[0]}")
    a_thousand = [one.memory * MANY[0] / MANY[-1] for one in many]
    yield Row(f"memory of {MANY[-1]:,} endpoints, for each 1,000", a_thousand, None, "MB")
    critical = fleets[CRITICAL]
    yield Row("1,000 critical ones every 1 s", [one.cores for one in critical], 0.5, "cores", str(critical[0]))


def _window(pids: list[int], server: Endpoints, port: int | None, seconds: float, due: float, every: float) -> Found:
    """`port`: whose /metrics is scraped meanwhile; None: somebody else does that. `due`: looks a second. Raises DisturbedError
    when far fewer of them arrived, or so many more that all was in doubt."""
    server.told(every)
    before, begun = sum(map(cpu_seconds, pids)), time.monotonic()
    if port is None:
        time.sleep(seconds)
    else:
        asyncio.run(_scraped(port, seconds))
    spent, lasted = sum(map(cpu_seconds, pids)) - before, time.monotonic() - begun
    looks, late = server.told(every)
    if not FEWEST <= looks / lasted / due <= MOST:
        raise DisturbedError(f"{looks / lasted:.0f} looks a second arrived, and {due:.0f} were due")
    return Found(spent / lasted, looks / lasted, late, sum(map(memory_mb, pids)))


async def _scraped(port: int, seconds: float) -> None:
    """Take /metrics every SCRAPE seconds, as Prometheus does, and throw it away."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), aiohttp.ClientSession() as session:
            while True:
                async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                    await answer.read()
                await asyncio.sleep(SCRAPE)


@contextlib.contextmanager
def _others(folder: Path, server: Endpoints) -> Iterator[list[int]]:
    """blackbox_exporter and Prometheus, warm."""
    folder.mkdir()
    (folder / server.certificate.name).write_bytes(server.certificate.read_bytes())
    urls = [fleet.page(server.http, number) for number in range(BESIDE)]
    with (
        blackbox(folder) as (pid, port),
        Prometheus(folder, probing(folder, port, urls, f"{EVERY:g}s")) as prometheus,
    ):
        time.sleep(WARM)
        yield [pid, prometheus.pid]

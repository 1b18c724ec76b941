"""What a paced look costs, on the whole process: look, fold, state, ledger and a scrape every 5 s, beside the usual exporters.

Both run at the same time, at the same rate, on the same server. CPU is user + system of all threads; the server and whoever
asks are other processes and are not counted.
"""

import asyncio
import contextlib
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench import fleet
from tests.bench.rig import Row, cpu_seconds, serving, total
from tests.bench.servers import Endpoints, blackbox, endpoints, postgres_exporter
from tests.servers import PASSWORD, PostgresPair

SYSTEMS = {"http": 134, "tcp": 134, "https": 67}
"""Of three endpoints each, looked at every second: 402 looks a second, 201 where handshakes are to be paid for."""
DATABASES, DATABASES_EVERY = 24, 0.12
"""Systems with a PostgreSQL pair, and how many seconds lie between two looks at one: 400 looks a second, like above. At few
looks a second both sides pay for waking up, and not for looking."""
WARM = 4.0
"""Seconds before the first window."""
AGAIN = 5
"""Windows that may be thrown away before one is given up."""
SCRAPE = 5.0
SLOT = 0.02
"""Seconds between two starts of the others' looks, several at once, as ours start."""
LIMITS = {"http": 0.25, "tcp": 0.3, "https": 0.65, "postgres": 0.25}

Url = Callable[[int], str]


class Window:
    """Both exporters, asked for as long as a window lasts."""

    def __init__(self, ours: tuple[int, int], theirs: tuple[int, Url, str], rate: float) -> None:
        self._pid, self._metrics = ours[0], f"http://127.0.0.1:{ours[1]}/metrics"
        self._their_pid, self._url, self._good = theirs
        self._rate = rate

    def undisturbed(self, seconds: float) -> tuple[float, float]:
        """CPU microseconds a look: ours, theirs. What was measured while others took the machine from us, so that looks
        failed, is no measure and is measured again; raises RuntimeError when it never goes well."""
        for _ in range(AGAIN):
            with contextlib.suppress(RuntimeError):
                return asyncio.run(self.measure(seconds))
            time.sleep(WARM)
        return asyncio.run(self.measure(seconds))

    async def measure(self, seconds: float) -> tuple[float, float]:
        """The same, once. Raises RuntimeError when looks failed."""
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            before, failed = await self._looks(session)
            mine, other = cpu_seconds(self._pid), cpu_seconds(self._their_pid)
            scrapes = asyncio.create_task(self._scrape(session))
            answers = await self._paced(session, int(self._rate * seconds))
            scrapes.cancel()
            after, failures = await self._looks(session)
            mine, other = cpu_seconds(self._pid) - mine, cpu_seconds(self._their_pid) - other
        if failures > failed or answers.count(False):
            raise RuntimeError(f"{failures - failed:g} of our looks failed, {answers.count(False)} of theirs")
        return mine / (after - before) * 1e6, other / len(answers) * 1e6

    async def _scrape(self, session: aiohttp.ClientSession) -> None:
        while True:
            await asyncio.sleep(SCRAPE)
            await self._looks(session)

    async def _looks(self, session: aiohttp.ClientSession) -> tuple[float, float]:
        """How many looks there were so far, and how many of them failed."""
        async with session.get(self._metrics) as answer:
            metrics = await answer.text()
        return total(metrics, "dr_probe_attempts_total"), total(metrics, "dr_probe_failures_total")

    async def _paced(self, session: aiohttp.ClientSession, count: int) -> list[bool]:
        begun, a_slot = time.monotonic(), max(1, round(self._rate * SLOT))

        async def one(number: int) -> bool:
            await asyncio.sleep(begun + number // a_slot * a_slot / self._rate - time.monotonic())
            async with session.get(self._url(number)) as answer:
                return self._good in await answer.text()

        return list(await asyncio.gather(*map(one, range(count))))


def measure(rounds: int, seconds: float) -> Iterator[Row]:
    """Four rows of the table."""
    with tempfile.TemporaryDirectory() as name, endpoints(Path(name)) as server, blackbox(Path(name)) as theirs:
        for kind in ("http", "tcp", "https"):
            yield _beside_blackbox(kind, Path(name), server, theirs, rounds, seconds)
    yield _beside_postgres_exporter(rounds, seconds)


def _beside_blackbox(
    kind: str, folder: Path, server: Endpoints, theirs: tuple[int, int], rounds: int, seconds: float
) -> Row:
    targets = {
        "http": fleet.page(server.http, 1),
        "tcp": f"127.0.0.1:{server.tcp}",
        "https": fleet.page(server.https, 1, "https"),
    }
    target = targets[kind]
    tls = {"tls": {"ca_file": str(server.certificate)}} if kind == "https" else {}
    settings: dict[str, Any] = {"address": target} if kind == "tcp" else {"url": target, "expect": fleet.EXPECT, **tls}
    asked = f"http://127.0.0.1:{theirs[1]}/probe?module={kind}&target={urllib.parse.quote(target, safe='')}"
    config = fleet.critical(settings, SYSTEMS[kind], "tcp" if kind == "tcp" else "http")
    with _ours(folder / kind, config) as ours:
        window = Window(ours, (theirs[0], lambda _: asked, "\nprobe_success 1\n"), 3 * SYSTEMS[kind])
        return _row(kind, f"{kind} look / blackbox_exporter", [window.undisturbed(seconds) for _ in range(rounds)])


def _beside_postgres_exporter(rounds: int, seconds: float) -> Row:
    """At a primary and its standby in turn."""
    with PostgresPair() as pair, tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        pair.make_room(200)  # they have a server each in real life
        servers = {"hk": pair.primary, "sg": pair.standby}
        sites = {
            site: {
                "database": {"postgres": {"dsn": one.dsn() + "?sslmode=disable", "password": {"env": "BENCH_PASSWORD"}}}
            }
            for site, one in servers.items()
        }
        system = {"home": "hk", "components": {"database": {"critical": True}}, "sites": sites}
        every = f"{DATABASES_EVERY * 1000:.0f}ms"
        config = {
            "probing": {"interval": every, "fast_interval": every},
            "systems": {f"system-{number}": system for number in range(DATABASES)},
        }
        ours = stack.enter_context(_ours(Path(name) / "ours", config, {"BENCH_PASSWORD": PASSWORD}))
        costs = []
        for number in range(rounds):
            looked_at = pair.standby if number % 2 else pair.primary
            with postgres_exporter(Path(name), looked_at.port, PASSWORD) as (pid, port):
                url = f"http://127.0.0.1:{port}/metrics"
                theirs: tuple[int, Url, str] = (pid, lambda _, url=url: url, "\npg_replication_lag")  # type: ignore[misc]
                window = Window(ours, theirs, 2 * DATABASES / DATABASES_EVERY)
                costs.append(window.undisturbed(seconds))
        return _row("postgres", "PostgreSQL look / postgres_exporter", costs)


@contextlib.contextmanager
def _ours(folder: Path, config: dict[str, Any], environment: dict[str, str] | None = None) -> Iterator[tuple[int, int]]:
    """The exporter, warm."""
    folder.mkdir()
    with serving(folder, config, environment) as ours:
        time.sleep(WARM)
        yield ours


def _row(kind: str, name: str, costs: list[tuple[float, float]]) -> Row:
    mine, theirs = (sorted(side)[len(costs) // 2] for side in zip(*costs, strict=True))
    return Row(
        name, [one / other for one, other in costs], LIMITS[kind], words=f"{mine:.0f} us, theirs {theirs:.0f} us"
    )

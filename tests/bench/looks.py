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
from tests.bench.quiet import DisturbedError, Patience
from tests.bench.rig import Row, cpu_seconds, serving, total
from tests.bench.servers import blackbox, endpoints, postgres_exporter, redis_exporter
from tests.servers import PASSWORD, PostgresPair
from tests.servers.name_server import name_server
from tests.servers.redis import RedisPair

SYSTEMS = {"http": 134, "tcp": 134, "dns": 134, "https": 67}
"""Of three endpoints each, looked at every second: 402 looks a second, 201 where handshakes are to be paid for."""
DATABASES, DATABASES_EVERY = 24, 0.12
"""Systems with a pair of databases, and how many seconds lie between two looks at one: 400 looks a second, like above. At few
looks a second both sides pay for waking up, and not for looking."""
WARM = 4.0
"""Seconds before the first window."""
SCRAPE = 5.0
ANSWER = 30.0
"""Seconds within which any of them answers, or the machine is not fit to measure on."""
SLOT = 0.02
"""Seconds between two starts of the others' looks, several at once, as ours start."""
NAME = "orders.test"
PUNCTUAL = 0.9
"""Share of the looks that were to be made without which a window says nothing of what one costs at that rate."""
LIMITS = {"http": 0.20, "tcp": 0.25, "dns": 0.25, "https": 0.60, "postgres": 0.20}

Url = Callable[[int], str]


class Window:
    """Both exporters, asked for as long as a window lasts."""

    def __init__(self, ours: tuple[int, int], theirs: tuple[int, Url, str], rate: float) -> None:
        self._pid, self._metrics = ours[0], f"http://127.0.0.1:{ours[1]}/metrics"
        self._their_pid, self._url, self._good = theirs
        self._rate = rate

    def costs(self, seconds: float) -> tuple[float, float]:
        """CPU microseconds a look: ours, theirs. Raises DisturbedError when looks failed, or somebody did not answer in time."""
        try:
            return asyncio.run(self.measure(seconds))
        except (TimeoutError, aiohttp.ClientError) as error:
            raise DisturbedError(f"no answer: {error!r}") from error

    async def measure(self, seconds: float) -> tuple[float, float]:
        """The same."""
        deadline = aiohttp.ClientTimeout(total=ANSWER)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=deadline) as session:
            before, failed = await self._looks(session)
            begun = time.monotonic()
            mine, other = cpu_seconds(self._pid), cpu_seconds(self._their_pid)
            scrapes = asyncio.create_task(self._scrape(session))
            answers = await self._paced(session, int(self._rate * seconds))
            scrapes.cancel()
            lasted = time.monotonic() - begun
            after, failures = await self._looks(session)
            mine, other = cpu_seconds(self._pid) - mine, cpu_seconds(self._their_pid) - other
        if failures > failed or answers.count(False):
            raise DisturbedError(f"{failures - failed:g} of our looks failed, {answers.count(False)} of theirs")
        if after - before < PUNCTUAL * self._rate * lasted:
            raise DisturbedError(f"{(after - before) / lasted:.0f} looks of ours a second instead of {self._rate:.0f}")
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


def measure(rounds: int, seconds: float, patience: Patience) -> Iterator[Row]:
    """A row a kind."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(endpoints(folder))
        names = stack.enter_context(name_server(f"--host-record={NAME},10.1.0.5,30"))
        their_pid, port = stack.enter_context(blackbox(folder))
        tls = {"tls": {"ca_file": str(server.certificate)}}
        page, secure = fleet.page(server.http, 1), fleet.page(server.https, 1, "https")
        targets: dict[str, tuple[str, dict[str, Any], str]] = {
            "http": ("http", {"url": page, "expect": fleet.EXPECT}, page),
            "tcp": ("tcp", {"address": f"127.0.0.1:{server.tcp}"}, f"127.0.0.1:{server.tcp}"),
            "dns": ("dns", {"name": NAME, "type": "A", "servers": [f"127.0.0.1:{names}"]}, f"127.0.0.1:{names}"),
            "https": ("http", {"url": secure, "expect": fleet.EXPECT, **tls}, secure),
        }
        for kind, (probe, settings, target) in targets.items():
            asked = f"http://127.0.0.1:{port}/probe?module={kind}&target={urllib.parse.quote(target, safe='')}"
            theirs: tuple[int, Url, str] = (their_pid, lambda _, asked=asked: asked, "\nprobe_success 1\n")  # type: ignore[misc]  # mypy does not infer a lambda with a default
            with _ours(folder / kind, fleet.critical(settings, SYSTEMS[kind], probe)) as ours:
                window = Window(ours, theirs, 3 * SYSTEMS[kind])
                costs = [patience.undisturbed(lambda: window.costs(seconds)) for _ in range(rounds)]  # noqa: B023 - it is called before the loop goes on
            yield _row(kind, f"{kind} look / blackbox_exporter", costs)
    yield _beside_postgres_exporter(rounds, seconds, patience)
    yield _beside_redis_exporter(rounds, seconds, patience)


def _beside_postgres_exporter(rounds: int, seconds: float, patience: Patience) -> Row:
    """At a primary and its standby in turn."""
    with PostgresPair() as pair, tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        pair.make_room(200)  # they have a server each in real life
        databases = {
            site: {"postgres": {"dsn": one.dsn() + "?sslmode=disable", "password": {"env": "BENCH_PASSWORD"}}}
            for site, one in {"hk": pair.primary, "sg": pair.standby}.items()
        }
        ours = stack.enter_context(_ours_at(Path(name), databases))
        costs = []
        for number in range(rounds):
            looked_at = pair.standby if number % 2 else pair.primary
            with postgres_exporter(Path(name), looked_at.port, PASSWORD) as theirs:
                costs.append(_scraped_beside(ours, theirs, "\npg_replication_lag", seconds, patience))
        return _row("postgres", "PostgreSQL look / postgres_exporter", costs)


def _beside_redis_exporter(rounds: int, seconds: float, patience: Patience) -> Row:
    """The same of a Redis pair."""
    with RedisPair() as pair, tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        databases = {
            site: {"redis": {"url": one.url(), "password": {"env": "BENCH_PASSWORD"}}}
            for site, one in {"hk": pair.primary, "sg": pair.standby}.items()
        }
        ours = stack.enter_context(_ours_at(Path(name), databases))
        costs = []
        for number in range(rounds):
            looked_at = pair.standby if number % 2 else pair.primary
            with redis_exporter(looked_at.port) as theirs:
                costs.append(_scraped_beside(ours, theirs, "\nredis_up 1\n", seconds, patience))
        return _row("redis", "Redis look / redis_exporter", costs)


@contextlib.contextmanager
def _ours_at(folder: Path, databases: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """The exporter, warm, with many systems whose database is this pair."""
    sites = {site: {"database": database} for site, database in databases.items()}
    system = {"home": "hk", "components": {"database": {"critical": True}}, "sites": sites}
    every = f"{DATABASES_EVERY * 1000:.0f}ms"
    config = {
        "probing": {"interval": every, "fast_interval": every},
        "systems": {f"system-{number}": system for number in range(DATABASES)},
    }
    with _ours(folder / "ours", config, {"BENCH_PASSWORD": PASSWORD}) as ours:
        yield ours


def _scraped_beside(
    ours: tuple[int, int], theirs: tuple[int, int], good: str, seconds: float, patience: Patience
) -> tuple[float, float]:
    """One window beside an exporter of which a look is a scrape."""
    url = f"http://127.0.0.1:{theirs[1]}/metrics"
    window = Window(ours, (theirs[0], lambda _: url, good), 2 * DATABASES / DATABASES_EVERY)
    return patience.undisturbed(lambda: window.costs(seconds))


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
        name, [one / other for one, other in costs], LIMITS.get(kind), words=f"{mine:.0f} us, theirs {theirs:.0f} us"
    )

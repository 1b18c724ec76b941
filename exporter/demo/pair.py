"""What the demo watches and breaks: a pair of sites, their writer, and what they are called in dr.yml."""

import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any

import aiohttp

from exporter.core.interval import Interval
from exporter.demo import truth
from exporter.demo.process import LOOPBACK, Children, free_ports, until
from exporter.demo.store import Store

HOME, AWAY = "hk", "sg"
START_WITHIN = 15.0
TIMEOUT = aiohttp.ClientTimeout(total=3.0)


class Pair(ABC):
    """A primary at HOME, a standby at AWAY, and a writer that keeps its ledger in `ledger`."""

    def __init__(self, folder: Path, children: Children, delay: float) -> None:
        self.folder = folder
        self.children = children
        self.delay = delay
        """Seconds that a write is on its way to the standby."""
        self.ledger = folder / "orders.jsonl"

    @abstractmethod
    async def start(self) -> None:
        """Returns when both sites run and the standby replicates. Raises DemoError."""

    @abstractmethod
    async def promote(self) -> None:
        """Give the writable role to AWAY. Raises DemoError if it does not take it."""

    @abstractmethod
    async def orders(self) -> Collection[int]:
        """The numbers of the orders that AWAY has."""

    @abstractmethod
    def system(self) -> dict[str, Any]:
        """The system as dr.yml describes it: components, sites and, if there is one, the entry."""

    @abstractmethod
    def processes(self) -> list[tuple[str, str]]:
        """What runs: (name among the children, where it answers or what it does)."""

    @abstractmethod
    def hints(self) -> list[tuple[str, str]]:
        """What a person can try: (what it does, the command)."""

    async def lost_markers(self, vantage: str) -> int | None:
        """How many of the exporter's canary markers the dead HOME has and AWAY has not; None: cannot be told."""
        return None

    async def kill(self) -> Interval:
        """SIGKILL the primary. When it died, on CLOCK_MONOTONIC."""
        before = time.monotonic()
        await self.children.kill(HOME)
        return Interval(before, time.monotonic())

    def attempts(self) -> list[truth.Attempt]:
        """The writer's ledger as it is now."""
        return truth.read_ledger(self.ledger.read_text(encoding="utf-8")) if self.ledger.exists() else []

    def acknowledges(self, since: float) -> Callable[[], Awaitable[bool]]:
        """A condition for `until`: an order sent after the instant `since` was acknowledged."""

        async def acknowledged() -> bool:
            self.children.must_live()
            return any(attempt.ok and attempt.sent > since for attempt in self.attempts())

        return acknowledged


class SitePair(Pair):
    """Two `exporter.demo.site` processes behind an entry."""

    def __init__(self, folder: Path, children: Children, delay: float) -> None:
        super().__init__(folder, children, delay)
        home, away, entry = (f"http://{LOOPBACK}:{port}" for port in free_ports(3))
        self.urls = {HOME: home, AWAY: away}
        self.entry = entry

    async def start(self) -> None:
        follow = ["--follow", self.urls[HOME]]
        for name, extra in ((HOME, []), (AWAY, follow)):
            store = str(self.store(name))
            options = ["--name", name, "--port", _port(self.urls[name]), "--store", store, "--delay", str(self.delay)]
            await self.children.start_module(name, "exporter.demo.site", *options, *extra)
        sites = [argument for name, url in self.urls.items() for argument in ("--site", f"{name}={url}")]
        await self.children.start_module("entry", "exporter.demo.entry", "--port", _port(self.entry), *sites)
        await until(self._entry_serves, "the entry finds the primary", START_WITHIN)
        await self.children.start_module(
            "writer", "exporter.demo.writer", "--entry", self.entry, "--ledger", str(self.ledger)
        )
        await until(self._replicates, "the standby applies orders", START_WITHIN)

    async def promote(self) -> None:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            await session.post(f"{self.urls[AWAY]}/promote", raise_for_status=True)

    async def orders(self) -> Collection[int]:
        return frozenset((await self._get(self.urls[AWAY] + "/orders?ids"))["ids"])

    async def lost_markers(self, vantage: str) -> int | None:
        """From the dead site's own file, which outlived its process."""
        kept = (await self._get(f"{self.urls[AWAY]}/canary?vantage={vantage}&after=0"))["seqs"]
        dead = Store(self.store(HOME))
        try:
            return len(set(dead.markers(vantage, 0)) - set(kept))
        finally:
            dead.close()

    def system(self) -> dict[str, Any]:
        def site(url: str) -> dict[str, Any]:
            canary = {"put": f"{url}/canary", "get": f"{url}/canary"}
            facts = {fact: f"$.{fact}" for fact in ("role", "writable", "epoch", "position", "applied", "connected")}
            return {
                "database": {"http": {"url": f"{url}/status", **facts, "canary": canary}},
                "web": {"http": {"url": f"{url}/healthz"}},
                "login": {"http": {"url": f"{url}/login"}},
            }

        return {
            "entry": {"http": {"url": f"{self.entry}/healthz", "served_by": {"header": "X-Served-By"}}},
            "components": {
                "database": {"critical": True, "weight": 3, "canary": {"every": "500ms"}},
                "web": {"critical": True, "weight": 2},
                "login": {"weight": 1},
            },
            "sites": {name: site(url) for name, url in self.urls.items()},
        }

    def processes(self) -> list[tuple[str, str]]:
        return [
            (HOME, self.urls[HOME]),
            (AWAY, self.urls[AWAY]),
            ("entry", self.entry),
            ("writer", "orders at the entry"),
        ]

    def hints(self) -> list[tuple[str, str]]:
        pid = self.children.pid(HOME)
        return [
            (f"order something, at {HOME} now", f"curl -i -d '{{\"id\": -1}}' {self.entry}/orders"),
            (f"kill the primary at {HOME}", f"kill -9 {pid}"),
            (f"promote the standby at {AWAY}", f"curl -X POST {self.urls[AWAY]}/promote"),
            ("freeze a living primary, and wake it", f"kill -STOP {pid}; sleep 2; kill -CONT {pid}"),
        ]

    def store(self, site: str) -> Path:
        return self.folder / f"{site}.db"

    async def status(self, site: str) -> dict[str, Any]:
        return await self._get(self.urls[site] + "/status")

    async def _get(self, url: str) -> dict[str, Any]:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.get(url, raise_for_status=True) as answer,
        ):
            told: dict[str, Any] = await answer.json()
            return told

    async def _entry_serves(self) -> bool:
        self.children.must_live()
        try:
            await self._get(f"{self.entry}/healthz")
        except (aiohttp.ClientError, TimeoutError):
            return False
        return True

    async def _replicates(self) -> bool:
        self.children.must_live()
        try:
            told = await self.status(AWAY)
        except (aiohttp.ClientError, TimeoutError):
            return False
        return bool(told["connected"]) and told["applied"] > 0


def _port(url: str) -> str:
    return url.rpartition(":")[2]

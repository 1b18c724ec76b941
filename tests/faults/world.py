"""What the exporter that is killed looks at: sites that are broken and mended at random, and the record of what was when.

Two replicating sites with canary markers (processes of the demo, frozen or killed, with failovers) and pages of this
process. The record is kept by whoever breaks them, on CLOCK_MONOTONIC, and knows nothing of the exporter.
"""

import asyncio
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from exporter.core.interval import Interval
from exporter.demo.pair import AWAY, HOME
from exporter.demo.process import Children
from tests.exporter.rig import Sites, page
from tests.hostile import GARBAGE, MEGABYTE_HEADER, Behaviour, Server, answer, hang, message, reset, serve
from tests.servers.processes import family, wait_stopped

OPEN = answer(message(body=b"open"))
BROKEN: tuple[Behaviour, ...] = (reset, hang, answer(message("500 Internal Server Error")), answer(GARBAGE))
PAGES = ("shop-1", "shop-2", "shop-3", "shop-4")
PAIR = "orders"
HOSTILE = "hostile"
"""It answers what nobody should, and never served: nothing may ever be told of it."""


STEP, STALL = 0.05, 0.2
"""Seconds: how often the machine is watched, and by how much a sleeper may oversleep before that may be what was told."""


@dataclass
class Break:
    """Once that a system did not serve: it ended within `began`, and returned within `ended`."""

    system: str
    began: Interval
    ended: Interval | None = None


class World:
    """`breaking` systems for as long as the `with` lasts. All of it follows from the seed but the time that things take."""

    def __init__(self, folder: Path, seed: int, *, pair: bool = True) -> None:
        """`pair`: with the replicating sites, which are two processes."""
        self.folder = folder
        self.dice = random.Random(seed)
        self.breaks: list[Break] = []
        self.systems: dict[str, Any] = {}
        self.stalls: list[Interval] = []
        """When this process, and with it the pages, stood still: others took the machine."""
        self.reference = 0
        self._pair = pair
        self._over = asyncio.Event()
        self._breaking: list[asyncio.Task[None]] = []
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            steady = await stack.enter_async_context(serve(OPEN))
            self.reference = steady.port
            group = await stack.enter_async_context(asyncio.TaskGroup())
            stack.callback(group.create_task(self._watch_stalls()).cancel)
            for name in PAGES:
                server = await stack.enter_async_context(serve(OPEN))
                self.systems[name] = page(server.port)
                self._breaking.append(group.create_task(self._break_page(name, server)))
            rude = await stack.enter_async_context(serve(MEGABYTE_HEADER))
            self.systems[HOSTILE] = page(rude.port)
            if self._pair:
                children = await stack.enter_async_context(Children(self.folder))
                sites = Sites(self.folder, children)
                await sites.start()
                self.systems[PAIR] = sites.system()
                self._breaking.append(group.create_task(self._break_sites(sites)))
            stack.callback(self._over.set)
            self._closing = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.__aexit__(kind, error, trace)

    async def mended(self) -> None:
        """Break nothing more; returns when all is mended."""
        self._over.set()
        await asyncio.wait(self._breaking)

    def of(self, system: str) -> Iterator[Break]:
        return (one for one in self.breaks if one.system == system)

    async def _watch_stalls(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(STEP)
            if time.monotonic() - before > STEP + STALL:
                self.stalls.append(Interval(before, time.monotonic()))

    async def _calm(self, least: float, most: float) -> bool:
        """Let it serve for a while; False: nothing is to be broken any more."""
        try:
            async with asyncio.timeout(self.dice.uniform(least, most)):
                await self._over.wait()
        except TimeoutError:
            return True
        return False

    def _while(self) -> float:
        """Seconds for which something stays broken: as often too short to be declared as not."""
        return self.dice.choice((self.dice.uniform(0.02, 1.0), self.dice.uniform(1.0, 6.0)))

    async def _break_page(self, name: str, server: Server) -> None:
        while await self._calm(0.5, 6.0):
            now = time.monotonic()
            server.behaviour = self.dice.choice(BROKEN)
            found = Break(name, Interval(now, time.monotonic()))
            self.breaks.append(found)
            await asyncio.sleep(self._while())
            now = time.monotonic()
            server.behaviour = OPEN
            found.ended = Interval(now, time.monotonic())

    async def _break_sites(self, sites: Sites) -> None:
        primary, standby = HOME, AWAY
        while await self._calm(2.0, 8.0):
            if self.dice.random() < 0.6:
                await self._freeze(sites, primary)
            else:
                await self._fail_over(sites, primary, standby)
                primary, standby = standby, primary

    async def _freeze(self, sites: Sites, primary: str) -> None:
        processes = family(sites.children.pid(primary))

        async def freeze() -> None:
            sites.signal(primary, signal.SIGSTOP)
            await asyncio.to_thread(wait_stopped, processes)

        async def thaw() -> None:
            sites.signal(primary, signal.SIGCONT)

        found = Break(PAIR, await timed(freeze))
        self.breaks.append(found)
        await asyncio.sleep(self._while())
        found.ended = await timed(thaw)

    async def _fail_over(self, sites: Sites, primary: str, standby: str) -> None:
        """Kill the primary, promote the standby, and make the old primary a new standby from nothing."""
        found = Break(PAIR, await timed(lambda: sites.children.kill(primary)))
        self.breaks.append(found)
        await asyncio.sleep(self._while())

        async def promote() -> None:
            async with aiohttp.ClientSession(raise_for_status=True) as session:
                await session.post(f"{sites.urls[standby]}/promote")

        found.ended = await timed(promote)
        for file in sites.folder.glob(f"{sites.store(primary).name}*"):
            file.unlink()
        await sites.start_site(primary, follow=sites.urls[standby])


async def timed(act: Callable[[], Any]) -> Interval:
    """Between which instants it was done."""
    before = time.monotonic()
    await act()
    return Interval(before, time.monotonic())

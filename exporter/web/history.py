"""The last half hour of each exposure, in memory: enough for a sparkline, and gone with the process.

A task of its own takes a value every `STEP` seconds from what is published; nothing that is probed or folded waits for it.
"""

import asyncio
import logging
from array import array
from collections.abc import AsyncIterator, Callable
from math import isnan, nan
from typing import Any

from aiohttp import web

from exporter.core.readings import SITE_LOSS, exposure, scenarios
from exporter.core.snapshot import Clocked
from exporter.web.answers import Turn, encode, json_answer, problem
from exporter.web.selection import Selection, selection

log = logging.getLogger(__name__)

STEP = 10
"""Seconds between two points, which stand at the whole multiples of it in Unix time."""
POINTS = 180
MADE_MOST = 32
"""Answers that are kept until the next point."""


class History:
    """A ring of `POINTS` numbers for each system and scenario, 4 bytes each. What was not known is NaN in it and null outside:
    an exposure that counts from our start is no known one, and while the exporter did not run nothing is known."""

    def __init__(self, clocked: Callable[[], Clocked]) -> None:
        self._clocked = clocked
        self._rings: dict[str, dict[str, array[float]]] = {}
        self._slot: int | None = None
        self._made: dict[tuple[str, Selection], asyncio.Task[bytes]] = {}

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/api/v1/history", self.of_all), web.get("/api/v1/systems/{name}/history", self.of_system)]

    async def run(self, app: web.Application) -> AsyncIterator[None]:
        """Context of the server: samples until it ends."""
        task = asyncio.create_task(self._sample_forever())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _sample_forever(self) -> None:
        while True:
            try:
                await self.sample()
            except Exception:
                log.exception("a point of the histories is missing")
            await asyncio.sleep(STEP - self._clocked().now.wall % STEP + 0.05)

    async def sample(self) -> None:
        """Take the point of this moment, once; points that were missed are not known."""
        snapshot, now = self._clocked()
        slot, before = int(now.wall // STEP), self._slot
        if slot == before:
            return
        if before is None or not 0 < slot - before < POINTS:  # the clock was put back, or it is all too old
            self._rings.clear()
            before = slot - 1
        missed = [number % POINTS for number in range(before + 1, slot + 1)]
        for rings in self._rings.values():
            for ring in rings.values():
                for place in missed:
                    ring[place] = nan
        self._slot = slot
        for name in self._rings.keys() - snapshot.systems.keys():
            del self._rings[name]
        turn = Turn()
        for name, watched in snapshot.systems.items():
            known = self._rings.get(name, {})
            wanted = scenarios(watched.system)
            rings = self._rings[name] = {one: known.get(one) or _nothing() for one in wanted}
            for scenario in wanted:
                found = exposure(watched.system, watched.state, scenario, now.mono)
                rings[scenario][slot % POINTS] = found.seconds if found.known else nan
            await turn.pause()
        self._made.clear()

    def _until(self) -> int:
        """Unix seconds of the newest point."""
        return (int(self._clocked().now.wall // STEP) if self._slot is None else self._slot) * STEP

    def _points(self, name: str, scenario: str) -> list[float | None]:
        """Oldest first."""
        ring = self._rings.get(name, {}).get(scenario) or _nothing()
        at = (self._until() // STEP + 1) % POINTS
        return [None if isnan(value) else round(value, 3) for value in (*ring[at:], *ring[:at])]

    # --- answers

    async def of_system(self, request: web.Request) -> web.Response:
        """Every scenario of one system, each point with its instant."""
        name = request.match_info["name"]
        watched = self._clocked().snapshot.systems.get(name)
        if watched is None:
            return problem(404, "no system of this name is watched; /api/v1/systems lists those that are")
        first = self._until() - (POINTS - 1) * STEP
        items: list[dict[str, Any]] = [
            {
                "scenario": scenario,
                "step": STEP,
                "points": [[first + n * STEP, value] for n, value in enumerate(self._points(name, scenario))],
            }
            for scenario in scenarios(watched.system)
        ]
        return json_answer({"items": items, "next": None})

    async def of_all(self, request: web.Request) -> web.Response:
        """One scenario of all systems, compactly. All who ask between two points share one answer."""
        key = request.query.get("scenario", SITE_LOSS), selection(request)
        if key not in self._made:
            if len(self._made) >= MADE_MOST:
                self._made.clear()
            self._made[key] = asyncio.create_task(self._make(*key))
        body = await asyncio.shield(self._made[key])
        return web.Response(body=body, content_type="application/json", charset="utf-8")

    async def _make(self, scenario: str, wanted: Selection) -> bytes:
        items, turn, until = [], Turn(), self._until()
        for name, watched in self._clocked().snapshot.systems.items():
            if scenario in scenarios(watched.system) and wanted.admits(watched.system):
                items.append(encode({name: self._points(name, scenario)})[1:-1].encode())
                await turn.pause()
        return b'{"step":%d,"until":%d,"items":{%b}}' % (STEP, until, b",".join(items))


def _nothing() -> "array[float]":
    return array("f", [nan]) * POINTS

"""Who looks at the exporter while it is killed again and again, and remembers what it once said."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import aiohttp

from tests.exporter.rig import LASTING, Exporter
from tests.web.streams import listening

TOKEN = "a-long-enough-token"
COUNTERS = "&".join(f"name[]={name}" for name in LASTING)
GONE = (aiohttp.ClientError, TimeoutError, EOFError, OSError, ValueError)
"""How a question ends whose exporter is killed meanwhile."""


class Witness:
    """All of it was said by an exporter that may be dead by now: what it says later must not contradict it."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self.declared: dict[str, str] = {}
        """Incidents that were said to be declared: id -> system."""
        self.closed: dict[str, dict[str, Any]] = {}
        """Closed incidents and blips as they were told first."""
        self.counters: dict[str, float] = {}
        """Series -> the highest value told."""
        self.drills: dict[str, bool] = {}
        """Drills that were promised: id -> whether it was said to be stopped."""
        self.contradictions: list[str] = []
        self.news = asyncio.Event()
        """Something was declared or closed."""
        self.events = self.scrapes = self.answers = 0

    # --- what is told

    def told(self, item: dict[str, Any]) -> None:
        """An incident as the API or the stream tells it, open or closed."""
        if item["id"] not in self.declared and item["declared"]:
            self.declared[item["id"]] = item.get("system", "")
            self.news.set()

    def told_whole(self, item: dict[str, Any]) -> None:
        """An incident of the API's list. What is closed never changes again."""
        if item["declared"]:
            self.told(item)
        if item["open"]:
            return
        known = self.closed.get(item["id"])
        if known is None:
            self.closed[item["id"]] = item
            self.news.set()
        elif known != item:
            differing = sorted(key for key in known.keys() | item.keys() if known.get(key) != item.get(key))
            self.contradictions.append(f"changed: {item['id']} differs in {', '.join(differing)}")
            self.closed[item["id"]] = item

    def told_list(self, items: list[dict[str, Any]]) -> None:
        """A list of incidents: none is in it twice."""
        for item in items:
            self.told_whole(item)
        ids = [item["id"] for item in items]
        for one in {one for one in ids if ids.count(one) > 1}:
            self.contradictions.append(f"doubled: {one} is listed twice")

    def told_counters(self, text: str) -> None:
        """A scrape: no counter falls, none vanishes."""
        found = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                series, _, value = line.rpartition(" ")
                found[series] = float(value)
        for series, highest in self.counters.items():
            if found.get(series, -1.0) < highest:
                self.contradictions.append(f"fell: {series} from {highest} to {found.get(series)}")
        self.counters.update(found)

    # --- how it is asked

    async def watch(self) -> None:
        """Until cancelled: by stream, by scrape and by API."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._forever(self._listen, 0.05))
            group.create_task(self._forever(self._listen, 0.05))
            group.create_task(self._forever(self._scrape, 0.2))
            group.create_task(self._forever(self._ask, 0.3))

    async def _forever(self, act: Any, pause: float) -> None:
        while True:
            with suppress(*GONE):
                await act()
            await asyncio.sleep(pause)

    async def _listen(self) -> None:
        async with listening(self._exporter.url) as listener:
            while True:
                event = await listener.next()
                self.events += 1
                for item in event.data["items"]:
                    if item["incident"] is not None:
                        self.told({"system": item["name"], **item["incident"]})

    async def _scrape(self) -> None:
        status, text = await self._exporter.get(f"/metrics?{COUNTERS}")
        if status == 200:
            self.scrapes += 1
            self.told_counters(text)

    async def _ask(self) -> None:
        status, text = await self._exporter.get("/api/v1/incidents?blips=true&limit=20")
        if status == 200:
            self.answers += 1
            self.told_list(json.loads(text)["items"])

    async def all_incidents(self) -> list[dict[str, Any]]:
        """Every incident and blip, open ones first."""
        return await self._pages("/api/v1/incidents?blips=true&limit=500")

    async def all_drills(self) -> list[dict[str, Any]]:
        return await self._pages("/api/v1/drills?limit=500")

    async def _page(self, path: str) -> tuple[int, str]:
        """Asked until it answers: the machine may have other things to do."""
        while True:
            try:
                return await self._exporter.get(path)
            except TimeoutError:
                continue

    async def _pages(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            status, text = await self._page(path + cursor)
            assert status == 200, text
            page = json.loads(text)
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"

"""What the page costs the browser: with 300 systems, and after hours of events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import CDPSession, Page, expect

from exporter.core.view import system_json
from exporter.web import page as pages
from exporter.web.answers import harden
from exporter.web.backend import BACKEND
from tests.browser.chromium import MARKS
from tests.browser.company import company
from tests.browser.conftest import Opener
from tests.metrics import scenes
from tests.servers.accepting import end
from tests.web.fakes import Stage

pytestmark = [pytest.mark.alone, *MARKS]

SYSTEMS = 300
UPDATES = 12
WARM, EVENTS, EACH = 500, 3500, 5
"""Events until the first measurement and until the last; systems that change with each."""


class Theatre:
    """The pages, over a stream that plays as fast as the browser listens."""

    def __init__(self, systems: int, down: int) -> None:
        self.stage = Stage(snapshot=company(systems, range(down)))
        self.items = [system_json(watched, scenes.NOW) for watched in self.stage.snapshot.systems.values()]
        self.until = 0

    def app(self) -> web.Application:
        """The pages and the stream alone."""
        app = web.Application()
        app[BACKEND] = self.stage.backend()
        app.on_response_prepare.append(harden)
        app.add_routes([*pages.routes(), web.get("/api/v1/stream", self.stream), web.get("/more/{until}", self.more)])
        return app

    async def more(self, request: web.Request) -> web.Response:
        """Play up to that event."""
        self.until = int(request.match_info["until"])
        return web.Response()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Everything, and then some systems after the others, which fall and rise again."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(self._event("hello", 0, self.items))
        played = 0
        while True:
            if played >= self.until:
                with suppress(ConnectionError):
                    await response.write(b": idle\n\n")
                    await asyncio.sleep(0.05)
                    continue
                return response
            played += 1
            chosen = [self.items[(played * EACH + at) % len(self.items)] for at in range(EACH)]
            for item in chosen:
                item["state"] = "healthy" if item["state"] == "degraded" else "degraded"
                item["sentence"] = f"event {played}"
                item["rpo"]["site_loss"]["seconds"] = played % 7 / 2
            await response.write(self._event("systems", played, chosen))

    def _event(self, name: str, number: int, items: list[dict[str, Any]]) -> bytes:
        exporter = {"vantage": f"event {number}", "version": "0", "now": scenes.NOW.wall + number, "references": {}}
        return f"event: {name}\ndata: {json.dumps({'exporter': exporter, 'items': items, 'removed': []})}\n\n".encode()


@asynccontextmanager
async def theatre(systems: int, down: int) -> AsyncIterator[str]:
    """Its URL."""
    runner = web.AppRunner(Theatre(systems, down).app(), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await end(runner)


async def play(page: Page, url: str, until: int) -> None:
    """Returns when the page shows what the event said."""
    await page.evaluate("where => fetch(where).then(() => undefined)", f"{url}/more/{until}")
    await page.wait_for_function(
        "text => document.body.textContent.includes(text)", arg=f"event {until}", timeout=60_000
    )


async def test_300_systems(open_page: Opener) -> None:
    """First paint, and what an event about five systems costs in CPU time of the page, are printed; the bounds here are wide."""
    async with theatre(SYSTEMS, 10) as url:
        page = await open_page(url, viewport={"width": 1920, "height": 1080})
        await expect(page.locator(".card:not(.first)")).to_have_count(SYSTEMS)
        paint = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        client = await page.context.new_cdp_session(page)
        await client.send("Performance.enable", {"timeDomain": "threadTicks"})
        await play(page, url, 5)
        before = await spent(client)
        for until in range(6, 6 + UPDATES):
            await play(page, url, until)
        script, layout = (
            1000 * (after - was) / UPDATES for after, was in zip(await spent(client), before, strict=True)
        )
        print(
            f"300 systems: first paint after {paint:.0f} ms; an event costs {script:.1f} ms of script, {layout:.1f} of layout"
        )
        assert paint < 10_000
        assert script < 50


async def spent(client: CDPSession) -> tuple[float, float]:
    """Seconds of CPU that the page's main thread has spent in scripts, and in laying out."""
    told = {one["name"]: one["value"] for one in (await client.send("Performance.getMetrics"))["metrics"]}
    return told["ScriptDuration"], told["LayoutDuration"] + told["RecalcStyleDuration"]


async def test_memory_stays_flat(open_page: Opener) -> None:
    """After thousands of events the heap is as large as after a few hundred."""
    async with theatre(60, 3) as url:
        page = await open_page(url)
        await expect(page.locator(".card:not(.first)")).to_have_count(60)
        client = await page.context.new_cdp_session(page)

        async def used() -> tuple[float, int]:
            await client.send("HeapProfiler.collectGarbage")
            heap = await client.send("Runtime.getHeapUsage")
            return heap["usedSize"] / 1e6, await page.evaluate("document.querySelectorAll('*').length")

        await play(page, url, WARM)
        before, nodes_before = await used()
        await play(page, url, EVENTS)
        after, nodes_after = await used()
        print(f"{EVENTS - WARM} events: heap {before:.2f} -> {after:.2f} MB, elements {nodes_before} -> {nodes_after}")
        assert after < before + 1.5
        assert nodes_after < 1.2 * nodes_before

"""A real browser whose pages fail the test when their script or their policy complains.

Chromium takes seconds to start, so one serves all tests of a run: they, and all that they wait for, share its event loop
(`LOOP`), and each opens contexts of its own.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from exporter.demo.process import Children
from tests.browser.chromium import CHROMIUM, FLAGS, LOOP
from tests.exporter.rig import Exporter, Sites

Opener = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(scope="session", loop_scope=LOOP)
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a word to the outside."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope=LOOP)
async def open_page(browser: Browser) -> AsyncIterator[Opener]:
    """Opens a URL in a context of its own; keywords are those of `browser.new_context`."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    async def opened(url: str, **context: Any) -> Page:
        wanted = {"viewport": {"width": 1600, "height": 900}, "locale": "en", **context}
        contexts.append(await browser.new_context(**wanted))
        page = await contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Failed to load" not in said.text else None)
        await page.goto(url)
        return page

    yield opened
    for context in contexts:
        await context.close()
    assert complaints == []


@pytest_asyncio.fixture(loop_scope=LOOP)
async def exporter(tmp_path: Path) -> AsyncIterator[Exporter]:
    """As in tests/exporter, on the browser's event loop."""
    async with Exporter(tmp_path) as exporter:
        yield exporter


@pytest_asyncio.fixture(loop_scope=LOOP)
async def sites(tmp_path: Path) -> AsyncIterator[Sites]:
    """The same of two running sites."""
    async with Children(tmp_path) as children:
        sites = Sites(tmp_path, children)
        await sites.start()
        yield sites

"""A real browser whose pages fail the test when their script or their policy complains."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.browser.chromium import CHROMIUM, FLAGS
from tests.exporter.conftest import exporter, sites

__all__ = ["exporter", "sites"]

Opener = Callable[..., Awaitable[Page]]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a word to the outside."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        await launched.close()


@pytest.fixture
async def open_page(browser: Browser) -> AsyncIterator[Opener]:
    """Opens a URL in a context of its own; keywords are those of `browser.new_context`."""
    complaints: list[str] = []

    async def opened(url: str, **context: Any) -> Page:
        wanted = {"viewport": {"width": 1600, "height": 900}, "locale": "en", **context}
        page = await (await browser.new_context(**wanted)).new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Failed to load" not in said.text else None)
        await page.goto(url)
        return page

    yield opened
    assert complaints == []

"""The live page in a real browser."""

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright, expect

from exporter.web.server import listen, make_app
from tests.metrics import scenes
from tests.web.fakes import Stage, serving

CHROMIUM = shutil.which("chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is missing; install Debian's chromium"),
]


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A page that fails the test when its script or its policy complains."""
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        opened = await browser.new_page()
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda said: complaints.append(said.text) if "Failed to load" not in said.text else None)
        yield opened
        await browser.close()
    assert complaints == []


async def test_the_worst_comes_first_and_unknown_is_never_zero(page: Page) -> None:
    """Outage, unknown, healthy; the running clock, and words where nothing is known."""
    async with serving(Stage()) as url:
        await page.goto(url)
        await expect(page.locator("#counts li")).to_have_text(["✕ 1 outage", "– 1 unknown", "✓ 1 healthy"])
        await expect(page.locator("tbody .name")).to_have_text(["chat", "records", "orders"])
        await expect(page.locator("tr.outage [data-label='RTO clock'] .number")).to_have_text("40.0\u00a0s")
        never = page.locator("tr.unknown")
        await expect(never.locator("[data-label='RPO now'] .number")).to_have_text(["unknown", "unknown"])
        await expect(never.locator("[data-label='RTO clock']")).to_have_text("unknown")


async def test_a_change_shows_without_a_reload(page: Page) -> None:
    """A system that recovers moves down."""
    stage = Stage()
    async with serving(stage) as url:
        await page.goto(url)
        await expect(page.locator("tbody .name")).to_have_text(["chat", "records", "orders"])
        chat = scenes.system("chat")
        systems = stage.snapshot.systems
        stage.snapshot = scenes.snapshot(*{**systems, "chat": scenes.watched(chat, scenes.healthy(chat))}.values())
        await expect(page.locator("tbody .name")).to_have_text(["records", "chat", "orders"])


async def test_a_lost_exporter_is_said_plainly(page: Page) -> None:
    """When the exporter is gone the page greys out and says how old it is; when it is back, so is the page."""
    stage = Stage()
    runner = await listen(make_app(stage.backend()), "127.0.0.1", 0)
    host, port = runner.addresses[0][:2]
    await page.goto(f"http://{host}:{port}")
    await expect(page.locator("#counts li")).to_have_count(3)
    await runner.cleanup()
    await expect(page.locator("#warnings .lost")).to_contain_text("Connection lost, data is")
    await expect(page.locator("main")).to_have_class("stale")
    runner = await listen(make_app(stage.backend()), host, port)
    await expect(page.locator("#warnings .lost")).to_have_count(0)
    await runner.cleanup()


async def test_names_are_text(page: Page) -> None:
    """Markup in a name is shown, not run; 200 characters do not widen a phone's page."""
    names = ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "\u202eevil", "x" * 200]
    systems = [scenes.system(name) for name in names]
    stage = Stage(snapshot=scenes.snapshot(*(scenes.watched(of, scenes.healthy(of)) for of in systems)))
    async with serving(stage) as url:
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.goto(url)
        await expect(page.locator("#counts li")).to_have_text(["✓ 4 healthy"])
        shown = await page.locator("tbody .name").all_inner_texts()
        assert sorted(shown) == sorted(names)
        assert await page.locator("tbody img, tbody script").count() == 0
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390

"""The wall in a real browser, over systems that are made up."""

import re
from dataclasses import replace

import pytest
from playwright.async_api import Page, expect

from exporter.core.state import Mode
from exporter.web.server import listen, make_app
from tests.browser.chromium import MARKS
from tests.browser.company import HOSTILE, company, hostile, one
from tests.browser.conftest import Opener
from tests.metrics import scenes
from tests.servers.accepting import end
from tests.web.fakes import Stage, serving

pytestmark = MARKS

NAMES = ".card .title"
LATER = 15_000
"""Milliseconds within which a change must have come, on the busiest machine."""


def card(page: Page, name: str) -> str:
    return f'.card[data-system="{name}"]'


async def test_the_worst_comes_first_and_unknown_is_never_zero(open_page: Opener) -> None:
    """Outage, unknown, healthy; the countdown runs, and words stand where nothing is known."""
    async with serving(Stage()) as url:
        page = await open_page(url)
        await expect(page.locator("#counts li")).to_have_text(["1 Outage", "1 Unknown", "1 Healthy"])
        await expect(page.locator(NAMES)).to_have_text(["chat", "records", "orders"])
        await expect(page.locator(".outage .digits")).to_have_text(re.compile("00:4[0-9]"))
        await expect(page.locator(".outage .golden .label")).to_have_text("Golden time left")
        never = page.locator(".card.unknown")
        await expect(never.locator(".rpo .value")).to_have_text(["unknown", "unknown"])
        await expect(page).to_have_title(re.compile("✕ 1 Outage"))
        await expect(page.locator("#favicon")).to_have_attribute("href", "/static/icon-outage.svg")
        assert await page.locator(".healthy .rpo[data-grade=unknown]").count() == 1, "no backup was ever seen"


async def test_a_change_shows_without_a_reload(open_page: Opener) -> None:
    """A system that recovers moves down, and is told to nobody twice."""
    stage = Stage()
    async with serving(stage) as url:
        page = await open_page(url)
        await expect(page.locator(NAMES)).to_have_text(["chat", "records", "orders"])
        chat = scenes.system("chat")
        systems = stage.snapshot.systems
        stage.snapshot = scenes.snapshot(*{**systems, "chat": scenes.watched(chat, scenes.healthy(chat))}.values())
        await expect(page.locator(NAMES)).to_have_text(["records", "chat", "orders"], timeout=LATER)
        await expect(page.locator(".golden")).to_have_count(0)
        stage.snapshot = scenes.snapshot(one("orders", Mode.OUTAGE), one("new"))
        await expect(page.locator(NAMES)).to_have_text(["orders", "new"], timeout=LATER)
        await expect(page.locator("#announce")).to_contain_text("orders")


async def test_a_lost_exporter_is_said_plainly(open_page: Opener) -> None:
    """When the exporter is gone the page greys out and says how old it is; when it is back, so is the page."""
    stage = Stage()
    runner = await listen(make_app(stage.backend()), "127.0.0.1", 0)
    host, port = runner.addresses[0][:2]
    page = await open_page(f"http://{host}:{port}")
    await expect(page.locator("#counts li")).to_have_count(3)
    await end(runner)
    await expect(page.locator(".warning.lost")).to_contain_text("Connection lost, data is", timeout=LATER)
    await expect(page.locator("main")).to_have_class("stale")
    await expect(page).to_have_title(re.compile("Connection lost"))
    frozen = await page.locator(".outage .digits").inner_text()
    await expect(page.locator(".warning.lost")).to_contain_text(re.compile(r"\b[2-9]s old"), timeout=LATER)
    assert await page.locator(".outage .digits").inner_text() == frozen, "what nobody tells is not counted on"
    runner = await listen(make_app(stage.backend()), host, port)
    await expect(page.locator(".warning.lost")).to_have_count(0, timeout=LATER)
    await expect(page.locator("main")).not_to_have_class("stale")
    await end(runner)


async def test_the_exporters_own_trouble_is_said(open_page: Opener) -> None:
    """Blindness, a ledger that cannot be written, a refused configuration, dead references."""
    trouble = replace(
        scenes.EXPORTER, blind_since=scenes.NOW.mono - 65, ledger_writable=False, ledger_waiting=7, reload_ok=False,
        reload_error="dr.yml:3:1: <b>wrong</b>", references={"tcp://192.0.2.1:443": False},
    )  # fmt: skip
    stage = Stage(snapshot=replace(scenes.usual(), exporter=trouble))
    async with serving(stage) as url:
        page = await open_page(url)
        await expect(page.locator(".warning")).to_have_count(3)
        await expect(page.locator(".warning.blind")).to_contain_text("cut off for 1m")
        await expect(page.locator(".warning.ledger")).to_contain_text("7")
        await expect(page.locator(".warning.reload")).to_contain_text("<b>wrong</b>")


@pytest.mark.parametrize("path", ["/", "/systems/", "/?kiosk"])
async def test_names_are_text(open_page: Opener, path: str) -> None:
    """Markup, quotes, newlines, marks of direction and 200 characters are shown as they are, and widen no phone's page."""
    async with serving(Stage(snapshot=hostile())) as url:
        if path == "/systems/":
            path = "/systems/%3Cscript%3Ealert(1)%3C%2Fscript%3E"
        page = await open_page(url + path, viewport={"width": 390, "height": 844})
        await expect(page.locator("#counts li")).not_to_have_count(0)
        if "systems" in path:
            await expect(page.locator("h1")).to_have_text(HOSTILE[0])
        else:
            shown = await page.locator(f"{NAMES} bdi").evaluate_all("all => all.map((one) => one.textContent)")
            assert sorted(shown) == sorted(HOSTILE)
        assert await page.locator("main img, main script").count() == 0
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_a_card_opens_its_system(open_page: Opener) -> None:
    """By arrow keys and Enter, whatever its name."""
    async with serving(Stage(snapshot=scenes.snapshot(one("a/b ?#%"), one("b")))) as url:
        page = await open_page(url)
        await expect(page.locator("#counts li")).to_have_text(["2 Healthy"])
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("a/b ?#%")
        await expect(page.locator(".card.large")).to_have_count(1)


async def test_filters_of_the_url(open_page: Opener) -> None:
    """`?tier=` leaves some, the controls change the URL, and the search leaves fewer."""
    async with serving(Stage(snapshot=company(9, [3]))) as url:
        page = await open_page(f"{url}/?tier=tier-0&site=hk")
        await expect(page.locator(NAMES)).to_have_text(["system-3", "system-0", "system-6"])
        await page.select_option("#filter-tier", "tier-1")
        await expect(page.locator(NAMES)).to_have_text(["system-1", "system-4", "system-7"])
        assert "tier=tier-1" in page.url
        await page.keyboard.press("/")
        await page.keyboard.type("4")
        await expect(page.locator(NAMES)).to_have_text(["system-4"])


async def test_switches(open_page: Opener) -> None:
    """Wall mode by key and by URL, sound only after a click, help and its way out."""
    async with serving(Stage()) as url:
        page = await open_page(url)
        await expect(page.locator("#sound")).to_have_attribute("aria-pressed", "false")
        await page.click("#sound")
        await expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
        await page.keyboard.press("k")
        await expect(page.locator("html")).to_have_class("kiosk")
        await expect(page.locator(".foot")).to_be_hidden()
        assert "kiosk" in page.url
        await page.keyboard.press("?")
        await expect(page.locator("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog")).to_be_hidden()


@pytest.mark.parametrize("count", [1, 2, 12, 60, 300])
async def test_all_fit_on_the_wall(open_page: Opener, count: int) -> None:
    """On a full-HD screen in wall mode nothing has to be scrolled, with one system as with 300, and the worst is the largest."""
    async with serving(Stage(snapshot=company(count, [0]))) as url:
        page = await open_page(f"{url}/?kiosk", viewport={"width": 1920, "height": 1080})
        await expect(page.locator(NAMES)).to_have_count(count)
        await expect(page.locator("#trouble .cards")).to_have_attribute("data-level", re.compile("."))
        await page.wait_for_timeout(300)
        assert await page.evaluate("document.documentElement.scrollHeight") <= 1080
        sizes = await page.locator(".card").evaluate_all("all => all.map((one) => one.offsetWidth * one.offsetHeight)")
        assert sizes[0] >= max(sizes) * 0.99


@pytest.mark.parametrize(
    ("locale", "words", "direction"),
    [
        ("zh-CN", "中断", "ltr"),
        ("zh-TW", "中斷", "ltr"),
        ("ar", "انقطاع", "rtl"),
        ("id", "Gangguan", "ltr"),
        ("fr", "Outage", "ltr"),
    ],
)
async def test_the_browsers_language(open_page: Opener, locale: str, words: str, direction: str) -> None:
    """The best that we have for Accept-Language; the switch overrides it, and stays."""
    async with serving(Stage()) as url:
        page = await open_page(url, locale=locale)
        await expect(page.locator(".card.outage .word")).to_have_text(words)
        await expect(page.locator("html")).to_have_attribute("dir", direction)
        await page.select_option("#language", "vi")
        await expect(page.locator("html")).to_have_attribute("lang", "vi")
        await page.goto(url)
        await expect(page.locator("html")).to_have_attribute("lang", "vi")


async def test_no_interval_loses_its_bounds(open_page: Opener) -> None:
    """On the page they are rounded outwards, and as fine as it takes to tell them apart."""
    async with serving(Stage()) as url:
        page = await open_page(url)
        pairs = [
            [14398, 14425],
            [14401, 14403.6],
            [14400, 14400],
            [80.96, 81.04],
            [2.0104, 2.0106],
            [0, 0],
            [172790, 172810],
        ]
        ask = "async (pairs) => { const { within } = await import('/static/text.js'); return pairs.map(([a, b]) => within(a, b)); }"
        told = [
            tuple(text.replace("\N{NO-BREAK SPACE}", " ") for text in pair) for pair in await page.evaluate(ask, pairs)
        ]
        assert told == [
            ("3h 59m 58s", "4h 25s"), ("4h 1s", "4h 4s"), ("4h", "4h"), ("1m 20.96s", "1m 21.04s"), ("2.010s", "2.011s"),
            ("0.000s", "0.000s"), ("47h 59m 50s", "2d 10s"),
        ]  # fmt: skip
        up = """async () => {
            const { atMost, portion } = await import('/static/text.js');
            return [atMost(14425), atMost(14400), atMost(2.001), portion(0.996), portion(0.9999), portion(4 / 6), portion(0)];
        }"""
        shown = [text.replace("\N{NO-BREAK SPACE}", " ") for text in await page.evaluate(up)]
        assert shown == ["4h 1m", "4h", "2.01s", "99.6%", "99.9%", "66.6%", "0%"]

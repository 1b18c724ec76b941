"""The real exporter on two real sites: what the page shows is what the exporter knows, when it knows it."""

import asyncio
import json
import math
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from exporter.demo.pair import AWAY, HOME
from tests.browser.chromium import MARKS
from tests.browser.conftest import Opener
from tests.exporter.rig import Exporter, Sites
from tests.servers import PASSWORD, PostgresPair, postgres_missing

pytestmark = [pytest.mark.alone, *MARKS]

LATER = 20_000


Deed = Callable[[], Awaitable[object]]


async def test_a_failover_on_the_page(exporter: Exporter, sites: Sites, open_page: Opener) -> None:
    """Healthy, kill, outage with a running countdown, promotion, recovery; then the incident's page has the ledger's numbers."""
    await follow(exporter, sites.system(), open_page, sites.kill, sites.promote)


@pytest.mark.postgres
@pytest.mark.skipif(bool(postgres_missing()), reason=postgres_missing() or "PostgreSQL is there")
async def test_a_failover_of_postgresql_on_the_page(exporter: Exporter, open_page: Opener, tmp_path: Path) -> None:
    """The same of a real primary that is killed, and a real standby that is promoted."""
    (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
    pair = await asyncio.to_thread(PostgresPair().__enter__)
    try:
        databases = {
            site: {"database": {"postgres": {"dsn": server.dsn(), "password_file": "password"}}}
            for site, server in ((HOME, pair.primary), (AWAY, pair.standby))
        }
        system = {
            "home": HOME,
            "objectives": {"rto": "30s", "rpo": "5s"},
            "components": {"database": {"critical": True, "canary": {"every": "200ms"}}},
            "sites": databases,
        }
        await follow(exporter, system, open_page, to_thread(pair.kill), to_thread(pair.promote))
    finally:
        await exporter.kill()
        await asyncio.to_thread(pair.__exit__, None, None, None)


def to_thread(deed: Callable[[], object]) -> Deed:
    """What blocks, for a test that goes on listening to its browser."""
    return lambda: asyncio.to_thread(deed)


async def follow(exporter: Exporter, system: dict[str, Any], open_page: Opener, kill: Deed, promote: Deed) -> None:
    """One failover of "orders", as it is seen on the wall and then on the page of its incident."""
    exporter.configure({"orders": system})
    await exporter.start()
    await exporter.until_state("healthy")
    page = await open_page(exporter.url)
    card = page.locator(".card[data-system=orders]")
    await expect(card.locator(".word").first).to_have_text("Healthy")
    await expect(card.locator(".site.serving")).to_contain_text(HOME)
    await expect(card.locator(".site.ready")).to_contain_text(AWAY, timeout=LATER)
    await kill()
    await exporter.until_state("outage")
    knew = time.monotonic()
    await expect(card.locator(".digits")).to_be_visible(timeout=LATER)
    print(f"the card turned {1000 * (time.monotonic() - knew):.0f} ms after the API told the outage")
    await counts_down(exporter, card.locator(".digits"))
    await promote()
    closed = (await exporter.closed())[0]
    await expect(card.locator(".word").first).to_have_text("Degraded", timeout=LATER)  # no standby is left
    await expect(card.locator(".site.serving")).to_contain_text(AWAY)
    await page.goto(f"{exporter.url}/incidents/{closed['id']}")
    await expect(page.locator(".kind")).to_contain_text(f"failover · {HOME} → {AWAY}")
    await has_the_numbers(exporter, page, closed)
    await page.goto(f"{exporter.url}/systems/orders")
    await expect(page.locator("[data-part=incidents] tbody tr")).to_have_count(1)
    await expect(page.locator("[data-part=checklist] tbody tr").nth(1)).to_contain_text("proven")
    exporter.whole()


async def counts_down(exporter: Exporter, shown: Locator) -> None:
    """The countdown runs, and is the objective less the exporter's clock."""
    left = await shown.inner_text()
    await expect(shown).not_to_have_text(left)
    told = (await exporter.system())["rto_seconds"]
    minutes, seconds = (await shown.inner_text()).split(":")
    assert abs(30 - told - (60 * int(minutes) + int(seconds))) < 3


async def has_the_numbers(exporter: Exporter, page: Page, closed: dict[str, Any]) -> None:
    """The incident's page shows the bounds and counts that /metrics and the ledger have."""
    metrics = await exporter.metrics()
    with sqlite3.connect(f"file:{exporter.ledger}?mode=ro", uri=True) as db:
        (text,) = db.execute("SELECT data FROM records WHERE kind = 'incident'").fetchone()
    recorded = json.loads(text)
    assert recorded["id"] == closed["id"]
    for place, figure in enumerate(("rto", "rpo")):
        words = await page.locator(".measured").nth(place).inner_text()
        for bound in ("estimate", "lower", "upper"):
            value = metrics.value(f"dr_last_{figure}_seconds", system="orders", bound=bound)
            assert value is not None
            assert value == pytest.approx(recorded[figure][bound], abs=1e-6)  # whole microseconds are told
            digits = 3 if value < 10 else 1
            steps = round(value * 10**digits, 3)
            outwards = {"lower": math.floor(steps), "upper": math.ceil(steps)}  # it never flatters
            shown = f"{outwards.get(bound, round(steps)) / 10**digits:.{digits}f}s"
            assert shown in words, f"{words} has no {bound} {value}"
    worked = page.locator("dt", has_text="Working parts at the worst").locator("xpath=following-sibling::dd[1]")
    assert await worked.inner_text() == f"{100 * recorded['functional_ratio']:.0f}%"
    counts = await page.locator(".measured").nth(2).locator("dd").all_inner_texts()
    assert counts == [str(recorded["markers"][key]) for key in ("lost", "surviving", "indeterminate")]


async def test_an_exporter_that_dies_and_comes_back(exporter: Exporter, sites: Sites, open_page: Opener) -> None:
    """After SIGKILL the page says so and greys out; after the restart it goes on by itself, with the same outage."""
    exporter.configure({"orders": sites.system()})
    await exporter.start()
    await exporter.until_state("healthy")
    await sites.kill()
    await exporter.until_state("outage")
    page = await open_page(exporter.url)
    await expect(page.locator(".card.outage .digits")).to_be_visible(timeout=LATER)
    await exporter.kill()
    await expect(page.locator(".warning.lost")).to_be_visible(timeout=LATER)
    await expect(page.locator("main")).to_have_class("stale")
    await exporter.start()
    await expect(page.locator(".warning.lost")).to_have_count(0, timeout=LATER)
    await expect(page.locator(".card.outage .digits")).to_be_visible(timeout=LATER)
    await expect(page.locator("main")).not_to_have_class("stale")

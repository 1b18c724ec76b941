"""The real exporter on two real sites: what the page shows is what the exporter knows, when it knows it."""

import time

import pytest
from playwright.async_api import expect

from exporter.demo.pair import AWAY, HOME
from tests.browser.chromium import MARKS
from tests.browser.conftest import Opener
from tests.exporter.rig import Exporter, Sites

pytestmark = MARKS

LATER = 20_000


async def test_a_failover_on_the_page(exporter: Exporter, sites: Sites, open_page: Opener) -> None:
    """Healthy, kill, outage with a running countdown, promotion, recovery; then the incident's page has the ledger's numbers."""
    exporter.configure({"orders": sites.system()})
    await exporter.start()
    await exporter.until_state("healthy")
    page = await open_page(exporter.url)
    card = page.locator(".card[data-system=orders]")
    await expect(card.locator(".word").first).to_have_text("Healthy")
    await expect(card.locator(".site.serving")).to_contain_text(HOME)
    await expect(card.locator(".site.ready")).to_contain_text(AWAY, timeout=LATER)
    await sites.kill()
    await exporter.until_state("outage")
    knew = time.monotonic()
    await expect(card.locator(".digits")).to_be_visible(timeout=LATER)
    print(f"the card turned {1000 * (time.monotonic() - knew):.0f} ms after the API told the outage")
    left = await card.locator(".digits").inner_text()
    await expect(card.locator(".digits")).not_to_have_text(left)
    told = (await exporter.system())["rto_seconds"]
    minutes, seconds = (await card.locator(".digits").inner_text()).split(":")
    assert abs(30 - told - (60 * int(minutes) + int(seconds))) < 3, (
        "the countdown is the objective less the exporter's clock"
    )
    await sites.promote()
    closed = (await exporter.closed())[0]
    await expect(card.locator(".word").first).to_have_text("Degraded", timeout=LATER)  # no standby is left
    await expect(card.locator(".site.serving")).to_contain_text(AWAY)
    await page.goto(f"{exporter.url}/incidents/{closed['id']}")
    await expect(page.locator(".kind")).to_contain_text(f"failover · {HOME} → {AWAY}")
    metrics = await exporter.metrics()
    for figure, metric in ((0, "dr_last_rto_seconds"), (1, "dr_last_rpo_seconds")):
        bounds = [metrics.value(metric, system="orders", bound=bound) for bound in ("estimate", "lower", "upper")]
        words = await page.locator(".measured").nth(figure).inner_text()
        assert all(bound is not None and f"{bound:.3f}s" in words for bound in bounds), f"{words} has {bounds}"
    assert metrics.value("dr_last_rto_seconds", system="orders", bound="upper") == pytest.approx(
        closed["rto"]["upper"], rel=1e-6
    )
    counts = await page.locator(".measured").nth(2).locator("dd").all_inner_texts()
    assert counts == [str(closed["markers"][key]) for key in ("lost", "surviving", "indeterminate")]
    await page.goto(f"{exporter.url}/systems/orders")
    await expect(page.locator("[data-part=incidents] tbody tr")).to_have_count(1)
    exporter.whole()


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

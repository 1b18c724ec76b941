"""What changes something: only by fetch, with a token that somebody typed, and what was answered is said."""

from playwright.async_api import expect

from tests.browser.chromium import MARKS
from tests.browser.conftest import Opener
from tests.exporter.rig import Exporter, Sites

pytestmark = MARKS

LATER = 20_000


async def test_a_drill_from_the_page(exporter: Exporter, sites: Sites, open_page: Opener) -> None:
    """Without the token nothing starts; with it a drill runs, shows on the wall, is stopped and signed off, all in the ledger."""
    exporter.config.with_name("token").write_text("s3cret", encoding="utf-8")
    exporter.configure({"orders": sites.system()}, api={"token_file": "token"})
    await exporter.start()
    await exporter.until_state("healthy")
    page = await open_page(f"{exporter.url}/drills")
    await page.fill("#start [name=operator]", "ops <lead>")
    await page.fill("#start [name=reason]", "quarterly")
    await page.click("#start button")
    await expect(page.locator(".said")).to_contain_text("Type the token first")
    await page.fill("#token input", "wrong")
    await page.click("#start button")
    await expect(page.locator(".said")).to_contain_text("the bearer token is missing or wrong")
    await page.fill("#token input", "s3cret")
    await page.click("#start button")
    await expect(page.locator("#list tbody tr")).to_contain_text("ops <lead>", timeout=LATER)
    wall = await open_page(exporter.url)
    await expect(wall.locator(".card.drill .badge")).to_have_text("Drill", timeout=LATER)
    await page.click("#list button")
    await expect(page.locator("#list tbody tr button")).to_have_text("Sign off", timeout=LATER)
    await expect(wall.locator(".card.drill")).to_have_count(0, timeout=LATER)
    await page.click("#list button")
    await page.fill("#signing [name=by]", "risk officer")
    await page.click("#signing button")
    await expect(page.locator("#list tbody tr")).to_contain_text("risk officer", timeout=LATER)
    assert {line.kind for line in exporter.records()} >= {"drill_started", "drill_stopped", "drill_signed"}
    exporter.whole()
    assert "s3cret" not in await page.content()


async def test_marks_from_the_page(exporter: Exporter, sites: Sites, open_page: Opener) -> None:
    """A corrective action and a sign-off are told while the outage runs, and stand on the incident's page and in the ledger."""
    exporter.config.with_name("token").write_text("s3cret", encoding="utf-8")
    exporter.configure({"orders": sites.system()}, api={"token_file": "token"})
    await exporter.start()
    await exporter.until_state("healthy")
    await sites.kill()
    incident = (await exporter.until_state("outage"))["incident"]["id"]
    page = await open_page(f"{exporter.url}/incidents/{incident}")
    await page.click(".marking summary")
    await page.fill(".marking input[type=password]", "s3cret")
    await page.select_option(".marking select[name=kind]", "action")
    await page.fill(".marking [name=by]", "Lee")
    await page.fill(".marking [name=text]", "<b>more bandwidth</b>")
    await page.fill(".marking [name=owner]", "network")
    await page.fill(".marking [name=due]", "2031-05-06")
    await page.click(".marking button")
    await expect(page.locator("#incident")).to_contain_text("<b>more bandwidth</b>", timeout=LATER)
    await expect(page.locator("#incident")).to_contain_text("May 6, 2031")
    await page.select_option(".marking select[name=kind]", "sign_off")
    await page.fill(".marking [name=role]", "CISO")
    await page.click(".marking button")
    await expect(page.locator(".signed")).to_contain_text("CISO", timeout=LATER)
    assert len(exporter.records("mark")) == 2
    exporter.whole()

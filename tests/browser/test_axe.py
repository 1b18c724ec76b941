"""Everybody can use it: axe-core finds nothing, on any page, in light and dark, in languages that differ most."""

from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import expect

from exporter.core.drill import Order
from exporter.core.marks import Mark, MarkKind
from tests.browser.chromium import MARKS
from tests.browser.company import full_stage
from tests.browser.conftest import Opener
from tests.web.fakes import Stage, serving

pytestmark = MARKS

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
"""axe-core (MPL-2.0), as the PyPI package brings it."""
PAGES = {"/": ".card.large", "/systems/shop": "#sections .panel", "/incidents/01JB2K": ".waterfall"}
"""Path -> what is there once it is whole."""
MORE = {
    "/systems/chat": "#sections .panel",
    "/incidents/01JB9Z": ".waterfall",
    "/drills": "#list tbody tr",
    "/systems/none": "h1",
}
"""The same, for pages that differ only in what they show."""
MARKS_OF_PEOPLE: dict[MarkKind, dict[str, str | None]] = {
    MarkKind.DECIDED: {"under": "plan 3", "text": "no hope for hk"},
    MarkKind.NOTE: {"text": "the line was cut"},
    MarkKind.ACTION: {"text": "a second line", "owner": "network", "due": "2031-05-06", "done": None},
    MarkKind.RECLASSIFIED: {"as": "third_party", "reason": "the carrier"},
    MarkKind.SIGN_OFF: {"role": "CISO", "text": "seen"},
}
BY_SCHEME = "{runOnly: ['color-contrast', 'link-in-text-block'], resultTypes: ['violations']}"
"""What light and dark can change."""


@pytest.mark.parametrize(
    ("locale", "paths"), [("en", PAGES | MORE), ("zh-CN", PAGES), ("ar", PAGES)], ids=["en", "zh", "ar"]
)
async def test_axe_finds_nothing(open_page: Opener, locale: str, paths: dict[str, str]) -> None:
    """Contrast in light and in dark, names, roles, order of headings, languages: no violation."""
    stage = full_stage()
    await people(stage)
    async with serving(stage) as url:
        found: list[str] = []
        page = await open_page(url, locale=locale, color_scheme="light", bypass_csp=True, reduced_motion="reduce")
        for path, whole in paths.items():
            await page.emulate_media(color_scheme="light")
            await page.goto(url + path)
            await expect(page.locator(whole).first).to_be_visible()
            await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            await page.evaluate(AXE)
            found += told(path, await page.evaluate("axe.run(document, {resultTypes: ['violations']})"))
            await page.emulate_media(color_scheme="dark")
            found += told(f"{path} in the dark", await page.evaluate(f"axe.run(document, {BY_SCHEME})"))
        assert not found, "\n".join(found)


async def people(stage: Stage) -> None:
    """A drill that runs, one that was stopped and signed off, and everything that can be said of an incident."""
    acts, shop = stage.backend().people, stage.snapshot.systems["shop"].state
    await acts.start_drill("orders", Order("site_loss", "ops", "quarterly", "sg serves", 900.0))
    assert shop.drill is not None
    await acts.stop_drill("shop", shop.drill.id, "ops", "as expected")
    await acts.sign_drill("shop", shop.drill.id, "risk officer", "CRO", "seen")
    for number, (kind, details) in enumerate(MARKS_OF_PEOPLE.items()):
        await acts.mark("orders", "01JB2K", Mark(f"mark-{number}", kind, "Lee", stage.now.wall, details))


def told(where: str, results: dict[str, Any]) -> list[str]:
    """Each violation with the first elements that have it."""
    return [
        f"{where}: {one['id']}: {one['help']}: {node['html'][:160]} {node['failureSummary'][:400]}"
        for one in results["violations"]
        for node in one["nodes"][:3]
    ]

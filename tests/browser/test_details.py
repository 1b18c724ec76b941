"""The pages of a system and of an incident in a real browser: what they say is what the API tells, and no more."""

import re
from dataclasses import replace

from playwright.async_api import expect

from exporter.core.model import Component, Part
from exporter.core.past import Counters
from exporter.core.snapshot import Watched
from exporter.core.state import SystemState
from tests.browser.chromium import MARKS
from tests.browser.conftest import Opener
from tests.core.filming import SYSTEM, film, moment
from tests.metrics import scenes
from tests.web.fakes import Stage, serving

pytestmark = MARKS

LATER = 15_000
"""Milliseconds within which a change must have come, on the busiest machine."""


def only(state: SystemState) -> Watched:
    """The system "orders" in this condition."""
    return scenes.watched(scenes.system(), state)


async def test_an_overspent_budget_says_by_how_much(open_page: Opener) -> None:
    """The list of promises has the words of the card, and not "0s"."""
    day = int(scenes.NOW.wall // 86400)
    spent = replace(scenes.healthy(scenes.system()), counters=Counters(down_days={day: 0.0001 * 365 * 86400 + 18000}))
    async with serving(Stage(snapshot=scenes.snapshot(only(spent)))) as url:
        page = await open_page(f"{url}/systems/orders")
        await expect(page.locator(".facts .over dd")).to_have_text("spent, 5h over", timeout=LATER)
        await expect(page.locator("[data-part=promises] .bad")).to_have_text("spent, 5h over (5h 52m used in 365d)")


async def test_the_store_furthest_behind_decides(open_page: Opener) -> None:
    """Of the database and a cache that is nearly even the database is marked, and nothing else."""
    of = scenes.system()
    system = replace(of, components={**of.components, "cache": Component("cache", critical=True, stateful=True)})
    state = scenes.healthy(of)
    behind = state.sources["sg", "database", "streaming"]
    stores = [replace(behind, at=scenes.NOW.mono - 60), replace(behind, component="cache")]
    state = replace(state, sources={(one.site, one.component, one.source): one for one in stores})
    cache = Part("sg", "cache")
    watched = replace(scenes.watched(of, state), system=replace(system, parts=of.parts | {cache}))
    async with serving(Stage(snapshot=scenes.snapshot(watched))) as url:
        page = await open_page(f"{url}/systems/orders")
        rows = page.locator("[data-part=points] tbody tr")
        await expect(rows).to_have_text(
            [re.compile("database.*decides"), re.compile(r"cache(?!.*decides)")], timeout=LATER
        )


async def test_the_age_of_a_recovery_point_is_never_empty(open_page: Opener) -> None:
    """It is drawn anew each second, and must not wait for the clock to be written."""
    async with serving(Stage(snapshot=scenes.snapshot(only(scenes.healthy(scenes.system()))))) as url:
        page = await open_page(f"{url}/systems/orders")
        await expect(page.locator("[data-part=points] tbody tr").first).to_be_visible(timeout=LATER)
        drawn = await page.evaluate(
            """async () => {
                const sections = await import(new URL("sections.js", document.querySelector("script[src$='system.js']").src));
                const point = { site: "sg", component: "database", source: "canary", at: 100, refuted: false, decides: true, lag_bytes: null };
                return sections.points({ recovery_points: [point] }, 103).querySelector("time").textContent;
            }"""
        )
        assert drawn == "3.0s"


async def test_a_split_brain_outside_of_an_incident_has_its_runbook(open_page: Opener) -> None:
    """Both sites take writes, and service never stopped: its runbook is linked while that lasts."""
    shown = film("hhhbbbb")
    assert shown.state.incident is None
    stage = Stage(snapshot=scenes.snapshot(Watched(SYSTEM, shown.state)), now=moment(8.0))
    async with serving(stage) as url:
        page = await open_page(f"{url}/systems/orders")
        links = page.locator("[data-part=runbooks] a")
        await expect(links.get_by_text("DrSplitBrain")).to_be_visible(timeout=LATER)
        stage.snapshot = scenes.snapshot(Watched(SYSTEM, film("hhhhhhh").state))
        await expect(links.get_by_text("DrSplitBrain")).to_have_count(0, timeout=LATER)


async def test_a_system_that_is_removed_is_not_shown_on(open_page: Opener) -> None:
    """A reload takes it out: the page says so, greys out and is no longer "Healthy" in its title; put back, it goes on."""
    there = scenes.snapshot(only(scenes.healthy(scenes.system())))
    stage = Stage(snapshot=there)
    async with serving(stage) as url:
        page = await open_page(f"{url}/systems/orders")
        await expect(page).to_have_title(re.compile("1 Healthy"), timeout=LATER)
        stage.snapshot = scenes.snapshot()
        await expect(page.locator(".warning")).to_have_text("No system of this name is watched", timeout=LATER)
        await expect(page.locator("main")).to_have_class("stale")
        await expect(page).not_to_have_title(re.compile("Healthy"))
        await expect(page.locator("#favicon")).to_have_attribute("href", "/static/icon-unknown.svg")
        await expect(page.locator("#health")).to_have_text(re.compile("exporter well"))
        stage.snapshot = there
        await expect(page.locator(".warning")).to_have_count(0, timeout=LATER)
        await expect(page.locator("main")).not_to_have_class("stale")
        await expect(page).to_have_title(re.compile("1 Healthy"))


async def test_an_incident_that_is_gone_has_no_clock(open_page: Opener) -> None:
    """Its system was removed while it ran: what is said of that stays, and no clock runs over it."""
    stage = Stage()
    async with serving(stage) as url:
        page = await open_page(f"{url}/incidents/01JB9Z")
        timer = page.locator("#incident [role=timer]")
        await expect(timer).to_be_visible(timeout=LATER)
        stage.snapshot = scenes.snapshot(only(scenes.healthy(scenes.system())))
        await expect(page.locator("#incident .empty")).to_contain_text("no incident", timeout=LATER)
        await expect(page.locator(".marking")).to_have_count(0)
        for _ in range(8):
            assert await timer.count() == 0
            await page.wait_for_timeout(150)

"""The live checklist of a system, and where the pages lead to."""

import json
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from exporter.core.checklist import CHECKS
from exporter.core.drill import Measurement
from tests.metrics import scenes
from tests.web.fakes import Stage, serving
from tests.web.test_server import ask_json

GRAFANA = "https://example.com/grafana"


async def told(stage: Stage, name: str) -> dict[str, Any]:
    """By check, the line."""
    found = (await ask_json(stage, f"/api/v1/systems/{name}/checklist"))["items"]
    assert tuple(line["check"] for line in found) == CHECKS
    return {line["check"]: line for line in found}


async def test_each_line_by_itself() -> None:
    """What was measured, drilled, seen and confirmed, each with its reason."""
    stage = Stage(snapshot=scenes.everything())
    shop = stage.snapshot.systems["shop"]
    measured = {
        "rto": Measurement(scenes.NOW.mono - 60, "A", "met"),
        "rpo": Measurement(scenes.NOW.mono - 60, "A", "missed"),
    }
    after = {**stage.snapshot.systems, "shop": replace(shop, state=replace(shop.state, measured=measured))}
    stage.snapshot = replace(stage.snapshot, systems=after)
    lines = await told(stage, "shop")
    assert {name: (line["standing"], line["reason"], line["details"]) for name, line in lines.items()} == {
        "objective_set": ("proven", "objectives_set", []),
        "rto_measured": ("proven", "measured_met", ["A"]),
        "rpo_measured": ("failed", "measured_missed", ["A"]),
        "drilled_in_time": ("proven", "drilled", []),
        "standby_ready": ("missing", "no_standby_seen", []),
        "backup_verified": ("missing", "backup_unseen", ["bucket"]),
        "permissions_checked": ("missing", "no_permission_check", []),
        "deputies_confirmed": ("missing", "no_deputy", ["nobody asked"]),
    }
    assert lines["rto_measured"]["at"] == scenes.NOW.wall - 60


async def test_how_long_a_contact_holds_is_configured_once() -> None:
    """The list of contacts and the checklist go by the same rule."""
    contact = replace(scenes.CONTACTS[0], confirmed=scenes.NOW.wall - 100)
    for holds, stale in ((101.0, False), (99.0, True)):
        exporter = replace(scenes.EXPORTER, contacts=(contact,), contacts_confirmed_for=holds)
        stage = Stage(snapshot=replace(scenes.usual(), exporter=exporter))
        assert (await ask_json(stage, "/api/v1/contacts"))["items"][0]["stale"] is stale
        standing = (await told(stage, "orders"))["deputies_confirmed"]["standing"]
        assert standing == ("stale" if stale else "proven")


async def test_a_system_that_is_not_watched() -> None:
    """It has no checklist."""
    async with (
        serving(Stage()) as url,
        aiohttp.ClientSession() as session,
        session.get(f"{url}/api/v1/systems/none/checklist") as answer,
    ):
        assert answer.status == 404
        assert "no system of this name" in json.loads(await answer.text())["error"]


@pytest.mark.parametrize("address", ["", GRAFANA])
async def test_links_to_the_boards(address: str) -> None:
    """Where the address is configured, the system's page leads to its board, and the wall to the overview; else nowhere."""
    watched = scenes.watched(of := scenes.system("a&b /c"), scenes.healthy(of))
    stage = Stage(snapshot=scenes.snapshot(watched, exporter=replace(scenes.EXPORTER, grafana_url=address)))
    async with serving(stage) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/systems/a%26b%20%2Fc") as answer:
            page = await answer.text()
        async with session.get(url) as answer:
            wall = await answer.text()
    assert (f'href="{GRAFANA}/d/dr-system?var-system=a%26b%20%2Fc"' in page) is bool(address)
    assert (f'href="{GRAFANA}/d/dr-overview"' in wall) is bool(address)
    assert ("/d/dr-" in wall + page) is bool(address)

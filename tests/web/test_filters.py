"""Which systems and incidents are listed, and which contacts are stale."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from exporter.core.contacts import CONFIRMED_FOR, is_stale
from exporter.core.timeline import incident_json
from tests.metrics import scenes
from tests.web.fakes import Stage
from tests.web.test_server import ask_json

DAY = 86400.0


def closed(number: int, kind: str, at: float, drill: str | None = None) -> dict[str, Any]:
    """A closed incident of 31 s that began `at` seconds after the present of the scenes, as the ledger gives it."""
    told = incident_json(scenes.failover(scenes.NOW.mono + at), scenes.NOW)
    return {**told, "n": number, "id": f"id-{number}", "kind": kind, "drill": drill}


HISTORY = [
    closed(9, "failover", -DAY),
    closed(8, "outage_in_place", -2 * DAY, "drill-7"),
    closed(7, "blip", -3 * DAY),
    closed(6, "failback", -4 * DAY, "drill-7"),
    closed(5, "failover", -5 * DAY),
]
NOW = scenes.NOW.wall


async def listed(query: str) -> list[str]:
    stage = Stage()
    stage.ledger.closed = HISTORY
    return [item["id"] for item in (await ask_json(stage, f"/api/v1/incidents?{query}"))["items"]]


async def test_one_that_closes_meanwhile_is_listed_once() -> None:
    """The ledger has it closed already, and it is still shown as open: it is closed."""
    stage = Stage()
    stage.ledger.closed = [{**HISTORY[0], "id": "01JB9Z"}, *HISTORY[1:]]
    items = (await ask_json(stage, "/api/v1/incidents"))["items"]
    assert [(item["id"], item["open"]) for item in items][:2] == [("01JB9Z", False), ("id-8", False)]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["01JB9Z", "id-9", "id-8", "id-6", "id-5"]),
        ("kind=failover", ["id-9", "id-5"]),
        ("kind=failover&kind=failback", ["id-9", "id-6", "id-5"]),
        ("kind=outage", ["01JB9Z"]),
        ("kind=blip", ["id-7"]),
        ("kind=blip&kind=failback", ["id-7", "id-6"]),
        (f"from={NOW - 2.5 * DAY}", ["01JB9Z", "id-9", "id-8"]),
        (f"from={NOW - 2 * DAY + 20}&to={NOW - 2 * DAY + 21}", ["id-8"]),
        (f"from={NOW - 2 * DAY + 32}&to={NOW - DAY - 1}", []),
        (f"to={NOW - 2.5 * DAY}&blips=true", ["id-7", "id-6", "id-5"]),
        ("from=2025-10-07T08:00:00Z&to=2025-10-08T16:00:00%2B08:00", ["id-8"]),
        ("from=2025-10-07T08:00:00Z&to=2025-10-08T16:00:00+08:00", ["id-8"]),
        ("drill=true", ["id-8", "id-6"]),
        ("drill=false", ["01JB9Z", "id-9", "id-5"]),
        ("drill=drill-7&kind=failback", ["id-6"]),
        ("drill=drill-8", []),
        ("system=chat", ["01JB9Z"]),
    ],
)
async def test_incidents_are_filtered(query: str, ids: list[str]) -> None:
    """All filters have to fit; the times are those between which an incident lasted."""
    assert await listed(query) == ids


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("incidents?kind=fire", "kind is not usable; give one of outage, blip, outage_in_place,"),
        ("incidents?from=yesterday", "from is not usable; give Unix seconds, or a time like 2026-10-01T08:00:00Z"),
        ("incidents?to=2026-10-01T08:00:00", "to is not usable; give Unix seconds,"),
        ("incidents?to=2026-10-01", "to is not usable; give Unix seconds,"),
        ("incidents?to=nan", "to is not usable; give Unix seconds,"),
        ("incidents?to=1e12", "to is not usable; give Unix seconds,"),
        (
            "systems?state=sick",
            "state is not usable; give one of healthy, degraded, suspected, outage, recovering, unknown",
        ),
        ("systems?limit=0", "limit is not usable; give a whole number from 1 to 10000"),
        ("systems?cursor=x", "cursor is not usable; give a whole number from the `next` of the page before"),
    ],
)
async def test_what_is_not_usable_is_said(path: str, sentence: str) -> None:
    """400, and what would be right."""
    assert (await ask_json(Stage(), f"/api/v1/{path}", 400))["error"].startswith(sentence)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["orders", "chat", "records"]),
        ("state=outage&state=unknown", ["chat", "records"]),
        ("tier=critical&site=sg&state=healthy", ["orders"]),
        ("tier=none", []),
        ("system=orders&system=records", ["orders", "records"]),
    ],
)
async def test_systems_are_filtered(query: str, names: list[str]) -> None:
    """By tier, site, name and state."""
    told = await ask_json(Stage(), f"/api/v1/systems?{query}")
    assert ([item["name"] for item in told["items"]], told["next"]) == (names, None)


async def test_pages_of_systems_are_stable() -> None:
    """Each once, in the order of the configuration, though one changes its state between two pages."""
    systems = [scenes.system(f"s{number}") for number in range(7)]
    stage = Stage(snapshot=scenes.snapshot(*(scenes.watched(of, scenes.healthy(of)) for of in systems)))
    names: list[str] = []
    cursor = ""
    for page in itertools.count():
        told = await ask_json(stage, f"/api/v1/systems?limit=3&state=healthy{cursor}")
        names += [item["name"] for item in told["items"]]
        if told["next"] is None:
            break
        cursor = f"&cursor={told['next']}"
        broken = systems[page]
        changed = {**stage.snapshot.systems, broken.name: scenes.watched(broken, scenes.outage(broken))}
        stage.snapshot = scenes.snapshot(*changed.values())
    assert names == [of.name for of in systems]


async def test_contacts() -> None:
    """Who, who else, until when that was sure, and whether it still is."""
    told = await ask_json(Stage(snapshot=scenes.everything()), "/api/v1/contacts")
    assert told == {
        "items": [
            {
                "name": "DR commander",
                "who": "ops-lead@example.com",
                "deputies": ["ops-2@example.com"],
                "confirmed": "2025-10-08",
                "stale": False,
            },
            {"name": "nobody asked", "who": "somebody", "deputies": [], "confirmed": None, "stale": True},
        ],
        "next": None,
    }


def test_a_confirmation_grows_stale() -> None:
    """After half a year, and not a day before."""
    contact = replace(scenes.CONTACTS[0], confirmed=scenes.NOW.wall - CONFIRMED_FOR)
    assert not is_stale(contact, NOW, CONFIRMED_FOR)
    assert is_stale(replace(contact, confirmed=NOW - CONFIRMED_FOR - 1), NOW, CONFIRMED_FOR)

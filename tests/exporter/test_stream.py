"""The stream of the whole exporter: what breaks is told at once, to many, and the looks do not notice."""

import asyncio
import json
from typing import Any

import jsonschema_rs

from exporter.demo.pair import HOME
from exporter.web.openapi import OPENAPI
from tests.bench.listeners import listen
from tests.bench.streams import lateness_of
from tests.exporter.rig import Exporter, Sites, until
from tests.web.streams import Listener, listening

STREAMS = 200
LATE = 1.0
"""Seconds; far more than it takes, for machines that do much else."""


async def heard(listener: Listener, state: str) -> tuple[dict[str, Any], float]:
    """The summary that tells this state first, and how many seconds after the exporter knew, by its own clock."""
    while True:
        event = await listener.next()
        for item in event.data["items"]:
            if item["state"] == state:
                return item, event.data["exporter"]["now"] - item["since"]


async def test_what_breaks_is_told_at_once(exporter: Exporter, sites: Sites) -> None:
    """Doubt, outage and recovery arrive well within a second of being known, with the incident's id; after the exporter was
    killed and started again a new stream begins with the same incident."""
    exporter.configure({"orders": sites.system(cost_per_minute={"amount": 60, "currency": "USD"})})
    await exporter.start()
    await exporter.until_state("healthy")
    async with listening(exporter.url) as listener:
        hello = await listener.next()
        assert (hello.name, hello.data["items"][0]["state"]) == ("hello", "healthy")
        await sites.kill()
        _, doubted = await heard(listener, "suspected")
        outage, known = await heard(listener, "outage")
        print(f"told after {doubted * 1000:.0f} and {known * 1000:.0f} ms")
        assert max(doubted, known) < LATE
        assert outage["cost"]["amount"] > 0
        await exporter.kill()
    await exporter.start()
    async with listening(exporter.url) as listener:
        (item,) = (await listener.next()).data["items"]
        assert item["incident"]["id"] == outage["incident"]["id"]
        await sites.start_site(HOME)
        item, known = await heard(listener, "healthy")
        assert known < LATE
    (closed,) = await exporter.closed()
    assert item["last"]["id"] == closed["id"]
    # What the closed incident took from the budget is its upper bound, less the absence of the exporter in it.
    counted = closed["rto"]["upper"] - closed["blind_seconds"]
    assert abs(item["budget"]["downtime_seconds"] - counted) < 0.01


async def test_many_streams_do_not_make_looks_late(exporter: Exporter, sites: Sites) -> None:
    """All of them hear the outage; looks start when they should, about as before; who left is gone."""
    exporter.configure({"orders": sites.system()})
    await exporter.start()
    await exporter.until_state("healthy")
    before = lateness_of((await exporter.get("/metrics"))[1])
    listeners = await listen(int(exporter.url.rpartition(":")[2]), STREAMS, keep=True)
    await sites.kill()

    async def all_know() -> bool:
        return all(b'"state":"outage"' in one.kept for one in listeners)

    await until(all_know, f"{STREAMS} streams tell the outage")
    after = lateness_of((await exporter.get("/metrics"))[1])
    looks = after.looks - before.looks
    mean = (after.total - before.total) / looks
    print(f"{looks:.0f} looks, {mean * 1000:.1f} ms late on average")
    assert looks > 20
    assert mean < LATE / 4
    for one in listeners:
        one.leave()


async def test_every_answer_is_as_described(exporter: Exporter, sites: Sites) -> None:
    """Healthy, in an outage and after it: systems, incidents, histories and contacts of the real exporter fit openapi.json."""
    contacts = [{"name": "DR commander", "who": "ops@example.com", "deputies": ["b"], "confirmed": "2026-10-01"}]
    exporter.configure({"orders": sites.system()}, contacts=contacts)
    await exporter.start()
    await exporter.until_state("healthy")
    await fits(exporter)
    await sites.kill()
    await exporter.until_state("outage")
    await fits(exporter)
    await sites.start_site(HOME)
    await exporter.closed()
    await fits(exporter)


async def fits(exporter: Exporter) -> None:
    paths = ("systems", "systems/orders", "systems/orders/history", "history", "incidents?blips=true", "contacts")
    for path in (*paths, "ledger/head"):
        status, text = await exporter.get(f"/api/v1/{path}")
        assert status == 200, text
        name = f"/api/v1/{path.partition('?')[0].replace('orders', '{name}')}"
        told = OPENAPI["paths"][name]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        described = {**told, "components": OPENAPI["components"]}
        await asyncio.to_thread(jsonschema_rs.validator_for(described).validate, json.loads(text))

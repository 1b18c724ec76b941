"""`kill -9` of the exporter at any moment: the same incident goes on, and nothing is told twice or forgotten."""

import asyncio
import random
import signal
import time
from functools import partial
from typing import Any

import pytest

from exporter.demo.pair import AWAY, HOME
from exporter.demo.store import Store
from tests.exporter.rig import Exporter, Metrics, Sites, until


def grown(before: Metrics, after: Metrics) -> None:
    """No counter fell or vanished."""
    now = after.counters()
    fallen = {key: (value, now.get(key)) for key, value in before.counters().items() if now.get(key, -1.0) < value}
    assert not fallen


async def reborn(exporter: Exporter) -> None:
    """kill -9, and start again on the same files; counters go on."""
    before = await exporter.metrics()
    await exporter.kill()
    exporter.whole()
    await exporter.start()
    grown(before, await exporter.metrics())


async def test_one_incident_through_every_phase(exporter: Exporter, sites: Sites) -> None:
    """Killed when healthy, suspected, declared, moved and recovering: one incident, one id, one start, one failover."""
    exporter.configure({"orders": sites.system()}, probing={"stable_for": "3s"})
    await exporter.start()
    await exporter.until_state("healthy")
    await reborn(exporter)
    await exporter.until_state("healthy")

    killed = time.time()
    await sites.kill()
    died = time.time()
    suspected = (await exporter.until_state("suspected"))["incident"]
    await reborn(exporter)
    outage = (await exporter.until_state("outage"))["incident"]
    same_start(outage, suspected)
    await reborn(exporter)
    same_start((await exporter.until_state("outage"))["incident"], outage)

    asked = time.time()
    await sites.promote()
    moved = (await exporter.until_state("recovering", "outage"))["incident"]
    await until(lambda: serves_from(exporter, AWAY), f"the role moved to {AWAY}")
    await reborn(exporter)
    recovering = (await exporter.until_state("recovering"))["incident"]
    await reborn(exporter)
    closed = (await exporter.closed())[0]
    assert {one["id"] for one in (suspected, outage, moved, recovering, closed)} == {closed["id"]}
    same_start(closed, outage)
    assert closed["start"]["lower"] <= died + 0.01
    assert closed["start"]["upper"] >= killed - 0.01
    assert closed["end"]["upper"] >= asked
    assert closed["kind"] == "failover"
    assert not closed["inferred"]

    await exporter.until_state("healthy", "degraded")
    metrics = await exporter.metrics()
    assert metrics.total("dr_incidents_total", system="orders") == 1
    assert metrics.total("dr_failovers_total", system="orders") == 1
    await reborn(exporter)
    assert await exporter.stop() == 0
    exporter.whole()
    assert len(exporter.records("failover")) == 1
    assert len(exporter.records("incident")) == 1
    assert not exporter.records("blip")


def same_start(one: dict[str, Any], other: dict[str, Any]) -> None:
    """To the millisecond: the wall clock is written beside the monotonic one anew in each run."""
    assert one["id"] == other["id"]
    assert one["start"] == pytest.approx(other["start"], abs=0.001)


async def serves_from(exporter: Exporter, site: str) -> bool:
    incident = (await exporter.system())["incident"]
    return incident is not None and incident["to_site"] == site


async def test_killed_while_it_writes(exporter: Exporter, sites: Sites) -> None:
    """Killed at random instants while the ledger is busy with outages that begin and end: a whole chain, each ended once."""
    dice = random.Random(7)
    exporter.configure({"orders": sites.system()}, probing={"stable_for": "0s"})
    await exporter.start()
    await exporter.until_state("healthy")
    for _ in range(3):
        flicker = asyncio.create_task(flickering(sites))
        await asyncio.sleep(dice.uniform(0.3, 1.2))
        before = await exporter.metrics()
        await exporter.kill()
        await flicker
        exporter.whole()
        await exporter.start()
        grown(before, await exporter.metrics())
    await exporter.until_state("healthy")
    metrics = await exporter.metrics()
    ended = exporter.records("incident", "blip")
    assert len({record.number for record in ended}) == len(ended)
    ids = [one["id"] for one in await exporter.incidents(blips=True)]
    assert len(ids) == len(set(ids)) == len(ended)
    assert metrics.total("dr_blips_total") == len(exporter.records("blip"))
    assert metrics.total("dr_incidents_total") == len(exporter.records("incident"))


async def flickering(sites: Sites) -> None:
    """The primary freezes and thaws for 1.5 s."""
    for _ in range(3):
        sites.signal(HOME, signal.SIGSTOP)
        await asyncio.sleep(0.4)
        sites.signal(HOME, signal.SIGCONT)
        await asyncio.sleep(0.1)


async def test_markers_go_on_above(exporter: Exporter, sites: Sites) -> None:
    """After kill -9 no marker number is used again."""
    exporter.configure({"orders": sites.system()})
    await exporter.start()
    highest = 0
    for _ in range(3):
        await until(partial(markers_above, sites, highest), "new markers arrive")
        await exporter.kill()
        seqs = await sites.markers("test")
        assert seqs == sorted(set(seqs))
        highest = seqs[-1]
        await exporter.start()
    await exporter.until_state("healthy")


async def markers_above(sites: Sites, seq: int) -> bool:
    return any(found > seq for found in await sites.markers("test"))


async def absent(exporter: Exporter) -> tuple[Metrics, float]:
    """Kill a healthy exporter; returns its last metrics and the wall-clock time at which it still looked."""
    await exporter.until_state("healthy")
    before = await exporter.metrics()
    looked = time.time()
    await exporter.kill()
    return before, looked


async def test_a_failover_while_it_was_away(exporter: Exporter, sites: Sites) -> None:
    """It is found from the epoch, marked inferred, and its wide bounds contain the truth."""
    exporter.configure({"orders": sites.system()})
    await exporter.start()
    before, _ = await absent(exporter)
    killed = time.time()
    await sites.kill()
    await asyncio.sleep(0.5)
    await sites.promote()
    restored = time.time()
    lost = await sites.lost_markers("test")
    await exporter.start()
    grown(before, await exporter.metrics())
    found = (await exporter.closed())[0]
    assert (found["kind"], found["inferred"], found["to_site"]) == ("failover", True, AWAY)
    inside(found["start"], killed)
    inside(found["end"], restored)
    assert found["rto"]["lower"] <= restored - killed <= found["rto"]["upper"]
    assert found["markers"]["lost"] <= (lost or 0) <= found["markers"]["lost"] + found["markers"]["indeterminate"]
    metrics = await exporter.metrics()
    assert metrics.value("dr_failovers_total", system="orders", kind="failover", drill="false") == 1
    assert len(exporter.records("failover")) == 1
    await reborn(exporter)
    assert len(exporter.records("failover")) == 1


def inside(bounds: dict[str, Any], truth: float) -> None:
    assert bounds["lower"] - 0.01 <= truth <= bounds["upper"] + 0.01


async def test_a_switch_and_back_while_it_was_away(exporter: Exporter, sites: Sites) -> None:
    """Only the epoch tells: the same site serves, from another history. Recorded once, as inferred."""
    exporter.configure({"orders": sites.system()})
    await exporter.start()
    before, _ = await absent(exporter)
    killed = time.time()
    await sites.kill()
    store = Store(sites.store(HOME))
    store.begin_epoch("restored")
    store.close()
    await sites.start_site(HOME)
    restored = time.time()
    await exporter.start()
    found = (await exporter.closed())[0]
    assert (found["kind"], found["inferred"]) == ("outage_in_place", True)
    inside(found["start"], killed)
    inside(found["end"], restored)
    grown(before, await exporter.metrics())
    assert len(exporter.records("epoch_changed")) == 1

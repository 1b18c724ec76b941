"""When nobody answers, it is us; when only one is silent, it is that one; and who is merely busy is not dead."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from exporter.demo.pair import AWAY, HOME
from tests.exporter.rig import Exporter, Sites, page, until
from tests.hostile import Server, answer, full_backlog, message, serve
from tests.servers import Proxy


@pytest.fixture
async def shop() -> AsyncIterator[Server]:
    """A page that is always there."""
    async with serve(answer(message(body=b"open"))) as server:
        yield server


class World:
    """Two systems behind proxies, and a reference."""

    def __init__(self, stack: ExitStack, sites: Sites, shop: Server) -> None:
        ports = {name: int(url.rpartition(":")[2]) for name, url in sites.urls.items()}
        self.orders = [stack.enter_context(Proxy(ports[name])) for name in (HOME, AWAY)]
        self.shop = stack.enter_context(Proxy(shop.port))
        self.reference = shop.port
        sites.facade = {
            name: f"http://127.0.0.1:{proxy.port}" for name, proxy in zip((HOME, AWAY), self.orders, strict=True)
        }
        self.systems = {"orders": sites.system(), "shop": page(self.shop.port)}

    def swallow(self) -> None:
        """Connections open, and nothing comes back."""
        for proxy in (*self.orders, self.shop):
            proxy.blackhole()

    def heal(self) -> None:
        for proxy in (*self.orders, self.shop):
            proxy.heal()


@pytest.fixture
def world(sites: Sites, shop: Server) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(stack, sites, shop)


async def is_blind(exporter: Exporter) -> bool:
    return (await exporter.metrics()).value("dr_exporter_blind") == 1


@pytest.mark.parametrize("references", [False, True])
async def test_all_are_silent(exporter: Exporter, world: World, references: bool) -> None:
    """Blind, and nothing else: no outage, no incident, no blip, before, during and after; its seconds are counted."""
    with full_backlog() as dead:
        told = {"references": [f"tcp://127.0.0.1:{dead}"]} if references else {}
        exporter.configure(world.systems, exporter=told)
        await exporter.start()
        for system in world.systems:
            await exporter.until_state("healthy", system=system)
        before = await exporter.metrics()
        assert before.value("dr_exporter_blind") == 0
        world.swallow()
        await until(lambda: is_blind(exporter), "blind")
        blind = await exporter.metrics()
        assert {blind.state(system) for system in world.systems} == {"unknown"}
        at = blind.value("dr_blind_seconds_total", system="shop") or 0.0

        async def counted() -> bool:
            return ((await exporter.metrics()).value("dr_blind_seconds_total", system="shop") or 0.0) > at + 1.5

        await until(counted, "blind seconds are counted")
        still = await exporter.metrics()
        assert {still.state(system) for system in world.systems} == {"unknown"}
        seen = {s: still.value("dr_observed_seconds_total", system=s) for s in world.systems}
        assert seen == {s: pytest.approx(blind.value("dr_observed_seconds_total", system=s)) for s in world.systems}
        world.heal()
        for system in world.systems:
            await exporter.until_state("healthy", system=system)
    after = await exporter.metrics()
    assert after.value("dr_exporter_blind") == 0
    assert await exporter.incidents(blips=True) == []
    assert after.total("dr_blips_total") == after.total("dr_incidents_total") == 0
    assert after.total("dr_downtime_seconds_total") == 0
    assert not exporter.records("incident", "blip", "standby_lost")


async def test_the_references_answer(exporter: Exporter, world: World) -> None:
    """Everything we look at is silent but a reference answers: we see, so those are outages."""
    exporter.configure(world.systems, exporter={"references": [f"tcp://127.0.0.1:{world.reference}"]})
    await exporter.start()
    for system in world.systems:
        await exporter.until_state("healthy", system=system)
    world.swallow()
    for system in world.systems:
        await exporter.until_state("outage", system=system)
    assert (await exporter.metrics()).value("dr_exporter_blind") == 0
    world.heal()
    closed = await exporter.closed(2)
    assert {one["system"] for one in closed} == set(world.systems)
    assert {one["kind"] for one in closed} == {"outage_in_place"}


async def test_one_is_silent(exporter: Exporter, world: World) -> None:
    """One system silent among others that answer: an outage of that one, and not of the other."""
    exporter.configure(world.systems)
    await exporter.start()
    for system in world.systems:
        await exporter.until_state("healthy", system=system)
    world.shop.blackhole()
    await exporter.until_state("outage", system="shop")
    metrics = await exporter.metrics()
    assert metrics.value("dr_exporter_blind") == 0
    assert metrics.state("orders") == "healthy"
    world.shop.heal()
    closed = await exporter.closed()
    assert [one["system"] for one in closed] == ["shop"]
    assert (await exporter.metrics()).total("dr_blips_total", system="orders") == 0


async def test_a_busy_primary_is_not_dead(exporter: Exporter, sites: Sites) -> None:
    """Stopped for less than the policy asks: no failover, no incident, a blip at most."""
    exporter.configure({"orders": sites.system()})
    await exporter.start()
    await exporter.until_state("healthy")
    for _ in range(3):
        sites.signal(HOME, signal.SIGSTOP)
        await asyncio.sleep(0.7)  # the fault itself, not a wait
        sites.signal(HOME, signal.SIGCONT)
        await exporter.until_state("healthy")
    metrics = await exporter.metrics()
    assert metrics.total("dr_incidents_total") == metrics.total("dr_failovers_total") == 0
    assert metrics.total("dr_blips_total") <= 3
    assert await exporter.incidents() == []
    assert metrics.value("dr_downtime_seconds_total", system="orders") == 0

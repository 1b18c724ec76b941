"""When nobody answers, it is us; when only one is silent, it is that one; and who is merely busy is not dead."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from exporter.demo.pair import HOME
from tests.exporter.rig import Exporter, Metrics, Sites, page, until
from tests.hostile import Behaviour, Server, answer, full_backlog, message, serve
from tests.servers import Proxy


@pytest.fixture
async def shop() -> AsyncIterator[Server]:
    """A page that is always there."""
    async with serve(answer(message(body=b"open"))) as server:
        yield server


class Network:
    """What lies between; while it is down connections open, nothing passes, and what was sent arrives when it is up again."""

    def __init__(self) -> None:
        self.up = asyncio.Event()
        self.up.set()

    def to(self, port: int) -> Behaviour:
        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            ways = [asyncio.ensure_future(self._pass(*way)) for way in ((reader, back), (there, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                back.close()  # first: what waits here may be cancelled itself
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                with contextlib.suppress(OSError):
                    await back.wait_closed()

        return relay

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self.up.wait()
            writer.write(data)
            await writer.drain()


class World:
    """Two systems, each behind a network of its own."""

    def __init__(self, systems: dict[str, dict[str, object]], reference: int) -> None:
        self.systems = systems
        self.reference = reference
        self.networks = {name: Network() for name in systems}

    def swallow(self) -> None:
        for network in self.networks.values():
            network.up.clear()

    def heal(self) -> None:
        for network in self.networks.values():
            network.up.set()


@pytest.fixture
async def world(sites: Sites, shop: Server) -> AsyncIterator[World]:
    world = World({"orders": {}, "shop": {}}, shop.port)
    async with AsyncExitStack() as stack:
        for name, url in sites.urls.items():
            relay = world.networks["orders"].to(int(url.rpartition(":")[2]))
            sites.facade[name] = f"http://127.0.0.1:{(await stack.enter_async_context(serve(relay))).port}"
        front = await stack.enter_async_context(serve(world.networks["shop"].to(shop.port)))
        world.systems |= {"orders": sites.system(), "shop": page(front.port)}
        yield world


async def is_blind(exporter: Exporter) -> bool:
    return (await exporter.metrics()).value("dr_exporter_blind") == 1


async def counted(exporter: Exporter, before: Metrics) -> bool:
    """What runs is told as it stood some seconds ago, so this takes a while."""
    names = ("dr_blind_seconds_total", "shop")
    return (await exporter.metrics()).total(names[0], system=names[1]) > before.total(names[0], system=names[1]) + 0.5


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
        if references:
            await until(lambda: counted(exporter, blind), "blind seconds are counted")
        still = await exporter.metrics()
        assert {still.state(system) for system in world.systems} == {"unknown"}
        world.heal()
        for system in world.systems:
            await exporter.until_state("healthy", system=system)
    after = await exporter.metrics()
    assert after.value("dr_exporter_blind") == 0
    assert await exporter.incidents(blips=True) == []
    assert after.total("dr_blips_total") == after.total("dr_incidents_total") == 0
    assert after.total("dr_downtime_seconds_total") == 0
    assert not exporter.records("incident", "blip", "standby_lost")


async def test_blindness_ends_with_resets(exporter: Exporter, shop: Server) -> None:
    """Looks that began in the dark are reset when it ends: they prove nothing, so there is no blip."""
    with Proxy(shop.port) as proxy:
        exporter.configure({"shop": page(proxy.port)})
        await exporter.start()
        await exporter.until_state("healthy", system="shop")
        for _ in range(3):
            proxy.blackhole()
            await until(lambda: is_blind(exporter), "blind")
            proxy.heal()
            await exporter.until_state("healthy", system="shop")
        assert await exporter.incidents(blips=True) == []
        assert (await exporter.metrics()).total("dr_blips_total") == 0


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
    world.networks["shop"].up.clear()
    await exporter.until_state("outage", system="shop")
    metrics = await exporter.metrics()
    assert metrics.value("dr_exporter_blind") == 0
    assert metrics.state("orders") == "healthy"
    world.networks["shop"].up.set()
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

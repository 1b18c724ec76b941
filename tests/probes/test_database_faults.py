"""What a look says about a database that is broken, whichever it is, and that it never waits or lingers for it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

import pytest

from exporter.core.model import Reason, Role
from exporter.probes.kind import Failure, Probe
from tests.probes import mysql_rig, postgres_rig, redis_rig
from tests.probes.database import Holding, facts, failure_of, held
from tests.probes.test_arrival import TICK
from tests.servers import Proxy, until

STILL = 0.3
"""Seconds for which the event loop stands still."""


class Database(NamedTuple):
    """One kind of server: its real pair, a probe of it, and how many sessions of ours a server of it has."""

    make_pair: Callable[[], Iterator[Any]]
    probing: Callable[..., AbstractAsyncContextManager[Any]]
    ours: Callable[[Any], int]


def _counted(query: str) -> Callable[[Any], int]:
    return lambda server: int(server.sql(query))


DATABASES = {
    "postgres": Database(
        postgres_rig.make_pair,
        postgres_rig.probing,
        _counted("SELECT count(*) FROM pg_stat_activity WHERE usename = 'dr_probe'"),
    ),
    "mariadb": Database(
        mysql_rig.make_pair,
        mysql_rig.probing,
        _counted("SELECT count(*) FROM information_schema.processlist WHERE user = 'dr_probe'"),
    ),
    "redis": Database(
        redis_rig.make_pair,
        redis_rig.probing,
        lambda server: int(server.cli("CLIENT", "LIST").count("user=dr_probe")),
    ),
}


class Scene:
    """A pair of one kind, and probes of its primary."""

    def __init__(self, database: Database, pair: Any) -> None:
        self.pair = pair
        self.primary = pair.primary
        self._database = database

    def probing(self, port: int | None = None) -> AbstractAsyncContextManager[Probe]:
        """`port`: of a proxy before the primary."""
        probing: AbstractAsyncContextManager[Probe] = self._database.probing(self.primary, port=port)
        return probing

    async def sessions(self, count: int) -> None:
        """Return when the primary has so many of ours."""
        await asyncio.to_thread(until, lambda: self._database.ours(self.primary) == count, f"{count} sessions of ours")


def _marked(name: str) -> Any:
    return pytest.param(name, marks=getattr(pytest.mark, name))


@pytest.fixture(params=[_marked(name) for name in DATABASES])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    database = DATABASES[request.param]
    for pair in database.make_pair():
        yield Scene(database, pair)


async def test_the_tripwire_breaks_with_the_server(scene: Scene) -> None:
    """SIGKILL is told once and at once; the next looks say refused, kept connection or not."""
    async with held(scene.probing) as (probe, holding):
        scene.pair.kill()
        await holding.ended()
        assert len(holding.broken) == 1
        scene.primary.wait_gone()  # its connections end an instant before nobody listens any more
        assert (await failure_of(probe, fresh=False)).reason is Reason.REFUSED
        assert (await failure_of(probe, fresh=True)).reason is Reason.REFUSED


async def test_the_tripwire_breaks_with_an_orderly_end(scene: Scene) -> None:
    """A server that shuts down breaks it too, once."""
    async with held(scene.probing) as (_, holding):
        await asyncio.to_thread(scene.primary.stop)
        await holding.ended()
        assert len(holding.broken) == 1


async def test_a_kept_connection_is_dated_by_the_kernel(scene: Scene) -> None:
    """Of each database: the server ends our sessions while we stand still."""
    async with held(scene.probing) as (_, holding):
        await asyncio.sleep(2 * TICK)
        before = time.monotonic()
        scene.primary.disconnect("dr_probe")  # holds the event loop
        time.sleep(STILL)  # noqa: ASYNC251 - nobody gets a turn, which is what is tested
        heard = time.monotonic()
        await holding.ended()
        (at,) = holding.broken
        assert before - TICK <= at <= heard - STILL / 2


async def test_the_tripwire_cannot_be_made(scene: Scene) -> None:
    """hold() fails with the reason, and nothing is called broken."""
    async with scene.probing() as probe:
        scene.primary.stop()
        with pytest.raises(Failure) as failed:
            await probe.hold(lambda _: pytest.fail("nothing was held"))
        assert failed.value.reason is Reason.REFUSED


async def test_what_we_end_ourselves_does_not_break_the_tripwire(scene: Scene) -> None:
    """A look that is cancelled takes the kept connection with it; another is held, and that one tells the truth."""
    async with held(scene.probing) as (probe, holding):
        scene.primary.freeze()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await facts(probe)
        assert holding.broken == []
        scene.primary.thaw()
        async with asyncio.timeout(5):
            await facts(probe)
        assert not holding.task.done()
        scene.pair.kill()
        await holding.ended()
        assert len(holding.broken) == 1


async def test_a_closed_probe_lets_go_of_its_tripwire(scene: Scene) -> None:
    """Closing is our own doing: hold() returns and nothing is called broken."""
    async with scene.probing() as probe:
        holding = Holding(probe)
        await scene.sessions(1)
        await probe.close()
        await holding.ended()
        assert holding.broken == []


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_frozen_server_costs_the_deadline_and_no_more(scene: Scene, fresh: bool) -> None:
    """SIGSTOP: kept and fresh looks end when their time is over; thawed, the next one is well, and no session of ours stays."""
    async with scene.probing() as probe:
        await facts(probe)
        scene.primary.freeze()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await facts(probe, fresh=fresh)
        scene.primary.thaw()
        async with asyncio.timeout(5):
            assert (await facts(probe, fresh=fresh)).role is Role.PRIMARY
    await scene.sessions(0)


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_black_hole_costs_the_deadline_and_no_more(scene: Scene, fresh: bool) -> None:
    """A link that swallows everything: no answer of any kind; healed, the next look is well."""
    with Proxy(scene.primary.port) as proxy:
        async with scene.probing(proxy.port) as probe:
            await facts(probe)
            proxy.blackhole()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await facts(probe, fresh=fresh)
            proxy.heal()
            assert (await facts(probe, fresh=fresh)).role is Role.PRIMARY


@pytest.mark.parametrize("scene", [_marked("postgres"), _marked("redis")], indirect=True)
async def test_a_server_that_dies_while_it_is_asked(scene: Scene) -> None:
    """The process is killed with our question in its queue: reset."""
    async with scene.probing() as probe:
        await facts(probe)
        scene.primary.freeze()
        looking = asyncio.create_task(failure_of(probe, fresh=False))
        await asyncio.sleep(0)
        scene.pair.kill()
        scene.primary.wait_gone()
        assert (await looking).reason is Reason.RESET


@pytest.mark.parametrize("scene", [_marked("postgres"), _marked("redis")], indirect=True)
async def test_a_cut_link_while_it_is_asked(scene: Scene) -> None:
    """RST instead of an answer: reset; and refused once nobody listens."""
    with Proxy(scene.primary.port) as proxy:
        async with scene.probing(proxy.port) as probe:
            await facts(probe)
            scene.primary.freeze()
            looking = asyncio.create_task(failure_of(probe, fresh=False))
            await asyncio.sleep(0)
            proxy.cut()
            assert (await looking).reason is Reason.RESET
            assert (await failure_of(probe, fresh=True)).reason is Reason.RESET
            proxy.refuse()
            assert (await failure_of(probe, fresh=False)).reason is Reason.REFUSED
            scene.primary.thaw()

"""What a look says about a Redis that is broken, and that it never waits or lingers for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from exporter.core.model import Reason, Role
from exporter.probes.kind import Failure, Probe
from tests.probes.redis_rig import facts, failure_of, make_pair, probing
from tests.servers import Proxy, until
from tests.servers.redis import RedisPair, RedisServer

pytestmark = pytest.mark.redis


@pytest.fixture
def pair() -> Iterator[RedisPair]:
    yield from make_pair()


class Holding:
    """A tripwire that is being held."""

    def __init__(self, probe: Probe) -> None:
        self.broken: list[float] = []
        self.task = asyncio.create_task(probe.hold(lambda: self.broken.append(time.monotonic())))

    async def ended(self) -> None:
        await asyncio.wait_for(self.task, 5)


@asynccontextmanager
async def held(server: RedisServer) -> AsyncIterator[tuple[Probe, Holding]]:
    """A probe with a calm look done and its tripwire held."""
    async with probing(server) as probe:
        holding = Holding(probe)
        try:
            await facts(probe)
            yield probe, holding
        finally:
            holding.task.cancel()
            await asyncio.gather(holding.task, return_exceptions=True)


def ours(server: RedisServer) -> int:
    """How many connections of the probe the server has."""
    return server.cli("CLIENT", "LIST").count("user=dr_probe")


async def test_the_tripwire_breaks_with_the_server(pair: RedisPair) -> None:
    """SIGKILL is told once and at once; the next looks say refused, kept connection or not."""
    async with held(pair.primary) as (probe, holding):
        pair.kill()
        await holding.ended()
        assert len(holding.broken) == 1
        pair.primary.wait_gone()  # its connections end an instant before nobody listens any more
        assert (await failure_of(probe, fresh=False)).reason is Reason.REFUSED
        assert (await failure_of(probe, fresh=True)).reason is Reason.REFUSED


async def test_the_tripwire_breaks_with_an_orderly_end(pair: RedisPair) -> None:
    """A server that shuts down breaks it too, once."""
    async with held(pair.primary) as (_, holding):
        await asyncio.to_thread(pair.primary.stop)
        await holding.ended()
        assert len(holding.broken) == 1


async def test_the_tripwire_cannot_be_made(pair: RedisPair) -> None:
    """hold() fails with the reason, and nothing is called broken."""
    async with probing(pair.primary) as probe:
        pair.primary.stop()
        with pytest.raises(Failure) as failed:
            await probe.hold(lambda: pytest.fail("nothing was held"))
        assert failed.value.reason is Reason.REFUSED


async def test_what_we_end_ourselves_does_not_break_the_tripwire(pair: RedisPair) -> None:
    """A look that is cancelled takes the kept connection with it; another is held, and that one tells the truth."""
    async with held(pair.primary) as (probe, holding):
        pair.primary.freeze()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await facts(probe)
        assert holding.broken == []
        pair.primary.thaw()
        async with asyncio.timeout(5):
            await facts(probe)
        assert not holding.task.done()
        pair.kill()
        await holding.ended()
        assert len(holding.broken) == 1


async def test_a_closed_probe_lets_go_of_its_tripwire(pair: RedisPair) -> None:
    """Closing is our own doing: hold() returns and nothing is called broken."""
    async with probing(pair.primary) as probe:
        holding = Holding(probe)
        await asyncio.to_thread(until, lambda: ours(pair.primary) == 1, "it is held")
        await probe.close()
        await holding.ended()
        assert holding.broken == []


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_frozen_server_costs_the_deadline_and_no_more(pair: RedisPair, fresh: bool) -> None:
    """SIGSTOP: kept and fresh looks end when their time is over; thawed, the next one is well, and no connection of ours stays."""
    async with probing(pair.primary) as probe:
        await facts(probe)
        pair.primary.freeze()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await facts(probe, fresh=fresh)
        pair.primary.thaw()
        async with asyncio.timeout(5):
            assert (await facts(probe, fresh=fresh)).role is Role.PRIMARY
    await asyncio.to_thread(until, lambda: ours(pair.primary) == 0, "our connections have ended")


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_black_hole_costs_the_deadline_and_no_more(pair: RedisPair, fresh: bool) -> None:
    """A link that swallows everything: no answer of any kind; healed, the next look is well."""
    with Proxy(pair.primary.port) as proxy:
        async with probing(pair.primary, proxy.port) as probe:
            await facts(probe)
            proxy.blackhole()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await facts(probe, fresh=fresh)
            proxy.heal()
            assert (await facts(probe, fresh=fresh)).role is Role.PRIMARY


async def test_a_server_that_dies_while_it_is_asked(pair: RedisPair) -> None:
    """The process is killed with our question in its queue: reset."""
    async with probing(pair.primary) as probe:
        await facts(probe)
        pair.primary.freeze()
        looking = asyncio.create_task(failure_of(probe, fresh=False))
        await asyncio.sleep(0)
        pair.kill()
        pair.primary.wait_gone()
        assert (await looking).reason is Reason.RESET


async def test_a_cut_link_while_it_is_asked(pair: RedisPair) -> None:
    """RST instead of an answer: reset; and refused once nobody listens."""
    with Proxy(pair.primary.port) as proxy:
        async with probing(pair.primary, proxy.port) as probe:
            await facts(probe)
            pair.primary.freeze()
            looking = asyncio.create_task(failure_of(probe, fresh=False))
            await asyncio.sleep(0)
            proxy.cut()
            assert (await looking).reason is Reason.RESET
            assert (await failure_of(probe, fresh=True)).reason is Reason.RESET
            proxy.refuse()
            assert (await failure_of(probe, fresh=False)).reason is Reason.REFUSED
            pair.primary.thaw()


async def test_a_connection_that_was_ended_is_replaced(pair: RedisPair) -> None:
    """An administrator ends ours: the tripwire tells, and the next calm look connects anew."""
    async with held(pair.primary) as (probe, holding):
        pair.primary.cli("CLIENT", "KILL", "USER", "dr_probe")
        await holding.ended()
        assert (await facts(probe)).role is Role.PRIMARY


async def test_no_place_is_left_for_us(pair: RedisPair) -> None:
    """maxclients is reached: the server says so before it is asked, and hangs up. The kept connection still serves."""
    async with probing(pair.primary) as probe:
        await facts(probe)
        pair.primary.configure(maxclients="1")
        failure = await failure_of(probe, fresh=True)
        assert (failure.reason, "max number of clients" in failure.detail) == (Reason.UNAVAILABLE, True)
        assert (await facts(probe)).role is Role.PRIMARY


async def test_a_server_that_loads_its_data_is_unavailable(pair: RedisPair) -> None:
    """INFO is answered already, and even calls it a primary; but it does not work yet."""
    pair.primary.cli("DEBUG", "POPULATE", "2000", "key", "100")
    pair.primary.cli("BGREWRITEAOF")
    rewritten = lambda: pair.primary.info("persistence")["aof_rewrite_in_progress"] == "0"  # noqa: E731
    await asyncio.to_thread(until, rewritten, "the file is written")
    pair.primary.stop()
    slowly = ("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")
    pair.primary.start(*slowly, wait=False)
    async with probing(pair.primary) as probe:
        said = await failure_of(probe)
        while said.reason is Reason.REFUSED:
            said = await failure_of(probe)
        assert (said.reason, said.detail.partition(" ")[0]) == (Reason.UNAVAILABLE, "LOADING")
        pair.primary.configure(key_load_delay="0")
        await asyncio.to_thread(until, lambda: pair.primary.cli("PING") == "PONG", "it has loaded")
        assert (await facts(probe)).role is Role.PRIMARY


async def test_a_replica_that_will_not_serve_stale_data(pair: RedisPair) -> None:
    """Cut off from its primary it answers nobody: unavailable."""
    pair.standby.configure(replica_serve_stale_data="no")
    pair.link.refuse()
    await asyncio.to_thread(until, lambda: pair.standby.info()["master_link_status"] == "down", "it is cut off")
    async with probing(pair.standby) as probe:
        failure = await failure_of(probe)
        assert (failure.reason, failure.detail.partition(" ")[0]) == (Reason.UNAVAILABLE, "MASTERDOWN")


async def test_a_server_that_a_script_occupies_is_unavailable(pair: RedisPair) -> None:
    """While a script runs longer than `busy-reply-threshold`, nobody else is served."""
    pair.primary.configure(busy_reply_threshold="50")
    script = asyncio.create_task(asyncio.to_thread(pair.primary.cli, "EVAL", "while true do end", "0"))
    async with probing(pair.primary) as probe:
        await asyncio.to_thread(until, lambda: pair.primary.cli("PING").startswith("BUSY"), "the script is noticed")
        assert (await failure_of(probe)).reason is Reason.UNAVAILABLE
        pair.primary.cli("SCRIPT", "KILL")
        await script
        assert (await facts(probe, fresh=True)).role is Role.PRIMARY

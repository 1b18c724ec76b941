"""What a look says about a PostgreSQL that is broken, and that it never waits or lingers for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from exporter.core.model import Reason, Role
from exporter.probes.kind import Ask, Failure
from exporter.probes.postgres_probe import PostgresProbe
from tests.probes.postgres_rig import facts, make_pair, probing
from tests.servers import PostgresPair, PostgresServer, Proxy, until

pytestmark = pytest.mark.postgres
OURS = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'dr_probe'"


@pytest.fixture
def pair() -> Iterator[PostgresPair]:
    yield from make_pair()


@pytest.fixture
def synchronous() -> Iterator[PostgresPair]:
    yield from make_pair(synchronous=True)


async def reason_of(probe: PostgresProbe, *, fresh: bool = True) -> Reason:
    """Why a look fails; the look has 5 s."""
    with pytest.raises(Failure) as failed:
        async with asyncio.timeout(5):
            await probe.look(Ask(fresh))
    return failed.value.reason


class Holding:
    """A tripwire that is being held."""

    def __init__(self, probe: PostgresProbe) -> None:
        self.broken: list[float] = []
        self.task = asyncio.create_task(probe.hold(lambda: self.broken.append(time.monotonic())))

    async def ended(self) -> None:
        await asyncio.wait_for(self.task, 5)


@asynccontextmanager
async def held(server: PostgresServer) -> AsyncIterator[tuple[PostgresProbe, Holding]]:
    """A probe with a calm look done and its tripwire held."""
    async with probing(server) as probe:
        holding = Holding(probe)
        try:
            await facts(probe)
            yield probe, holding
        finally:
            holding.task.cancel()
            await asyncio.gather(holding.task, return_exceptions=True)


@asynccontextmanager
async def full(server: PostgresServer) -> AsyncIterator[None]:
    """Take every session that the server has."""
    taken = []
    try:
        while True:
            taken.append(await asyncpg.connect(server.dsn("writer"), ssl=False))
    except asyncpg.TooManyConnectionsError:
        yield
    finally:
        for connection in taken:
            connection.terminate()


async def test_the_tripwire_breaks_with_the_server(pair: PostgresPair) -> None:
    """SIGKILL of the postmaster is told once and at once; the next looks say refused, kept connection or not."""
    async with held(pair.primary) as (probe, holding):
        pair.kill()
        await holding.ended()
        assert len(holding.broken) == 1
        assert await reason_of(probe, fresh=False) is Reason.REFUSED
        assert await reason_of(probe, fresh=True) is Reason.REFUSED


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_the_tripwire_breaks_with_an_orderly_end(pair: PostgresPair, mode: str) -> None:
    """A server that says farewell before it goes breaks it too, once."""
    async with held(pair.primary) as (_, holding):
        await asyncio.to_thread(pair.primary.stop, mode)
        await holding.ended()
        assert len(holding.broken) == 1


async def test_the_tripwire_cannot_be_made(pair: PostgresPair) -> None:
    """hold() fails with the reason, and nothing is called broken."""
    async with probing(pair.primary) as probe:
        pair.primary.stop()
        with pytest.raises(Failure) as failed:
            await probe.hold(lambda: pytest.fail("nothing was held"))
        assert failed.value.reason is Reason.REFUSED


async def test_what_we_end_ourselves_does_not_break_the_tripwire(pair: PostgresPair) -> None:
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


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_frozen_server_costs_the_deadline_and_no_more(pair: PostgresPair, fresh: bool) -> None:
    """SIGSTOP: kept and fresh looks end when their time is over; thawed, the next one is well, and no session of ours stays."""
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
    until(lambda: pair.primary.sql(OURS) == "0", "our sessions have ended")


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_black_hole_costs_the_deadline_and_no_more(pair: PostgresPair, fresh: bool) -> None:
    """A link that swallows everything: no answer of any kind; healed, the next look is well."""
    with Proxy(pair.primary.port) as proxy:
        async with probing(pair.primary, port=proxy.port) as probe:
            await facts(probe)
            proxy.blackhole()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await facts(probe, fresh=fresh)
            proxy.heal()
            assert (await facts(probe, fresh=fresh)).role is Role.PRIMARY


async def test_a_server_that_dies_in_the_middle_of_a_query(pair: PostgresPair) -> None:
    """Its process is killed while it works on our statement: reset."""
    async with probing(pair.primary) as probe:
        await facts(probe)
        pair.primary.freeze()
        looking = asyncio.create_task(reason_of(probe, fresh=False))
        await asyncio.sleep(0)
        pair.kill()
        pair.primary.wait_gone()
        assert await looking is Reason.RESET


async def test_a_cut_link_in_the_middle_of_a_query(pair: PostgresPair) -> None:
    """RST instead of an answer: reset."""
    with Proxy(pair.primary.port) as proxy:
        async with probing(pair.primary, port=proxy.port) as probe:
            await facts(probe)
            pair.primary.freeze()
            looking = asyncio.create_task(reason_of(probe, fresh=False))
            await asyncio.sleep(0)
            proxy.cut()
            assert await looking is Reason.RESET
            assert await reason_of(probe, fresh=True) is Reason.RESET
            proxy.refuse()
            assert await reason_of(probe, fresh=False) is Reason.REFUSED
            pair.primary.thaw()


async def test_a_session_that_was_terminated_is_replaced(pair: PostgresPair) -> None:
    """An administrator ends our idle session: the tripwire tells, and the next calm look connects anew."""
    async with held(pair.primary) as (probe, holding):
        pair.primary.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'dr_probe'")
        await holding.ended()
        assert (await facts(probe)).role is Role.PRIMARY


async def test_last_words_are_heard(pair: PostgresPair) -> None:
    """A session that is terminated in the middle of a query says why: unavailable, not just reset."""
    async with probing(pair.primary) as probe:
        locker = await asyncpg.connect(
            f"postgresql://postgres@/app?host={pair.primary.socket}&port={pair.primary.port}"
        )
        await locker.execute("BEGIN; LOCK TABLE rto_rpo.canary IN ACCESS EXCLUSIVE MODE")
        writing = asyncio.create_task(probe.write_marker(1, time.time(), fresh=True))
        waits = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'dr_probe' AND wait_event_type = 'Lock'"
        await asyncio.to_thread(until, lambda: pair.primary.sql(waits) == "1", "the marker waits for the lock")
        pair.primary.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'dr_probe'")
        with pytest.raises(Failure, match="57P01") as failed:
            await asyncio.wait_for(writing, 5)
        assert failed.value.reason is Reason.UNAVAILABLE
        await locker.close()


async def test_no_session_is_left_for_us(pair: PostgresPair) -> None:
    """max_connections is reached: unavailable; the kept connection still serves."""
    async with probing(pair.primary) as probe:
        await facts(probe)
        async with full(pair.primary):
            assert await reason_of(probe, fresh=True) is Reason.UNAVAILABLE
            assert (await facts(probe)).role is Role.PRIMARY


async def test_a_server_that_starts_up_is_unavailable(pair: PostgresPair) -> None:
    """It answers, but not yet with data: here because hot_standby is off."""
    pair.standby.configure(hot_standby="off")
    pair.standby.stop()
    pair.standby.start(wait=False)
    async with probing(pair.standby) as probe:
        reason = Reason.REFUSED
        deadline = time.monotonic() + 10
        while reason is Reason.REFUSED and time.monotonic() < deadline:
            reason = await reason_of(probe)
        assert reason is Reason.UNAVAILABLE


async def test_a_commit_that_waits_for_its_standby_is_not_acknowledged(synchronous: PostgresPair) -> None:
    """With the synchronous standby frozen a marker is not acknowledged; given up, it leaves no session behind.

    The look goes on meanwhile, and markers go on when the standby does.
    """
    async with probing(synchronous.primary) as probe:
        await probe.write_marker(1, time.time(), fresh=False)
        seen = await facts(probe)
        assert [follower.sync for follower in seen.followers] == [True]
        synchronous.standby.freeze()
        for seq, fresh in ((2, False), (3, True)):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await probe.write_marker(seq, time.time(), fresh=fresh)
        assert (await facts(probe)).role is Role.PRIMARY
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'dr_probe' AND wait_event = 'SyncRep'"
        await asyncio.to_thread(until, lambda: synchronous.primary.sql(waiting) == "0", "no commit of ours waits")
        synchronous.standby.thaw()
        async with asyncio.timeout(10):
            await probe.write_marker(4, time.time(), fresh=False)

"""What a look says about a PostgreSQL that is broken, and that it never waits or lingers for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
import pytest

from exporter.core.model import Reason, Role
from exporter.probes.kind import Failure
from tests.probes.database import facts, failure_of, held
from tests.probes.postgres_rig import make_pair, probing
from tests.servers import PostgresPair, PostgresServer, until

pytestmark = pytest.mark.postgres


@pytest.fixture
def pair() -> Iterator[PostgresPair]:
    yield from make_pair()


@pytest.fixture
def synchronous() -> Iterator[PostgresPair]:
    yield from make_pair(synchronous=True)


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


async def test_the_tripwire_breaks_with_an_immediate_end(pair: PostgresPair) -> None:
    """A server that goes without a checkpoint, but says farewell, breaks it too, once."""
    async with held(partial(probing, pair.primary)) as (_, holding):
        await asyncio.to_thread(pair.primary.stop, "immediate")
        await holding.ended()
        assert len(holding.broken) == 1


async def test_a_session_that_was_terminated_is_replaced(pair: PostgresPair) -> None:
    """An administrator ends our idle session: the tripwire tells, and the next calm look connects anew."""
    async with held(partial(probing, pair.primary)) as (probe, holding):
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
            assert (await failure_of(probe, fresh=True)).reason is Reason.UNAVAILABLE
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
            reason = (await failure_of(probe)).reason
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

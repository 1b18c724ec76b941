"""What a look at a healthy PostgreSQL brings back, on a real pair, with the role that the shipped SQL makes."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from exporter.core.model import Follower, Reason, Role
from exporter.probes.kind import Ask, Failure
from exporter.probes.postgres_probe import PostgresProbe
from exporter.probes.postgres_sql import written_end
from tests.probes.database import facts
from tests.probes.postgres_rig import make_pair, place, probing
from tests.servers import PostgresPair, Proxy, until

pytestmark = pytest.mark.postgres
MB = 1024 * 1024


@pytest.fixture(scope="module")
def pair() -> Iterator[PostgresPair]:
    """Shared by tests that leave both servers as they were."""
    yield from make_pair()


@pytest.fixture
def own_pair() -> Iterator[PostgresPair]:
    """For a test that promotes or breaks."""
    yield from make_pair()


@pytest.fixture
async def primary(pair: PostgresPair) -> AsyncIterator[PostgresProbe]:
    async with probing(pair.primary) as probe:
        yield probe


@pytest.fixture
async def standby(pair: PostgresPair) -> AsyncIterator[PostgresProbe]:
    async with probing(pair.standby) as probe:
        yield probe


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_primary_tells_its_role_its_timeline_and_its_standby(primary: PostgresProbe, fresh: bool) -> None:
    """The shipped rights suffice for every fact of a primary."""
    seen = await facts(primary, fresh=fresh)
    assert (seen.role, seen.writable, seen.epoch) == (Role.PRIMARY, True, "1")
    assert place(seen) > 0
    assert seen.applied is None
    assert seen.connected is None
    assert seen.followers == (Follower("b", connected=True, sync=False),)
    assert seen.markers is None


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_standby_tells_what_it_received_and_applied(standby: PostgresProbe, fresh: bool) -> None:
    """The shipped rights suffice for every fact of a standby."""
    seen = await facts(standby, fresh=fresh)
    assert (seen.role, seen.writable, seen.epoch) == (Role.STANDBY, False, "1")
    assert seen.applied is not None
    assert seen.applied <= place(seen)
    assert seen.connected is True
    assert seen.followers == ()


async def test_phases_tell_a_fresh_connection_from_a_kept_one(primary: PostgresProbe) -> None:
    """Only a look that connected has the phase `connect`."""
    fresh = (await primary.look(Ask(fresh=True))).phases
    assert fresh.connect is not None
    await primary.look(Ask(fresh=False))
    kept = (await primary.look(Ask(fresh=False))).phases
    assert kept.connect is None
    assert kept.processing is not None


async def test_calm_looks_share_one_connection(pair: PostgresPair) -> None:
    """Ten looks, one session; and looks that overlap do not wait for each other."""
    with Proxy(pair.primary.port) as proxy:
        async with probing(pair.primary, port=proxy.port) as probe:
            for _ in range(10):
                await probe.look(Ask(fresh=False))
            assert proxy.accepted == 1
            await asyncio.gather(*(probe.look(Ask(fresh=False)) for _ in range(3)))
            assert proxy.accepted == 3


async def test_what_is_received_counts_though_replay_is_paused(
    pair: PostgresPair, primary: PostgresProbe, standby: PostgresProbe
) -> None:
    """A promotion replays what was received, so that is the standby's position; `applied` stands still."""
    pair.standby.sql("SELECT pg_wal_replay_pause()")
    try:
        before = await facts(standby)
        pair.primary.sql("INSERT INTO rto_rpo.canary SELECT gen_random_uuid(), 1, now() FROM generate_series(1, 100)")
        wanted = place(await facts(primary))
        until(lambda: place_of(pair) >= wanted, "the standby has received it")
        after = await facts(standby)
        assert place(after) >= wanted > place(before)
        assert isinstance(after.applied, int)
        assert after.applied < wanted
    finally:
        pair.standby.sql("SELECT pg_wal_replay_resume()")


def place_of(pair: PostgresPair) -> int:
    return int(pair.standby.sql("SELECT (pg_last_wal_receive_lsn() - '0/0')::int8"))


async def test_an_idle_primary_is_not_ahead_after_a_segment_switch(
    pair: PostgresPair, primary: PostgresProbe, standby: PostgresProbe
) -> None:
    """Behind the long header of the next segment stands nothing that a standby could lack."""

    def switched() -> bool:
        pair.primary.sql("INSERT INTO rto_rpo.canary VALUES (gen_random_uuid(), 1, now())")
        pair.primary.sql("SELECT pg_switch_wal()")
        return pair.primary.sql("SELECT (pg_current_wal_insert_lsn() - '0/0') % (16 * 1024 * 1024)") == "40"

    until(switched, "the insert position stands behind the long header")
    pair.wait_streaming()
    assert place(await facts(primary)) == place(await facts(standby))


def test_a_page_header_belongs_to_no_write() -> None:
    """Positions just behind a short header, a long header, and others that only look like it."""
    segment = 16 * MB
    assert written_end(3 * segment + 40, segment) == 3 * segment
    assert written_end(3 * segment + 8192 + 24, segment) == 3 * segment + 8192
    assert written_end(3 * segment + 8192 + 40, segment) == 3 * segment + 8192 + 40
    assert written_end(3 * segment + 24, segment) == 3 * segment + 24
    assert written_end(3 * segment + 64, segment) == 3 * segment + 64
    assert written_end(5 * MB + 40, MB) == 5 * MB


async def test_a_promotion_changes_role_and_epoch_at_once(own_pair: PostgresPair) -> None:
    """On the kept connection too; and the old primary, cloned anew, follows on the new timeline."""
    async with probing(own_pair.a) as a, probing(own_pair.b) as b:
        assert (await facts(b)).epoch == "1"
        own_pair.kill()
        own_pair.promote()
        seen = await facts(b)
        assert (seen.role, seen.writable, seen.epoch) == (Role.PRIMARY, True, "2")
        assert own_pair.b.sql("SELECT timeline_id FROM pg_control_checkpoint()") in "12"
        await b.write_marker(1, time.time(), fresh=False)
        own_pair.reclone()
        seen = await facts(a)
        assert (seen.role, seen.writable, seen.epoch) == (Role.STANDBY, False, "2")


async def test_a_standby_that_lost_its_primary_keeps_its_epoch(own_pair: PostgresPair) -> None:
    """The control file, which learns of a timeline late, does not bring an old one back."""
    own_pair.kill()
    own_pair.promote()
    own_pair.reclone()
    async with probing(own_pair.a) as probe:
        assert (await facts(probe)).epoch == "2"
        own_pair.kill()
        until(lambda: own_pair.a.sql("SELECT count(*) FROM pg_stat_wal_receiver") == "0", "the receiver has given up")
        seen = await facts(probe)
        assert (seen.epoch, seen.connected) == ("2", False)


async def test_a_fenced_primary_takes_no_writes(own_pair: PostgresPair) -> None:
    """default_transaction_read_only is how an old primary is fenced off: still the primary, but not writable."""
    async with probing(own_pair.primary) as probe:
        assert (await facts(probe)).writable is True
        own_pair.primary.configure(default_transaction_read_only="on")
        seen = await facts(probe, fresh=True)
        assert (seen.role, seen.writable) == (Role.PRIMARY, False)
        with pytest.raises(Failure) as failed:
            await probe.write_marker(1, time.time(), fresh=True)
        assert failed.value.reason is Reason.READ_ONLY


async def test_a_standby_refuses_markers(standby: PostgresProbe) -> None:
    """A site that only reads has not recovered, and the reason says so."""
    with pytest.raises(Failure) as failed:
        await standby.write_marker(1, time.time(), fresh=False)
    assert failed.value.reason is Reason.READ_ONLY


async def test_a_statement_that_the_server_forgot_is_sent_again(primary: PostgresProbe) -> None:
    """A pooler may lead the kept connection to a session that does not know our statement: the look is as good."""
    before = await facts(primary)
    link = primary._looks._alive()
    assert link is not None
    for _ in range(2):
        await link.connection.execute("DEALLOCATE ALL")
        assert (await facts(primary)).epoch == before.epoch
    assert primary._looks._alive() is link


async def test_a_kept_statement_is_parsed_once(primary: PostgresProbe) -> None:
    """Looks over the kept connection use the statement that the server has prepared already."""
    for _ in range(3):
        await facts(primary)
    link = primary._looks._alive()
    assert link is not None
    names = await link.connection.fetch("SELECT name FROM pg_prepared_statements WHERE name LIKE 'rto_rpo_%'")
    assert len(names) == 1

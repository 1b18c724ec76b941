"""What a look at a healthy MariaDB brings back, on a real pair, with the account that the shipped SQL makes."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from exporter.core.model import Reason, Role
from exporter.core.position import GtidSet, gap
from exporter.probes.kind import Ask, Failure
from exporter.probes.mysql_probe import MysqlProbe
from tests.probes.database import facts
from tests.probes.mysql_rig import make_pair, place, probing
from tests.servers import Proxy, until
from tests.servers.mariadb_pair import MariadbPair

pytestmark = pytest.mark.mariadb
WRITE = "INSERT INTO truth SELECT coalesce(max(id), 0) + 1 FROM truth"


@pytest.fixture(scope="module")
def pair() -> Iterator[MariadbPair]:
    """Shared by tests that leave both servers as they were."""
    yield from make_pair()


@pytest.fixture
def own_pair() -> Iterator[MariadbPair]:
    """For a test that promotes or breaks."""
    yield from make_pair()


@pytest.fixture
async def primary(pair: MariadbPair) -> AsyncIterator[MysqlProbe]:
    async with probing(pair.primary) as probe:
        yield probe


@pytest.fixture
async def standby(pair: MariadbPair) -> AsyncIterator[MysqlProbe]:
    async with probing(pair.standby) as probe:
        yield probe


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_primary_tells_its_role_and_its_position(pair: MariadbPair, primary: MysqlProbe, fresh: bool) -> None:
    """The shipped rights suffice for every fact of a primary; its epoch is its own identity."""
    seen = await facts(primary, fresh=fresh)
    assert (seen.role, seen.writable, seen.epoch) == (Role.PRIMARY, True, "1")
    assert place(seen) == GtidSet.parse(pair.primary.sql("SELECT @@gtid_binlog_pos"))
    assert (seen.applied, seen.received, seen.connected, seen.markers) == (None, None, None, None)


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_standby_tells_what_it_received_and_applied(
    pair: MariadbPair, primary: MysqlProbe, standby: MysqlProbe, fresh: bool
) -> None:
    """Its epoch is the identity of its primary, and its position covers all that the primary has written."""
    pair.primary.sql(WRITE)
    pair.wait_streaming()
    look = await standby.look(Ask(fresh))
    seen = look.facts
    assert (seen.role, seen.writable, seen.epoch, seen.connected) == (Role.STANDBY, False, "1", True)
    assert place(seen) == seen.applied == seen.received == place(await facts(primary))
    assert look.detail == ""


async def test_phases_tell_a_fresh_connection_from_a_kept_one(primary: MysqlProbe) -> None:
    """Only a look that connected has the phase `connect`."""
    fresh = (await primary.look(Ask(fresh=True))).phases
    assert fresh.connect is not None
    await primary.look(Ask(fresh=False))
    kept = (await primary.look(Ask(fresh=False))).phases
    assert kept.connect is None
    assert kept.processing is not None


async def test_calm_looks_share_one_connection(pair: MariadbPair) -> None:
    """Ten looks, one session; and looks that overlap do not wait for each other."""
    with Proxy(pair.primary.port) as proxy:
        async with probing(pair.primary, port=proxy.port) as probe:
            for _ in range(10):
                await probe.look(Ask(fresh=False))
            assert proxy.accepted == 1
            await asyncio.gather(*(probe.look(Ask(fresh=False)) for _ in range(3)))
            assert proxy.accepted == 3


async def test_orderly_looks_leave_no_aborted_connection(pair: MariadbPair, primary: MysqlProbe) -> None:
    """Each look says farewell, or the server would log a warning for each of them, and block us after a hundred."""

    def aborted() -> str:
        return pair.primary.sql("SHOW GLOBAL STATUS LIKE 'Aborted_c%'")

    before = aborted()
    for _ in range(20):
        await primary.look(Ask(fresh=True))
    until(lambda: pair.primary.sql("SELECT count(*) FROM information_schema.processlist WHERE user = 'dr_probe'") == "0",
          "our sessions have ended")  # fmt: skip
    assert aborted() == before


async def test_a_promotion_changes_role_and_epoch_at_once(own_pair: MariadbPair) -> None:
    """On the kept connection too; and the old primary, cloned anew, follows in the new epoch."""
    async with probing(own_pair.a) as a, probing(own_pair.b) as b:
        assert (await facts(b)).epoch == "1"
        own_pair.kill()
        own_pair.promote()
        seen = await facts(b)
        assert (seen.role, seen.writable, seen.epoch) == (Role.PRIMARY, True, "2")
        await b.write_marker(1, time.time(), fresh=False)
        own_pair.reclone()
        seen = await facts(a)
        assert (seen.role, seen.writable, seen.epoch) == (Role.STANDBY, False, "2")
        assert place(await facts(b)) <= place(await facts(a))


async def test_a_promotion_that_stays_read_only_is_a_primary_that_takes_no_writes(own_pair: MariadbPair) -> None:
    """It follows nobody any more, so the role has moved; but nobody can write there."""
    async with probing(own_pair.b) as b:
        assert (await facts(b)).role is Role.STANDBY
        own_pair.kill()
        own_pair.b.sql("STOP SLAVE; RESET SLAVE ALL")
        seen = await facts(b)
        assert (seen.role, seen.writable, seen.epoch) == (Role.PRIMARY, False, "2")
        with pytest.raises(Failure) as failed:
            await b.write_marker(1, time.time(), fresh=True)
        assert failed.value.reason is Reason.READ_ONLY


async def test_a_fenced_primary_claims_nothing(own_pair: MariadbPair) -> None:
    """A server that is read-only and never followed anybody may be an old primary that was fenced off: it is no rival."""
    async with probing(own_pair.a) as a:
        own_pair.a.sql("SET GLOBAL read_only = 1")
        seen = await facts(a)
        assert (seen.role, seen.writable) == (Role.UNKNOWN, False)
        with pytest.raises(Failure) as failed:
            await a.write_marker(1, time.time(), fresh=True)
        assert failed.value.reason is Reason.READ_ONLY


async def test_what_is_received_and_not_applied_is_backlog(
    pair: MariadbPair, primary: MysqlProbe, standby: MysqlProbe
) -> None:
    """SQL thread stopped, so that Seconds_Behind_Master is NULL: the position stands still, what is received grows."""
    pair.standby.sql("STOP SLAVE SQL_THREAD")
    try:
        before = await facts(standby)
        for _ in range(3):
            pair.primary.sql(WRITE)
        wanted = place(await facts(primary))
        written = pair.primary.sql("SELECT @@gtid_binlog_pos")
        until(lambda: pair.standby.status("Gtid_IO_Pos") == written, "the standby has received it")
        look = await standby.look(Ask(fresh=False))
        after = look.facts
        assert pair.standby.status("Seconds_Behind_Master") == ""
        assert place(after) == place(before) == after.applied
        assert not wanted <= place(after)
        assert after.received == wanted
        assert gap(after.applied, after.received) == 3
        assert after.connected is False
        assert look.detail == "replication: IO thread Yes, SQL thread No"
    finally:
        pair.standby.sql("START SLAVE")
        pair.wait_streaming()


async def test_a_stopped_io_thread_proves_nothing_new(
    pair: MariadbPair, primary: MysqlProbe, standby: MysqlProbe
) -> None:
    """The primary's position runs ahead, and the standby says that it is not connected."""
    pair.standby.sql("STOP SLAVE IO_THREAD")
    try:
        pair.primary.sql(WRITE)
        seen = await facts(standby)
        assert (seen.role, seen.connected, seen.epoch) == (Role.STANDBY, False, "1")
        assert not place(await facts(primary)) <= place(seen)
    finally:
        pair.standby.sql("START SLAVE")
        pair.wait_streaming()


async def test_a_standby_that_lost_its_primary_keeps_its_epoch(own_pair: MariadbPair) -> None:
    """MariaDB forgets the identity of its primary when it restarts; what it applied still belongs to that epoch."""
    async with probing(own_pair.b) as b:
        assert (await facts(b)).epoch == "1"
        own_pair.kill()
        own_pair.b.stop()
        own_pair.b.start()
        seen = await facts(b, fresh=True)
        assert own_pair.b.status("Master_Server_Id") == "0"
        assert (seen.role, seen.epoch, seen.connected) == (Role.STANDBY, "1", False)


async def test_of_several_channels_the_named_one_tells_the_epoch(own_pair: MariadbPair) -> None:
    """A second channel, which cannot connect: the standby is not connected as a whole, and the epoch is that of the named one."""
    own_pair.b.sql("CHANGE MASTER 'other' TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='repl'")
    own_pair.b.sql("START SLAVE 'other'")
    async with probing(own_pair.b, channel="") as named, probing(own_pair.b) as unnamed:
        seen = await facts(named)
        assert (seen.role, seen.epoch, seen.connected) == (Role.STANDBY, "1", False)
        assert place(await facts(unnamed)) == place(seen)
        assert (await facts(unnamed)).epoch is None

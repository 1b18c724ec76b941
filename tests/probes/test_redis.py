"""What a look at a healthy Redis brings back, on a real pair, with the user that the shipped ACL makes."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from exporter.core.model import Follower, Reason, Role
from exporter.probes.kind import Ask, Failure, Probe
from exporter.probes.redis_info import FOLLOWERS_MOST, facts_of
from tests.probes.database import facts
from tests.probes.redis_rig import make_pair, place, probing, refusal_of
from tests.servers import Proxy, until
from tests.servers.redis import RedisPair

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def pair() -> Iterator[RedisPair]:
    """Shared by tests that leave both servers as they were."""
    yield from make_pair()


@pytest.fixture
def own_pair() -> Iterator[RedisPair]:
    """For a test that promotes or breaks."""
    yield from make_pair()


@pytest.fixture
async def primary(pair: RedisPair) -> AsyncIterator[Probe]:
    async with probing(pair.primary) as probe:
        yield probe


@pytest.fixture
async def standby(pair: RedisPair) -> AsyncIterator[Probe]:
    async with probing(pair.standby) as probe:
        yield probe


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_primary_tells_its_role_its_epoch_and_its_standby(pair: RedisPair, primary: Probe, fresh: bool) -> None:
    """The shipped rights suffice for every fact of a primary."""
    told = pair.primary.info()
    seen = await facts(primary, fresh=fresh)
    assert (seen.role, seen.writable, seen.epoch) == (Role.PRIMARY, True, told["master_replid"])
    assert place(seen) >= int(told["master_repl_offset"])
    assert (seen.applied, seen.connected, seen.markers, seen.continues) == (None, None, None, None)
    assert seen.followers == (Follower(f"127.0.0.1:{pair.standby.port}", connected=True, sync=False),)


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_standby_tells_what_it_has_applied(primary: Probe, standby: Probe, fresh: bool) -> None:
    """The shipped rights suffice for every fact of a standby; both sides show the same epoch."""
    seen = await facts(standby, fresh=fresh)
    assert (seen.role, seen.writable, seen.connected) == (Role.STANDBY, False, True)
    assert seen.epoch == (await facts(primary)).epoch
    assert seen.applied == place(seen)
    assert seen.followers == ()


async def test_a_writable_replica_is_a_standby_all_the_same(pair: RedisPair, standby: Probe) -> None:
    """What is written there is lost at the next synchronisation, so it does not count as taking writes."""
    pair.standby.configure(replica_read_only="no")
    try:
        seen = await facts(standby)
        assert (seen.role, seen.writable) == (Role.STANDBY, False)
    finally:
        pair.standby.configure(replica_read_only="yes")


async def test_phases_tell_a_fresh_connection_from_a_kept_one(primary: Probe) -> None:
    """Only a look that connected has the phase `connect`."""
    fresh = (await primary.look(Ask(fresh=True))).phases
    assert fresh.connect is not None
    await primary.look(Ask(fresh=False))
    kept = (await primary.look(Ask(fresh=False))).phases
    assert kept.connect is None
    assert kept.processing is not None
    assert kept.transfer is not None


async def test_calm_looks_share_one_connection(pair: RedisPair) -> None:
    """Ten looks, one connection; and looks that overlap do not wait for each other."""
    with Proxy(pair.primary.port) as proxy:
        async with probing(pair.primary, proxy.port) as probe:
            for _ in range(10):
                await probe.look(Ask(fresh=False))
            assert proxy.accepted == 1
            await asyncio.gather(*(probe.look(Ask(fresh=False)) for _ in range(3)))
            assert proxy.accepted == 3


async def test_a_cut_link_holds_the_position_back(own_pair: RedisPair) -> None:
    """The standby stands still while the primary goes on, and catches up when the link is healed."""
    async with probing(own_pair.primary) as primary, probing(own_pair.standby) as standby:
        await primary.write_marker(1, time.time(), fresh=False)
        own_pair.wait_streaming()
        own_pair.link.cut()
        await primary.write_marker(2, time.time(), fresh=False)
        ahead, behind = await facts(primary, markers_after=0), await facts(standby, markers_after=0)
        assert (ahead.markers, behind.markers) == ((1, 2), (1,))
        assert place(behind) < place(ahead)
        assert behind.epoch == ahead.epoch
        await asyncio.to_thread(until, lambda: own_pair.standby.info()["master_link_status"] == "down", "it is told")
        assert (await facts(standby)).connected is False
        own_pair.link.heal()
        await asyncio.to_thread(own_pair.wait_streaming)
        behind = await facts(standby, markers_after=0)
        assert (place(behind) >= place(ahead), behind.markers) == (True, (1, 2))


async def test_a_promotion_changes_role_and_epoch_at_once(own_pair: RedisPair) -> None:
    """On the kept connection too; and the old primary, made a replica, shows the new epoch."""
    async with probing(own_pair.a) as a, probing(own_pair.b) as b:
        before = await facts(b)
        own_pair.kill()
        own_pair.promote()
        seen = await facts(b)
        assert (seen.role, seen.writable, seen.continues) == (Role.PRIMARY, True, None)
        assert seen.epoch != before.epoch
        assert place(seen) >= place(before)
        await b.write_marker(1, time.time(), fresh=False)
        await asyncio.to_thread(own_pair.reclone)
        again = await facts(a)
        assert (again.role, again.epoch) == (Role.STANDBY, seen.epoch)


async def test_a_promotion_in_place_is_a_new_epoch(own_pair: RedisPair) -> None:
    """A primary that was a replica for a moment, unseen, does not pass for one that went on undisturbed."""
    async with probing(own_pair.a) as probe:
        before = await facts(probe)
        own_pair.a.follow(own_pair.b.port)
        own_pair.a.promote()
        seen = await facts(probe)
        assert (seen.role, seen.continues) == (Role.PRIMARY, None)
        assert seen.epoch != before.epoch


async def test_a_restart_is_a_new_epoch_and_the_first_replica_is_none(own_pair: RedisPair) -> None:
    """Redis draws a new replication id for both; only who has seen the process before knows that nothing happened."""
    async with probing(own_pair.a) as probe:
        first = await facts(probe)
        own_pair.b.close()
        own_pair.a.stop()
        own_pair.a.start()
        restarted = await facts(probe, fresh=True)
        assert restarted.epoch != first.epoch
        assert restarted.continues is None
        own_pair.b.start("--replicaof", "127.0.0.1", str(own_pair.link.port), wait=False)
        await asyncio.to_thread(own_pair.wait_streaming)
        joined = await facts(probe)
        assert joined.epoch != restarted.epoch
        assert joined.continues == restarted.epoch
        assert (await facts(probe, fresh=True)).continues == restarted.epoch
        assert place(joined) >= place(restarted)


async def test_a_standby_refuses_markers(standby: Probe) -> None:
    """A site that only reads has not recovered, and the reason says so."""
    assert (await refusal_of(standby)).reason is Reason.READ_ONLY


@pytest.mark.parametrize("announced", [0, 10**12])
def test_only_replicas_that_are_told_count(announced: int) -> None:
    """What a server says of their number is only a word: nobody turns around so many times."""
    lines = ["role:master", f"master_replid:{'a' * 40}", "master_repl_offset:1", f"connected_slaves:{announced}"]
    lines += ["slave0:ip=10.1.0.5,port=6379,state=online,offset=1", "slave1:ip=10.2.0.5,port=6379,state=wait_bgsave"]
    lines += ["slave_priority:100", *(f"slave{index}:" for index in range(2, 3000))]
    told, _ = facts_of([b"run_id:a\r\n", "\r\n".join(lines).encode(), b"PONG"])
    assert told.followers[:2] == (Follower("10.1.0.5:6379", True, False), Follower("10.2.0.5:6379", False, False))
    assert len(told.followers) == FOLLOWERS_MOST


@pytest.mark.parametrize("role", ["role:master", "role:slave\r\nmaster_link_status:up"])
@pytest.mark.parametrize("offset", ["9" * 400, str(2**64)])
def test_no_offset_has_more_than_64_bits(role: str, offset: str) -> None:
    """Nothing could be measured by one."""
    told = f"{role}\r\nmaster_replid:{'a' * 40}\r\nmaster_repl_offset:{offset}\r\nslave_repl_offset:{offset}\r\n"
    with pytest.raises(Failure) as failed:
        facts_of([b"run_id:a\r\n", told.encode(), b"PONG"])
    assert failed.value.reason is Reason.PROTOCOL

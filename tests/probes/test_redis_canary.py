"""Markers in Redis: written, found, swept, refused, and what is missing when rights are."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from exporter.core.model import Reason, Role
from exporter.probes.kind import Context, Probe, Taken
from exporter.probes.redis import KIND, RedisSettings
from exporter.probes.redis_canary import markers_of
from tests.probes.database import facts
from tests.probes.redis_rig import VANTAGE, make_pair, probe_with, probing, refusal_of
from tests.servers import until
from tests.servers.postgres import PASSWORD
from tests.servers.redis import RedisPair

pytestmark = pytest.mark.redis
KEY = f"rto_rpo:canary:{VANTAGE}"


@pytest.fixture(scope="module")
def pair() -> Iterator[RedisPair]:
    yield from make_pair()


@pytest.fixture
async def primary(pair: RedisPair) -> AsyncIterator[Probe]:
    pair.primary.cli("FLUSHALL")
    async with probing(pair.primary) as probe:
        yield probe


async def test_markers_are_found_on_both_sides(pair: RedisPair, primary: Probe) -> None:
    """Ours only, ascending, above the number that was asked for."""
    assert (await facts(primary, markers_after=0)).markers == ()
    pair.primary.cli("XADD", "rto_rpo:canary:elsewhere", "8-0", "sent_at", "1")
    for seq in (7, 8, 9):
        await primary.write_marker(seq, time.time(), fresh=seq == 9)
    assert (await facts(primary, markers_after=7)).markers == (8, 9)
    assert (await facts(primary, markers_after=9, fresh=True)).markers == ()
    pair.wait_streaming()
    async with probing(pair.standby) as standby:
        assert (await facts(standby, markers_after=0)).markers == (7, 8, 9)


async def test_the_stream_may_be_called_otherwise(pair: RedisPair) -> None:
    """`canary: {table: …}` is the key's prefix."""
    pair.primary.cli("FLUSHALL")
    settings = RedisSettings(url=f"redis://127.0.0.1:{pair.primary.port}")
    probe = KIND.build(settings, Context(VANTAGE, "other.markers"))
    await probe.write_marker(3, time.time(), fresh=True)
    assert pair.primary.cli("XLEN", f"other:markers:{VANTAGE}") == "1"
    await probe.close()


async def test_markers_older_than_15_minutes_go(pair: RedisPair, primary: Probe) -> None:
    """By the stamps of the writer, in whole nodes of the stream: none goes before its time."""
    start = time.time()
    for seq in range(1, 1501):  # 1.2 s apart: the last 750 are of the last 15 minutes
        await primary.write_marker(seq, start + 1.2 * seq, fresh=False)
    kept = (await facts(primary, markers_after=0)).markers
    assert kept is not None
    assert kept[-1] == 1500
    assert 1500 - 1000 <= kept[0] <= 750


@pytest.mark.parametrize("seq", [8, 9])
async def test_a_number_that_is_taken_takes_nothing_away(pair: RedisPair, primary: Probe, seq: int) -> None:
    """It is there, or a later one has overtaken it: what is there may be ours, of a run that was killed, and stays."""
    for there in (7, 9):
        await primary.write_marker(there, time.time() - 3600, fresh=False)
    assert isinstance(await refusal_of(primary, seq), Taken)
    assert (await facts(primary, markers_after=0)).markers == (7, 9)
    await primary.write_marker(10, time.time(), fresh=False)


async def test_what_is_not_ours_is_left_alone(pair: RedisPair, primary: Probe) -> None:
    """Another type of value, or a stream of somebody else's, under our key: the other facts are told all the same."""
    pair.primary.cli("SET", KEY, "a string")
    seen = await facts(primary, markers_after=0)
    assert (seen.role, seen.markers) == (Role.PRIMARY, None)
    failure = await refusal_of(primary)
    assert (failure.reason, "WRONGTYPE" in failure.detail) == (Reason.ERROR_CODE, True)
    pair.primary.cli("DEL", KEY)
    pair.primary.cli("XADD", KEY, "9-0", "colour", "blue")
    assert (await refusal_of(primary)).reason is Reason.ERROR_CODE
    assert pair.primary.cli("XLEN", KEY) == "1"


@pytest.mark.parametrize(
    ("setting", "broken", "whole", "word"),
    [
        ("min_replicas_to_write", "5", "0", "NOREPLICAS"),
        ("maxmemory", "1", "0", "OOM"),
    ],
)
async def test_a_primary_that_takes_no_writes(
    pair: RedisPair, primary: Probe, setting: str, broken: str, whole: str, word: str
) -> None:
    """It answers, but no write is acknowledged: for the system that is as good as read-only, and the sentence says why."""
    pair.primary.configure(**{setting: broken})
    try:
        failure = await refusal_of(primary)
        assert failure.reason is Reason.READ_ONLY
        assert failure.detail.startswith(word)
        assert (await facts(primary)).role is Role.PRIMARY
    finally:
        pair.primary.configure(**{setting: whole})
    await primary.write_marker(1, time.time(), fresh=False)


async def test_a_primary_that_cannot_save_takes_no_writes(pair: RedisPair, primary: Probe) -> None:
    """Redis refuses writes when its last snapshot failed, and says so to a PING too: told as not writable."""
    pair.primary.configure(save="3600 1000000")
    folder = pair.primary.folder / "dump.rdb"  # where the snapshot would have to be
    folder.unlink(missing_ok=True)
    folder.mkdir()
    pair.primary.cli("BGSAVE")
    until(lambda: saved(pair) == "err", "the snapshot has failed")
    try:
        seen = await facts(primary)
        assert (seen.role, seen.writable) == (Role.PRIMARY, False)
        assert (await refusal_of(primary)).reason is Reason.READ_ONLY
    finally:
        folder.rmdir()
        pair.primary.configure(save="")
        pair.primary.cli("BGSAVE")
        until(lambda: saved(pair) == "ok", "a snapshot is made")
    assert (await facts(primary)).writable is True


def saved(pair: RedisPair) -> str:
    return pair.primary.info("persistence")["rdb_last_bgsave_status"]


async def test_a_user_who_may_only_look(pair: RedisPair) -> None:
    """Without rights on the stream all other facts are told; a write is a matter of permission."""
    pair.primary.cli("ACL", "SETUSER", "bare", "on", f">{PASSWORD}", "+ping", "+info")
    probe = probe_with(url=f"redis://bare@127.0.0.1:{pair.primary.port}", password={"plain": PASSWORD})
    seen = await facts(probe, markers_after=0)
    assert (seen.role, seen.writable, seen.markers) == (Role.PRIMARY, True, None)
    assert (await refusal_of(probe)).reason is Reason.PERMISSION
    await probe.close()


@pytest.mark.parametrize(
    "forbidden",
    [
        ("GET", "users"),
        ("SET", KEY, "x"),
        ("XADD", "rto_rpo:other", "1-0", "a", "b"),
        ("DEL", KEY),
        ("KEYS", "*"),
        ("CONFIG", "GET", "requirepass"),
        ("REPLICAOF", "NO", "ONE"),
        ("SHUTDOWN",),
        ("ACL", "LIST"),
        ("CLIENT", "LIST"),
        ("PUBLISH", "c", "m"),
    ],
    ids=lambda command: command[0],
)
def test_the_user_may_do_nothing_else(pair: RedisPair, forbidden: tuple[str, ...]) -> None:
    """The shipped ACL gives what the looks need, and no more."""
    login = ("redis-cli", "-p", str(pair.primary.port), "--no-auth-warning", "--user", "dr_probe", "--pass", PASSWORD)
    said = subprocess.run([*login, *forbidden], capture_output=True, text=True, timeout=10, check=False).stdout
    assert said.startswith("NOPERM"), said


async def test_a_paused_server_acknowledges_nothing(pair: RedisPair, primary: Probe) -> None:
    """Writes are held back (as in a FAILOVER): the look goes on meanwhile, and markers go on when the server does."""
    await primary.write_marker(1, time.time(), fresh=False)
    pair.primary.cli("CLIENT", "PAUSE", "60000", "WRITE")
    try:
        for fresh in (False, True):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await primary.write_marker(2 + fresh, time.time(), fresh=fresh)
        assert (await facts(primary)).role is Role.PRIMARY
    finally:
        pair.primary.cli("CLIENT", "UNPAUSE")
    async with asyncio.timeout(5):
        await primary.write_marker(4, time.time(), fresh=False)


def test_an_id_that_no_marker_has_is_passed_over() -> None:
    """Redis's ids go to 2^64 - 1, and the ledger's numbers do not."""
    assert markers_of([[b"5-0", []], [b"18446744073709551615-0", []], [b"9" * 400 + b"-0", []]]) == (5,)

"""The server that Sentinels name: found, followed through a real failover, and not believed without a majority."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from exporter.core.model import Reason, Role
from exporter.probes.kind import Probe
from exporter.probes.redis_resp import packed
from tests import hostile
from tests.hostile import serve
from tests.probes.database import facts, failure_of
from tests.probes.redis_rig import make_pair, probe_with
from tests.servers import free_port, until
from tests.servers.postgres import PASSWORD
from tests.servers.redis import MASTER, RedisPair, Sentinels

SERVER = {"username": "dr_probe", "password": {"plain": PASSWORD}}
SENTINEL = {"sentinel_username": "dr_probe", "sentinel_password": {"plain": PASSWORD}}
NOBODY = {"username": None, "password": None, "sentinel_username": None, "sentinel_password": None}
"""No login, for servers of our own that answer any question at once."""


@pytest.fixture
def pair() -> Iterator[RedisPair]:
    yield from make_pair()


@pytest.fixture
def sentinels(pair: RedisPair) -> Iterator[Sentinels]:
    with Sentinels(pair) as made:
        yield made


@pytest.fixture(scope="module")
def quiet() -> Iterator[tuple[RedisPair, Sentinels]]:
    """Shared by tests that break nothing."""
    for pair in make_pair():
        with Sentinels(pair) as made:
            yield pair, made


@asynccontextmanager
async def asking(addresses: list[str], **changed: Any) -> AsyncIterator[Probe]:
    """A probe with the shipped rights at the servers and at the Sentinels, closed in the end."""
    probe = probe_with(**{"sentinels": addresses, "master_name": MASTER, **SERVER, **SENTINEL, **changed})
    try:
        yield probe
    finally:
        await probe.close()


def sites(pair: RedisPair) -> dict[str, str]:
    """As the Sentinels know the servers: the first primary by the proxy before it."""
    return {f"127.0.0.1:{pair.link.port}": "hk", f"127.0.0.1:{pair.b.port}": "sg"}


@pytest.mark.redis
async def test_a_failover_is_followed(pair: RedisPair, sentinels: Sentinels) -> None:
    """The primary is found, its death breaks the tripwire, and the look finds the new one by itself, with its own epoch."""
    async with asking(sentinels.addresses, served_by=sites(pair)) as probe:
        broken: list[float] = []
        before = await facts(probe)
        assert (before.role, before.served_by) == (Role.PRIMARY, "hk")
        await probe.write_marker(1, time.time(), fresh=False)
        holding = asyncio.create_task(probe.hold(broken.append))
        await facts(probe)
        kept = lambda: pair.a.cli("CLIENT", "LIST").count("user=dr_probe") == 2  # noqa: E731 - one line, used in the next
        await asyncio.to_thread(until, kept, "one connection is held, and one is for markers")
        await asyncio.to_thread(pair.wait_streaming)
        pair.kill()
        await asyncio.wait_for(holding, 5)
        assert len(broken) == 1
        assert (await failure_of(probe, fresh=True)).reason in (Reason.RESET, Reason.REFUSED)
        await asyncio.to_thread(sentinels.wait_failover)
        after = await facts(probe, markers_after=0)
        assert (after.role, after.served_by, after.markers) == (Role.PRIMARY, "sg", (1,))
        assert after.epoch != before.epoch
        await probe.write_marker(2, time.time(), fresh=False)


@pytest.mark.redis
async def test_a_switchover_is_followed(pair: RedisPair, sentinels: Sentinels) -> None:
    """The old primary lives, and takes writes for 10 s more until a Sentinel demotes it; we are at the new one at once."""
    async with asking(sentinels.addresses, served_by=sites(pair)) as probe:
        broken: list[float] = []
        before = await facts(probe)
        holding = asyncio.create_task(probe.hold(broken.append))
        assert sentinels.all[0].cli("SENTINEL", "FAILOVER", MASTER) == "OK"
        await asyncio.to_thread(sentinels.wait_failover)
        seen = await facts(probe)
        assert (seen.role, seen.served_by) == (Role.PRIMARY, "sg")
        assert seen.epoch != before.epoch
        assert broken == []
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)


@pytest.mark.redis
async def test_a_dead_sentinel_delays_nobody(sentinels: Sentinels) -> None:
    """One that is killed, or hangs, costs nothing; without a majority nobody is believed, and the sentence names who is missing."""
    first, second, _ = sentinels.all
    async with asking(sentinels.addresses) as probe:
        first.freeze()
        started = time.monotonic()
        assert (await facts(probe, fresh=True)).role is Role.PRIMARY
        assert (await facts(probe, fresh=False)).role is Role.PRIMARY
        assert time.monotonic() - started < 0.9  # its own deadline is 1 s
        second.kill()
        second.wait_gone()
        failure = await failure_of(probe)
        assert failure.reason is Reason.UNAVAILABLE
        assert f"2 of 3 Sentinels do not name {MASTER}" in failure.detail
        assert f"127.0.0.1:{first.port} (timeout" in failure.detail
        assert f"127.0.0.1:{second.port} (refused" in failure.detail
        first.thaw()
        assert (await facts(probe, fresh=True)).role is Role.PRIMARY


@pytest.mark.redis
async def test_what_is_wrong_with_the_sentinels(quiet: tuple[RedisPair, Sentinels]) -> None:
    """A name that they do not watch, a wrong password, servers instead of Sentinels, and a Sentinel instead of a server."""
    pair, sentinels = quiet
    cases: list[tuple[dict[str, Any], str]] = [
        ({"master_name": "nobody"}, "No such master"),
        ({"sentinel_password": {"plain": "hunter2"}}, "refuses the login"),
        (
            {"sentinels": [f"127.0.0.1:{pair.a.port}"], "sentinel_username": None, "sentinel_password": None},
            "unknown command",
        ),
    ]
    for changed, sentence in cases:
        async with asking(sentinels.addresses, **changed) as probe:
            failure = await failure_of(probe)
        assert (failure.reason, sentence in failure.detail) == (Reason.UNAVAILABLE, True), failure
        assert "hunter2" not in failure.detail
    failure = await failure_of(probe_with(url=f"redis://127.0.0.1:{sentinels.all[0].port}"))
    assert (failure.reason, "this is a Sentinel" in failure.detail) == (Reason.ASSERTION, True), failure


@pytest.mark.redis
def test_the_user_may_do_nothing_else(quiet: tuple[RedisPair, Sentinels]) -> None:
    """The shipped ACL of the Sentinels gives what the looks need, and no more."""
    port = str(quiet[1].all[0].port)
    login = ("redis-cli", "-p", port, "--no-auth-warning", "--user", "dr_probe", "--pass", PASSWORD)
    for forbidden in (("SENTINEL", "RESET", "*"), ("SENTINEL", "FAILOVER", MASTER), ("SHUTDOWN",), ("ACL", "LIST")):
        said = subprocess.run([*login, *forbidden], capture_output=True, text=True, timeout=10, check=False).stdout
        assert said.startswith("NOPERM"), said


def naming(told: dict[str, int]) -> hostile.Behaviour:
    """A Sentinel of our own that names whoever listens on the port `port` of this host, since `epoch`; in SENTINEL MASTER
    that may still be `before`."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            port = told["port"]
            master = ("ip", "127.0.0.1", "port", told.get("before", port), "config-epoch", told["epoch"])
            writer.write(packed([master, ("127.0.0.1", port)]))  # a command is written as an array of strings is

    return behave


PRIMARY = b"$13\r\nrun_id:1a2b\r\n\r\n$54\r\nrole:master\r\nmaster_replid:7e\r\nmaster_repl_offset:42\r\n\r\n+PONG\r\n"


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A primary that answers every look."""
    while await reader.read(65536):
        writer.write(PRIMARY)


async def test_the_newest_config_epoch_counts() -> None:
    """A Sentinel that has not heard of the failover yet is outvoted by one that led it."""
    async with (
        serve(answering) as new,
        serve(naming({"port": new.port, "epoch": 7})) as leader,
        serve(naming({"port": free_port(), "epoch": 6})) as late,
        asking([f"127.0.0.1:{leader.port}", f"127.0.0.1:{late.port}"], **NOBODY) as probe,
    ):
        assert (await facts(probe, fresh=True)).epoch == "7e"


async def test_the_leader_of_a_failover_sends_us_where_it_sends_clients() -> None:
    """It has promoted the new primary and still tells the dead one in SENTINEL MASTER, until all replicas follow."""
    async with (
        serve(answering) as new,
        serve(naming({"port": new.port, "before": free_port(), "epoch": 7})) as leader,
        asking([f"127.0.0.1:{leader.port}"], **NOBODY) as probe,
    ):
        assert (await facts(probe, fresh=True)).epoch == "7e"


async def test_the_tripwire_moves_with_the_role() -> None:
    """When another server is named, the end of the first one is no news any more, and that of the new one is."""
    async with serve(answering) as old, serve(answering) as new:
        told = {"port": old.port, "epoch": 1}
        async with serve(naming(told)) as sentinel, asking([f"127.0.0.1:{sentinel.port}"], **NOBODY) as probe:
            broken: list[float] = []
            holding = asyncio.create_task(probe.hold(broken.append))
            await asyncio.wait_for(old.visited.wait(), 5)
            await facts(probe)
            told.update(port=new.port, epoch=2)
            await facts(probe)
            await old.hang_up()
            await asyncio.wait_for(new.visited.wait(), 5)
            assert broken == []
            async with asyncio.timeout(5):
                while not holding.done():
                    await new.hang_up()
                    await asyncio.sleep(0.01)
            assert len(broken) == 1


async def test_silence_is_told_from_an_answer() -> None:
    """Sentinels of which none answers in any way prove nothing about the service; one that talks nonsense is an answer."""
    async with serve(hostile.hang) as silent:
        async with asking([f"127.0.0.1:{silent.port}"]) as probe:
            assert (await failure_of(probe)).reason is Reason.TIMEOUT
        async with (
            serve(hostile.answer(hostile.GARBAGE)) as garbage,
            asking([f"127.0.0.1:{silent.port}", f"127.0.0.1:{garbage.port}"]) as probe,
        ):
            assert (await failure_of(probe)).reason is Reason.UNAVAILABLE


async def test_that_we_stood_still_is_not_held_against_the_sentinels(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that answers in time is heard, though its time was over before we could listen."""
    monkeypatch.setattr("exporter.probes.redis_sentinel.SENTINEL_DEADLINE", 0.2)
    soon = asyncio.get_running_loop().call_soon
    async with (
        serve(answering) as server,
        serve(naming({"port": server.port, "epoch": 1})) as sentinel,
        asking([f"127.0.0.1:{sentinel.port}"], **NOBODY) as probe,
    ):
        soon(lambda: soon(lambda: soon(time.sleep, 0.5)))  # once the question is under way
        assert (await facts(probe)).role is Role.PRIMARY


@pytest.mark.parametrize(
    "answer",
    [
        b":1\r\n:1\r\n",
        b"*-1\r\n*-1\r\n",
        b"*2\r\n$2\r\nip\r\n$1\r\nx\r\n" * 2,
        b"*1\r\n*0\r\n" * 2,
        b"*0\r\n*0\r\n",
        packed([("config-epoch", 7)]) + b"*-1\r\n",
        packed([("config-epoch", 7), ("127.0.0.1",)]),
        packed([("config-epoch", 7), ("127.0.0.1", "x")]),
    ],
)
async def test_what_no_sentinel_says(answer: bytes) -> None:
    """Replies of Redis that name nobody."""
    async with serve(hostile.answer(answer)) as server, asking([f"127.0.0.1:{server.port}"], **NOBODY) as probe:
        failure = await failure_of(probe)
        assert (failure.reason, "not an answer of a Sentinel" in failure.detail) == (Reason.UNAVAILABLE, True)


async def test_a_look_that_is_cancelled_leaves_nothing_open() -> None:
    """The questions to the Sentinels end with it."""
    ended = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            pass
        ended.set()

    async with serve(listen) as server, asking([f"127.0.0.1:{server.port}"]) as probe:
        looking = asyncio.create_task(facts(probe, fresh=True))
        await asyncio.wait_for(server.visited.wait(), 5)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        await asyncio.wait_for(ended.wait(), 0.9)

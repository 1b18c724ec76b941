"""What a look says about a Redis that is broken, and that it never waits or lingers for it."""

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest

from exporter.core.model import Reason, Role
from tests.probes.database import facts, failure_of, held
from tests.probes.redis_rig import make_pair, probing
from tests.servers import until
from tests.servers.redis import RedisPair

pytestmark = pytest.mark.redis


@pytest.fixture
def pair() -> Iterator[RedisPair]:
    yield from make_pair()


async def test_a_connection_that_was_ended_is_replaced(pair: RedisPair) -> None:
    """An administrator ends ours: the tripwire tells, and the next calm look connects anew."""
    async with held(partial(probing, pair.primary)) as (probe, holding):
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
    rewritten = lambda: pair.primary.info("persistence")["aof_rewrite_in_progress"] == "0"  # noqa: E731 - one line, used in the next
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

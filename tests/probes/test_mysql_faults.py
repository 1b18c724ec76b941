"""What a look says about a MariaDB that is broken, and that it never waits or lingers for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager

import pytest

from exporter.core.model import Reason, Role
from exporter.probes.kind import Ask, Failure
from exporter.probes.mysql_probe import MysqlProbe
from tests.probes.mysql_rig import facts, make_pair, probing
from tests.servers import Proxy, until
from tests.servers.mariadb import MariadbServer
from tests.servers.mariadb_pair import MariadbPair

pytestmark = pytest.mark.mariadb
OURS = "SELECT count(*) FROM information_schema.processlist WHERE user = 'dr_probe'"


@pytest.fixture
def pair() -> Iterator[MariadbPair]:
    yield from make_pair()


async def reason_of(probe: MysqlProbe, *, fresh: bool = True) -> Reason:
    """Why a look fails; the look has 5 s."""
    with pytest.raises(Failure) as failed:
        async with asyncio.timeout(5):
            await probe.look(Ask(fresh))
    return failed.value.reason


class Holding:
    """A tripwire that is being held."""

    def __init__(self, probe: MysqlProbe) -> None:
        self.broken: list[float] = []
        self.task = asyncio.create_task(probe.hold(lambda: self.broken.append(time.monotonic())))

    async def ended(self) -> None:
        await asyncio.wait_for(self.task, 5)


@asynccontextmanager
async def held(server: MariadbServer) -> AsyncIterator[tuple[MysqlProbe, Holding]]:
    """A probe with a calm look done and its tripwire held."""
    async with probing(server) as probe:
        holding = Holding(probe)
        try:
            await facts(probe)
            yield probe, holding
        finally:
            holding.task.cancel()
            await asyncio.gather(holding.task, return_exceptions=True)


async def test_the_tripwire_breaks_with_the_server(pair: MariadbPair) -> None:
    """SIGKILL is told once and at once; the next looks say refused, kept connection or not."""
    async with held(pair.primary) as (probe, holding):
        pair.kill()
        await holding.ended()
        assert len(holding.broken) == 1
        pair.primary.wait_gone()
        assert await reason_of(probe, fresh=False) is Reason.REFUSED
        assert await reason_of(probe, fresh=True) is Reason.REFUSED


async def test_the_tripwire_breaks_with_an_orderly_end(pair: MariadbPair) -> None:
    """A server that shuts down breaks it too, once."""
    async with held(pair.primary) as (_, holding):
        await asyncio.to_thread(pair.primary.stop)
        await holding.ended()
        assert len(holding.broken) == 1


async def test_the_tripwire_cannot_be_made(pair: MariadbPair) -> None:
    """hold() fails with the reason, and nothing is called broken."""
    async with probing(pair.primary) as probe:
        pair.primary.stop()
        with pytest.raises(Failure) as failed:
            await probe.hold(lambda: pytest.fail("nothing was held"))
        assert failed.value.reason is Reason.REFUSED


async def test_what_we_end_ourselves_does_not_break_the_tripwire(pair: MariadbPair) -> None:
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
async def test_a_frozen_server_costs_the_deadline_and_no_more(pair: MariadbPair, fresh: bool) -> None:
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
    await asyncio.to_thread(until, lambda: pair.primary.sql(OURS) == "0", "our sessions have ended")


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_black_hole_costs_the_deadline_and_no_more(pair: MariadbPair, fresh: bool) -> None:
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


async def test_a_session_that_is_killed_in_the_middle(pair: MariadbPair) -> None:
    """An administrator ends our session while it works on a question: a reason of its own, and the next look is well."""
    async with probing(pair.primary) as probe:
        asking = asyncio.create_task(probe.ask("SELECT sleep(4)"))
        where = "WHERE user = 'dr_probe' AND info LIKE '%sleep%'"
        found = f"SELECT id FROM information_schema.processlist {where}"
        number = await asyncio.to_thread(until, lambda: pair.primary.sql(found), "the question is being worked on")
        pair.primary.sql(f"KILL {number}")
        with pytest.raises(Failure) as failed:
            await asking
        assert failed.value.reason in (Reason.RESET, Reason.UNAVAILABLE)
        assert (await facts(probe)).role is Role.PRIMARY


async def test_a_full_server_is_unavailable(pair: MariadbPair) -> None:
    """Too many connections, told before the login, is an answer; the kept connection goes on."""
    async with probing(pair.primary) as probe:
        await facts(probe)
        pair.primary.sql("SET GLOBAL max_connections = 10")
        with ExitStack() as sessions:
            while pair.primary.is_ready():
                sessions.enter_context(pair.primary.holding("SELECT 1"))
            assert await reason_of(probe, fresh=True) is Reason.UNAVAILABLE
            assert (await facts(probe)).role is Role.PRIMARY

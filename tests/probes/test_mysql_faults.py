"""What a look says about a MariaDB that is broken, and that it never waits or lingers for it."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from exporter.core.model import Reason, Role
from exporter.probes.kind import Failure
from tests.probes.database import facts, failure_of
from tests.probes.mysql_rig import make_pair, probing
from tests.servers import until
from tests.servers.mariadb_pair import MariadbPair

pytestmark = pytest.mark.mariadb


@pytest.fixture
def pair() -> Iterator[MariadbPair]:
    yield from make_pair()


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
            assert (await failure_of(probe, fresh=True)).reason is Reason.UNAVAILABLE
            assert (await facts(probe)).role is Role.PRIMARY

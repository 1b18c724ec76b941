"""Markers in PostgreSQL: written, found, swept, and what is missing when rights are."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from exporter.core.model import Reason, Role
from exporter.probes.kind import Failure, Taken
from exporter.probes.postgres_probe import PostgresProbe
from tests.probes.database import facts
from tests.probes.postgres_rig import VANTAGE, make_pair, probing
from tests.servers import PASSWORD, PostgresPair, Proxy, until
from tests.servers.postgres import SQL, run

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def pair() -> Iterator[PostgresPair]:
    yield from make_pair()


@pytest.fixture
async def primary(pair: PostgresPair) -> AsyncIterator[PostgresProbe]:
    pair.primary.sql("TRUNCATE rto_rpo.canary")
    async with probing(pair.primary) as probe:
        yield probe


async def test_markers_are_found_on_both_sides(pair: PostgresPair, primary: PostgresProbe) -> None:
    """Ours only, ascending, above the number that was asked for."""
    async with probing(pair.standby) as standby:
        pair.primary.sql("INSERT INTO rto_rpo.canary VALUES ('elsewhere', 8, now())")
        for seq in (7, 9, 8):
            await primary.write_marker(seq, time.time(), fresh=seq == 9)
        assert (await facts(primary, markers_after=7)).markers == (8, 9)
        assert (await facts(primary, markers_after=9, fresh=True)).markers == ()
        pair.wait_streaming()
        until(lambda: pair.standby.sql("SELECT count(*) FROM rto_rpo.canary") == "4", "the standby has applied them")
        assert (await facts(standby, markers_after=0)).markers == (7, 8, 9)


async def test_each_sixtieth_marker_sweeps_the_old_ones(pair: PostgresPair, primary: PostgresProbe) -> None:
    """Markers of this vantage that are older than 15 minutes go; nobody else's do."""
    old = "now() - interval '16 minutes'"
    rows = f"('{VANTAGE}', 1, {old}), ('{VANTAGE}', 2, now()), ('elsewhere', 3, {old})"
    pair.primary.sql(f"INSERT INTO rto_rpo.canary VALUES {rows}")
    await primary.write_marker(59, time.time(), fresh=False)
    assert (await facts(primary, markers_after=0)).markers == (1, 2, 59)
    await primary.write_marker(60, time.time(), fresh=False)
    assert (await facts(primary, markers_after=0)).markers == (2, 59, 60)
    assert pair.primary.sql("SELECT count(*) FROM rto_rpo.canary WHERE vantage = 'elsewhere'") == "1"


async def test_a_number_that_is_taken_is_no_failed_write(primary: PostgresProbe) -> None:
    """Another marker has it, as after a death: told as that, and the next one is written over the same connection."""
    await primary.write_marker(7, time.time(), fresh=False)
    with pytest.raises(Taken):
        await primary.write_marker(7, time.time(), fresh=False)
    await primary.write_marker(8, time.time(), fresh=False)
    assert (await facts(primary, markers_after=0)).markers == (7, 8)


@pytest.mark.parametrize("table", ["rto_rpo.nowhere", "nowhere.canary", 'x"; DROP TABLE truth; --.canary'])
async def test_a_missing_table_costs_only_the_markers(pair: PostgresPair, table: str) -> None:
    """The other facts are told all the same; a write says what is missing. Whatever stands in the name is quoted."""
    async with probing(pair.primary, table=table) as probe:
        seen = await facts(probe, markers_after=0)
        assert (seen.role, seen.markers) == (Role.PRIMARY, None)
        with pytest.raises(Failure, match="does not exist") as failed:
            await probe.write_marker(1, time.time(), fresh=False)
        assert failed.value.reason is Reason.ERROR_CODE
        assert (await facts(probe)).role is Role.PRIMARY


async def test_without_rights_on_the_table_a_write_is_a_matter_of_permission(pair: PostgresPair) -> None:
    """A role that may only connect still tells its facts; its epoch on a standby comes from the control file."""
    pair.primary.sql(f"DROP ROLE IF EXISTS bare; CREATE ROLE bare LOGIN PASSWORD '{PASSWORD}'")
    pair.wait_streaming()
    until(lambda: pair.standby.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'bare'") == "1", "the role is there")
    async with probing(pair.primary, user="bare") as primary, probing(pair.standby, user="bare") as standby:
        seen = await facts(primary, markers_after=0)
        assert (seen.role, seen.writable, seen.epoch, seen.followers, seen.markers) == (
            Role.PRIMARY,
            True,
            "1",
            (),
            None,
        )
        seen = await facts(standby)
        assert (seen.role, seen.epoch, seen.connected) == (Role.STANDBY, "1", None)
        with pytest.raises(Failure) as failed:
            await primary.write_marker(1, time.time(), fresh=False)
        assert failed.value.reason is Reason.PERMISSION


@pytest.mark.parametrize(
    "forbidden",
    [
        "UPDATE rto_rpo.canary SET seq = 0",
        "TRUNCATE rto_rpo.canary",
        "CREATE TABLE rto_rpo.mine (x int)",
        "CREATE TABLE public.mine (x int)",
        "SELECT * FROM truth",
        "SELECT * FROM pg_ls_waldir()",
        "SELECT pg_promote(false)",
        "SELECT pg_switch_wal()",
    ],
)
async def test_the_role_may_do_nothing_else(pair: PostgresPair, forbidden: str) -> None:
    """The shipped SQL gives what the looks need, and no more."""
    connection = await asyncpg.connect(pair.primary.dsn(), password=PASSWORD)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(forbidden)
    finally:
        await connection.close()


def test_the_shipped_sql_can_run_again(pair: PostgresPair) -> None:
    """Whoever is not sure whether it ran just runs it once more."""
    where = ("-h", str(pair.primary.socket), "-p", str(pair.primary.port), "-U", "postgres", "-d", "app")
    run("psql", "-XqAt", *where, "-f", str(SQL))


async def test_a_locked_table_holds_nobody_for_long(pair: PostgresPair, primary: PostgresProbe) -> None:
    """A look that is cancelled while it waits for a lock drops its connection, sends nobody to cancel it, and the next look is well."""
    locker = await asyncpg.connect(f"postgresql://postgres@/app?host={pair.primary.socket}&port={pair.primary.port}")
    try:
        await locker.execute("BEGIN; LOCK TABLE rto_rpo.canary IN ACCESS EXCLUSIVE MODE")
        with Proxy(pair.primary.port) as proxy:
            async with probing(pair.primary, port=proxy.port) as probe:
                await facts(probe)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await facts(probe, markers_after=0)
                assert proxy.accepted == 1
                assert (await facts(probe)).role is Role.PRIMARY
                assert proxy.accepted == 2
        ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rto_rpo_exporter' AND state = 'active'"
        until(lambda: pair.primary.sql(ours) == "0", "nothing of ours waits in the server")
    finally:
        await locker.close()

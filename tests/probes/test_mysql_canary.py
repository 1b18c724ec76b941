"""Markers in MariaDB: written, found, swept, and what is missing when rights are; and questions of the user's own."""

import time
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256

import pytest

from exporter.core.model import Reason, Role
from exporter.probes.kind import Failure, Taken
from exporter.probes.mysql_probe import MysqlProbe
from tests.probes.database import facts
from tests.probes.mysql_rig import VANTAGE, make_pair, probing
from tests.servers import PASSWORD
from tests.servers.mariadb import SQL
from tests.servers.mariadb_pair import MariadbPair

pytestmark = pytest.mark.mariadb


@pytest.fixture(scope="module")
def pair() -> Iterator[MariadbPair]:
    yield from make_pair()


@pytest.fixture
async def primary(pair: MariadbPair) -> AsyncIterator[MysqlProbe]:
    pair.primary.sql("TRUNCATE rto_rpo.canary")
    async with probing(pair.primary) as probe:
        yield probe


async def test_markers_are_found_on_both_sides(pair: MariadbPair, primary: MysqlProbe) -> None:
    """Ours only, ascending, above the number that was asked for."""
    async with probing(pair.standby) as standby:
        pair.primary.sql("INSERT INTO rto_rpo.canary VALUES ('elsewhere', 8, now()), ('HERE', 8, now())")
        for seq in (7, 9, 8):
            await primary.write_marker(seq, time.time(), fresh=seq == 9)
        assert (await facts(primary, markers_after=7)).markers == (8, 9)
        assert (await facts(primary, markers_after=9, fresh=True)).markers == ()
        pair.wait_streaming()
        assert (await facts(standby, markers_after=0)).markers == (7, 8, 9)


async def test_each_sixtieth_marker_sweeps_the_old_ones(pair: MariadbPair, primary: MysqlProbe) -> None:
    """Markers of this vantage that are older than 15 minutes go; nobody else's do."""
    old = "now() - interval 16 minute"
    rows = f"('{VANTAGE}', 1, {old}), ('{VANTAGE}', 2, now()), ('elsewhere', 3, {old})"
    pair.primary.sql(f"INSERT INTO rto_rpo.canary VALUES {rows}")
    await primary.write_marker(59, time.time(), fresh=False)
    assert (await facts(primary, markers_after=0)).markers == (1, 2, 59)
    await primary.write_marker(60, time.time(), fresh=False)
    assert (await facts(primary, markers_after=0)).markers == (2, 59, 60)
    assert pair.primary.sql("SELECT count(*) FROM rto_rpo.canary WHERE vantage = 'elsewhere'") == "1"


@pytest.mark.parametrize("table", ["rto_rpo.nowhere", "nowhere.canary", "x`; DROP TABLE truth; -- .canary"])
async def test_a_missing_table_costs_only_the_markers(pair: MariadbPair, table: str) -> None:
    """The other facts are told all the same; a write says what is missing. Whatever stands in the name is quoted."""
    async with probing(pair.primary, table=table) as probe:
        seen = await facts(probe, markers_after=0)
        assert (seen.role, seen.markers) == (Role.PRIMARY, None)
        with pytest.raises(Failure) as failed:
            await probe.write_marker(1, time.time(), fresh=False)
        assert failed.value.reason in (Reason.ERROR_CODE, Reason.PERMISSION)
        assert (await facts(probe)).role is Role.PRIMARY


async def test_without_rights_the_sentence_names_the_right(pair: MariadbPair) -> None:
    """Who may not see the channels cannot tell a primary from a standby: the look fails, and says what is missing."""
    pair.primary.sql(f"CREATE OR REPLACE USER bare IDENTIFIED BY '{PASSWORD}'")
    async with probing(pair.primary, user="bare") as probe:
        with pytest.raises(Failure, match=r"REPLICA MONITOR|SLAVE MONITOR") as failed:
            await facts(probe)
        assert failed.value.reason is Reason.PERMISSION
        with pytest.raises(Failure) as failed:
            await probe.write_marker(1, time.time(), fresh=False)
        assert failed.value.reason is Reason.PERMISSION


@pytest.mark.parametrize(
    "forbidden",
    [
        "UPDATE rto_rpo.canary SET seq = 0",
        "DROP TABLE rto_rpo.canary",
        "CREATE TABLE rto_rpo.mine (x int)",
        "SELECT * FROM app.truth",
        "SELECT * FROM mysql.user",
        "SHOW BINARY LOGS",
        "FLUSH TABLES",
        "SET GLOBAL read_only = 1",
        "CREATE USER other",
    ],
)
async def test_the_account_may_do_nothing_else(pair: MariadbPair, forbidden: str) -> None:
    """The shipped SQL gives what the looks need, and no more."""
    async with probing(pair.primary) as probe:
        with pytest.raises(Failure) as failed:
            await probe.ask(forbidden)
        assert failed.value.reason is Reason.PERMISSION


def test_the_shipped_sql_can_run_again(pair: MariadbPair) -> None:
    """Whoever is not sure whether it ran just runs it once more, and nobody is locked out by it."""
    pair.primary.load(SQL.read_text())
    assert '"account_locked":true' not in pair.primary.sql("SELECT priv FROM mysql.global_priv WHERE user = 'dr_probe'")


async def test_a_number_that_is_taken_is_no_failed_write(primary: MysqlProbe) -> None:
    """Another marker has it, as after a death: told as that, and the next one is written; also where the old ones are swept."""
    for seq in (59, 60):
        await primary.write_marker(seq, time.time(), fresh=False)
        with pytest.raises(Taken):
            await primary.write_marker(seq, time.time(), fresh=False)
    await primary.write_marker(61, time.time(), fresh=False)
    assert (await facts(primary, markers_after=0)).markers == (59, 60, 61)


async def test_a_locked_table_holds_nobody_for_long(pair: MariadbPair, primary: MysqlProbe) -> None:
    """A marker that waits for somebody else's lock gives up in the server too: nothing of ours lingers there."""
    await primary.write_marker(1, time.time(), fresh=False)
    with pair.primary.holding("SELECT * FROM rto_rpo.canary FOR UPDATE"):
        with pytest.raises(Failure) as failed:
            await primary.write_marker(1, time.time(), fresh=False)
        assert failed.value.reason is Reason.TIMEOUT
    await primary.write_marker(2, time.time(), fresh=False)


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("SELECT 41 + 1", 42.0),
        ("SELECT 1.5", 1.5),
        ("SELECT '42'", "42"),
        ("SELECT NULL", None),
        ("SELECT seq FROM rto_rpo.canary WHERE seq < 0", None),
        ("SELECT 'Zürich'", "Zürich"),
        ("SELECT 1, 'x' UNION SELECT 2, NULL", sha256(b'[["1", "x"], ["2", null]]').hexdigest()),
    ],
)
async def test_a_question_has_one_answer(primary: MysqlProbe, query: str, answer: str | float | None) -> None:
    """One value as it is, more than one as a digest that is the same wherever the rows are the same."""
    assert await primary.ask(query) == answer


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("DELETE FROM rto_rpo.canary", Reason.READ_ONLY),
        ("SELECT 1; DELETE FROM rto_rpo.canary", Reason.ERROR_CODE),
        ("SELECT seq FROM seq_1_to_1001", Reason.TOO_LARGE),
        ("SELECT repeat('x', 70000)", Reason.TOO_LARGE),
        ("SELECT sleep(60)", Reason.TIMEOUT),
        ("SELECT nonsense", Reason.ERROR_CODE),
    ],
)
async def test_a_question_can_do_no_harm(pair: MariadbPair, primary: MysqlProbe, query: str, reason: Reason) -> None:
    """It changes nothing, it is one statement, and its time and its answer are bounded."""
    await primary.write_marker(1, time.time(), fresh=False)
    pair.primary.sql("GRANT SELECT ON app.* TO dr_probe")
    async with probing(pair.primary, database="app") as probe:
        with pytest.raises(Failure) as failed:
            await probe.ask(query)
    assert failed.value.reason is reason
    assert (await facts(primary, markers_after=0)).markers == (1,)

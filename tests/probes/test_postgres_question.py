"""What a PostgreSQL server answers to a question of the user's own, for parity and business figures."""

import asyncio
from collections.abc import Iterator

import pytest

from exporter.core.model import Reason
from exporter.probes.kind import Failure, Value
from tests.probes.postgres_rig import make_pair, probing
from tests.servers import PostgresPair

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def pair() -> Iterator[PostgresPair]:
    """One pair for all questions: they change nothing."""
    yield from make_pair()


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("SELECT 42", 42.0),
        ("SELECT 1.25::numeric", 1.25),
        ("SELECT 'tea'", "tea"),
        ("SELECT true", "True"),
        ("SELECT NULL", None),
        ("SELECT 1 WHERE false", None),
        ("SHOW server_version_num", "15"),
    ],
)
async def test_one_value_is_told_as_it_is(pair: PostgresPair, query: str, answer: Value) -> None:
    """Numbers as numbers, the rest as text, and nothing where there is no row."""
    async with probing(pair.primary) as probe:
        told = await probe.ask(query)
    assert told == answer or (isinstance(told, str) and isinstance(answer, str) and told.startswith(answer))


async def test_several_rows_are_told_by_a_digest_that_both_sites_share(pair: PostgresPair) -> None:
    """The same rows give the same digest at the standby, other rows another."""
    query = "SELECT rolname, rolsuper FROM pg_roles ORDER BY rolname"
    async with probing(pair.primary) as primary, probing(pair.standby) as standby:
        told = await primary.ask(query)
        assert isinstance(told, str)
        assert len(told) == 64
        assert await standby.ask(query) == told
        assert await primary.ask(f"{query} DESC") != told


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("INSERT INTO rto_rpo.canary VALUES ('x', 1, now())", Reason.READ_ONLY),
        ("SELECT * FROM pg_authid", Reason.PERMISSION),
        ("SELECT 1; SELECT 2", Reason.ERROR_CODE),
        ("SELECT nothing FROM nowhere", Reason.ERROR_CODE),
        ("SELECT generate_series(1, 5000)", Reason.TOO_LARGE),
        ("SELECT repeat('x', 70000)", Reason.TOO_LARGE),
    ],
)
async def test_what_cannot_be_answered_has_a_reason(pair: PostgresPair, query: str, reason: Reason) -> None:
    """Changes, forbidden tables, several statements, nonsense and floods; the next look is as good as ever."""
    async with probing(pair.primary) as probe:
        with pytest.raises(Failure) as failure:
            await probe.ask(query)
        assert failure.value.reason is reason, failure.value
        assert await probe.ask("SELECT 1") == 1.0


async def test_a_question_that_is_given_up_leaves_no_session(pair: PostgresPair) -> None:
    """Its connection ends with it."""
    async with probing(pair.primary) as probe:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await probe.ask("SELECT pg_sleep(4)")
        ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rto_rpo_exporter'"
        deadline = asyncio.get_running_loop().time() + 10
        while await probe.ask(ours) != 1.0:
            assert asyncio.get_running_loop().time() < deadline, "the session of the question is still there"
            await asyncio.sleep(0.05)

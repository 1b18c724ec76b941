"""Logging in to PostgreSQL: what it may cost us, and what a session is worth that ends as soon as it has begun."""

import asyncio
import contextlib
import re
import struct
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest

from exporter.core.model import Reason, Role
from exporter.probes.kind import Ask, Context, Failure
from exporter.probes.links import Links
from exporter.probes.postgres import PostgresSettings
from exporter.probes.postgres_link import Link, Server, terminate
from exporter.probes.postgres_probe import PostgresProbe
from exporter.probes.postgres_scram import ROUNDS_LIMIT, salted
from exporter.probes.wire import Stopwatch
from tests import hostile
from tests.probes.database import facts
from tests.probes.postgres_rig import make_pair, probe_of, probing
from tests.servers import PASSWORD, PostgresPair

_VERSION = b"server_version\0" + b"15.1\0"
LOGGED_IN = struct.pack("!cII", b"R", 8, 0) + struct.pack("!cI", b"S", 4 + len(_VERSION)) + _VERSION + b"Z\0\0\0\5I"
"""AuthenticationOk, a ParameterStatus without which asyncpg breaks, and ReadyForQuery."""
_WORDS = b"SFATAL\0C57P01\0Mterminating connection\0\0"
FAREWELL = struct.pack("!cI", b"E", 4 + len(_WORDS)) + _WORDS


@pytest.fixture(scope="module")
def pair() -> Iterator[PostgresPair]:
    yield from make_pair()


def at(port: int) -> PostgresProbe:
    settings = PostgresSettings.model_validate({"dsn": f"postgresql://dr_probe:x@127.0.0.1:{port}/app?sslmode=disable"})
    return PostgresProbe(settings.address, settings.password, Context("here"))


async def failure_of(doing: Awaitable[Any]) -> Failure:
    """Why it fails; it has 5 s."""
    with pytest.raises(Failure) as failed:
        async with asyncio.timeout(5):
            await doing
    return failed.value


@pytest.mark.postgres
async def test_the_password_is_hashed_once(pair: PostgresPair) -> None:
    """However many connections are made, to the primary or to its standby, which keeps the same salt."""
    salted.cache_clear()
    for server in (pair.primary, pair.standby):
        async with probing(server) as probe:
            for _ in range(3):
                await facts(probe, fresh=True)
    assert (salted.cache_info().misses, salted.cache_info().hits) == (1, 5)


@pytest.mark.postgres
async def test_a_changed_password_is_hashed_anew(pair: PostgresPair) -> None:
    """A wrong password is refused although the right one is remembered."""
    async with probing(pair.primary) as probe:
        await facts(probe, fresh=True)
    failure = await failure_of(probe_of(pair.primary, password="another").look(Ask(fresh=True)))
    assert failure.reason is Reason.AUTH


@pytest.mark.postgres
async def test_the_environment_does_not_choose_the_server(pair: PostgresPair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable meant for applications would hide every standby from us."""
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "read-write")
    async with probing(pair.standby) as probe:
        assert (await facts(probe, fresh=True)).role is Role.STANDBY


@pytest.mark.parametrize(
    ("rounds", "reason"),
    [(ROUNDS_LIMIT + 1, Reason.AUTH), (2**31 - 1, Reason.AUTH), (2**63, Reason.PROTOCOL)],
)
async def test_a_server_cannot_make_us_hash_for_ever(rounds: int, reason: Reason) -> None:
    """SCRAM lets the server say how often; asked for too much we refuse at once, because all other looks would wait."""

    async def demand(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        _authentication(writer, 10, b"SCRAM-SHA-256\0\0")
        nonce = re.search(b"r=([^,]+)", await reader.read(4096))
        assert nonce is not None
        _authentication(writer, 11, b"r=%bmore,s=c2FsdHNhbHQ=,i=%d" % (nonce[1], rounds))
        await reader.read()

    async with hostile.serve(demand) as server:
        failure = await failure_of(at(server.port).look(Ask(fresh=True)))
    assert failure.reason is reason


def _authentication(writer: asyncio.StreamWriter, kind: int, data: bytes) -> None:
    writer.write(struct.pack("!cII", b"R", 8 + len(data), kind) + data)


@pytest.mark.parametrize("last", [b"", FAREWELL], ids=["without a word", "with a farewell"])
async def test_a_session_that_ends_when_it_begins(last: bytes) -> None:
    """The login succeeds and the connection ends in the same breath: a look says reset, and nobody waits for the dead one."""
    async with hostile.serve(hostile.answer(LOGGED_IN + last)) as server:
        probe = at(server.port)
        assert (await failure_of(probe.look(Ask(fresh=False)))).reason is Reason.RESET
        async with asyncio.timeout(5):
            with contextlib.suppress(Failure):
                await probe.hold(lambda _: None)
        assert (await failure_of(probe.look(Ask(fresh=False)))).reason is Reason.RESET


class Late:
    """Makes connections to a server; the first one only when it may."""

    def __init__(self, server: Server, *, refused: bool) -> None:
        self.may = asyncio.Event()
        self.done = asyncio.Event()
        self._server = server
        self._refused = refused
        self._made = 0

    async def __call__(self, watch: Stopwatch) -> Link:
        self._made += 1
        if self._made == 1:
            await self.may.wait()
        try:
            if self._made == 1 and self._refused:
                raise ConnectionRefusedError
            return await self._server.connect(watch, give_up=terminate)
        finally:
            if self.may.is_set():
                self.done.set()


@pytest.mark.postgres
@pytest.mark.parametrize("ended_first", [False, True])
@pytest.mark.parametrize("refused", [False, True])
async def test_the_tripwire_tells_what_ends_while_it_is_laid(
    pair: PostgresPair, ended_first: bool, refused: bool
) -> None:
    """A look was faster to keep a connection: the end of that one is news, whatever becomes of the tripwire's own."""
    settings = PostgresSettings.model_validate({"dsn": pair.primary.dsn(), "password": {"plain": PASSWORD}})
    connect = Late(Server(settings.address, settings.password), refused=refused)
    links = Links(connect)
    holding = asyncio.create_task(links.until_lost(Stopwatch()))
    await asyncio.sleep(0)  # it waits for its connection
    kept = await links.use(asked, Stopwatch(), fresh=False)
    if not ended_first:
        connect.may.set()
        await connect.done.wait()
    pair.primary.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'dr_probe'")
    await asyncio.wait((kept.lost,), timeout=5)
    assert kept.lost.result()
    connect.may.set()
    assert await asyncio.wait_for(holding, 5)
    links.close()


async def asked(link: Link) -> Link:
    """The link, after a question over it."""
    assert await link.row(Stopwatch(), "SELECT 1") is not None
    return link

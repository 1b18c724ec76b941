"""Connections to one PostgreSQL server: how they are made, lent, held and dropped."""

import asyncio
import functools
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import asyncpg

from exporter.core.model import Reason
from exporter.probes.kind import Failure
from exporter.probes.postgres_dsn import OPTIONAL_TLS, Dsn, OptionalTls, tls_of
from exporter.probes.resolve import resolver
from exporter.probes.wire import CONNECT, PROCESSING, RESOLVE, Stopwatch
from exporter.settings import Secret

Answer = TypeVar("Answer")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SERVER_SETTINGS = {
    "application_name": "rto_rpo_exporter",
    # Nothing of ours may linger on a server, whatever becomes of us.
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
}
CONNECT_DEADLINE = 5.0
"""Seconds: the bound for a connection that nobody else bounds, such as the tripwire's."""
RETIRE_DEADLINE = 2.0
"""Seconds for the farewell of a write that was given up."""


class Server:
    """How to connect to one server. Makes no connection by itself."""

    def __init__(self, dsn: Dsn, password: Secret | None) -> None:
        self.dsn = dsn
        self.tls_demanded = dsn.sslmode not in OPTIONAL_TLS
        self._password = password

    async def connect(self, watch: Stopwatch) -> Connection:
        """A new connection, timed as `resolve` and `connect` (TCP, TLS and login together).

        Raises Failure, OSError or what asyncpg raises.
        """
        dsn = self.dsn
        watch.enter(RESOLVE)
        addresses = await resolver().addresses(dsn.host)
        watch.enter(CONNECT)
        return await asyncpg.connect(
            host=list(addresses),
            port=dsn.port,
            user=dsn.user,
            database=dsn.database,
            password=self._secret(),
            ssl=self._tls,
            timeout=CONNECT_DEADLINE,
            server_settings=SERVER_SETTINGS,
            # The few statements of a kept connection stay prepared for its whole life.
            statement_cache_size=8,
            max_cached_statement_lifetime=0,
        )

    def _secret(self) -> str | None:
        if self._password is None:
            return self.dsn.password
        try:
            return self._password.reveal()
        except ValueError as error:
            raise Failure(Reason.INTERNAL, str(error)) from None

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext | OptionalTls:
        # One context for all: making one reads and parses files.
        try:
            return tls_of(self.dsn)
        except OSError as error:
            what = error.strerror or type(error).__name__
            raise Failure(Reason.TLS, f"the certificate files of the dsn cannot be used: {what}") from None


@dataclass(eq=False, slots=True)
class Link:
    """One open connection."""

    connection: Connection
    lost: asyncio.Future[bool]
    """Done when it has ended: True if the other side ended it, False if we did."""
    busy: bool = False

    def end(self, theirs: bool) -> None:
        if not self.lost.done():
            self.lost.set_result(theirs)


class Links:
    """At most one kept connection to a server, lent to one user at a time; extra ones live for one use.

    Nobody ever waits for another's use: who finds the kept connection busy or gone gets a new one. A connection whose
    use was cancelled, or brought anything but an answer, is never used again: asyncpg does not say what state it is in.
    """

    def __init__(self, server: Server, give_up: Callable[[Connection], None]) -> None:
        """`give_up` disposes of a connection in the middle of its use; it must not wait."""
        self._server = server
        self._give_up = give_up
        self._kept: Link | None = None

    async def use(self, call: Callable[[Connection], Awaitable[Answer]], watch: Stopwatch, *, fresh: bool) -> Answer:
        """`call` with a connection: with a new one that is closed after it if `fresh`. Raises what `call` and connecting raise.

        Written out rather than as a context manager, which would cost each look as much as its question.
        """
        link = None if fresh else self._idle()
        if link is None:
            link = await self._open(watch, keep=not fresh)
        link.busy = True
        watch.enter(PROCESSING)
        try:
            return await call(link.connection)
        except asyncpg.PostgresError:
            raise
        except BaseException:
            link.end(theirs=link.connection.is_closed())
            self._give_up(link.connection)
            raise
        finally:
            link.busy = False
            if link is not self._kept and not link.lost.done():
                _close(link)

    async def until_lost(self, watch: Stopwatch) -> None:
        """Keep a connection until the other side ends it; those that we end ourselves are replaced."""
        while True:
            link = self._alive() or await self._open(watch, keep=True)
            if link is not self._kept:
                _close(link)  # a look was faster; its connection is as good
                continue
            # Waiting on the future itself would let our own cancellation end it for everybody.
            await asyncio.wait((link.lost,))
            if link.lost.result():
                return

    def close(self) -> None:
        if self._kept is not None:
            _close(self._kept)

    async def _open(self, watch: Stopwatch, *, keep: bool) -> Link:
        connection = await self._server.connect(watch)
        link = Link(connection, asyncio.get_running_loop().create_future())
        # Called by the event loop as soon as the socket ends.
        connection.add_termination_listener(lambda _: link.end(theirs=True))
        if keep and self._alive() is None:
            self._kept = link
        return link

    def _alive(self) -> Link | None:
        return self._kept if self._kept is not None and not self._kept.lost.done() else None

    def _idle(self) -> Link | None:
        link = self._alive()
        return None if link is None or link.busy or link.connection.is_closed() else link


def _close(link: Link) -> None:
    """Terminate is sent, but nobody waits for what becomes of it."""
    link.end(theirs=False)
    link.connection.terminate()


async def retire(connection: Connection) -> None:
    """Say farewell to a connection whose write was given up.

    A commit that waits for a lost synchronous standby goes on in the server when its client is gone (no
    statement_timeout ends it), and each marker would leave one more session behind until none is free for the users.
    So here, other than after a look, the server is asked to cancel, which asyncpg does as part of closing. Never
    raises; takes at most RETIRE_DEADLINE.
    """
    try:
        await connection.close(timeout=RETIRE_DEADLINE)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # TimeoutError is an OSError
        connection.terminate()

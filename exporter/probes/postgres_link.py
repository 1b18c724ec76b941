"""Connections to one PostgreSQL server: how they are made, asked and dropped."""

import asyncio
import errno
import functools
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from time import monotonic
from typing import Any, TypeAlias

import asyncpg
import asyncpg.prepared_stmt
from asyncpg.connect_utils import SessionAttribute

from exporter import postgres_framing
from exporter.core.model import Instant, Reason
from exporter.probes import postgres_scram
from exporter.probes.kind import Failure
from exporter.probes.postgres_dsn import OPTIONAL_TLS, Dsn, OptionalTls, tls_of
from exporter.probes.resolve import resolver
from exporter.probes.wire import CONNECT, PROCESSING, RESOLVE, Stopwatch
from exporter.settings import Secret

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Statement: TypeAlias = "asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]"

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
FORGOTTEN = (
    asyncpg.InvalidSQLStatementNameError,
    asyncpg.DuplicatePreparedStatementError,
    asyncpg.InvalidCachedStatementError,
)
"""What the server says of a statement that it does not know as we do: a pooler stands before it, or a type has changed."""


class Server:
    """How to connect to one server. Makes no connection by itself."""

    def __init__(self, dsn: Dsn, password: Secret | None) -> None:
        self.dsn = dsn
        self.tls_demanded = dsn.sslmode not in OPTIONAL_TLS
        self._password = password
        postgres_scram.install()
        postgres_framing.install()

    async def connect(self, watch: Stopwatch, *, give_up: "Callable[[Connection], None]") -> "Link":
        """A new connection, timed as `resolve` and `connect` (TCP, TLS and login together).

        `give_up` disposes of it in the middle of a use; it must not wait. Raises Failure, OSError or what asyncpg raises.
        """
        dsn = self.dsn
        watch.enter(RESOLVE)
        addresses = await resolver().addresses(dsn.host)
        watch.enter(CONNECT)
        connection = await asyncpg.connect(
            host=list(addresses),
            port=dsn.port,
            user=dsn.user,
            database=dsn.database,
            password=self._secret(),
            ssl=self._tls,
            timeout=CONNECT_DEADLINE,
            server_settings=SERVER_SETTINGS,
            target_session_attrs=SessionAttribute.any,  # whatever PGTARGETSESSIONATTRS says: a standby is looked at as a standby
            statement_cache_size=0,  # see Link.row
            connection_class=postgres_framing.Connection,
        )
        return Link(connection, give_up, asyncio.get_running_loop().create_future()).opened()

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
    """One open connection, and what is prepared on it."""

    connection: Connection
    give_up: Callable[[Connection], None]
    lost: asyncio.Future[Instant | None]
    """Done when it has ended: when, if the other side ended it; None if we did."""
    busy: bool = False
    _statements: dict[str, Statement] = field(default_factory=dict)
    _named: bool = True

    async def row(self, watch: Stopwatch, statement: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row that a statement answers. Raises OSError or what asyncpg raises.

        Prepared here and not by asyncpg's cache, which spends a fifth of a look on finding a statement again. It has a name,
        or each look would send it anew, and the server would parse and plan it anew.
        """
        watch.enter(PROCESSING)
        postgres_framing.allow(self.connection, postgres_framing.ANSWER_MOST)
        try:
            return await self._first_row(statement, arguments)
        except FORGOTTEN:
            self._named = False
            self._statements.clear()
            return await self._first_row(statement, arguments)
        except (asyncpg.InterfaceError, asyncpg.InternalClientError):
            self._still_open()
            raise
        finally:
            postgres_framing.allow(self.connection, postgres_framing.UNASKED_MOST)

    async def _first_row(self, statement: str, arguments: tuple[Any, ...]) -> asyncpg.Record | None:
        prepared = self._statements.get(statement)
        if prepared is None:
            # Behind a pooler another exporter may have left a statement at this session: the same name means the same text.
            name = f"rto_rpo_{sha256(statement.encode()).hexdigest()[:24]}" if self._named else ""
            prepared = self._statements[statement] = await self.connection.prepare(statement, name=name)
        return await prepared.fetchrow(*arguments)

    def opened(self) -> "Link":
        """From now on it is told when the other side ends the connection. Raises ConnectionResetError if it has done so already."""
        # Called by the event loop as soon as the socket ends.
        self.connection.add_termination_listener(self._ended)
        postgres_framing.allow(self.connection, postgres_framing.UNASKED_MOST)
        self._still_open()
        return self

    def end(self) -> None:
        """Hang up: terminate is sent, but nobody waits for what becomes of it."""
        if not self.lost.done():
            self.lost.set_result(monotonic() if self.connection.is_closed() else None)
            (self.give_up if self.busy else terminate)(self.connection)

    def _ended(self, connection: Any) -> None:
        if not self.lost.done():
            self.lost.set_result(connection.guard.ended or monotonic())  # asyncpg hangs up by itself, too

    def _still_open(self) -> None:
        if self.connection.is_closed():
            raise ConnectionResetError(errno.ECONNRESET, "the server ended the connection between two questions")


def terminate(connection: Connection) -> None:
    connection.terminate()


async def retire(connection: Connection) -> None:
    """Say farewell to a connection whose write was given up.

    A commit that waits for a lost synchronous standby goes on in the server when its client is gone (no
    statement_timeout ends it), and each marker would leave one more session behind until none is free for the users.
    So here, other than after a look, the server is asked to cancel, which asyncpg does as part of closing. Never
    raises; takes at most RETIRE_DEADLINE.
    """
    try:
        await connection.close(timeout=RETIRE_DEADLINE)
    except (
        OSError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
    ):  # TimeoutError is an OSError
        connection.terminate()

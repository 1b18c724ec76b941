"""One MySQL or MariaDB server: looks, markers, the tripwire, and questions of the user's own."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

from exporter.core.model import Facts, Instant, Reason, Role
from exporter.probes import mysql_sql as sql
from exporter.probes.kind import Ask, Context, Failure, Look, Taken
from exporter.probes.links import Links
from exporter.probes.mysql_errors import DUPLICATE, NO_TABLE
from exporter.probes.mysql_facts import Channel, Seen, primary_facts, read_answer, standby_facts
from exporter.probes.mysql_link import Connection, Server
from exporter.probes.mysql_packet import Garbled, Table
from exporter.probes.mysql_role import RoleMemory
from exporter.probes.mysql_talk import Answer
from exporter.probes.wire import Stopwatch

Value = TypeVar("Value")

SWEEP_EVERY = 60
"""Each 60th marker also removes the old ones."""
QUESTION_ROWS = 1000
QUESTION_BYTES = 64 * 1024
"""What the answer to a question of the user's own may hold."""


class MysqlProbe:
    """Looks use one kept connection, which is the tripwire too; markers use another, because a commit may wait for a
    standby while we look. Fresh ones are made and closed for one use, so that a kept connection hides no failover."""

    def __init__(self, server: Server, channel: str | None, context: Context) -> None:
        """`channel`: the one that counts on a standby with several; None: the only one."""
        self._server = server
        self._channel = channel
        self._vantage = context.vantage
        self._table = context.canary_table
        self._memory = RoleMemory()
        self._looks = Links(self._connect)
        self._writes = Links(self._connect)

    @property
    def target(self) -> str:
        """host:port, and the database if one was named; without the user."""
        server = self._server
        host = f"[{server.host}]" if ":" in server.host else server.host
        return f"{host}:{server.port}" + (f"/{server.database}" if server.database else "")

    async def look(self, ask: Ask) -> Look:
        """Facts, and the phases `resolve`, `connect` and `tls` (of a new connection only) and `processing`."""
        watch = Stopwatch()
        seen = await self._in_words(self._see(ask, watch), watch)
        return Look(self._facts(seen), watch.phases(), _trouble(seen))

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        """Returns when the server has committed it, and semi-synchronous standbys have it if it waits for them."""
        statements = sql.insert_marker(self._table, self._vantage, seq, sent_at)
        if seq % SWEEP_EVERY == 0:
            statements = f"{sql.sweep(self._table, self._vantage, sent_at)};\n{statements}"
        watch = Stopwatch()

        async def write() -> None:
            answer = await self._writes.use(lambda to: to.ask(statements, watch, max_rows=0), watch, fresh=fresh)
            if answer.refusal is not None and answer.refusal.code == DUPLICATE:
                raise Taken(seq)
            answer.all()  # here, because a connection survives a refusal

        await self._in_words(write(), watch)

    async def ask(self, query: str) -> str | float | None:
        """The one value of a query's answer (numbers as float, the rest as text; None: no row, or NULL); of a larger
        answer the SHA-256 of its rows in their order. Raises Failure, too_large beyond 1,000 rows or 64 KiB.

        The query is one statement, in a read-only transaction that is rolled back, on a connection of its own.
        """
        watch = Stopwatch()
        return _told(await self._in_words(self._question(query, watch), watch))

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        watch = Stopwatch()
        ended = await self._in_words(self._looks.until_lost(watch), watch)
        if ended is not None:
            broken(ended)

    async def close(self) -> None:
        self._looks.close()
        self._writes.close()

    async def _connect(self, watch: Stopwatch) -> Connection:
        connection = await self._server.connect(watch)
        connection.prelude = sql.dialect_of(connection.version).bounds
        return connection

    async def _in_words(self, doing: Awaitable[Value], watch: Stopwatch) -> Value:
        """Whatever goes wrong becomes a Failure with the phases so far."""
        with watch:
            try:
                return await doing
            except Garbled:
                raise Failure(Reason.PROTOCOL, "not an answer of MySQL or MariaDB") from None

    async def _see(self, ask: Ask, watch: Stopwatch) -> Seen:
        markers = ask.markers_after
        more = "" if markers is None else ";\n" + sql.markers(self._table, self._vantage, markers)

        async def look(connection: Connection) -> tuple[sql.Dialect, Answer]:
            dialect = sql.dialect_of(connection.version)
            return dialect, await connection.ask(dialect.look + more, watch, max_rows=sql.MARKERS_LIMIT)

        dialect, answer = await self._looks.use(look, watch, fresh=ask.fresh)
        complete = len(answer.tables) > dialect.look.count(";\n")
        without_canary = complete and answer.refusal is not None and answer.refusal.code in NO_TABLE
        return read_answer(answer.tables if without_canary else answer.all(), mariadb=dialect.mariadb)

    def _facts(self, seen: Seen) -> Facts:
        role = self._memory.role(seen)
        if role is not Role.STANDBY:
            return primary_facts(seen, role)
        channel = self._followed(seen)
        return standby_facts(seen, self._memory.epoch(channel), channel)

    def _followed(self, seen: Seen) -> Channel | None:
        """The channel that counts; None where there are several, and nobody said which of them does."""
        if self._channel is None:
            return seen.channels[0] if len(seen.channels) == 1 else None
        return next((channel for channel in seen.channels if channel.name == self._channel), None)

    async def _question(self, query: str, watch: Stopwatch) -> list[Table]:
        connection = await self._server.connect(watch, several=False)
        try:
            for statement in (sql.dialect_of(connection.version).bounds.rstrip(";\n"), "START TRANSACTION READ ONLY"):
                (await connection.ask(statement, watch, max_rows=0)).all()
            tables = (await connection.ask(query, watch, max_rows=QUESTION_ROWS, limit=QUESTION_BYTES)).all()
            (await connection.ask("ROLLBACK", watch, max_rows=0)).all()
        finally:
            connection.end()
        return tables


def _trouble(seen: Seen) -> str:
    """A sentence for people about threads that do not run. The number of the error only: its text may hold users' data."""
    return "; ".join(
        f"replication{f' {channel.name}' if channel.name else ''}: IO thread {channel.receives}, SQL thread {channel.applies}"
        + (f", error {channel.error}" if channel.error != "0" else "")
        for channel in seen.channels
        if not channel.runs
    )


def _told(tables: list[Table]) -> str | float | None:
    if not tables or not tables[0].rows:
        return None
    columns, rows = tables[0]
    if len(rows) > 1 or len(columns) > 1:
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    (value,) = rows[0]
    return float(value) if value is not None and columns[0].numeric else value

"""One PostgreSQL server, looked at through asyncpg (which is an extra: only `exporter.probes.postgres` may import this)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

import asyncpg

from exporter.core.model import Facts, Reason
from exporter.probes import postgres_sql as sql
from exporter.probes.kind import Ask, Context, Failure, Look
from exporter.probes.links import Answer, Links
from exporter.probes.postgres_dsn import Dsn
from exporter.probes.postgres_errors import failure_of
from exporter.probes.postgres_link import Connection, Link, Server, retire, terminate
from exporter.probes.wire import Stopwatch
from exporter.settings import Secret

SWEEP_EVERY = 60
"""Each 60th marker also removes the old ones."""
Row: TypeAlias = tuple[asyncpg.Record, int | None]
"""What LOOK answers, and the timeline; on a standby without a receiver the control file's, if that may be read."""
NO_TABLE = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.InsufficientPrivilegeError)


class PostgresProbe:
    """Looks use one kept connection, which is the tripwire too; markers use another, because a commit may wait for a
    standby while we look. Fresh ones are made and closed for one use, so that a kept connection hides no failover."""

    def __init__(self, dsn: Dsn, password: Secret | None, context: Context) -> None:
        server = Server(dsn, password)
        self._server = server
        self._vantage = context.vantage
        self._look_with_markers = sql.look_with_markers(context.canary_table)
        self._insert = sql.insert_marker(context.canary_table)
        self._insert_and_sweep = sql.insert_marker_and_sweep(context.canary_table)
        # After an error that the server reports the session goes on.
        self._looks = Links(partial(server.connect, give_up=terminate), harmless=(asyncpg.PostgresError,))
        self._writes = Links(partial(server.connect, give_up=self._retire), harmless=(asyncpg.PostgresError,))
        self._retiring: set[asyncio.Task[None]] = set()
        self._timeline = 0

    @property
    def target(self) -> str:
        return self._server.dsn.target

    async def look(self, ask: Ask) -> Look:
        """Facts, and the phases `resolve` and `connect` (of a new connection only) and `processing`."""
        watch, after = Stopwatch(), ask.markers_after

        def question(link: Link) -> Awaitable[Row]:
            return self._plain_row(link, watch) if after is None else self._row_with_markers(link, watch, after)

        row, timeline = await self._in_words(self._looks.use(question, watch, fresh=ask.fresh), watch)
        return Look(self._facts(row, timeline), watch.phases())

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        """Returns when the server has committed it, as its synchronous_commit demands."""
        statement = self._insert if seq % SWEEP_EVERY else self._insert_and_sweep
        watch = Stopwatch()

        def insert(link: Link) -> Awaitable[asyncpg.Record | None]:
            return link.row(watch, statement, self._vantage, seq, sent_at)

        await self._in_words(self._writes.use(insert, watch, fresh=fresh), watch)

    async def hold(self, broken: Callable[[], None]) -> None:
        watch = Stopwatch()
        if await self._in_words(self._looks.until_lost(watch), watch):
            broken()

    async def close(self) -> None:
        self._looks.close()
        self._writes.close()
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)

    async def _in_words(self, doing: Awaitable[Answer], watch: Stopwatch) -> Answer:
        """Whatever goes wrong becomes a Failure with the phases so far."""
        with watch:
            try:
                return await doing
            except Failure:
                raise
            except Exception as error:  # noqa: BLE001 - when a server sends garbage, the driver breaks in any way
                raise failure_of(error, tls_demanded=self._server.tls_demanded) from None

    async def _row_with_markers(self, link: Link, watch: Stopwatch, after: int) -> Row:
        with suppress(*NO_TABLE):  # a site without a canary is still worth a look
            return await self._answer(link, watch, self._look_with_markers, self._vantage, after)
        return await self._plain_row(link, watch)

    async def _plain_row(self, link: Link, watch: Stopwatch) -> Row:
        return await self._answer(link, watch, sql.LOOK)

    async def _answer(self, link: Link, watch: Stopwatch, statement: str, *arguments: Any) -> Row:
        row = await link.row(watch, statement, *arguments)
        if row is None:
            raise Failure(Reason.PROTOCOL, "the server answered without a row")
        timeline = row["timeline"]
        if row["standby"] and timeline is None:
            with suppress(asyncpg.InsufficientPrivilegeError):
                control = await link.row(watch, sql.CONTROL_TIMELINE)
                timeline = control and control[0]
        return row, timeline

    def _facts(self, row: asyncpg.Record, timeline: int | None) -> Facts:
        """The control file learns of a promotion late, so it may not talk a standby back below what its receiver has told before."""
        if not row["standby"]:
            return sql.primary_facts(row)
        self._timeline = timeline = row["timeline"] or max(self._timeline, timeline or 0)
        return sql.standby_facts(row, timeline or None)

    def _retire(self, connection: Connection) -> None:
        task = asyncio.get_running_loop().create_task(retire(connection))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

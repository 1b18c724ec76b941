"""One PostgreSQL server, looked at through asyncpg (which is an extra: only `exporter.probes.postgres` may import this)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

import asyncpg

from exporter.core.model import Facts, Instant, Reason
from exporter.probes import postgres_question
from exporter.probes import postgres_sql as sql
from exporter.probes.kind import Ask, Context, Failure, Look, Taken, Value
from exporter.probes.links import Links
from exporter.probes.postgres_dsn import Dsn
from exporter.probes.postgres_errors import InWords
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
        self._in_words = InWords(tls_demanded=server.tls_demanded)
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
        watch = Stopwatch()
        if ask.markers_after is None:
            question = partial(self._answer, watch, sql.LOOK)
        else:
            question = partial(self._answer_with_markers, watch, ask.markers_after)
        with watch, self._in_words:
            row, timeline = await self._looks.use(question, watch, fresh=ask.fresh)
        return Look(self._facts(row, timeline), watch.phases())

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        """Returns when the server has committed it, as its synchronous_commit demands."""
        statement = self._insert if seq % SWEEP_EVERY else self._insert_and_sweep
        watch = Stopwatch()

        def insert(link: Link) -> Awaitable[asyncpg.Record | None]:
            return link.row(watch, statement, self._vantage, seq, sent_at)

        with watch, self._in_words:
            try:
                await self._writes.use(insert, watch, fresh=fresh)
            except asyncpg.UniqueViolationError:
                raise Taken(seq) from None

    async def ask(self, query: str) -> Value:
        """See `postgres_question.ask`. Raises Failure."""
        with self._in_words:
            return await postgres_question.ask(self._server, query)

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        with Stopwatch() as watch, self._in_words:
            ended = await self._looks.until_lost(watch)
        if ended is not None:
            broken(ended)

    async def close(self) -> None:
        self._looks.close()
        self._writes.close()
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)

    async def _answer_with_markers(self, watch: Stopwatch, after: int, link: Link) -> Row:
        with suppress(*NO_TABLE):  # a site without a canary is still worth a look
            return await self._answer(watch, self._look_with_markers, link, self._vantage, after)
        return await self._answer(watch, sql.LOOK, link)

    async def _answer(self, watch: Stopwatch, statement: str, link: Link, *arguments: Any) -> Row:
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

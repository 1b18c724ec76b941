"""One Redis server, looked at over connections of our own."""

from collections.abc import Callable
from dataclasses import replace

from exporter.core.model import Facts, Instant
from exporter.probes import redis_info as info
from exporter.probes.kind import Ask, Context, Look
from exporter.probes.links import Links
from exporter.probes.redis_canary import Canary, markers_of
from exporter.probes.redis_link import Connection, Server, shown
from exporter.probes.redis_resp import Reply
from exporter.probes.tls import not_after
from exporter.probes.wire import Stopwatch


class RedisProbe:
    """Looks use one kept connection, which is the tripwire too; markers use another, because a write may be held up while
    we look. Fresh ones are made and closed for one use, so that a kept connection hides no failover."""

    def __init__(self, server: Server, context: Context) -> None:
        self._server = server
        self._canary = Canary(context)
        self._looks = Links(server.connect)
        self._writes = Links(server.connect)
        self._primary: info.Primary | None = None
        self._continues: str | None = None

    @property
    def target(self) -> str:
        return f"{shown(self._server.address)}/{self._server.login.db}"

    async def look(self, ask: Ask) -> Look:
        """Facts, and the phases `resolve`, `connect` and `tls` (of a new connection only), `processing` and `transfer`."""
        with Stopwatch() as watch:
            facts = await self.facts(ask, watch)
            return Look(facts, watch.phases())

    async def facts(self, ask: Ask, watch: Stopwatch) -> Facts:
        """The same, timed by a watch that runs already. Raises Failure or OSError."""
        commands = info.LOOK
        if ask.markers_after is not None:
            commands = (*commands, self._canary.read_above(ask.markers_after))

        async def question(connection: Connection) -> tuple[list[Reply], bytes]:
            return await connection.ask(watch, *commands), connection.certificate

        replies, certificate = await self._looks.use(question, watch, fresh=ask.fresh)
        facts, primary = info.facts_of(replies[: len(info.LOOK)])
        return replace(
            facts,
            continues=None if primary is None else self._follow(primary),
            markers=markers_of(replies[-1]) if ask.markers_after is not None else None,
            tls_not_after=not_after(certificate) if certificate else None,
        )

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        """Returns when the server has acknowledged it, which it does before any replica has it."""
        with Stopwatch() as watch:
            await self.write(seq, sent_at, watch, fresh=fresh)

    async def write(self, seq: int, sent_at: float, watch: Stopwatch, *, fresh: bool) -> None:
        """The same, timed by a watch that runs already. Raises Failure or OSError."""

        async def add(connection: Connection) -> None:
            await self._canary.write(connection, watch, seq, sent_at)

        await self._writes.use(add, watch, fresh=fresh)

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        with Stopwatch() as watch:
            if (ended := await self.until_lost(watch)) is not None:
                broken(ended)

    async def until_lost(self, watch: Stopwatch) -> Instant | None:
        """Hold the tripwire until the other side ends it (when), or until this probe is closed (None)."""
        return await self._looks.until_lost(watch)

    async def close(self) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """End what is kept; looks and writes that are under way go on."""
        self._looks.close()
        self._writes.close()

    def _follow(self, now: info.Primary) -> str | None:
        """Told with every look of the epoch, not only with the first: that one may be nobody's any more."""
        if self._primary is None or self._primary.epoch != now.epoch:
            self._continues = info.continued(self._primary, now)
            self._primary = now
        return self._continues

"""The Redis server that a set of Sentinels names at this moment."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from exporter.core.model import SILENT, Instant, Reason
from exporter.probes.attempt import DETAIL_LIMIT, understood
from exporter.probes.kind import Ask, Context, Deadline, Failure, Look
from exporter.probes.links import Links
from exporter.probes.redis_errors import failure_of
from exporter.probes.redis_link import Connection, Login, Server, shown
from exporter.probes.redis_probe import RedisProbe
from exporter.probes.redis_resp import ErrorReply, Reply
from exporter.probes.tcp import HostPort
from exporter.probes.wire import RESOLVE, Stopwatch

SENTINEL_DEADLINE = 1.0
"""Seconds for one Sentinel's answer. Nobody waits for it while a majority has answered."""


class Named(NamedTuple):
    """Which server a Sentinel holds to be the primary."""

    config_epoch: int
    """Grows with every failover that the Sentinels have agreed upon; the highest is the newest."""
    address: HostPort


class Sentinels:
    """Asks all of them at once, and is content with a majority.

    The answer with the highest config epoch counts: after a failover the others learn of it within seconds, and one that was
    cut off may never have heard of it. Fewer than a majority are not believed: they may be the ones that are cut off.
    """

    def __init__(self, addresses: Sequence[HostPort], login: Login, name: str) -> None:
        self._links = {address: Links(Server(address, login).connect) for address in addresses}
        self._name = name
        self.target = f"sentinel://{','.join(map(shown, addresses))}/{name}"
        self._asking: set[asyncio.Task[Named]] = set()

    async def primary(self, *, fresh: bool) -> HostPort:
        """Raises Failure(unavailable), naming those that did not answer; or, if all are silent, one that says so."""
        asked = {self._ask(address, fresh): address for address in self._links}
        named: list[Named] = []
        failed: dict[HostPort, Failure] = {}
        waiting = set(asked)
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    error = task.exception()
                    if error is None:
                        named.append(task.result())
                    else:
                        assert isinstance(error, Exception)
                        failed[asked[task]] = understood(error)
                if len(named) > len(asked) // 2:
                    return max(named, key=lambda one: one.config_epoch).address
        except asyncio.CancelledError:
            for task in waiting:
                task.cancel()
            raise
        raise self._no_quorum(failed)

    async def close(self) -> None:
        for links in self._links.values():
            links.close()
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _ask(self, address: HostPort, fresh: bool) -> "asyncio.Task[Named]":
        """In a task of its own, which goes on when the majority is quicker: so its connection can be kept."""
        task = asyncio.get_running_loop().create_task(self._answer(address, fresh))
        self._asking.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: "asyncio.Task[Named]") -> None:
        self._asking.discard(task)
        if not task.cancelled():
            task.exception()  # that of a straggler is nobody's news

    async def _answer(self, address: HostPort, fresh: bool) -> Named:
        with Stopwatch() as watch:

            async def question(connection: Connection) -> list[Reply]:
                return await connection.ask(
                    watch,
                    ("SENTINEL", "MASTER", self._name),
                    ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name),
                )

            with Deadline(asyncio.get_running_loop().time() + SENTINEL_DEADLINE):
                return _named(*await self._links[address].use(question, watch, fresh=fresh))

    def _no_quorum(self, failed: Mapping[HostPort, Failure]) -> Failure:
        silent = [failure.reason for failure in failed.values() if failure.reason in SILENT]
        nobody = len(silent) == len(self._links)
        who = ", ".join(f"{shown(address)} ({failure})" for address, failure in failed.items())
        detail = f"{len(failed)} of {len(self._links)} Sentinels do not name {self._name}: {who}"
        return Failure(silent[0] if nobody else Reason.UNAVAILABLE, detail[:DETAIL_LIMIT])


class SentinelProbe:
    """Looks at whichever server the Sentinels name, and tells which site that is. What they take to answer is the phase
    `resolve`: they are asked where to go."""

    def __init__(self, sentinels: Sentinels, login: Login, served_by: Mapping[HostPort, str], context: Context) -> None:
        self._sentinels = sentinels
        self._login = login
        self._served_by = served_by
        self._context = context
        self._address: HostPort | None = None
        self._server: RedisProbe | None = None
        self.target = sentinels.target

    async def look(self, ask: Ask) -> Look:
        """The Sentinels are asked before every look: where the role is, is what is looked at."""
        with Stopwatch() as watch:
            server, address = await self._find(watch, fresh=ask.fresh)
            facts = await server.facts(ask, watch)
            return Look(replace(facts, served_by=self._served_by.get(address)), watch.phases())

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        """Returns when the server that the Sentinels name has acknowledged it."""
        with Stopwatch() as watch:
            server, _ = await self._find(watch, fresh=fresh)
            await server.write(seq, sent_at, watch, fresh=fresh)

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        """Holds a connection to the server that is named now; when another one is named, to that one."""
        with Stopwatch() as watch:
            while True:
                server, _ = await self._find(watch, fresh=False)
                if (ended := await server.until_lost(watch)) is not None:
                    broken(ended)
                    return

    async def close(self) -> None:
        await self._sentinels.close()
        if self._server is not None:
            self._server.hang_up()

    async def _find(self, watch: Stopwatch, *, fresh: bool) -> tuple[RedisProbe, HostPort]:
        watch.enter(RESOLVE)
        address = await self._sentinels.primary(fresh=fresh)
        if self._server is None or address != self._address:
            if self._server is not None:
                self._server.hang_up()
            self._address, self._server = address, RedisProbe(Server(address, self._login), self._context)
        return self._server, address


def _named(master: Reply, current: Reply) -> Named:
    """The answers to SENTINEL MASTER (names and values in turn) and GET-MASTER-ADDR-BY-NAME (host and port).

    Only the second tells where clients are sent: from the promotion until all replicas follow, MASTER at the leader of the
    failover still tells the old address, beside the new epoch. Asked in this order, an address is never older than its epoch.
    """
    texts = _texts(master)
    told = dict(zip(texts[::2], texts[1::2], strict=False))
    try:
        host, port = _texts(current)
        return Named(int(told["config-epoch"]), HostPort(host, int(port)))
    except (KeyError, ValueError):
        raise _no_sentinel() from None


def _texts(reply: Reply) -> list[str]:
    """Raises Failure unless it is a list of strings."""
    if isinstance(reply, ErrorReply):
        raise failure_of(reply)
    if not isinstance(reply, list):
        raise _no_sentinel()
    texts = [part.decode("utf-8", "replace") for part in reply if isinstance(part, bytes)]
    if len(texts) < len(reply):
        raise _no_sentinel()
    return texts


def _no_sentinel() -> Failure:
    return Failure(Reason.PROTOCOL, "not an answer of a Sentinel")

"""Connections to one Redis server or Sentinel: how they are made, and what is asked over them."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from exporter.arrival import ended_at
from exporter.core.model import Instant, Reason
from exporter.probes.kind import Failure
from exporter.probes.redis_errors import failure_of, judge_login
from exporter.probes.redis_resp import Command, ErrorReply, Reply, ReplyReader, packed
from exporter.probes.resolve import resolver
from exporter.probes.tcp import HostPort
from exporter.probes.tls import Channel, Tls, context
from exporter.probes.wire import CONNECT, PROCESSING, RESOLVE, TRANSFER, Stopwatch, Wire, connect
from exporter.settings import Secret

CONNECT_DEADLINE = 5.0
"""Seconds: the bound for a connection that nobody else bounds, such as the tripwire's."""
TALK_LIMIT = 65536
"""Bytes that a server may say unasked before we hang up."""


class Connection(Wire):
    """One connection over which one question after the other is asked. Each question is one piece, and one round trip."""

    def __init__(self, watch: Stopwatch, channel: Channel | None) -> None:
        super().__init__(watch, b"", channel)
        self.lost: asyncio.Future[Instant | None] = asyncio.get_running_loop().create_future()
        """Done when the connection has ended: when, if the other side ended it; None if we did."""
        self.busy = False
        self._replies = ReplyReader(0)
        self._unasked = b""

    async def open(self, addresses: Sequence[str], port: int) -> None:
        """Connect to the first of `addresses` that accepts. Raises Failure or OSError."""
        self.watch.enter(CONNECT)
        await connect(self, addresses, port)
        await self._until_done()

    async def ask(self, watch: Stopwatch, *commands: Command) -> list[Reply]:
        """The replies to all commands; a refused one is an ErrorReply. Raises Failure or OSError when they do not arrive:
        then, and after a cancellation, the connection is good for nothing but `end()`."""
        self.watch = watch
        watch.enter(PROCESSING)
        self._done = asyncio.get_running_loop().create_future()
        self._replies = ReplyReader(len(commands))
        unasked, self._unasked = self._unasked, b""
        if unasked:
            self.data_received(unasked)
        if self._replies.replies:
            self.finish(self._last_words() or Failure(Reason.PROTOCOL, "the server answered before it was asked"))
        elif self.lost.done():
            self._over(None)
        else:
            self._guarded(self._send, packed(commands))
        await self._until_done()
        return self._replies.replies

    async def _until_done(self) -> None:
        error = await self._done
        if error is not None:
            raise error

    def end(self) -> None:
        """Hang up. Nobody waits for what becomes of it."""
        if not self.lost.done():
            self.lost.set_result(None)
        if self._transport is not None:
            self._transport.abort()

    def asked(self) -> None:
        self.finish()

    def received(self, data: bytes) -> None:
        if not self._replies.replies:
            self.watch.enter(TRANSFER)
        if self._replies.feed(data):
            self.finish()

    def data_received(self, data: bytes) -> None:
        if not self._done.done():
            super().data_received(data)
        elif len(self._unasked) + len(data) > TALK_LIMIT:
            assert self._transport is not None
            self._transport.abort()
        else:  # maybe an error; TLS has talk of its own too
            self._unasked += data

    def ended(self) -> None:
        words = self._last_words()
        if words is not None:
            raise words
        super().ended()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(ended_at(self._transport, exc))
        self._over(exc)

    def _over(self, exc: Exception | None) -> None:
        """However the connection ended: what the server said before says more."""
        if not self._done.done():
            self._guarded(self._end, b"")
        super().connection_lost(exc)

    def _last_words(self) -> Failure | None:
        """A server that has no place for us says so unasked, and one that goes says it to whoever waits."""
        words = self._replies.replies[-1:]
        return failure_of(words[0]) if words and isinstance(words[0], ErrorReply) else None


def shown(address: HostPort) -> str:
    """host:port as it is written."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Login(NamedTuple):
    """Who we are to a server, and how we speak to it."""

    username: str | None = None
    password: Secret | None = None
    db: int = 0
    tls: Tls | None = None

    def commands(self) -> list[Command]:
        """What has to be said on a new connection before anything else. Raises Failure when the secret cannot be read."""
        return [*self._auth(), *([("SELECT", self.db)] if self.db else [])]

    def _auth(self) -> list[Command]:
        if self.password is None:
            return []
        try:
            password = self.password.reveal()
        except ValueError as error:
            raise Failure(Reason.INTERNAL, str(error)) from None
        return [("AUTH", self.username, password) if self.username else ("AUTH", password)]


class Server(NamedTuple):
    """How to connect to one server. Makes no connection by itself."""

    address: HostPort
    login: Login

    async def connect(self, watch: Stopwatch) -> Connection:
        """A new connection, logged in, timed as `resolve`, `connect`, `tls` and `processing` (the login).

        Raises Failure or OSError; takes at most CONNECT_DEADLINE.
        """
        host, port = self.address
        tls = self.login.tls
        watch.enter(RESOLVE)
        addresses = await resolver().addresses(host)
        commands = self.login.commands()
        connection = Connection(watch, Channel(context(tls), tls.server_name or host) if tls else None)
        try:
            async with asyncio.timeout(CONNECT_DEADLINE):
                await connection.open(addresses, port)
                if commands:
                    judge_login(commands, await connection.ask(watch, *commands))
        except BaseException:
            connection.end()
            raise
        return connection

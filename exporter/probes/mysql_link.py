"""Connections to one MySQL or MariaDB server: made on the protocol of ours, with one future a question.

Drivers were weighed and left: aiomysql and asyncmy neither tell that an idle connection has ended (the tripwire), nor bound
what an answer may hold, nor tell the phases of a connect apart. A look costs what it would over asyncmy's compiled
code, and less than half of what it would over aiomysql.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from exporter.arrival import ended_at
from exporter.core.model import Instant, Reason
from exporter.probes.kind import Failure
from exporter.probes.mysql_packet import (
    MULTI_STATEMENTS,
    OURS,
    QUIT,
    SPEAKS_TLS,
    Garbled,
    Greeting,
    framed,
    tls_request,
)
from exporter.probes.mysql_talk import Answer, Credentials, Talk, greet, log_in, query
from exporter.probes.resolve import resolver
from exporter.probes.tls import Channel, Tls, context
from exporter.probes.wire import CONNECT, PROCESSING, RESOLVE, TLS, Stopwatch, Wire, connect
from exporter.settings import Secret

Value = TypeVar("Value")

CONNECT_DEADLINE = 5.0
"""Seconds: the bound for a connection that nobody else bounds, such as the tripwire's."""
ANSWER_LIMIT = 1 << 20
"""Bytes of one answer: 10,000 markers and the largest status are a quarter of it."""
GREETING_LIMIT = 4096


class Connection(Wire):
    """One connection, over which one conversation after the other is held."""

    def __init__(self, watch: Stopwatch) -> None:
        super().__init__(watch, b"")
        self.lost: asyncio.Future[Instant | None] = asyncio.get_running_loop().create_future()
        """Done when the connection has ended: when, if the other side ended it; None if we did."""
        self.busy = False
        self.logged_in = False
        self.version = ""
        """As the server named it in its greeting."""
        self.prelude = ""
        """Statements that go before the first query of a new connection, so that they cost no round trip."""
        self._buffer = bytearray()
        self._left = 0
        self._sequence = 0
        self._talk: Talk[Any] | None = None
        self._value: Any = None

    @property
    def is_mariadb(self) -> bool:
        return "mariadb" in self.version.lower()

    async def open(self, addresses: Sequence[str], port: int) -> Greeting:
        """Connect to the first of `addresses` that accepts, and be greeted. Raises Failure or OSError."""
        self._begin(greet(), GREETING_LIMIT)
        self.watch.enter(CONNECT)
        await connect(self, addresses, port)
        greeting: Greeting = await self._outcome()
        self.version = greeting.version
        return greeting

    async def secure(self, channel: Channel, capabilities: int) -> None:
        """From here on TLS is spoken. Raises Failure or OSError."""
        self._done = asyncio.get_running_loop().create_future()
        self._say(tls_request(capabilities))
        self._channel = channel
        self.watch.enter(TLS)
        self._guarded(self._decrypt, b"")
        await self._outcome()

    async def hold_talk(self, talk: Talk[Value], limit: int = ANSWER_LIMIT) -> Value:
        """Hold one conversation, in which at most `limit` bytes are listened to. Raises Failure or OSError: then, and after
        a cancellation, the connection is good for nothing but `end()`."""
        self._done = asyncio.get_running_loop().create_future()
        if self.lost.done():
            raise Failure(Reason.RESET, "the server has closed the connection")
        self._begin(talk, limit)
        value: Value = await self._outcome()
        return value

    async def ask(self, statements: str, watch: Stopwatch, *, max_rows: int, limit: int = ANSWER_LIMIT) -> Answer:
        """The results of one or several statements. Raises as `hold_talk` does; what the server refuses is in the answer."""
        self.watch = watch
        watch.enter(PROCESSING)
        self._sequence = 0
        prelude, self.prelude = self.prelude, ""
        return await self.hold_talk(query(prelude + statements, max_rows=max_rows), limit)

    def end(self) -> None:
        """Hang up; if no question is open with the farewell without which servers log an aborted connection."""
        orderly = self.logged_in and self._talk is None and not self.lost.done()
        if not self.lost.done():
            self.lost.set_result(None)
        if self._transport is None:
            return
        if orderly:
            self._sequence = 0
            self._say(QUIT)
            self._transport.close()
        else:
            self._transport.abort()

    async def _outcome(self) -> Any:
        error = await self._done
        if error is not None:
            raise error
        return self._value

    def _begin(self, talk: Talk[Any], limit: int) -> None:
        self._talk = talk
        self._left = limit
        self._say(next(talk))
        if self._buffer:  # a server that has no place for us any more says so before it is asked
            self._guarded(self.received, b"")

    def _say(self, payload: bytes) -> None:
        if payload:
            self._send(framed(payload, self._sequence))
            self._sequence += 1

    # What Wire calls.

    def asked(self) -> None:
        """The connection stands, and the greeting is awaited; or TLS stands."""
        if self._channel is not None:
            self.finish()

    def data_received(self, data: bytes) -> None:
        if not self._done.done():
            super().data_received(data)
        elif not self._fits(data):
            assert self._transport is not None
            self._transport.abort()
        elif self._channel is not None:
            self._channel.feed(data)  # TLS has its own talk; what else it brings is read with the next answer
        else:
            self._buffer += data

    def received(self, data: bytes) -> None:
        if not self._fits(data):
            raise Failure(Reason.TOO_LARGE, "the server says more than any answer to what was asked")
        self._buffer += data
        while self._talk is not None and (packet := self._packet()) is not None:
            self._tell(packet)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(ended_at(self._transport, exc))
        super().connection_lost(exc)

    def _fits(self, data: bytes) -> bool:
        self._left -= len(data)
        return self._left >= 0

    def _packet(self) -> bytes | None:
        """The payload of the next packet, if it has arrived whole."""
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        end = 4 + int.from_bytes(buffer[:3], "little")
        # Last words of a server come as an error out of turn. Anything else out of turn is not its protocol.
        if buffer[3] != self._sequence & 0xFF and bytes(buffer[4:5]) not in (b"", b"\xff"):
            raise Garbled
        if len(buffer) < end:
            return None
        packet = bytes(buffer[4:end])
        self._sequence = buffer[3] + 1
        del buffer[:end]
        return packet

    def _tell(self, packet: bytes) -> None:
        assert self._talk is not None
        try:
            self._say(self._talk.send(packet))
        except StopIteration as over:
            self._talk = None
            self._value = over.value
            self.finish()


class Server(NamedTuple):
    """How to connect to one server. Makes no connection by itself."""

    host: str
    port: int
    user: str
    database: str
    password: Secret | str | None = None
    tls: Tls | None = None
    """Demanded so; None: unverified where the server offers it."""
    plain: bool = False
    """TLS is not wanted at all."""

    async def connect(self, watch: Stopwatch, *, several: bool = True) -> Connection:
        """A new connection, logged in, timed as `resolve`, `connect`, `tls` and `processing` (greeting and login).

        `several`: it takes several statements at once. Raises Failure or OSError; takes at most CONNECT_DEADLINE.
        """
        watch.enter(RESOLVE)
        addresses = await resolver().addresses(self.host)
        who = Credentials(self.user, self._secret(), self.database)
        connection = Connection(watch)
        try:
            async with asyncio.timeout(CONNECT_DEADLINE):
                greeting = await connection.open(addresses, self.port)
                capabilities = OURS | MULTI_STATEMENTS if several else OURS
                encrypted = self._wants_tls(greeting)
                if encrypted:
                    capabilities |= SPEAKS_TLS
                    await connection.secure(self._channel(), capabilities)
                await connection.hold_talk(log_in(greeting, who, capabilities, encrypted=encrypted))
                connection.logged_in = True
        except BaseException:
            connection.end()
            raise
        return connection

    def _wants_tls(self, greeting: Greeting) -> bool:
        if self.tls is not None and not greeting.offers_tls:
            raise Failure(Reason.TLS, "the server does not offer TLS, which the settings demand")
        return greeting.offers_tls and not self.plain

    def _channel(self) -> Channel:
        tls = self.tls or Tls(verify=False)
        return Channel(context(tls), tls.server_name or self.host)

    def _secret(self) -> str:
        if self.password is None or isinstance(self.password, str):
            return self.password or ""
        try:
            return self.password.reveal()
        except ValueError as error:
            raise Failure(Reason.INTERNAL, str(error)) from None

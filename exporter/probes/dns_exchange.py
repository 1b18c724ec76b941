"""One question to one name server, by UDP or TCP.

On sockets of ours rather than dnspython's: they are connected, so that a dead server's ICMP answer is `refused` at once
instead of a timeout, the phases are told apart, and a look that is cancelled leaves nothing open.
"""

import asyncio
from typing import cast

from exporter.core.model import Reason
from exporter.probes.kind import Failure
from exporter.probes.tcp import HostPort
from exporter.probes.wire import PROCESSING, TRANSFER, Stopwatch, Wire

ASK_AGAIN = 0.2
"""Seconds after which an unanswered datagram is repeated: one lost packet is no outage."""


async def by_udp(question: bytes, server: HostPort, watch: Stopwatch) -> bytes:
    """The first datagram that bears our question's number. Raises OSError."""
    watch.enter(PROCESSING)
    protocol = _Datagrams(question)
    try:
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: protocol, remote_addr=(server.host, server.port)
        )
        return await protocol.answer
    finally:
        protocol.stop()


async def by_tcp(question: bytes, server: HostPort, watch: Stopwatch) -> bytes:
    """Raises Failure or OSError."""
    stream = _Stream(watch, len(question).to_bytes(2) + question)
    await stream.exchange((server.host,), server.port)
    return stream.heard[2:]


class _Datagrams(asyncio.DatagramProtocol):
    """Asks, and asks again, until there is an answer."""

    def __init__(self, question: bytes) -> None:
        self._question = question
        self._number = question[:2]
        self._loop = asyncio.get_running_loop()
        self._again: asyncio.TimerHandle | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._over = False
        self.answer: asyncio.Future[bytes] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        if self._over:
            self._transport.abort()
        else:
            self._ask(self._transport)

    def _ask(self, transport: asyncio.DatagramTransport) -> None:
        self._again = self._loop.call_later(ASK_AGAIN, self._ask, transport)
        transport.sendto(self._question)

    def stop(self) -> None:
        """Leave nothing open. A look may be cancelled while its socket is made: uvloop goes on with that, and nobody is told."""
        self._over = True
        if self._again is not None:
            self._again.cancel()
        if self._transport is not None:
            self._transport.abort()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data[:2] == self._number and not self.answer.done():  # others are late, or forged
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop()
        if exc is not None:
            self.error_received(exc)


class _Stream(Wire):
    """Messages with their length in two bytes before them (RFC 1035, 4.2.2)."""

    heard = b""

    def received(self, data: bytes) -> None:
        if not self.heard:
            self.watch.enter(TRANSFER)
        self.heard += data
        length = 2 + int.from_bytes(self.heard[:2])
        if len(self.heard) > length > 2:
            raise Failure(Reason.PROTOCOL, "not an answer of a name server: more than one message")
        if len(self.heard) == length > 2:
            self.finish()

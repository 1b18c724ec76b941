"""The tripwire: an idle connection to an endpoint. The death of the process behind it arrives on it at once."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import cast

from exporter.arrival import ended_at
from exporter.core.model import Instant, Reason
from exporter.probes.kind import Failure
from exporter.probes.wire import CONNECT, Stopwatch, connect

TALK_LIMIT = 65536
"""Bytes that an endpoint may say unasked (a banner) before we hang up."""


class Tripwire(asyncio.Protocol):
    """An idle connection whose end is news."""

    def __init__(self, broken: Callable[[Instant], None]) -> None:
        self._broken: Callable[[Instant], None] | None = broken
        self._transport: asyncio.Transport | None = None
        self._heard = 0
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def hold(self, addresses: Sequence[str], port: int) -> None:
        """Connect to the first address that accepts, and return when the other side has ended the connection.

        Raises Failure when it cannot be made; a cancellation closes it silently.
        """
        with Stopwatch() as watch:
            watch.enter(CONNECT)
            try:
                await connect(self, addresses, port)
                await self._over
            finally:
                self._broken = None
                if self._transport is not None:
                    self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of asyncio's class
        _keep_alive(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        self._heard += len(data)
        if self._heard > TALK_LIMIT and not self._over.done():
            self._broken = None
            self._over.set_exception(
                Failure(Reason.TOO_LARGE, "the endpoint does not stop talking on an idle connection")
            )

    def connection_lost(self, exc: Exception | None) -> None:
        if self._broken is not None:
            self._broken(ended_at(self._transport, exc))
        if not self._over.done():
            self._over.set_result(None)


def _keep_alive(sock: socket.socket) -> None:
    """So that a firewall does not forget the idle connection, and a host that vanished is noticed at last."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


async def nothing_to_hold() -> None:
    """The tripwire of a kind that has no connection whose end could be news: waits until it is cancelled."""
    await asyncio.get_running_loop().create_future()

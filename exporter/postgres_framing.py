"""A guard before asyncpg (an extra: only what speaks to PostgreSQL may import this): it reads how long each message says it is.

A message that announces fewer than the four bytes of its own length is one that asyncpg never finishes, nor lets anything else
happen: it turns around inside the event loop, and with it stands every look at every system. And one that announces
gigabytes is kept in memory until the look's time is over. Here the connection ends instead. So it does where a server goes on
talking: asyncpg keeps every setting that it is told of, also while nobody asks.

asyncpg offers no place for this, but takes the class of its connections from its package's name `Protocol`.
"""

from struct import unpack_from
from typing import Any

import asyncpg
import asyncpg.protocol

from exporter.arrival import ended_at
from exporter.core.model import Instant

MESSAGE_MOST = 1024 * 1024
"""Bytes of one message; a row that we ask for has a few hundred."""
ANSWER_MOST = 4 * MESSAGE_MOST
"""Bytes of the answer to one of our questions, which is a row."""
UNASKED_MOST = 64 * 1024
"""Bytes between two questions. A server then tells of settings that a reload has changed, which are some ten of 50 bytes, and that it ends."""
_HEADER = 5
"""Bytes: what kind it is, and its length without that byte."""


class FramingError(Exception):
    """What came is no message of PostgreSQL's."""


class Guarded(asyncpg.protocol.Protocol):
    """asyncpg's protocol, to which only messages come that it can finish."""

    _line: Any = None
    """The transport."""
    _wrong: Exception | None = None
    """Why nothing more is read."""
    _ahead = 0
    """Bytes of the message under way that are still to come."""
    _cut = b""
    """A header of which a part has come."""
    left: int | None = None
    """Bytes that may come until somebody sets it anew; None: any number, as in a login, whose time is bounded."""
    ended: Instant | None = None
    """When the other side ended the connection, once it has."""

    def connection_made(self, transport: Any) -> None:
        self._line = transport
        super().connection_made(transport)

    def data_received(self, data: Any) -> None:
        if self._wrong is not None:
            return
        try:
            self._follow(data)
            super().data_received(data)
        except Exception as error:  # noqa: BLE001 - of what is damaged further inside it breaks in any way
            self._wrong = error
            self._line.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = ended_at(self._line, self._wrong or exc)
        super().connection_lost(self._wrong or exc)

    def _follow(self, data: bytes) -> None:
        """Raises FramingError."""
        at = self._ahead
        if self.left is not None:
            self.left -= len(data)
            if self.left < 0:
                raise FramingError("more than anybody has asked for")
        if self._cut:
            data = self._cut + data
        size = len(data)
        while size - at >= _HEADER:
            (length,) = unpack_from("!i", data, at + 1)
            if not 4 <= length <= MESSAGE_MOST:
                raise FramingError(f"a message of {length} bytes")
            at += 1 + length
        self._cut, self._ahead = (data[at:], 0) if at <= size else (b"", at - size)


class Connection(asyncpg.Connection):
    """asyncpg's connection, which tells when it ended."""

    __slots__ = ("guard",)

    def __init__(self, protocol: Guarded, *arguments: Any) -> None:
        super().__init__(protocol, *arguments)
        self.guard = protocol


def allow(connection: Any, size: int | None) -> None:
    """From now on so many bytes may come over a connection; None: any number."""
    connection.guard.left = size


def install() -> None:
    """From now on asyncpg's connections are guarded."""
    vars(asyncpg.protocol)["Protocol"] = Guarded

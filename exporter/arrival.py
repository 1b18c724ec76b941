"""When the other side ended a connection, by the kernel's own notes: however late we get the processor to hear of it."""

import asyncio
import socket
import sys
from struct import unpack_from
from time import monotonic

from exporter.core.model import Instant

_TCP_INFO = socket.TCP_INFO if sys.platform == "linux" else None
"""Others that have it lay it out in another way."""
_LAST_ACK_RECEIVED = 56
"""Where `tcpi_last_ack_recv` stands in `struct tcp_info` (linux/tcp.h): milliseconds since the newest packet that acknowledged
something. A FIN does, so for a connection that was ended in an orderly way, as the kernel does for a process that dies, it
is the age of the end. A reset does not."""


def ended_at(transport: asyncio.BaseTransport | None, error: Exception | None) -> Instant:
    """When a connection ended that is told to be lost just now. `error`: as `connection_lost` has it; None: orderly.

    Kernels count ages in ticks of 1, 4 or 10 ms: an end that is dated by one is off by less than that, to either side.
    """
    now = monotonic()
    sock = None if transport is None or error is not None else transport.get_extra_info("socket")
    if sock is None or _TCP_INFO is None:
        return now
    try:
        told = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _LAST_ACK_RECEIVED + 4)
    except OSError:  # no TCP, or gone
        return now
    milliseconds: int = unpack_from("=I", told, _LAST_ACK_RECEIVED)[0]
    return now - milliseconds / 1000

"""An end of a connection is dated by when it came, not by when we had the processor to hear of it."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from exporter.arrival import ended_at
from exporter.probes.tripwire import Tripwire

TICK = 0.01
"""Seconds: the longest tick of a kernel."""
STILL = 0.3
"""Seconds for which the event loop stands still."""
NO_LINGER = struct.pack("ii", 1, 0)


@asynccontextmanager
async def tripwire() -> AsyncIterator[tuple[socket.socket, list[float], "asyncio.Task[None]"]]:
    """The other side's socket, what is told, and who holds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        told: list[float] = []
        holding = asyncio.create_task(Tripwire(told.append).hold(["127.0.0.1"], listener.getsockname()[1]))
        other, _ = await asyncio.to_thread(listener.accept)
        with other:
            await asyncio.sleep(2 * TICK)  # what came before the end must not be taken for it
            yield other, told, holding
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)


async def test_an_orderly_end_is_dated_by_the_kernel() -> None:
    """As of a process that dies: it came before we stood still, so we know how long ago."""
    async with tripwire() as (other, told, holding):
        before = time.monotonic()
        other.close()
        after = time.monotonic()
        time.sleep(STILL)  # noqa: ASYNC251 - nobody gets a turn, which is what is tested
        await asyncio.wait_for(holding, 5)
    (at,) = told
    assert before - TICK <= at <= after + TICK


async def test_a_reset_is_dated_when_it_is_heard() -> None:
    """It leaves no note in the kernel; what does is older, and would date the death before it."""
    async with tripwire() as (other, told, holding):
        await asyncio.sleep(STILL)
        before = time.monotonic()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        other.close()
        await asyncio.wait_for(holding, 5)
    (at,) = told
    assert before <= at


async def test_what_is_no_tcp_is_dated_when_it_is_heard() -> None:
    """A socket of another family, or none."""
    before = time.monotonic()
    assert ended_at(None, None) >= before
    loop, ours = asyncio.get_running_loop(), socket.socketpair()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours[0])
    assert ended_at(transport, None) >= before
    transport.abort()
    ours[1].close()

"""Many open streams that read all they are sent, in a process of their own where they must not disturb.

`python -m tests.bench.listeners PORT COUNT` prints a line once each of them has begun to hear. For each line on its standard
input it prints what came since the line before: how many bytes, and how many streams are open.
"""

import asyncio
import resource
import sys
from typing import cast

AT_A_TIME = 50
_ASK = "GET /api/v1/stream HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\nAccept-Encoding: {}\r\n\r\n"


class Listener(asyncio.Protocol):
    """One stream; throws away what it hears, compressed as for a browser, unless it is to be kept."""

    def __init__(self, keep: bool = False) -> None:
        self.heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.bytes = 0
        self.kept = bytearray()
        self.open = False
        self._keep = keep

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._transport.write(_ASK.format("identity" if self._keep else "gzip").encode())
        self.open = True

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        if self._keep:
            self.kept += data
        if not self.heard.done():
            if data.startswith(b"HTTP/1.1 200"):
                self.heard.set_result(None)
            else:
                self.heard.set_exception(RuntimeError(data[:200].decode()))

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        if not self.heard.done():
            self.heard.set_exception(error or EOFError())

    def leave(self) -> None:
        self._transport.abort()


async def listen(port: int, count: int, *, keep: bool = False) -> list[Listener]:
    """So many streams, once each has begun to hear."""
    loop = asyncio.get_running_loop()
    listeners: list[Listener] = []
    for first in range(0, count, AT_A_TIME):
        wanted = range(first, min(count, first + AT_A_TIME))
        begun = [loop.create_connection(lambda: Listener(keep), "127.0.0.1", port) for _ in wanted]
        some = [listener for _, listener in await asyncio.gather(*begun)]
        await asyncio.gather(*(listener.heard for listener in some))
        listeners += some
    return listeners


async def _tell(port: int, count: int) -> None:
    listeners = await listen(port, count)
    print("all hear", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(sum(one.bytes for one in listeners), sum(one.open for one in listeners), flush=True)
        for one in listeners:
            one.bytes = 0


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(_tell(int(sys.argv[1]), int(sys.argv[2])))

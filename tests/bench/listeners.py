"""Many open streams that read all they are sent and throw it away, in a process of their own.

`python -m tests.bench.listeners PORT COUNT` prints a line once each of them has begun to hear. For each line on its standard
input it prints what came since the line before: how many bytes, in how many pieces, and how many streams are open.
"""

import asyncio
import resource
import sys
from typing import cast

import uvloop

AT_A_TIME = 50
_HELLO = b"GET /api/v1/stream HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\n\r\n"


class _Listener(asyncio.Protocol):
    """One stream."""

    count = pieces = open = 0

    def __init__(self) -> None:
        self.heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.WriteTransport", transport).write(_HELLO)
        _Listener.open += 1

    def data_received(self, data: bytes) -> None:
        _Listener.count += len(data)
        _Listener.pieces += 1
        if not self.heard.done():
            if data.startswith(b"HTTP/1.1 200"):
                self.heard.set_result(None)
            else:
                self.heard.set_exception(RuntimeError(data[:200].decode()))

    def connection_lost(self, error: Exception | None) -> None:
        _Listener.open -= 1
        if not self.heard.done():
            self.heard.set_exception(error or EOFError())


async def _listen(port: int, count: int) -> None:
    loop = asyncio.get_running_loop()
    for first in range(0, count, AT_A_TIME):
        wanted = range(first, min(count, first + AT_A_TIME))
        begun = [loop.create_connection(_Listener, "127.0.0.1", port) for _ in wanted]
        await asyncio.gather(*(listener.heard for _, listener in await asyncio.gather(*begun)))
    print("all hear", flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(_Listener.count, _Listener.pieces, _Listener.open, flush=True)
        _Listener.count = _Listener.pieces = 0


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(_listen(int(sys.argv[1]), int(sys.argv[2])))

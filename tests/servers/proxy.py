"""A TCP proxy on loopback that can be cut, in a thread of its own."""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Literal, Self

from tests.servers.accepting import close, some_turns

Mode = Literal["forward", "refuse", "blackhole"]
FILLERS = 4
"""Connections that fill the queue of a listener that takes none: one is not enough, the kernel rounds up."""
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards `port` to `target` (a loopback port, which may be changed). Use it as a context manager."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.accepted = 0
        """Connections taken so far."""
        self._mode: Mode = "forward"
        self._delay = self._jitter = 0.0
        self._dice = random.Random(target)
        self._full = contextlib.ExitStack()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection, and each new one as soon as it is made."""
        self._do(self._cut)

    def refuse(self) -> None:
        """Reset every connection, and listen no more."""
        self._do(self._refuse)

    def blackhole(self) -> None:
        """Connections stay and new ones are taken, but nothing passes either way any more."""
        self._do(self._set_mode, "blackhole")

    def hang(self) -> None:
        """Half open: connections stay and stay silent, and a new one gets no answer to its SYN."""
        self._do(self._hang)

    def delay(self, seconds: float, jitter: float = 0.0) -> None:
        """All that passes comes so much later, each way, and up to `jitter` on top of it at random; nothing is reset."""
        self._do(self._set_delay, seconds, jitter)

    def shake(self) -> None:
        """Reset every connection once; new ones are forwarded as before."""
        self._do(self._shake)

    def heal(self) -> None:
        """Forward again, if it did not. Connections that were in the black hole are reset: what they swallowed is gone."""
        self._do(self._heal)

    def _do(self, call: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
        asyncio.run_coroutine_threadsafe(call(*arguments), self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _set_mode(self, mode: Mode) -> None:
        self._mode = mode

    async def _set_delay(self, seconds: float, jitter: float) -> None:
        self._delay, self._jitter = seconds, jitter

    async def _shake(self) -> None:
        self._reset()

    async def _hang(self) -> None:
        self._mode = "blackhole"
        if self._server is not None:
            await close(self._server)
            self._server = None
        listener = self._full.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(0)
        for _ in range(FILLERS):
            client = self._full.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())

    async def _cut(self) -> None:
        self._mode = "refuse"
        self._reset()

    async def _refuse(self) -> None:
        await self._cut()
        if self._server is not None:
            await close(self._server)
            self._server = None

    async def _heal(self) -> None:
        if self._mode == "forward" and not self._delay and not self._jitter:
            return
        self._reset()
        self._full.close()
        self._mode = "forward"
        self._delay = self._jitter = 0.0
        if self._server is None:
            await self._listen()

    async def _close(self) -> None:
        await self._refuse()
        self._full.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await some_turns()  # a cut is carried out in a turn of its own

    def _reset(self) -> None:
        for writer in self._writers:
            _reset(writer)
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        self._writers.add(writer)
        try:
            if self._mode == "forward":
                await self._forward(reader, writer)
            elif self._mode == "blackhole":
                await self._swallow(reader)
        except OSError:
            pass  # one of the two ends is gone, so the other goes too
        except asyncio.CancelledError:
            pass  # the proxy ends; asyncio would log the cancellation of its own handler
        finally:
            _reset(writer) if self._mode == "refuse" else writer.close()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers.add(other)
        try:
            ways = {
                asyncio.ensure_future(self._pump(reader, other)),
                asyncio.ensure_future(self._pump(other_reader, writer)),
            }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            other.close()
            self._writers.discard(other)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self._delay or self._jitter:
                await asyncio.sleep(self._delay + self._dice.uniform(0, self._jitter))
            if self._mode == "blackhole":
                await self._swallow(reader)
            writer.write(data)
            await writer.drain()

    async def _swallow(self, reader: asyncio.StreamReader) -> None:
        """For ever: even the end of a connection does not pass a black hole."""
        while await reader.read(65536):
            pass
        await asyncio.get_running_loop().create_future()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()

"""Servers that behave badly, each in its own way, on free loopback ports. Everything that looks at something is tested on them."""

import asyncio
import contextlib
import gzip
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from tests.servers.accepting import close, some_turns

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def message(status: str = "200 OK", body: bytes = b"", *headers: str, length: bool = True) -> bytes:
    """An HTTP answer."""
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(data: bytes) -> Behaviour:
    """Waits for a question, answers `data`, and closes."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(data)
        await writer.drain()

    return behave


def forever(start: bytes, piece: bytes) -> Behaviour:
    """Answers `start`, and then `piece` without end."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(start)
        while True:
            writer.write(piece)
            await writer.drain()

    return behave


def drip(data: bytes, pause: float = 0.02) -> Behaviour:
    """Answers one byte at a time."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(pause)

    return behave


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, and says nothing."""
    await asyncio.Event().wait()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hangs up with a TCP reset after the question."""
    await reader.read(65536)
    _abort(writer)


def dies_after(data: bytes) -> Behaviour:
    """Says `data`, the beginning of an answer, and then the process dies: the other side sees a reset."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(data)
        await writer.drain()
        _abort(writer)

    return behave


GARBAGE = bytes(range(256)) * 16
ENDLESS_BODY = forever(message(length=False), b"x" * 65536)
ENDLESS_CHUNKS = forever(message("200 OK", b"", "Transfer-Encoding: chunked", length=False), b"1\r\nx\r\n" * 4096)
ENDLESS_HEADERS = forever(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 1024)
MEGABYTE_HEADER = answer(message("200 OK", b"ok", "X-Large: " + "x" * (1 << 20)))
GZIP_BOMB = answer(message("200 OK", gzip.compress(bytes(100 << 20), 9), "Content-Encoding: gzip"))


class Server:
    """One listening socket whose behaviour can be changed while it runs."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.port = 0
        self.visited = asyncio.Event()
        """Somebody has connected."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visited.set()
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self.behaviour(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # the client went away, or the test is over
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()
                self._writers.discard(writer)
            self._tasks.discard(task)

    async def hang_up(self) -> None:
        """End every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def end(self) -> None:
        """The same, and whatever still waits for its client to read is cut."""
        await self.hang_up()
        for writer in self._writers:
            with contextlib.suppress(
                AttributeError
            ):  # Python before 3.11.4: a TLS transport that was closed twice has nothing to abort
                writer.transport.abort()
        await some_turns()  # a cut is carried out in a turn of its own


@contextlib.asynccontextmanager
async def serve(behaviour: Behaviour, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Server]:
    """A hostile server in the running loop, until the block ends."""
    server = Server(behaviour)
    listening = await asyncio.start_server(server._serve, "127.0.0.1", port, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        await close(listening)
        await server.end()


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose queue of connections is full: a further SYN gets no answer."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


def _abort(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

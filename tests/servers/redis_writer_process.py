"""The independent writer for Redis: like `writer_process`, but it adds its ids to the set `truth`, over bare sockets.

`python -m tests.servers.redis_writer_process --out FILE --every 0.01 PORT PORT`
"""

import argparse
import asyncio
import itertools
import time
from typing import Any

from tests.servers.writer_process import DEADLINE, Notes


class RefusedError(Exception):
    """The server answered, but did not take the write."""


class Line:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def add(self, number: int) -> None:
        """Returns when the server has acknowledged it."""
        self._writer.write(b"SADD truth %d\r\n" % number)
        answer = await self._reader.readline()
        if answer.startswith(b"-"):
            raise RefusedError
        if answer != b":1\r\n":
            raise ConnectionResetError

    def close(self) -> None:
        self._writer.transport.abort()


async def write(port: int, ids: "itertools.count[int]", notes: Notes, every: float) -> None:
    """For ever, at one server."""
    line: Line | None = None
    failed: float | None = 0.0
    while True:
        sent, kept = time.monotonic(), line is not None
        try:
            async with asyncio.timeout(DEADLINE):
                line = line or Line(*await asyncio.open_connection("127.0.0.1", port))
                number = next(ids)
                sent = time.monotonic()
                await line.add(number)
            note: dict[str, Any] = {"id": number, "sent": sent, "acked": time.monotonic(), "port": port}
            notes.add(note if failed is None else note | {"failed": failed})
            failed = None
        except (OSError, RefusedError) as error:
            if failed is None:
                notes.add({"port": port, "sent": sent, "ended": time.monotonic(), "error": type(error).__name__})
            # Sentinel ends all connections of the server that it promotes: that one finds its own ended tells nothing of now.
            if failed is None or not (kept and isinstance(error, ConnectionError)):
                failed = sent
            if line is not None and not isinstance(error, RefusedError):
                line.close()
                line = None
        await asyncio.sleep(max(0.0, sent + every - time.monotonic()))


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--every", type=float, default=0.01)
    parser.add_argument("port", nargs="+", type=int)
    arguments = parser.parse_args()
    notes, ids = Notes(arguments.out), itertools.count(1)
    async with asyncio.TaskGroup() as tasks:
        for port in arguments.port:
            tasks.create_task(write(port, ids, notes, arguments.every))


if __name__ == "__main__":
    asyncio.run(main())

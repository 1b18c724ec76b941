"""The independent writer, a process of its own: inserts growing ids wherever it may, and notes what was acknowledged.

`python -m tests.servers.writer_process --out FILE --every 0.01 DSN DSN` writes to every server that takes writes, as an
application would that finds the primary by itself. Each line of FILE is JSON and is on disk before the next write:
{"id", "sent", "acked", "port"} and, at the first acknowledgement after failures, which is one over a new connection, "failed": when the
last attempt at that port that failed had begun; {"port", "sent", "ended", "error"} at the first failure after an acknowledgement.
Instants are CLOCK_MONOTONIC, which all processes of a machine share.
"""

import argparse
import asyncio
import itertools
import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

DEADLINE = 0.5
"""Seconds for one attempt."""


class Notes:
    """The append-only file."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("ab", buffering=0)  # noqa: SIM115 - open as long as the process lives

    def add(self, note: dict[str, Any]) -> None:
        self._file.write(json.dumps(note).encode() + b"\n")
        os.fdatasync(self._file.fileno())


async def write(dsn: str, ids: "itertools.count[int]", notes: Notes, every: float) -> None:
    """For ever, at one server."""
    port = urlsplit(dsn).port
    connection: asyncpg.Connection[asyncpg.Record] | None = None
    failed: float | None = 0.0
    while True:
        sent, kept = time.monotonic(), connection is not None
        try:
            async with asyncio.timeout(DEADLINE):
                connection = connection or await asyncpg.connect(dsn, ssl=False)
                number = next(ids)
                sent = time.monotonic()
                await connection.execute("INSERT INTO truth (id) VALUES ($1)", number)
            # Who stayed connected is served again; whether anybody new is, has to be seen.
            if failed is not None and kept:
                connection.terminate()
                connection = None
                continue
            note: dict[str, Any] = {"id": number, "sent": sent, "acked": time.monotonic(), "port": port}
            notes.add(note if failed is None else note | {"failed": failed})
            failed = None
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            if failed is None:
                notes.add({"port": port, "sent": sent, "ended": time.monotonic(), "error": type(error).__name__})
            failed = sent
            if connection is not None and not isinstance(error, asyncpg.ReadOnlySQLTransactionError):
                connection.terminate()
                connection = None
        await asyncio.sleep(max(0.0, sent + every - time.monotonic()))


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--every", type=float, default=0.01)
    parser.add_argument("dsn", nargs="+")
    arguments = parser.parse_args()
    notes, ids = Notes(arguments.out), itertools.count(1)
    async with asyncio.TaskGroup() as tasks:
        for dsn in arguments.dsn:
            tasks.create_task(write(dsn, ids, notes, arguments.every))


if __name__ == "__main__":
    asyncio.run(main())

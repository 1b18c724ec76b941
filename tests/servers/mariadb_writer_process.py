"""The independent writer for MariaDB: like `writer_process`, with another driver than ours.

`python -m tests.servers.mariadb_writer_process --out FILE --every 0.01 DSN DSN`
"""

import argparse
import asyncio
import itertools
import time
from typing import Any
from urllib.parse import urlsplit

import aiomysql

from tests.servers.writer_process import DEADLINE, Notes

READ_ONLY = 1290


async def connect(dsn: str) -> Any:
    where = urlsplit(dsn)
    return await aiomysql.connect(
        host=where.hostname, port=where.port, user=where.username, db=where.path.strip("/"), autocommit=True
    )


async def add(connection: Any, number: int) -> None:
    """Returns when the server has acknowledged it."""
    async with connection.cursor() as cursor:
        await cursor.execute("INSERT INTO truth (id) VALUES (%s)", (number,))


async def write(dsn: str, ids: "itertools.count[int]", notes: Notes, every: float) -> None:
    """For ever, at one server."""
    port = urlsplit(dsn).port
    connection: Any = None
    failed: float | None = 0.0
    while True:
        sent, kept = time.monotonic(), connection is not None
        try:
            async with asyncio.timeout(DEADLINE):
                connection = connection or await connect(dsn)
                number = next(ids)
                sent = time.monotonic()
                await add(connection, number)
            # Who stayed connected is served again; whether anybody new is, has to be seen.
            if failed is not None and kept:
                connection.close()
                connection = None
                continue
            note: dict[str, Any] = {"id": number, "sent": sent, "acked": time.monotonic(), "port": port}
            notes.add(note if failed is None else note | {"failed": failed})
            failed = None
        except (OSError, RuntimeError, aiomysql.Error) as error:
            if failed is None:
                notes.add({"port": port, "sent": sent, "ended": time.monotonic(), "error": type(error).__name__})
            failed = sent
            if connection is not None and error.args[:1] != (READ_ONLY,):
                connection.close()
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

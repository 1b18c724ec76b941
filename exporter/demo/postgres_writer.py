"""`python -m exporter.demo.postgres_writer`: the load writer for a PostgreSQL pair; goes to whichever takes writes."""

import argparse
import asyncio
from pathlib import Path

import asyncpg

from exporter.demo.writer import TIMEOUT, run

FAILED = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class PostgresDoor:
    """Keeps one connection for as long as it works. `url` names both servers."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def order(self, number: int) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT):
                if self._connection is None:
                    self._connection = await asyncpg.connect(self._url)
                await self._connection.execute("insert into orders (id) values ($1)", number)
        except FAILED:
            await self.close()
            return False
        return True

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def main() -> None:
    parser = argparse.ArgumentParser(prog="exporter.demo.postgres_writer")
    parser.add_argument("--url-file", type=Path, required=True, help="file with the connection URL of both servers")
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--every", type=float, default=0.02, help="seconds between two orders")
    asked = parser.parse_args()
    url = asked.url_file.read_text(encoding="utf-8").strip()
    asyncio.run(run(PostgresDoor(url), asked.ledger, asked.every))


if __name__ == "__main__":
    main()

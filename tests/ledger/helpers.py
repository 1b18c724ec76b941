"""What the ledger's tests share."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from exporter.core.model import Moment
from exporter.core.state import Record
from exporter.ledger.sqlite import SqliteLedger

BOOT = "boot-1"
NOW = Moment(1000.0, 1_700_000_000.0)


def record(number: int = 1, kind: str = "transition", system: str = "orders", **data: Any) -> Record:
    """A record that tells its number."""
    return Record(kind, system, NOW.mono + number, f"number {number}", {"number": number, **data})


@asynccontextmanager
async def opened(path: Path, **options: Any) -> AsyncIterator[SqliteLedger]:
    """A ledger that is closed in the end."""
    ledger = await SqliteLedger.open(path, **{"vantage": "here", "boot": BOOT, **options})
    try:
        yield ledger
    finally:
        await ledger.close()


async def until(condition: Callable[[], bool], bound: float = 20.0) -> None:
    """Wait for what the writer thread will do."""
    async with asyncio.timeout(bound):
        while not condition():  # noqa: ASYNC110  (it happens in another thread or process)
            await asyncio.sleep(0.005)


def raw(path: Path, *statements: str) -> None:
    """What somebody with an SQLite shell and no respect for triggers does to the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        guards = [sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")]
        for statement in [*(f"DROP TRIGGER {name}" for name in names), *statements, *guards]:
            db.execute(statement)

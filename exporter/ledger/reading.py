"""Reading a ledger file without disturbing whoever writes it: short queries, read-only, one page of rows at a time."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from exporter.core.snapshot import Head
from exporter.ledger.chain import GENESIS, Link
from exporter.ledger.errors import LedgerError
from exporter.ledger.schema import check_version

COLUMNS = ", ".join(Link._fields)
DAMAGED = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises of a file that cannot be used; the latter where its own sentence repeats a name that was damaged."""
_BEFORE_ALL = -(2**63)
STEPS_BETWEEN_LOOKS = 10_000
"""Of SQLite's virtual machine, between two looks at the clock: well under a millisecond."""


@contextmanager
def reader(path: Path, deadline: float | None = None) -> Iterator[sqlite3.Connection]:
    """A read-only connection, which gives up after `deadline` seconds. Raises LedgerError with what is wrong."""
    if not path.is_file():
        raise LedgerError(f"there is no ledger at {path}; name the file that the exporter writes")
    try:
        with closing(_connect(path)) as db:
            if deadline is not None:
                end = time.monotonic() + deadline
                db.set_progress_handler(lambda: time.monotonic() > end, STEPS_BETWEEN_LOOKS)
            db.text_factory = text
            check_version(db, path)
            yield db
    except DAMAGED as error:
        raise LedgerError(unreadable(path, error)) from error


def _connect(path: Path) -> sqlite3.Connection:
    """A file on a medium that cannot be written has no place for the index of its log: it is read as it lies there."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=1.0)
    try:
        db.execute("SELECT count(*) FROM sqlite_master")
    except DAMAGED as error:
        db.close()
        if not isinstance(error, sqlite3.OperationalError) or path.with_name(path.name + "-wal").exists():
            raise
        return sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None)
    return db


def text(raw: bytes) -> str:
    """A text column. A tampered one may hold anything; a record must stay readable to be named."""
    return raw.decode("utf-8", "surrogateescape")


def unreadable(path: Path, error: Exception) -> str:
    """The sentence for a file that SQLite refuses to read or open."""
    if isinstance(error, sqlite3.OperationalError):
        return (
            f"cannot read the ledger {path}: {error}; make sure that its disk works and has room, and that no other program "
            f"locks the file"
        )
    return (
        f"the ledger {path} is damaged ({error}); keep the file as it is for evidence, see what "
        f"`rto-rpo-exporter ledger verify` says of it, and put back a copy or move it away to begin a new one"
    )


def links(
    db: sqlite3.Connection, where: str = "1", values: Sequence[Any] = (), *, after: int = _BEFORE_ALL, page: int = 1000
) -> Iterator[Link]:
    """The records in their stored order. No transaction stays open between two pages, however slow the reader is."""
    query = f"SELECT rowid, {COLUMNS} FROM records WHERE rowid > ? AND ({where}) ORDER BY rowid LIMIT ?"  # noqa: S608 - conditions of ours, values are bound
    while rows := db.execute(query, (after, *values, page)).fetchall():
        yield from (Link(*row[1:]) for row in rows)
        after = rows[-1][0]


def damages(db: sqlite3.Connection) -> list[str]:
    """What is torn in the file besides the records, at most 20 sentences of SQLite."""
    found = [str(told) for (told,) in db.execute("PRAGMA integrity_check(20)")]
    return [] if found == ["ok"] else [line for told in found for line in told.splitlines()]


def head(db: sqlite3.Connection) -> Head:
    """The number and hash of the newest record."""
    row = db.execute("SELECT n, hash FROM records ORDER BY n DESC LIMIT 1").fetchone()
    return Head(*row) if row else GENESIS

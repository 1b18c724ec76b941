"""The tables, and the numbered steps by which an older file becomes a present one."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from exporter.core.snapshot import Head
from exporter.ledger.chain import GENESIS
from exporter.ledger.errors import LedgerError

APPLICATION_ID = 0x5250_4F4C
"""Written into the file's header, so that another program's database is not taken for a ledger."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE records (
            n INTEGER PRIMARY KEY, vantage TEXT NOT NULL, boot TEXT NOT NULL, mono REAL NOT NULL, wall REAL NOT NULL,
            kind TEXT NOT NULL, system TEXT NOT NULL, sentence TEXT NOT NULL, data TEXT NOT NULL,
            prev TEXT NOT NULL, hash TEXT NOT NULL)""",
        # An index entry ends with n, so "the newest of this kind" is a walk from its end.
        "CREATE INDEX records_by_kind ON records (kind)",
        "CREATE INDEX records_by_system ON records (system, kind)",
        """CREATE TRIGGER records_update BEFORE UPDATE ON records
            BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
        """CREATE TRIGGER records_delete BEFORE DELETE ON records
            BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
        # INSERT OR REPLACE would otherwise pass by the other two.
        """CREATE TRIGGER records_insert BEFORE INSERT ON records
            WHEN NEW.n IS NOT (SELECT coalesce(max(n), 0) + 1 FROM records)
            BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
        """CREATE TABLE checkpoints (
            system TEXT PRIMARY KEY, boot TEXT NOT NULL, mono REAL NOT NULL, wall REAL NOT NULL, state TEXT NOT NULL)""",
        """CREATE TABLE markers (
            vantage TEXT NOT NULL, system TEXT NOT NULL, component TEXT NOT NULL, seq INTEGER NOT NULL,
            site TEXT NOT NULL, boot TEXT NOT NULL, sent REAL NOT NULL, wall REAL NOT NULL, acked REAL,
            PRIMARY KEY (vantage, system, component, seq)) WITHOUT ROWID""",
        "CREATE INDEX markers_by_age ON markers (boot, sent)",
    ),
    (
        # Data that was altered into something else than JSON must not keep the file from being opened and verified.
        """CREATE INDEX incidents_by_id ON records (CASE WHEN json_valid(data) THEN json_extract(data, '$.id') END)
            WHERE kind IN ('incident', 'blip')""",
    ),
    (
        """CREATE TABLE figures (
            vantage TEXT NOT NULL, system TEXT NOT NULL, name TEXT NOT NULL, wall INTEGER NOT NULL,
            readings INTEGER NOT NULL, total REAL NOT NULL,
            PRIMARY KEY (vantage, system, name, wall)) WITHOUT ROWID""",
        "CREATE INDEX figures_by_age ON figures (wall)",
    ),
    (
        """CREATE TABLE kept (
            kind TEXT NOT NULL, about TEXT NOT NULL, system TEXT NOT NULL, hash TEXT NOT NULL, wall REAL NOT NULL,
            text TEXT NOT NULL, PRIMARY KEY (kind, about, hash)) WITHOUT ROWID""",
        "CREATE INDEX kept_by_age ON kept (kind, wall)",
        # What stands for the records that were removed when their time was over: number and hash of the last of them.
        "CREATE TABLE removals (n INTEGER PRIMARY KEY, hash TEXT NOT NULL, wall REAL NOT NULL)",
    ),
)
"""Step k brings a file from version k to k + 1. A step that was released is never changed."""


def sealed(db: sqlite3.Connection) -> Head:
    """The last record that was removed when its time was over; the beginning of all chains if none was."""
    if db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'removals'").fetchone() is None:
        return GENESIS
    row = db.execute("SELECT n, hash FROM removals ORDER BY n DESC LIMIT 1").fetchone()
    return Head(*row) if row else GENESIS


def check_version(db: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> int:
    """The version of the file, 0 for an empty one. Raises LedgerError if it is not ours or newer than we are."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    application = int(db.execute("PRAGMA application_id").fetchone()[0])
    empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if application != APPLICATION_ID and not (empty and version == 0):
        raise LedgerError(f"{path} is a database of another program, not a ledger; name another file")
    if version > len(migrations):
        raise LedgerError(
            f"the ledger {path} was written by a newer exporter (its version is {version}, this exporter "
            f"knows up to {len(migrations)}); run that exporter, or name another file"
        )
    return version


def migrate(db: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring the file to the present version, all of it or nothing. Raises LedgerError as `check_version` does."""
    if check_version(db, path, migrations) == len(migrations):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in migrations[check_version(db, path, migrations) :]:
            for statement in step:
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(migrations)}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")

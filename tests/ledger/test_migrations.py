"""A file of an earlier version becomes a present one without losing evidence."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from exporter.core.snapshot import Head
from exporter.ledger import past
from exporter.ledger.chain import GENESIS, Link, seal
from exporter.ledger.commands import verify
from exporter.ledger.schema import MIGRATIONS, migrate
from tests.ledger.helpers import BOOT, NOW, opened, record


async def test_migrations_keep_the_evidence(tmp_path: Path) -> None:
    """A step adds to what is there; one that fails half way leaves the file as it was."""
    path, present = tmp_path / "ledger.db", len(MIGRATIONS)
    async with opened(path) as ledger:
        await ledger.append([record()], {}, NOW)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        with pytest.raises(sqlite3.OperationalError):
            migrate(db, path, (*MIGRATIONS, ("CREATE TABLE seals (n INTEGER)", "CREATE NONSENSE")))
        assert db.execute("PRAGMA user_version").fetchone() == (present,)
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'seals'").fetchone() == (0,)
        migrate(db, path, (*MIGRATIONS, ("CREATE TABLE seals (n INTEGER)",)))
        assert db.execute("PRAGMA user_version").fetchone() == (present + 1,)
        db.execute(f"PRAGMA user_version = {present}")
    assert verify(path) == []


async def test_a_file_of_the_first_version_gets_its_index(tmp_path: Path) -> None:
    """Its incidents are found by their ids, and one that was altered into nonsense still is what verification names."""
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, path, MIGRATIONS[:1])
        first = seal(Link(0, "v", BOOT, 1.0, 1.0, "incident", "s", "t", '{"id":"s-1"}', "", ""), GENESIS)
        second = seal(first._replace(data='{"id":"s-2"}'), Head(1, first.hash))
        for link in (first, second._replace(data='{"id":')):
            db.execute(f"INSERT INTO records VALUES ({', '.join('?' * len(link))})", link)
        migrate(db, path)
    assert past.incident(path, wanted="s-1", deadline=5.0) == {"id": "s-1", "n": 1}
    assert past.incident(path, wanted="s-2", deadline=5.0) is None
    assert [finding.n for finding in verify(path)] == [2]

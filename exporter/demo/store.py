"""The data of one demo site in SQLite: a log of writes, and the tables that it is applied to."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

SCHEMA = """
create table if not exists log (position integer primary key, kind text not null, body text not null);
create table if not exists orders (id integer primary key);
create table if not exists markers (vantage text, seq integer, sent_at real, primary key (vantage, seq));
create table if not exists state (name text primary key, value text not null);
"""
APPLY = {
    "order": "insert or ignore into orders (id) values (:id)",
    "marker": "insert or ignore into markers (vantage, seq, sent_at) values (:vantage, :seq, :sent_at)",
}


class Entry(NamedTuple):
    """One write in the log; positions grow without a hole."""

    position: int
    kind: str
    body: dict[str, Any]


class Store:
    """Calls block and belong in one thread; `position`, `applied` and `epoch` may be read from any.

    What is in the log is committed to disk when a call returns. A standby survives with what it has in its log, applied
    or not: `position` is what it would keep.
    """

    def __init__(self, path: Path) -> None:
        self._sql = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._sql.executescript("pragma journal_mode = wal; pragma synchronous = full;" + SCHEMA)
        self.position: int = self._sql.execute("select coalesce(max(position), 0) from log").fetchone()[0]
        self.applied = int(self._state("applied") or 0)
        self.epoch = self._state("epoch") or ""

    def write(self, kind: str, body: dict[str, Any]) -> int:
        """Primary: append and apply in one transaction. Returns the new position."""
        entry = Entry(self.position + 1, kind, body)
        with self._transaction():
            self._append([entry])
            self._apply([entry])
        self.position = self.applied = entry.position
        return entry.position

    def receive(self, entries: Sequence[Entry]) -> None:
        """Standby: put what came from the primary into the log. Raises ValueError if it does not continue the log."""
        if [entry.position for entry in entries] != list(range(self.position + 1, self.position + 1 + len(entries))):
            raise ValueError(f"the entries do not continue the log at {self.position}")
        with self._transaction():
            self._append(entries)
        self.position += len(entries)

    def apply(self) -> None:
        """Standby: apply everything that was received."""
        entries = self.entries(self.applied, self.position)
        with self._transaction():
            self._apply(entries)
        self.applied = self.position

    def begin_epoch(self, epoch: str) -> None:
        with self._transaction():
            self._keep("epoch", epoch)
        self.epoch = epoch

    def entries(self, after: int, upto: int) -> list[Entry]:
        """What is in the log in (after, upto]."""
        rows = self._sql.execute(
            "select position, kind, body from log where position > ? and position <= ? order by position", (after, upto)
        )
        return [Entry(position, kind, json.loads(body)) for position, kind, body in rows]

    def order_ids(self) -> list[int]:
        """All orders that can be read here, ascending."""
        return [row[0] for row in self._sql.execute("select id from orders order by id")]

    def markers(self, vantage: str, after: int) -> list[int]:
        """The canary markers of a vantage above `after` that can be read here, ascending."""
        sql = "select seq from markers where vantage = ? and seq > ? order by seq"
        return [row[0] for row in self._sql.execute(sql, (vantage, after))]

    def close(self) -> None:
        self._sql.close()

    def _transaction(self) -> sqlite3.Connection:
        self._sql.execute("begin immediate")
        return self._sql

    def _append(self, entries: Sequence[Entry]) -> None:
        rows = [(entry.position, entry.kind, json.dumps(entry.body)) for entry in entries]
        self._sql.executemany("insert into log (position, kind, body) values (?, ?, ?)", rows)

    def _apply(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._sql.execute(APPLY[entry.kind], entry.body)
            self._keep("applied", str(entry.position))

    def _keep(self, name: str, value: str) -> None:
        self._sql.execute("insert or replace into state (name, value) values (?, ?)", (name, value))

    def _state(self, name: str) -> str | None:
        row = self._sql.execute("select value from state where name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

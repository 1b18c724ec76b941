"""What is removed when its time is over, so that what remains can still be verified and still be read.

Records are removed from the beginning only. In their place stands a row that names the last of them, and the record
`compacted` in the chain itself vouches for it and carries what later records have to be read with: a row without such a record
excuses nothing.
"""

import json
import math
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from exporter.core.evidence import Entry
from exporter.core.history import History
from exporter.core.snapshot import Head
from exporter.ledger import reading
from exporter.ledger.chain import Link, compact, seal
from exporter.ledger.instants import Stamp
from exporter.ledger.schema import MIGRATIONS, sealed

EVEN_FOR = 86_400.0
EVEN_WITHIN = 60.0
"""Seconds."""
COMPACTED = "compacted"
_GUARD = next(statement for statement in MIGRATIONS[0] if "records_delete" in statement)
_INSERT = f"INSERT INTO records ({reading.COLUMNS}) VALUES ({', '.join('?' * len(Link._fields))})"  # noqa: S608 - names of columns, ours


class Removed(NamedTuple):
    """What a compaction did."""

    records: int
    samples: int
    head: Head


class Before(NamedTuple):
    """Unix seconds: what is older is removed."""

    records: float
    samples: float


class Keeper:
    """Says, once a day, what has had its time; but only after the wall clock has run evenly for a day: one that is set wrong,
    and put right within it, costs no evidence."""

    def __init__(self, records: float, samples: float) -> None:
        """For how many seconds each is kept."""
        self._records = records
        self._samples = samples
        self._offset = math.inf
        self._since = 0.0

    def due(self, now: Stamp) -> Before | None:
        """To be called again and again, since it is here that the clock is watched."""
        offset = now.wall - now.mono
        if abs(offset - self._offset) > EVEN_WITHIN:
            self._offset, self._since = offset, now.mono
        if now.mono - self._since < EVEN_FOR:
            return None
        self._since = now.mono
        return Before(now.wall - self._records, now.wall - self._samples)


def compacted(db: sqlite3.Connection, before: Before, vantage: str, now: Stamp) -> Removed:
    """Remove what is older, in the transaction that is open. The newest record always stays. Raises sqlite3.Error."""
    samples = db.execute("DELETE FROM kept WHERE kind = 'samples' AND wall < ?", (before.samples,)).rowcount
    gone, head = sealed(db), reading.head(db)
    until = _last_to_go(db, before.records, head)
    if until <= gone.number:
        return Removed(0, samples, head)
    last = Head(*db.execute("SELECT n, hash FROM records WHERE n = ?", (until,)).fetchone())
    count = until - gone.number
    sentence = f"records {gone.number + 1} to {until} were removed: their time was over"
    data = {"removed_to": last.number, "hash": last.hash, **_carried(db, until)}
    bare = Link(0, vantage, now.boot, now.mono, now.wall, COMPACTED, "", sentence, compact(data), "", "")
    link = seal(bare, head)
    db.execute(_INSERT, link)
    db.execute("DROP TRIGGER records_delete")
    db.execute("DELETE FROM records WHERE n <= ?", (until,))
    db.execute(_GUARD)
    db.execute("INSERT INTO removals (n, hash, wall) VALUES (?, ?, ?)", (last.number, last.hash, now.wall))
    return Removed(count, samples, Head(link.n, link.hash))


def vouched(links: Sequence[Link], gone: Head) -> bool:
    """Whether one of these `compacted` records says that everything up to `gone` was removed."""
    for link in links:
        try:
            data = json.loads(link.data)
        except (TypeError, ValueError, RecursionError):
            continue
        if isinstance(data, dict) and (data.get("removed_to"), data.get("hash")) == (gone.number, gone.hash):
            return True
    return False


def _last_to_go(db: sqlite3.Connection, before: float, head: Head) -> int:
    """Only what lies before the first record that has to stay: a clock that was wrong once costs nothing."""
    (first,) = db.execute("SELECT min(n) FROM records WHERE wall >= ?", (before,)).fetchone()
    return min(head.number if first is None else first, head.number) - 1


def _carried(db: sqlite3.Connection, until: int) -> dict[str, object]:
    """What a reader of the rest needs to know of the removed records."""
    systems: dict[str, History] = {}
    configs: list[list[object]] = []
    for link in reading.links(db, "kind = ?", (COMPACTED,)):
        told = json.loads(link.data)
        systems = {name: History(name) for name in told["systems"]}
        for name, carried in told["systems"].items():
            systems[name].carry(carried)
        configs = told["configs"]
    at = 0.0
    for link in reading.links(db, "n <= ?", (until,)):
        at = link.wall
        entry = Entry(link.n, link.wall, link.kind, link.system, link.sentence, json.loads(link.data))
        if entry.kind == "config_loaded":
            configs = [[entry.at, entry.data["hash"]]]
        elif entry.system and entry.kind != "mark":
            systems.setdefault(entry.system, History(entry.system)).take(entry)
    return {"systems": {name: history.carried(at) for name, history in systems.items()}, "configs": configs}

"""A ledger's file as reports read it: while the exporter writes it or long after, and never more than is asked for."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from exporter.core.evidence import Entry, Evidence, KeptConfig, KeptState
from exporter.ledger import reading
from exporter.ledger.chain import Link
from exporter.ledger.errors import LedgerError
from exporter.ledger.rows import unsealed
from exporter.ledger.schema import sealed

UNREAD = ("parity_lost", "parity_restored", "kpi_low", "kpi_recovered", "standby_lost", "standby_back", "samples")
"""Kinds of which there may be many, and of which a report tells nothing."""


def evidence(path: Path, *, without: Iterable[str] = UNREAD) -> Evidence:
    """All that a report needs, as it is now. Raises LedgerError."""
    unread = tuple(without)
    where = f"kind NOT IN ({', '.join('?' * len(unread))})" if unread else "1"
    with reading.reader(path) as db:
        head = reading.head(db)
        entries = [entry(path, link) for link in reading.links(db, where, unread) if link.n <= head.number]
        states = {
            system: KeptState(mono, wall, _told(path, state, unsealed))
            for system, mono, wall, state in db.execute("SELECT system, mono, wall, state FROM checkpoints")
        }
        seal = sealed(db)
        return Evidence(entries, head, seal.number + 1, states, list(configs(db, path)))


def entry(path: Path, link: Link) -> Entry:
    """Raises LedgerError if the record was altered into something that is no record."""
    return Entry(link.n, link.wall, link.kind, link.system, link.sentence, _told(path, link.data))


def configs(db: sqlite3.Connection, path: Path) -> Iterator[KeptConfig]:
    """The configurations that were in use, oldest first."""
    if not _has(db, "kept"):
        return
    for hash_, at, text in db.execute("SELECT hash, wall, text FROM kept WHERE kind = 'config' ORDER BY wall, hash"):
        yield KeptConfig(hash_, at, _told(path, text))


def samples(path: Path, incident: str) -> dict[str, str]:
    """What was seen around an incident, as it was written down: lines of JSON by their hash. Raises LedgerError."""
    with reading.reader(path) as db:
        if not _has(db, "kept"):
            return {}
        query = "SELECT hash, text FROM kept WHERE kind = 'samples' AND about = ? ORDER BY wall, hash"
        return dict(db.execute(query, (incident,)).fetchall())


def _has(db: sqlite3.Connection, table: str) -> bool:
    """An older exporter's file is read as it is: reading migrates nothing."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone() is not None


def _told(path: Path, text: str, read: Callable[[str], str] = str) -> dict[str, Any]:
    try:
        told = json.loads(read(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise LedgerError(
            f"the ledger {path} was altered ({error}); see what `rto-rpo-exporter ledger verify` says"
        ) from error
    if not isinstance(told, dict):
        raise LedgerError(f"the ledger {path} was altered; see what `rto-rpo-exporter ledger verify` says")
    return told

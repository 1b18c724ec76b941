"""Made-up annals as a real ledger's file."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from exporter.ledger.chain import GENESIS, Link, compact, seal_all
from exporter.ledger.reading import COLUMNS
from exporter.ledger.schema import migrate
from tests.reports.annals import Annals


def links(annals: Annals) -> list[Link]:
    """The records as they stand in the file, chained."""
    bare = [
        Link(0, "hk-noc-1", "boot", e.at, e.at, e.kind, e.system, e.sentence, compact(dict(e.data)), "", "")
        for e in annals.entries
    ]
    return seal_all(bare, GENESIS)


def write_ledger(folder: Path, annals: Annals, until: float, samples: Iterable[tuple[str, str]] = ()) -> Path:
    """A ledger whose exporter ran until `until`, in the order in which things were told. `samples`: (incident, text)."""
    annals.entries.sort(key=lambda entry: entry.at)
    path = folder / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, path)
        db.execute("BEGIN")
        marks = ", ".join("?" * len(Link._fields))
        db.executemany(f"INSERT INTO records ({COLUMNS}) VALUES ({marks})", links(annals))
        for name in {entry.system for entry in annals.entries if entry.system}:
            row = (name, "boot", until, annals.alive.get(name, until), "{}")
            db.execute("INSERT INTO checkpoints (system, boot, mono, wall, state) VALUES (?, ?, ?, ?, ?)", row)
        text = json.dumps(annals.config, sort_keys=True, ensure_ascii=False)
        db.execute("INSERT INTO configs (hash, wall, text) VALUES (?, ?, ?)", ("c0ffee", annals.entries[0].at, text))
        for incident, told in samples:
            db.execute(
                "INSERT INTO samples (incident, system, wall, text) VALUES (?, 'orders', 0, ?)", (incident, told)
            )
        db.execute("COMMIT")
    return path

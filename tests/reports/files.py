"""Made-up annals as a real ledger's file."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from exporter.core.codec import encode
from exporter.core.state import Record
from exporter.ledger.chain import GENESIS, Link, compact, seal_all
from exporter.ledger.reading import COLUMNS
from exporter.ledger.schema import migrate
from exporter.reports.bundle import canonical
from tests.reports.annals import Annals
from tests.reports.stage import WALL, Stage


def links(annals: Annals) -> list[Link]:
    """The records as they stand in the file, chained."""
    bare = [
        Link(0, "hk-noc-1", "boot", e.at, e.at, e.kind, e.system, e.sentence, compact(dict(e.data)), "", "")
        for e in annals.entries
    ]
    return seal_all(bare, GENESIS)


def write_ledger(folder: Path, annals: Annals, until: float) -> Path:
    """A ledger whose exporter ran until `until`, in the order in which things were told."""
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
        db.execute(
            "INSERT INTO kept (kind, about, system, hash, wall, text) VALUES ('config', '', '', 'c0ffee', ?, ?)",
            (annals.entries[0].at, text),
        )
        db.execute("COMMIT")
    return path


def stage_ledger(folder: Path, stage: Stage, config: Mapping[str, Any]) -> Path:
    """What a stage told and kept, as a ledger's file."""
    path, text = folder / "ledger.db", canonical(config)
    digest = sha256(text.encode()).hexdigest()
    loaded = Record("config_loaded", "", 0.0, "loaded", {"hash": digest, "vantage": "hk-noc-1"})
    stage.records.insert(0, loaded)
    stage.walls.insert(0, WALL)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, path)
        db.execute("BEGIN")
        db.executemany(f"INSERT INTO records ({COLUMNS}) VALUES ({', '.join('?' * len(Link._fields))})", stage.links())
        rows = [(kept.kind, kept.about, kept.system, kept.hash, WALL, kept.text) for kept in stage.kept]
        rows.append(("config", "", "", digest, WALL, text))
        db.executemany("INSERT INTO kept (kind, about, system, hash, wall, text) VALUES (?, ?, ?, ?, ?, ?)", rows)
        state = json.dumps(encode(stage.watch.state))
        row = (stage.system.name, "boot", stage.now, WALL + stage.now, state)
        db.execute("INSERT INTO checkpoints (system, boot, mono, wall, state) VALUES (?, ?, ?, ?, ?)", row)
        db.execute("COMMIT")
    return path

"""The ledger file as its one writer holds it: locked, migrated, checked, and opened anew after every failure."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from exporter.core.snapshot import Head
from exporter.ledger import reading
from exporter.ledger.chain import GENESIS, Link, faults
from exporter.ledger.errors import LedgerError
from exporter.ledger.figures import Figure, Pruning, add
from exporter.ledger.instants import Stamp
from exporter.ledger.lock import Lock
from exporter.ledger.retention import Before, Removed, compacted
from exporter.ledger.schema import migrate, sealed

_TAIL = 1000
"""Records that are checked at every start; `ledger verify` checks all."""
_WAL_LIMIT = 16 * 2**20
"""Bytes to which the write-ahead log is cut when it was longer."""
_KEEP_MARKERS = 20 * 60.0
"""Seconds; 15 minutes are asked for."""
_PRUNE_EVERY = 60.0
_CHECKED_FOR = 0.5
"""Seconds of a start that a search for torn pages may take."""

_INSERT_RECORD = f"INSERT INTO records ({reading.COLUMNS}) VALUES ({', '.join('?' * len(Link._fields))})"  # noqa: S608 - names of columns, ours
_UPSERT_CHECKPOINT = "INSERT OR REPLACE INTO checkpoints (system, boot, mono, wall, state) VALUES (?, ?, ?, ?, ?)"
_UPSERT_MARKER = (
    "INSERT OR REPLACE INTO markers (vantage, system, component, seq, site, boot, sent, wall, acked) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_KEPT = "INSERT OR IGNORE INTO kept (kind, about, system, hash, wall, text) VALUES (?, ?, ?, ?, ?, ?)"


class StoredText(NamedTuple):
    """What is kept beside the chain. Its fields are the columns of the table `kept`, in this order."""

    kind: str
    about: str
    system: str
    hash: str
    wall: float
    text: str


class Checkpoint(NamedTuple):
    system: str
    boot: str
    mono: float
    wall: float
    state: str
    """JSON."""


class StoredMarker(NamedTuple):
    """A canary marker; `sent` and `acked` are monotonic instants of `boot`, `wall` is Unix seconds beside `sent`."""

    vantage: str
    system: str
    component: str
    seq: int
    site: str
    boot: str
    sent: float
    wall: float
    acked: float | None


class Gone(NamedTuple):
    """What was written here before and is not there any more."""

    head: Head
    """The newest record that was written."""
    records: int | None
    """How many records are gone; None: it was another chain."""
    since: float | None
    """When the newest record that is left was made, in Unix seconds; None: none is left."""


class LedgerFile:
    """Used by one thread at a time. Every method may block as long as the disk does."""

    def __init__(self, path: Path, *, busy: float) -> None:
        """Lock, open and check the file. `busy`: seconds to wait while another program locks the database.

        Raises LedgerError if the file is held by another exporter, newer, damaged, altered or not writable.
        """
        self.path = path
        self._busy = busy
        self._db: sqlite3.Connection | None = None
        self._inode = (0, 0)
        self._pruned = float("-inf")
        self._pruning = Pruning()
        self._lock = Lock(path)
        self.gone: Gone | None = None
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = self._connect()
            migrate(self._db, path)
            _check_pages(self._db)
            self._check_tail(self._db)
            self.head = reading.head(self._db)
            self.gone = _gone(self._db, self.head, self._lock.noted)
        except reading.DAMAGED as error:
            self.close()
            raise LedgerError(reading.unreadable(path, error)) from error
        except LedgerError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise LedgerError(
                f"cannot write the ledger {path}: {error.strerror}; give the exporter a file that it may write"
            ) from error

    def write(
        self,
        links: Sequence[Link],
        checkpoints: Sequence[Checkpoint],
        markers: Sequence[StoredMarker],
        figures: Sequence[Figure] = (),
        kept: Sequence[StoredText] = (),
        *,
        durable: bool,
        now: Stamp,
    ) -> None:
        """All of it in one transaction; `links` must follow `head`. Durable: it survives a power cut when this returns.

        Raises sqlite3.Error or OSError if nothing was written. The same call may then be made again: should the
        transaction have been committed after all, it is found and not repeated.
        """
        try:
            with self._transaction(links, durable=durable) as db:
                if db is not None:
                    db.executemany(_INSERT_RECORD, links)
                    db.executemany(_UPSERT_CHECKPOINT, checkpoints)
                    db.executemany(_UPSERT_MARKER, markers)
                    add(db, figures)
                    db.executemany(_INSERT_KEPT, kept)
                    if now.mono > self._pruned + _PRUNE_EVERY:
                        _prune(db, now)
                        self._pruning.prune(db, now)
                        self._pruned = now.mono
        except Exception:
            self._disconnect()
            raise
        if links:
            self.head = Head(links[-1].n, links[-1].hash)
            self._lock.note(self.head)

    def remove(self, before: Before, vantage: str, now: Stamp) -> Removed:
        """Remove what is older, all of it or nothing. Raises sqlite3.Error or OSError; then nothing was removed."""
        try:
            with self._transaction((), durable=True) as db:
                assert db is not None, "only links are found to be there already"
                removed = compacted(db, before, vantage, now)
        except Exception:
            self._disconnect()
            raise
        self.head = removed.head
        self._lock.note(self.head)
        return removed

    def close(self) -> None:
        self._disconnect()
        self._lock.release()

    @contextmanager
    def _transaction(self, links: Sequence[Link], *, durable: bool) -> Iterator[sqlite3.Connection | None]:
        """None instead of a connection: these links are in the file already."""
        db = self._connected()
        found = reading.head(db)
        if links and found == Head(links[-1].n, links[-1].hash):
            yield None
            return
        if found != self.head:
            raise LedgerError(
                f"{self.path} ends with record {found.number}, but this exporter wrote record "
                f"{self.head.number} last; put back the file that ends with it, or restart"
            )
        # With FULL every commit is synced. With NORMAL only the log's return into the file is, which keeps the file
        # whole after a power cut at the price of the newest commits; OFF could lose records that were synced before.
        db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        db.execute("BEGIN IMMEDIATE")
        yield db
        db.execute("COMMIT")

    def _connected(self) -> sqlite3.Connection:
        """The connection to the file at `path`: SQLite itself would go on writing into a deleted one."""
        try:
            inode = _inode(self.path)
        except FileNotFoundError:
            raise LedgerError(f"{self.path} was removed; put it back, or restart to begin a new one") from None
        if self._db is not None and inode != self._inode:
            self._disconnect()
        if self._db is None:
            self._db = self._connect()
        return self._db

    def _connect(self) -> sqlite3.Connection:
        # mode=rw: a file that vanished must not come back as an empty one.
        db = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            timeout=self._busy,
            check_same_thread=False,
        )
        try:
            self._inode = _inode(self.path)
            db.text_factory = reading.text
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
        except (*reading.DAMAGED, OSError):
            db.close()
            raise
        return db

    def _disconnect(self) -> None:
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    def _check_tail(self, db: sqlite3.Connection) -> None:
        gone = sealed(db)
        start = max(gone.number, reading.head(db).number - _TAIL)
        tail = list(reading.links(db, after=start))
        for finding in faults(tail, gone if start == gone.number else Head(start, tail[0].prev)):
            raise LedgerError(
                f"the ledger {self.path} does not verify: {finding.sentence}; nothing is appended to a "
                f"broken chain: see what `rto-rpo-exporter ledger verify` says of it, then move the file "
                f"away (keep it) to begin a new one"
            )


def _check_pages(db: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError if the file is torn, as far as half a second shows it: `ledger verify` reads all of it."""
    end = time.monotonic() + _CHECKED_FOR
    db.set_progress_handler(lambda: time.monotonic() > end, reading.STEPS_BETWEEN_LOOKS)
    try:
        (told,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
    else:
        if told != "ok":
            raise sqlite3.DatabaseError(told.splitlines()[-1])
    finally:
        db.set_progress_handler(None, 0)


def _gone(db: sqlite3.Connection, head: Head, noted: Head | None) -> Gone | None:
    """What an earlier exporter noted that it wrote, if it is not in the file."""
    if noted is None or noted in (head, GENESIS):
        return None
    if db.execute("SELECT 1 FROM records WHERE n = ? AND hash = ?", (noted.number, noted.hash)).fetchone() is not None:
        return None
    last = db.execute("SELECT wall FROM records ORDER BY n DESC LIMIT 1").fetchone()
    count = noted.number - head.number if last is not None and noted.number > head.number else None
    return Gone(noted, count, last[0] if last else None)


def stored(db: sqlite3.Connection, vantage: str) -> tuple[list[Checkpoint], list[StoredMarker]]:
    """All checkpoints, and this vantage's markers ascending by number."""
    checkpoints = db.execute("SELECT system, boot, mono, wall, state FROM checkpoints").fetchall()
    markers = db.execute(
        "SELECT vantage, system, component, seq, site, boot, sent, wall, acked FROM markers "
        "WHERE vantage = ? ORDER BY system, component, seq",
        (vantage,),
    ).fetchall()
    return [Checkpoint(*row) for row in checkpoints], [StoredMarker(*row) for row in markers]


def _prune(db: sqlite3.Connection, now: Stamp) -> None:
    db.execute("DELETE FROM markers WHERE boot = ? AND sent < ?", (now.boot, now.mono - _KEEP_MARKERS))
    db.execute("DELETE FROM markers WHERE boot <> ? AND wall < ?", (now.boot, now.wall - _KEEP_MARKERS))


def _inode(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino

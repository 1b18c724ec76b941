"""Business figures, kept for a fortnight as the mean of every five minutes, to be compared with a week later."""

import math
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from exporter.ledger.instants import Stamp
from exporter.ledger.reading import reader

BUCKET = 300
"""Seconds of the wall clock."""
WEEK = 7 * 86_400.0
_NEAR = 15 * 60.0
_KEEP = 15 * 86_400.0
_EVEN_FOR = 3600.0
_EVEN_WITHIN = 60.0
_MOST = 1e300
"""Beyond it a sum would become infinite."""

# Should a commit have succeeded although it failed, the same figures are added again: they weigh double then in the
# mean of their five minutes, and it still lies between the least and the greatest of them.
_ADD = (
    "INSERT INTO figures (vantage, system, name, wall, readings, total) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET readings = readings + excluded.readings, total = total + excluded.total"
)
MEAN = "SELECT sum(total) / sum(readings) FROM figures WHERE vantage = ? AND system = ? AND name = ? AND wall BETWEEN ? AND ?"


class Figure(NamedTuple):
    """What was measured in one bucket. Its fields are the columns of the table `figures`, in this order."""

    vantage: str
    system: str
    name: str
    wall: int
    """Unix seconds at which the bucket begins."""
    readings: int
    total: float

    @property
    def bucket(self) -> tuple[str, str, str, int]:
        return self[:4]

    def plus(self, other: "Figure") -> "Figure":
        """Both together, where they are of one bucket."""
        return self._replace(readings=self.readings + other.readings, total=self.total + other.total)


def usable(value: object) -> bool:
    """Whether it is a number of which a mean can be made: no truth value, no NaN, nothing beyond 1e300."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -_MOST <= value <= _MOST


def bucket(wall: float) -> int:
    """Where the bucket begins that holds this instant; both in Unix seconds."""
    return math.floor(wall / BUCKET) * BUCKET


def add(db: sqlite3.Connection, figures: Sequence[Figure]) -> None:
    """To what the buckets hold already. Raises sqlite3.Error."""
    db.executemany(_ADD, figures)


def mean(path: Path, vantage: str, system: str, name: str, around: float, *, deadline: float) -> float | None:
    """Over the buckets whose middle is within a quarter of an hour of `around` (Unix seconds); None if there are none.

    Raises LedgerError within `deadline` seconds, unless the disk hangs.
    """
    first = around - BUCKET / 2 - _NEAR
    with reader(path, deadline) as db:
        (found,) = db.execute(MEAN, (vantage, system, name, first, first + 2 * _NEAR)).fetchone()
    return found if isinstance(found, float) and math.isfinite(found) else None


class Pruning:
    """Removes what is further than 15 days from now, either way, but only while the wall clock has run evenly for an
    hour: one that is set wrong, and put right within it, costs no figure."""

    def __init__(self) -> None:
        self._offset = math.inf
        self._since = 0.0

    def prune(self, db: sqlite3.Connection, now: Stamp) -> None:
        """To be called every minute or so, since it is here that the clock is watched. Raises sqlite3.Error."""
        offset = now.wall - now.mono
        if abs(offset - self._offset) > _EVEN_WITHIN:
            self._offset, self._since = offset, now.mono
        if now.mono - self._since >= _EVEN_FOR:
            db.execute("DELETE FROM figures WHERE wall < ?", (now.wall - _KEEP,))
            db.execute("DELETE FROM figures WHERE wall > ?", (now.wall + _KEEP,))

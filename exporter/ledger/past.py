"""What earlier runs left, read for a restart and for the API."""

import json
import logging
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from exporter.core.model import Moment
from exporter.core.ports import Json, Loaded, Query
from exporter.core.state import Marker
from exporter.core.wanted import Wanted
from exporter.ledger.errors import LedgerError
from exporter.ledger.file import StoredMarker, stored
from exporter.ledger.instants import Shift, Stamp, shift
from exporter.ledger.reading import reader
from exporter.ledger.rows import clean, unsealed

_LOG = logging.getLogger(__name__)

BY_ID = (
    "SELECT n, data FROM records WHERE kind IN ('incident', 'blip') "
    "AND CASE WHEN json_valid(data) THEN json_extract(data, '$.id') END = ? ORDER BY n DESC LIMIT 1"
)
"""Worded as the index `incidents_by_id` is, or SQLite would not use it."""
_KIND, _DRILL, _START, _END = (
    f"json_extract(data, '$.{path}')" for path in ("kind", "drill", "start.lower", "end.upper")
)
_MARKERS_FOR = 15 * 60.0
"""Seconds."""


def load(path: Path, vantage: str, now: Stamp, wall_error: float) -> Loaded:
    """Checkpoints and this vantage's markers on the clock of `now`. Raises LedgerError.

    Checkpoints stand outside of the chain: one that was damaged costs its system what it holds, and nobody the watching.
    """
    moment = Moment(now.mono, now.wall)
    with reader(path) as db:
        checkpoints, markers = stored(db, vantage)
    states: dict[str, Json] = {}
    written: dict[str, Moment] = {}
    shifts: dict[str, Shift] = {}
    for kept in checkpoints:
        try:
            states[kept.system] = _object(unsealed(kept.state))
            moved = shift(_stamp(kept.boot, kept.mono, kept.wall), now.boot, moment, wall_error)
        except (TypeError, ValueError, RecursionError) as error:
            _LOG.warning(
                "the checkpoint of %s in the ledger %s is damaged (%s): begin anew with it", kept.system, path, error
            )
            states.pop(kept.system, None)
            continue
        shifts[kept.system] = moved
        written[kept.system] = Moment(kept.mono + moved.seconds, kept.wall)
    return Loaded(
        checkpoints=states,
        written=written,
        shift={system: moved.seconds for system, moved in shifts.items()},
        slack={system: moved.slack for system, moved in shifts.items()},
        markers=_markers(markers, now, wall_error),
    )


def _object(text: str) -> Json:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError("it is no object")
    return found


def _stamp(boot: str, mono: float, wall: float) -> Stamp:
    """Raises ValueError where the columns hold anything but instants: SQLite keeps whatever it is given."""
    if not all(isinstance(number, (int, float)) and isfinite(number) for number in (mono, wall)):
        raise ValueError("its time is no number")
    return Stamp(boot, mono, wall)


def _markers(kept: Sequence[StoredMarker], now: Stamp, wall_error: float) -> dict[tuple[str, str], list[Marker]]:
    markers: defaultdict[tuple[str, str], list[Marker]] = defaultdict(list)
    for one in kept:
        try:
            moved = shift(_stamp(one.boot, one.sent, one.wall), now.boot, Moment(now.mono, now.wall), wall_error)
        except ValueError as error:
            _LOG.warning("marker %s of %s in the ledger is damaged and was passed over: %s", one.seq, one.system, error)
            continue
        sent = one.sent + moved.seconds
        if sent >= now.mono - _MARKERS_FOR - moved.slack:
            acked = None if one.acked is None else one.acked + moved.seconds
            # Its sending is what it proves: put back, so that no reboot makes an exposure smaller than it is.
            markers[one.system, one.component].append(Marker(one.seq, one.site, sent - moved.slack, acked))
    return dict(markers)


def incidents(path: Path, *, wanted: Wanted, before: int | None, limit: int, deadline: float) -> list[dict[str, Any]]:
    """`data` of the wanted records numbered below `before`, with `n`, newest first."""
    with reader(path, deadline) as db:
        found = [row for kind in wanted.record_kinds for row in _newest(db, kind, wanted, before, limit)]
    return [_told(path, n, data) for n, data in sorted(found, reverse=True)[:limit]]


def incident(path: Path, *, wanted: str, deadline: float) -> dict[str, Any] | None:
    """The newest record of the incident or blip with this id, as `incidents` gives it; None if there is none."""
    with reader(path, deadline) as db:
        found = db.execute(BY_ID, (wanted,)).fetchone()
    return None if found is None else _told(path, *found)


def told(path: Path, *, query: Query, deadline: float) -> list[dict[str, Any]]:
    """`exporter.core.ports.Ledger.told`. People tell little, so the index of the kinds is enough to find it."""
    where = [f"kind IN ({', '.join('?' * len(query.kinds))})", "n < ?"]
    values = [*query.kinds, query.before or 2**63 - 1]
    if query.system is not None:
        where.append("+system = ?")
        values.append(clean(query.system))
    if query.about is not None:
        key, texts = query.about
        where.append(f"CASE WHEN json_valid(data) THEN json_extract(data, ?) END IN ({', '.join('?' * len(texts))})")
        values += [f"$.{key}", *map(clean, texts)]
    sql = f"SELECT n, data FROM records WHERE {' AND '.join(where)} ORDER BY n DESC LIMIT ?"  # noqa: S608 - conditions of ours, values are bound
    with reader(path, deadline) as db:
        found = db.execute(sql, (*values, query.limit)).fetchall()
    return [_told(path, n, data) for n, data in found]


def _told(path: Path, n: int, data: str) -> dict[str, Any]:
    try:
        return {**json.loads(data), "n": n}
    except (TypeError, ValueError, RecursionError) as error:
        raise LedgerError(
            f"record {n} of the ledger {path} was altered ({error}); see what `rto-rpo-exporter ledger verify` says"
        ) from error


def _newest(db: sqlite3.Connection, kind: str, wanted: Wanted, before: int | None, limit: int) -> list[tuple[int, str]]:
    of_system, values = ("system = ? AND ", [wanted.system]) if wanted.system is not None else ("", [])
    within, more = _within(wanted)
    query = f"SELECT n, data FROM records WHERE {of_system}kind = ? AND n < ?{within} ORDER BY n DESC LIMIT ?"  # noqa: S608 - conditions of ours, values are bound
    return db.execute(query, (*values, kind, 2**63 - 1 if before is None else before, *more, limit)).fetchall()


def _within(wanted: Wanted) -> tuple[str, list[object]]:
    """A condition on the data, and its values. Data that was altered into something else than JSON fits every one: it has to
    be told, and not to be passed over."""
    conditions: list[tuple[str, list[object]]] = []
    if wanted.kinds:
        conditions.append((f"{_KIND} IN ({', '.join('?' * len(wanted.kinds))})", [*sorted(wanted.kinds)]))
    if wanted.since is not None:
        conditions.append((f"coalesce({_END}, 1e300) >= ?", [wanted.since]))
    if wanted.until is not None:
        conditions.append((f"{_START} < ?", [wanted.until]))
    if wanted.drill in ("true", "false"):
        conditions.append((f"{_DRILL} IS {'NOT ' if wanted.drill == 'true' else ''}NULL", []))
    elif wanted.drill is not None:
        conditions.append((f"{_DRILL} = ?", [wanted.drill]))
    if not conditions:
        return "", []
    text = " AND ".join(condition for condition, _ in conditions)
    values = [value for _, given in conditions for value in given]
    return f" AND CASE WHEN json_valid(data) THEN {text} ELSE 1 END", values

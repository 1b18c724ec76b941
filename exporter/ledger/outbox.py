"""What waits for the writer thread. The event loop puts in, the thread takes out; neither ever waits for the other."""

import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from exporter.core.drilling import DECLARED
from exporter.core.marks import MARK
from exporter.core.past import MOVES
from exporter.ledger.chain import Link, compact
from exporter.ledger.figures import Figure
from exporter.ledger.file import StoredMarker, StoredText
from exporter.ledger.instants import Stamp

_LINGER = 0.02
"""Seconds for which checkpoints, markers and figures are gathered when no record hurries them."""
_MOST_KEPT = 1000
_LAST_TO_GO = frozenset({"incident", "blip", *MOVES, *DECLARED, MARK})
"""Kinds that are dropped only when nothing else is left to drop."""


class Batch(NamedTuple):
    """One transaction. The checkpoints describe the state after all of its records."""

    records: Sequence[Link]
    """Not sealed yet."""
    checkpoints: Mapping[str, tuple[Stamp, Mapping[str, Any]]]
    markers: Sequence[StoredMarker]
    figures: Sequence[Figure]
    kept: Sequence[StoredText]
    durable: bool
    ticket: int
    now: Stamp


class Outbox:
    """Bounded: of records beyond `limit` the oldest tenth goes, incidents and moves last, and a `gap` record takes
    its place that counts them. Checkpoints keep the newest of a system, markers the newest `limit`, figures the newest
    `limit` of their buckets, and of what is kept beside the chain the newest 1000 texts."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._closing = False
        self._ticket = 0
        self._durable = False
        self._records: list[Link] = []
        self._dropped: Counter[str] = Counter()
        self._lost: tuple[Link, Link] | None = None
        self._checkpoints: dict[str, tuple[Stamp, Mapping[str, Any]]] = {}
        self._markers: dict[tuple[str, str, int], StoredMarker] = {}
        self._figures: dict[tuple[str, str, str, int], Figure] = {}
        self._kept: deque[StoredText] = deque(maxlen=_MOST_KEPT)
        self._now = Stamp("", 0.0, 0.0)

    @property
    def closing(self) -> bool:
        return self._closing

    def __len__(self) -> int:
        """Records that were not taken out yet."""
        return len(self._records)

    def put(
        self,
        now: Stamp,
        records: Iterable[Link] = (),
        checkpoints: Mapping[str, Mapping[str, Any]] | None = None,
        marker: StoredMarker | None = None,
        figure: Figure | None = None,
        kept: StoredText | None = None,
        *,
        durable: bool = False,
    ) -> int:
        """The ticket of what was put: it is stored once a batch with this ticket or a later one is."""
        with self._changed:
            idle = not self._unhurried()
            self._ticket += 1
            self._now = now
            self._records.extend(records)
            self._checkpoints.update({system: (now, state) for system, state in (checkpoints or {}).items()})
            if marker is not None:
                self._keep(marker)
            if figure is not None:
                self._gather(figure)
            if kept is not None:
                self._kept.append(kept)
            self._durable |= durable
            if len(self._records) > self._limit:
                self._shed()
            if durable or idle:
                self._changed.notify()
            return self._ticket

    def take(self) -> Batch | None:
        """All that waits, as soon as something does; None when the outbox is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._durable or self._unhurried() or self._closing)
            self._changed.wait_for(lambda: self._durable or self._closing, timeout=_LINGER)
            if not (self._durable or self._unhurried()):
                return None
            batch = Batch(
                [*self._gap(), *self._records],
                self._checkpoints,
                list(self._markers.values()),
                list(self._figures.values()),
                list(self._kept),
                self._durable,
                self._ticket,
                self._now,
            )
            self._records, self._checkpoints, self._markers, self._figures = [], {}, {}, {}
            self._kept.clear()
            self._durable = False
            return batch

    def pause(self, seconds: float) -> None:
        """Let the disk rest, but not longer than until `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing, timeout=seconds)

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def _unhurried(self) -> bool:
        """Whether anything waits that needs no sync."""
        return bool(self._checkpoints or self._markers or self._figures or self._kept)

    def _keep(self, marker: StoredMarker) -> None:
        key = (marker.system, marker.component, marker.seq)
        self._markers.pop(key, None)
        self._markers[key] = marker
        if len(self._markers) > self._limit:
            del self._markers[next(iter(self._markers))]

    def _gather(self, figure: Figure) -> None:
        held = self._figures.pop(figure.bucket, None)
        self._figures[figure.bucket] = figure if held is None else held.plus(figure)
        if len(self._figures) > self._limit:
            del self._figures[next(iter(self._figures))]

    def _shed(self) -> None:
        """Make room for a tenth, so that a long failure costs one pass in many records."""
        spare = self._limit // 10 + 1
        doomed = [at for at, link in enumerate(self._records) if link.kind not in _LAST_TO_GO][:spare] or range(spare)
        going = set(doomed)
        lost = [link for at, link in enumerate(self._records) if at in going]
        self._records = [link for at, link in enumerate(self._records) if at not in going]
        self._dropped.update(link.kind for link in lost)
        self._lost = (self._lost[0] if self._lost else lost[0], lost[-1])

    def _gap(self) -> list[Link]:
        """The record that says what was dropped before the ones that are left, if anything was."""
        if self._lost is None:
            return []
        first, last = self._lost
        count = sum(self._dropped.values())
        sentence = f"{count} records were dropped because the ledger could not be written for too long"
        data = {"dropped": count, "kinds": dict(self._dropped), "from_unix": first.wall, "to_unix": last.wall}
        self._lost = None
        self._dropped.clear()
        return [last._replace(kind="gap", system="", sentence=sentence, data=compact(data))]

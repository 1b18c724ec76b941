"""The ledger on SQLite. One thread of its own does all the writing, and no disk, however slow, holds up the event loop.

What is promised to whom:

- a record and the checkpoints given with it are on disk, synced, when `append` returns, or `writable` is False;
- a checkpoint of `beat`, a marker and a figure survive the death of the process from some 20 ms on, not that of the machine;
- records are written in the order of the calls, each once. While the ledger cannot be written they wait in memory and
  are tried again after 0.1 s, 0.2 s... 5 s. Beyond the limit the oldest go, incidents and moves last, and a record of
  the kind `gap` counts them;
- a chain is never begun anew in place of one that was removed, exchanged or broken while the exporter runs.
"""

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from exporter.core.model import Moment
from exporter.core.ports import Json, Kept, Loaded, Query
from exporter.core.snapshot import Head
from exporter.core.state import Marker, Record
from exporter.core.wanted import Wanted
from exporter.ledger import figures, past
from exporter.ledger.chain import seal_all
from exporter.ledger.errors import LedgerError
from exporter.ledger.file import LedgerFile, StoredMarker, StoredText
from exporter.ledger.instants import Stamp, boot_id
from exporter.ledger.outbox import Batch, Outbox
from exporter.ledger.retention import Keeper
from exporter.ledger.rows import clean, encoded, gone_sentence, link, lost, storable
from exporter.ledger.threads import Threads

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
_FIRST_RETRY, _LAST_RETRY = 0.1, 5.0
_OPEN_WITHIN = 30.0
_READ_WITHIN = 5.0


class SqliteLedger:
    """`exporter.core.ports.Ledger`; made by `open`. All methods are for the event loop that opened it."""

    def __init__(
        self,
        file: LedgerFile,
        threads: Threads,
        *,
        vantage: str,
        boot: str,
        patience: float,
        wall_error: float,
        memory: int,
        keeper: Keeper | None = None,
    ) -> None:
        self._file = file
        self._threads = threads
        self._vantage = clean(vantage)
        self._boot = boot
        self._patience = patience
        self._wall_error = wall_error
        self._outbox = Outbox(memory)
        self._keeper = keeper
        self._comparing = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._head = file.head
        self._writable = True
        self._in_hand = 0
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        vantage: str,
        boot: str | None = None,
        patience: float = 2.0,
        wall_error: float = 2.0,
        memory: int = 100_000,
        keeper: Keeper | None = None,
    ) -> Self:
        """Lock, migrate and check the file, making it if there is none.

        `boot` names this boot of the machine (None: asked of the kernel), `patience` is how long `append` waits at
        most, `wall_error` what the wall clock may be wrong by across a reboot (both seconds), `memory` how many
        records may wait; `keeper` says what has had its time (None: nothing is ever removed). Raises LedgerError with a sentence for people if the file cannot be used.
        """
        threads = Threads()
        file = await threads.run(lambda: LedgerFile(path, busy=patience / 2), _OPEN_WITHIN, f"opening {path}")
        if file.gone is not None:
            _LOG.error("the ledger %s: %s", path, gone_sentence(file.gone))
        if file.head.number == 0:
            _LOG.info("the ledger %s begins a new chain", path)
        return cls(
            file, threads, vantage=vantage, boot=boot or boot_id(), patience=patience, wall_error=wall_error, memory=memory,
            keeper=keeper,
        )  # fmt: skip

    @property
    def head(self) -> Head:
        """The newest record that is on disk."""
        return self._head

    @property
    def writable(self) -> bool:
        """False from the first write that failed or outlasted the patience, until one succeeds."""
        return self._writable and self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Records that are not on disk yet."""
        return len(self._outbox) + self._in_hand

    async def load(self, now: Moment) -> Loaded:
        """What earlier runs left. Raises LedgerError if it cannot be read."""
        path, vantage, stamp = self._file.path, self._vantage, self._stamp(now)
        return await self._threads.run(
            lambda: past.load(path, vantage, stamp, self._wall_error), _OPEN_WITHIN, f"reading {path}"
        )

    async def append(self, records: Sequence[Record], checkpoints: Mapping[str, Json], now: Moment) -> None:
        """Returns when all of it is on disk, in one transaction, or when it is clear that it has to wait: at once while
        the ledger is known not to be writable, else after `patience`. Never raises."""
        ticket = self._outbox.put(
            self._stamp(now),
            [link(record, self._vantage, self._boot, now) for record in [*self._gone(now), *records]],
            checkpoints,
            durable=True,
        )
        if not self.writable:
            return
        stored = self._loop.create_future()
        self._waiters.append((ticket, stored))
        try:
            async with asyncio.timeout(self._patience):
                await stored
        except TimeoutError:
            self._failed(f"the disk took longer than {self._patience:g} s")

    def _gone(self, now: Moment) -> Sequence[Record]:
        """The record of what was written here before and is not there any more: once, before all others."""
        gone, self._file.gone = self._file.gone, None
        return [] if gone is None else [lost(gone, now)]

    def beat(self, checkpoints: Mapping[str, Json], now: Moment) -> None:
        """Refresh checkpoints without a record. Returns at once."""
        self._outbox.put(self._stamp(now), checkpoints=checkpoints)

    def mark(self, system: str, component: str, marker: Marker, now: Moment) -> None:
        """Keep a marker, in place of the one with the same number. Returns at once."""
        stored = StoredMarker(
            self._vantage,
            clean(system),
            clean(component),
            marker.seq,
            clean(marker.site),
            self._boot,
            marker.sent,
            now.wall_of(marker.sent),
            marker.acked,
        )
        self._outbox.put(self._stamp(now), marker=stored)

    def figure(self, system: str, name: str, value: float, now: Moment) -> None:
        """Keep a business figure, unless it is not a finite number. Returns at once."""
        if figures.usable(value):
            at = figures.bucket(now.wall)
            kept = figures.Figure(self._vantage, clean(system), clean(name), at, 1, float(value))
            self._outbox.put(self._stamp(now), figure=kept)

    def keep(self, kept: Kept, now: Moment) -> None:
        """Keep it beside the chain, once. Returns at once."""
        row = StoredText(kept.kind, clean(kept.about), clean(kept.system), kept.hash, now.wall, clean(kept.text))
        self._outbox.put(self._stamp(now), kept=row)

    async def week_ago(self, system: str, name: str, now: Moment) -> float | None:
        """The mean of the figure within a quarter of an hour of a week before; None if there is none, or if it cannot be
        read within 5 s. Never raises."""
        path, key, then = self._file.path, (self._vantage, clean(system), clean(name)), now.wall - figures.WEEK
        try:
            # One at a time: many that ask together would leave no thread to whoever reads incidents.
            async with asyncio.timeout(_READ_WITHIN), self._comparing:
                return await self._threads.run(
                    lambda: figures.mean(path, *key, then, deadline=_READ_WITHIN), _READ_WITHIN, f"reading {path}"
                )
        except (sqlite3.Error, OSError, ValueError) as error:
            _LOG.debug("no figure of a week ago: %s", error)
            return None

    async def incidents(self, wanted: Wanted, *, before: int | None, limit: int) -> Sequence[Json]:
        """Closed incidents and moves, newest first. Raises LedgerError, within 5 s, if they cannot be read."""
        return await self._read(partial(past.incidents, wanted=wanted, before=before, limit=limit))

    async def incident(self, wanted: str) -> Json | None:
        """The closed incident or blip with this id; None if there is none. Raises LedgerError as `incidents` does."""
        return await self._read(partial(past.incident, wanted=clean(wanted)))

    async def told(self, query: Query) -> Sequence[Json]:
        """Records as they are wanted, newest first. Raises LedgerError as `incidents` does."""
        return await self._read(partial(past.told, query=query))

    async def _read(self, call: Callable[..., T]) -> T:
        path = self._file.path
        return await self._threads.run(lambda: call(path, deadline=_READ_WITHIN), _READ_WITHIN + 1, f"reading {path}")

    async def close(self) -> None:
        """Write what waits, trying once more, and unlock the file; gives up after `patience`. Never raises."""
        self._outbox.close()
        try:
            await self._threads.run(lambda: self._thread.join(self._patience), self._patience + 1, "closing the ledger")
        except LedgerError as error:
            _LOG.warning("%s", error)
        if self.waiting:
            _LOG.error("%d records were never written to the ledger %s", self.waiting, self._file.path)

    def _stamp(self, now: Moment) -> Stamp:
        return Stamp(self._boot, now.mono, now.wall)

    def _work(self) -> None:
        """The writer thread."""
        while (batch := self._outbox.take()) is not None:
            self._in_hand = len(batch.records)
            if not self._store(batch):
                break
        self._file.close()

    def _store(self, batch: Batch) -> bool:
        """Try until it is written; False if the ledger was closed before it could be. Raises nothing: who else would write?"""
        links, checkpoints = seal_all(batch.records, self._file.head), encoded(batch.checkpoints)
        beside: Any = checkpoints, *map(storable, (batch.markers, batch.figures, batch.kept))
        delay = _FIRST_RETRY
        while True:
            last_try = self._outbox.closing
            try:
                self._file.write(links, *beside, durable=batch.durable, now=batch.now)
            except Exception as error:  # noqa: BLE001 - no thread, no evidence
                self._tell(self._failed, str(error))
                if not isinstance(error, sqlite3.Error | OSError):
                    _LOG.exception("a fault of ours: of what waits for the ledger only the records are tried again")
                    beside = (), (), (), ()
                if last_try:
                    return False
                self._outbox.pause(delay)
                delay = min(delay * 2, _LAST_RETRY)
            else:
                self._in_hand = 0
                self._remove_old(batch.now)
                self._tell(self._stored, batch.ticket, self._file.head)
                return True

    def _remove_old(self, now: Stamp) -> None:
        """What has had its time goes; what cannot be removed today may be tomorrow."""
        try:
            before = self._keeper.due(now) if self._keeper else None
            removed = self._file.remove(before, self._vantage, now) if before else None
        except Exception as error:  # noqa: BLE001 - no thread, no evidence
            _LOG.warning("nothing old was removed from the ledger %s: %s", self._file.path, error)
        else:
            if removed:
                _LOG.info("removed %d old records and %d old samples", removed.records, removed.samples)

    def _tell(self, callback: Any, *values: Any) -> None:
        """Let the event loop hear it: what others see of the ledger changes there only."""
        try:
            self._loop.call_soon_threadsafe(callback, *values)
        except RuntimeError:
            _LOG.debug("the event loop ended before the ledger")

    def _stored(self, ticket: int, head: Head) -> None:
        self._head = head
        if not self._writable:
            _LOG.warning("the ledger %s is written again", self._file.path)
        self._writable = True
        while self._waiters and self._waiters[0][0] <= ticket:
            _release(self._waiters.popleft()[1])

    def _failed(self, why: str) -> None:
        if self._writable:
            _LOG.error("cannot write the ledger %s: %s; records wait in memory", self._file.path, why)
        self._writable = False
        while self._waiters:
            _release(self._waiters.popleft()[1])


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)

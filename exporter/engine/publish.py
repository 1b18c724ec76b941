"""From a step to the outside: first the ledger, then the snapshot. A state is never shown before its records are kept."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from exporter.core.codec import encode
from exporter.core.model import Moment
from exporter.core.ports import Json, Ledger
from exporter.core.state import Record, SystemState


class Shown(Protocol):
    """Whoever waits to show a state."""

    def publish(self, state: SystemState) -> None: ...


class Entry(NamedTuple):
    who: Shown | None
    system: str
    records: Sequence[Record]
    state: SystemState | None
    """None: the records change nothing of it. Of a system that is not watched any more it is written down, and not shown."""
    kept: Callable[[], None] = lambda: None
    """Called once the records are in the ledger, or wait there."""


Observer = Callable[[Sequence[Record]], None]
"""Is told of records once they are kept; must return at once."""


class Publisher:
    """One writer for all systems, so that their records stand in the ledger in the order in which they were made."""

    def __init__(self, ledger: Ledger, now: Callable[[], Moment], observers: Sequence[Observer] = ()) -> None:
        self._ledger = ledger
        self._now = now
        self._observers = observers
        self._queue: asyncio.Queue[Entry] = asyncio.Queue()

    def put(self, entry: Entry) -> None:
        self._queue.put_nowait(entry)

    async def run(self) -> None:
        """Until cancelled. The ledger never raises; what it cannot write waits there."""
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._write(batch)

    async def flush(self) -> None:
        """Write what is left, at the end."""
        batch = []
        while not self._queue.empty():
            batch.append(self._queue.get_nowait())
        if batch:
            await self._write(batch)

    async def _write(self, batch: Sequence[Entry]) -> None:
        records = [record for entry in batch for record in entry.records]
        checkpoints: Mapping[str, Json] = {e.system: encode(e.state) for e in batch if e.state is not None}
        await self._ledger.append(records, checkpoints, self._now())
        for entry in batch:
            if entry.who is not None and entry.state is not None:
                entry.who.publish(entry.state)
            entry.kept()
        for observer in self._observers:
            observer(records)

"""The newest summary of every system as bytes: made once, however many streams show it."""

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from exporter.core.model import Moment, System
from exporter.core.snapshot import Clocked, Snapshot, Watched
from exporter.core.state import CALM, SystemState
from exporter.core.summary import summary
from exporter.core.view import exporter_json
from exporter.web.answers import Turn, encode

LEAST, FIRST, MOST = 8, 128, 100_000
"""Systems in trouble, and as many calm ones, whose numbers are told anew in one sweep."""


class Item(NamedTuple):
    """One system as it was told last."""

    system: System
    state: SystemState
    body: bytes


class Change(NamedTuple):
    """What differs from what was told before."""

    exporter: bytes
    """As JSON, at the moment of the change."""
    exporter_differs: bool
    """In more than the time of day."""
    items: dict[str, Item]
    gone: frozenset[str]


class Board:
    """Told anew are the systems that changed, and of those whose numbers merely move as many in turn as may be afforded, so
    many of those in trouble and so many calm ones: `affordable` is set by whoever knows what the last sweep cost."""

    def __init__(self, clocked: Callable[[], Clocked]) -> None:
        self._clocked = clocked
        self.items: dict[str, Item] = {}
        self.affordable = FIRST
        self.version = 0
        """Grows with each change."""
        self._at = 0
        self._exporter: dict[str, object] = {}

    def exporter(self) -> bytes:
        snapshot, now = self._clocked()
        return encode(exporter_json(snapshot.exporter, now)).encode()

    def clear(self) -> None:
        """Nobody looks: keep nothing, so that the next one is told nothing old."""
        self.items.clear()
        self._exporter = {}

    async def all(self, turn: Turn) -> Change:
        """Every system anew."""
        snapshot, now = self._clocked()
        return await self._tell(snapshot, now, list(snapshot.systems), turn)

    async def some(self, names: Collection[str], turn: Turn) -> Change:
        """These systems anew."""
        snapshot, now = self._clocked()
        return await self._tell(snapshot, now, [name for name in names if name in snapshot.systems], turn)

    async def sweep(self, turn: Turn) -> Change:
        """Whatever is due."""
        snapshot, now = self._clocked()
        return await self._tell(snapshot, now, list(self._due(snapshot)), turn)

    def _due(self, snapshot: Snapshot) -> Iterator[str]:
        troubled: list[str] = []
        calm: list[str] = []
        for name, watched in snapshot.systems.items():
            known = self.items.get(name)
            if known is None or _changed(known, watched):
                yield name
            else:
                (calm if watched.state.mode in CALM else troubled).append(name)
        self._at += self.affordable
        for waiting in troubled, calm:
            for number in range(min(self.affordable, len(waiting))):
                yield waiting[(self._at + number) % len(waiting)]

    async def _tell(self, snapshot: Snapshot, now: Moment, names: Collection[str], turn: Turn) -> Change:
        told = {}
        for name in names:
            watched, known = snapshot.systems[name], self.items.get(name)
            item = Item(watched.system, watched.state, encode(summary(watched, now)).encode())
            if known is None or known.body != item.body or known.system is not item.system:
                told[name] = item
            self.items[name] = item
            await turn.pause()
        gone = frozenset(self.items.keys() - snapshot.systems.keys())
        for name in gone:
            del self.items[name]
        self.version += 1
        exporter = exporter_json(snapshot.exporter, now)
        lasting = {name: value for name, value in exporter.items() if name != "now"}
        differs, self._exporter = lasting != self._exporter, lasting
        return Change(encode(exporter).encode(), differs, told, gone)


def _changed(known: Item, watched: Watched) -> bool:
    """More than numbers that move."""
    before, after = known.state, watched.state
    return before is not after and (
        watched.system is not known.system
        or before.mode is not after.mode
        or before.serving != after.serving
        or before.incident is not after.incident
        or before.last is not after.last
        or before.roles is not after.roles
        or before.sentence != after.sentence
    )

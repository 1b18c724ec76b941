"""An event loop on which a day passes in minutes, with the real ledger on a real disk."""

import asyncio
import selectors
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from exporter.core.model import Moment
from exporter.core.ports import Json, Loaded
from exporter.core.state import Record
from exporter.ledger.sqlite import SqliteLedger

Value = TypeVar("Value")
PATIENCE = 60.0
"""Real seconds after which a disk that does not answer is an error."""
BEGIN = 1000.0
"""What the clock says first."""


class _Jump(selectors.SelectSelector):
    """Says at once that the time has passed, but waits in earnest while the disk is being waited for."""

    now = BEGIN
    busy = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.busy and timeout != 0:
            begun = time.monotonic()
            found = super().select(PATIENCE)
            if time.monotonic() - begun >= PATIENCE:
                raise TimeoutError("the disk does not answer")
            return found
        self.now += timeout or 0.0
        return super().select(0)


class DayLoop(asyncio.SelectorEventLoop):
    """Nothing is waited for but timers, and the disk, for which no time passes."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now

    @staticmethod
    def here() -> "DayLoop":
        """The one that runs."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, DayLoop)
        return loop

    def stall(self, seconds: float) -> None:
        """So long nobody had the processor."""
        self._jump.now += seconds

    @contextmanager
    def standing(self) -> Iterator[None]:
        """No time passes in the block."""
        self._jump.busy += 1
        try:
            yield
        finally:
            self._jump.busy -= 1


def in_fast_time(work: Coroutine[Any, Any, Value]) -> Value:
    """What it returns, run to its end."""
    with asyncio.Runner(loop_factory=DayLoop) as runner:
        return runner.run(work)


class Clock:
    """The monotonic clock of the loop, and a wall clock that somebody may set."""

    def __init__(self, wall: float = 1_800_000_000.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._wall = wall
        self.mono = self._loop.time
        self._sets: list[tuple[float, float]] = [(self.mono(), wall)]

    def moment(self) -> Moment:
        return Moment(self.mono(), self._wall + self.mono())

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self._wall += seconds
        self._sets.append((self.mono(), self._wall))

    def mono_of(self, wall: float, at: float) -> float:
        """The instant that a record of the instant `at` meant."""
        offset = next(offset for since, offset in reversed(self._sets) if since <= at)
        return wall - offset


class DayLedger(SqliteLedger):
    """The real one: while it is waited for, no time passes."""

    @classmethod
    async def at(cls, path: Path) -> Self:
        with DayLoop.here().standing():
            return await cls.open(path, vantage="day")

    async def load(self, now: Moment) -> Loaded:
        with DayLoop.here().standing():
            return await super().load(now)

    async def append(self, records: Sequence[Record], checkpoints: Mapping[str, Json], now: Moment) -> None:
        with DayLoop.here().standing():
            await super().append(records, checkpoints, now)

    async def close(self) -> None:
        with DayLoop.here().standing():
            await super().close()

"""Readiness over time: a record whenever the standbys or the backups of a system stand otherwise than was told last."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from exporter.core.model import Moment
from exporter.core.standing import standing, standing_record
from exporter.core.state import Mode, Step
from exporter.engine.watch import Watch

SLICE = 0.5
"""Seconds between two slices of the systems..."""
SLICES = 20
"""...of which so many make a round. What changed must be so in two rounds: what comes and goes in between is no record."""


class Running(Protocol):
    """One system that is watched."""

    @property
    def watch(self) -> Watch: ...


class Standings:
    """`running` is what is watched just then; it may change. `spawn` runs what may fail for one system without ending the
    looks at all others."""

    def __init__(
        self,
        running: Mapping[str, Running],
        moment: Callable[[], Moment],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._running = running
        self._moment = moment
        self._spawn = spawn
        self._told: dict[str, dict[str, Any]] = {}
        self._seen: dict[str, dict[str, Any]] = {}

    async def watch_forever(self) -> None:
        """Until cancelled."""
        slice_ = 0
        while True:
            await asyncio.sleep(SLICE)
            for name in list(self._running)[slice_::SLICES]:
                self._spawn(self.look(name))
            slice_ = (slice_ + 1) % SLICES
            if not slice_:
                self._forget()

    def _forget(self) -> None:
        """Of who is not watched any more; put back, it is told anew, as after a restart."""
        for known in (self._told, self._seen):
            for gone in known.keys() - self._running.keys():
                del known[gone]

    async def look(self, name: str) -> None:
        """Compare one system with what was told of it. While nobody can tell what is, nothing is told."""
        running, now = self._running.get(name), self._moment()
        if running is None:
            return
        watch = running.watch
        if watch.state.mode is Mode.UNKNOWN or watch.state.blind_since is not None:
            return
        found = standing(watch.system, watch.state, now.mono)
        known = self._told.get(name)
        again, self._seen[name] = self._seen.get(name) == found, found
        if again and found != known and (known is not None or found["sites"] or found["backups"]):
            self._told[name] = found
            watch.accept(Step(watch.state, (standing_record(watch.system, found, now),)))

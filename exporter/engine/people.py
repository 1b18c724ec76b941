"""What people do, folded in between two looks: drills and marks. And the clock that lets drills expire.

Whoever did something hears back once it is in the ledger, or once it is clear that it has to wait for it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from exporter.core import drilling, marks
from exporter.core.drill import Order
from exporter.core.marks import Mark
from exporter.core.model import Moment, System
from exporter.core.state import Record, Step, SystemState
from exporter.engine.publish import Entry, Publisher
from exporter.engine.watch import Watch

TICK = 0.25
"""Seconds between two looks at the clock: a drill mutes nothing from its expiry on, and that is told so much later at most."""


class Running(Protocol):
    """One system that is watched."""

    @property
    def watch(self) -> Watch: ...


class People:
    """`running` is what is watched just then; it may change."""

    def __init__(self, running: Mapping[str, Running], moment: Callable[[], Moment], publisher: Publisher) -> None:
        self._running = running
        self._moment = moment
        self._publisher = publisher

    async def start_drill(self, system: str, order: Order) -> None:
        """Raises LookupError if the system is not watched, Refused if it cannot begin now."""
        await self._fold(system, lambda of, state, now: drilling.start(of, state, order, now))

    async def stop_drill(self, system: str, drill: str, by: str, outcome: str) -> None:
        """Raises LookupError if the system is not watched, Refused if the drill is not open."""
        await self._fold(system, lambda of, state, now: drilling.stop(of, state, drill, by, outcome, now))

    async def sign_drill(self, system: str, drill: str, by: str, role: str, note: str) -> None:
        """Sign off a drill of a system that may not be watched any more."""
        await self._keep(system, [drilling.signature(system, drill, by, role, note, self._moment())])

    async def mark(self, system: str, incident: str, mark: Mark) -> None:
        """A mark on an incident of a system that may not be watched any more."""
        if system in self._running:
            await self._fold(system, lambda of, state, now: marks.marked(of.name, state, incident, mark, now))
        else:
            await self._keep(system, [marks.mark_record(system, incident, mark, self._moment())])

    async def expire_forever(self, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        """Until cancelled. `spawn` runs what may fail for one system without ending the looks at all others."""
        while True:
            await asyncio.sleep(TICK)
            for name, running in self._running.items():
                if running.watch.state.drill is not None:
                    spawn(self._expire(name))

    async def _expire(self, name: str) -> None:
        running = self._running.get(name)
        if running is None:
            return
        watch = running.watch
        step = drilling.expire(watch.system, watch.state, self._moment())
        if step.records:
            watch.accept(step)

    async def _fold(self, system: str, deed: Callable[[System, SystemState, Moment], Step]) -> None:
        watch = self._running[system].watch
        kept = asyncio.Event()
        watch.accept(deed(watch.system, watch.state, self._moment()), kept.set)
        await kept.wait()

    async def _keep(self, system: str, records: Sequence[Record]) -> None:
        kept = asyncio.Event()
        self._publisher.put(Entry(None, system, records, None, kept.set))
        await kept.wait()

"""Heartbeats: what is known is written down all the time, so that after `kill -9` we know until when we looked."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from exporter.core.codec import encode
from exporter.core.model import Instant, Moment
from exporter.core.ports import Ledger
from exporter.core.state import SystemState
from exporter.engine.watch import Watch

BEAT = 0.5
"""Seconds between two rounds of heartbeats..."""
BEAT_PARTS = 15
"""...each of which writes down systems with at least so many endpoints together, so that they cost little however many there are."""
ALIVE = 0.25
"""Seconds after which something is written down even if nothing changed: it tells until when we looked."""


class Running(Protocol):
    """One system that is watched."""

    @property
    def watch(self) -> Watch: ...


class Heart:
    """Writes the published states down in turns. `running` is what is watched just then; it may change. `awake` is called at
    each round, before it."""

    def __init__(
        self,
        running: Mapping[str, Running],
        clock: Callable[[], Instant],
        moment: Callable[[], Moment],
        ledger: Ledger,
        awake: Callable[[], None] = lambda: None,
    ) -> None:
        self._awake = awake
        self._running = running
        self._clock = clock
        self._moment = moment
        self._ledger = ledger
        self._at = 0
        self._last = clock()
        self._beaten: dict[str, SystemState] = {}

    async def beat_forever(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(BEAT)
            self._awake()
            self.beat()

    def beat(self) -> None:
        """One round.

        A system that still waits for the ledger is passed over: its checkpoint goes there together with its records, and
        the state that is shown meanwhile is older than they are. Whoever went on from that would tell them again.
        """
        names = list(self._running)
        for gone in self._beaten.keys() - self._running.keys():
            del self._beaten[gone]
        beats, parts = {}, 0
        for _ in range(len(names)):
            self._at = (self._at + 1) % len(names)
            name = names[self._at]
            watch = self._running[name].watch
            state = watch.published
            known = self._beaten.get(name) is state and self._clock() - self._last < ALIVE
            if known or watch.unsettled or state is not watch.state:
                continue
            self._beaten[name] = state
            beats[name] = encode(state)
            parts += len(state.parts)
            if parts >= BEAT_PARTS:
                break
        if beats:
            self._last = self._clock()
            self._ledger.beat(beats, self._moment())

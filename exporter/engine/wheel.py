"""The schedule: looks start in slots of a few milliseconds, so that thousands of them cost few timers."""

import asyncio
import heapq
import math
import time
from bisect import bisect_left
from collections.abc import Callable

from exporter.core.model import Instant
from exporter.core.snapshot import Histogram
from exporter.probes.kind import STALL

SLOT = 0.02
"""Seconds. What is due within one slot starts together: never early, at most this late by design."""
BUNCH = 20
"""About how many looks begin together in calm times: waking up for one costs more than the look does, but with more of them an
answer waits for its neighbours to be read, and the phases of a look show that."""
APART = 0.1
"""Seconds between two bunches at most."""
LONG = 0.5
"""Seconds of standing still after which much was missed..."""
CATCHING_UP = 2.0
"""...so that for so many seconds all of it is done at once, and whatever we do is late for reasons of our own."""
EARLY = 0.0015
"""Seconds by which uvloop's timers may ring early, since they count whole milliseconds: without them each slot took two turns."""
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, float("inf"))


class Alarm:
    """One appointment; `cancel` it when it is no longer wanted."""

    __slots__ = ("call", "due")

    def __init__(self, due: Instant, call: Callable[[], None]) -> None:
        self.due = due
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class Wheel:
    """Calls back at or after an instant of the monotonic clock, slot by slot, and counts how late it was."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], Instant] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        self._heap: list[tuple[Instant, int, Alarm]] = []
        self._made = 0
        self._timer: asyncio.TimerHandle | None = None
        self._next = float("inf")
        self._apart = SLOT
        self._counts = [0] * len(BOUNDS)
        self._total = 0.0
        self._stood = 0.0
        self._caught_up = float("-inf")

    def gather(self, looks_a_second: float) -> None:
        """Make bunches for so many looks."""
        slots = math.ceil(BUNCH / looks_a_second / SLOT) if looks_a_second else 1
        self._apart = min(APART, slots * SLOT)

    def bunched(self, due: Instant) -> Instant:
        """The next bunch from `due` on; it stays one, in intervals that are multiples of what lies between bunches. Clear of the
        edge of its slot: there, rounding would put it into this slot or the next by chance."""
        return math.ceil(due / self._apart) * self._apart - SLOT / 4

    def stood(self) -> float:
        """Seconds for which the event loop has stood still so far, as far as it shows here: nobody could hear anything then."""
        return self._stood + self._late(self._clock())

    def catching_up(self) -> bool:
        """Whether we stood still for LONG and it is no longer ago than CATCHING_UP."""
        now = self._clock()
        return now < self._caught_up or self._late(now) > LONG

    def _late(self, now: Instant) -> float:
        """For how long we have stood still just now: answers may be read before timers ring."""
        late = now - self._next
        return late if late > STALL else 0.0

    def at(self, due: Instant, call: Callable[[], None]) -> Alarm:
        alarm = Alarm(due, call)
        self._made += 1
        heapq.heappush(self._heap, (due, self._made, alarm))
        if due < self._next:
            self._arm(due)
        return alarm

    def _arm(self, due: Instant) -> None:
        if self._timer is not None:
            self._timer.cancel()
        slot = (int(due / SLOT) + 1) * SLOT
        self._next = slot
        self._timer = self._loop.call_later(max(0.0, slot - self._clock()) + EARLY, self._turn)

    def _turn(self) -> None:
        self._timer = None
        now = self._clock()
        late = self._late(now)
        self._stood += late
        if late > LONG:
            self._caught_up = now + CATCHING_UP
        self._next = float("inf")
        heap = self._heap
        try:
            while heap and heap[0][0] <= now:
                due, _, alarm = heapq.heappop(heap)
                if alarm.call is not None:
                    late = now - due
                    self._counts[bisect_left(BOUNDS, late)] += 1
                    self._total += late
                    alarm.call()
        finally:
            if heap:
                self._arm(heap[0][0])

    def lateness(self) -> Histogram:
        """How late looks started, in seconds, since the start of the exporter."""
        return Histogram(BOUNDS, tuple(self._counts), self._total)

    def stop(self) -> None:
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()

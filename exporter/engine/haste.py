"""A bound for what doubt adds: systems that are in doubt together must not keep each other there.

Looks in haste (fresh connections, overlapping, little patience) cost many times what calm ones do. Where many systems are in
doubt for one reason, a server that they share or our own machine, that load can be the reason why they stay there. Then they form a *crowd*:

    others have       our look in      what happens
    MANY slow looks   haste is due
    ----------------  ---------------  -------------------------------------------------------------------------------
    no                no crowd         it is made: a few systems in doubt never notice each other
    yes               no crowd         a crowd, for FIRST seconds; looks that wait get the patience of calm ones
    any               a crowd          none: all are looked at as in calm, at each endpoint two looks at a time
    no                the crowd ended  it is made
    yes               the crowd ended  a crowd again, for twice as long, at most LONGEST

What hangs cannot be told from what we overload, so a crowd forms in both cases. What refuses or answers at once never forms one.
"""

import logging
from collections.abc import Callable

from exporter.core.model import Instant
from exporter.engine.eye import SLOW, Pending

_LOG = logging.getLogger(__name__)

MANY = 24
"""Slow looks in haste at other systems that make a crowd."""
FIRST, LONGEST = 2.0, 30.0
"""Seconds that a crowd lasts."""
FORGOTTEN = 60.0
"""Seconds after the end of a crowd from which the next one is a first one again."""


class Haste:
    """What all systems share: the looks and markers in haste that are under way, and whether there is a crowd."""

    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock
        self._waiting: dict[Pending, object] = {}
        """Whose each is; those that started first come first."""
        self._until = float("-inf")
        self._lasts = FIRST

    @property
    def crowded(self) -> bool:
        """Nobody looks in haste now."""
        return self._clock() < self._until

    def granted(self, who: object) -> bool:
        """Whether `who` (one system) may look in haste now."""
        now = self._clock()
        if now < self._until:
            return False
        slow = 0
        for pending, owner in self._waiting.items():
            if now - pending.started < SLOW:
                break
            slow += owner is not who
            if slow >= MANY:
                self._crowd(now)
                return False
        return True

    def begun(self, pending: Pending, who: object) -> None:
        """A look or marker in haste is on its way, or one that waits has lost its patience. Its task is there."""
        if pending not in self._waiting and pending.task is not None:
            self._waiting[pending] = who
            pending.task.add_done_callback(lambda _: self._waiting.pop(pending, None))

    def _crowd(self, now: Instant) -> None:
        again = now - self._until < FORGOTTEN
        self._lasts = min(LONGEST, 2 * self._lasts) if again else FIRST
        self._until = now + self._lasts
        _LOG.warning("many looks in haste are slow; for %g s none is made, looks are as in calm", self._lasts)
        for pending in self._waiting:
            pending.relent()

"""An event loop for real sockets on which nobody waits for a deadline: when all is quiet, the time jumps to the next timer.

Who waits for what never comes is told so at once, and the thousandth example costs no more than the first.
"""

import asyncio
import selectors
import time

QUIET = 0.03
"""Seconds without any event after which both ends of a loopback connection wait for each other."""


class _Hurried(selectors.SelectSelector):
    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= QUIET:
            return super().select(timeout)
        found = super().select(QUIET)
        if not found:
            self.skipped += timeout - QUIET
        return found


class HurriedLoop(asyncio.SelectorEventLoop):
    """Its `time()` is the monotonic clock, and what was skipped."""

    def __init__(self) -> None:
        self._hurried = _Hurried()
        super().__init__(self._hurried)

    def time(self) -> float:
        return time.monotonic() + self._hurried.skipped

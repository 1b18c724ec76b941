"""How long this machine lets a sleeper oversleep: a process of its own, which no lock of ours can hold up.

Whoever looks at something at an instant can be late by that much, whatever he does; a bound in time may be wider by as much.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

NAP = 0.01
"""Seconds that it sleeps at a time."""
LATE = 0.005
"""Seconds of oversleeping that are noted at least."""


class StallMeter:
    """Notes each stall for as long as the `with` lasts."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="dr-stalls-")
        self._notes = Path(self._folder.name) / "stalls"

    def __enter__(self) -> Self:
        self._notes.touch()
        self._process = subprocess.Popen([sys.executable, "-S", str(Path(__file__)), str(self._notes)])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(10)
        self._folder.cleanup()

    def worst(self, since: float) -> float:
        """Seconds of the longest stall that ended after `since` (CLOCK_MONOTONIC)."""
        notes = [line.split() for line in self._notes.read_text().split("\n")[:-1]]
        return max((float(late) for at, late in notes if float(at) >= since), default=0.0)


def _measure(path: str) -> None:
    with Path(path).open("a", buffering=1) as notes:
        while True:
            due = time.monotonic() + NAP
            time.sleep(NAP)
            now = time.monotonic()
            if now - due > LATE:
                notes.write(f"{now} {now - due}\n")


if __name__ == "__main__":
    _measure(sys.argv[1])

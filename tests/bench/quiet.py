"""Whether others took the machine from a measurement, and measuring again when they did.

Strangers are all processes that the bench has not started, and the hypervisor (steal time). What they took is all the CPU that
was spent less what the bench's own processes spent, which are found by their descent and by a mark in their environment.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

MARK = "RTO_RPO_BENCH"
"""In the environment of all that the bench starts: a server that became a daemon has another parent."""
TICKS = os.sysconf("SC_CLK_TCK")
ENOUGH = 0.1
"""Cores that strangers may take from a window."""
PATIENCE = 180.0
"""Seconds of windows that are measured again, for each part of the bench."""
FAILURES = 5
"""Windows in a row that may be no measure at all before one is given up."""
PAUSE = 2.0

Measured = TypeVar("Measured")


class DisturbedError(RuntimeError):
    """What was measured is no measure: looks failed."""


class Neighbours:
    """What strangers spend from now on."""

    def __init__(self) -> None:
        os.environ.setdefault(MARK, str(os.getpid()))
        self._begun, self._before = time.monotonic(), _strangers()

    def cores(self) -> float:
        """So far; what the bench itself rounds is no less than nothing."""
        return max(0.0, (_strangers() - self._before) / (time.monotonic() - self._begun))


class Patience:
    """Measures again what strangers disturbed, while there is time for that; then it takes the least disturbed window."""

    def __init__(self, seconds: float = PATIENCE) -> None:
        self._left = seconds
        self.thrown_away = 0
        self.strangers = 0.0
        """Cores that they took from the most disturbed window that was kept."""

    def undisturbed(self, measure: Callable[[], Measured]) -> Measured:
        """Raises DisturbedError when no window was a measure."""
        kept: list[tuple[float, Measured]] = []
        failures = 0
        while True:
            begun, neighbours = time.monotonic(), Neighbours()
            try:
                found = measure()
            except DisturbedError:
                failures += 1
                if failures >= FAILURES and not kept:
                    raise
            else:
                kept.append((neighbours.cores(), found))
                if kept[-1][0] <= ENOUGH:
                    break
            self._left -= time.monotonic() - begun
            if self._left <= 0 and kept:
                break
            self.thrown_away += 1
            time.sleep(PAUSE)
        cores, best = min(kept, key=lambda one: one[0])
        self.strangers = max(self.strangers, cores)
        return best

    def json(self) -> dict[str, Any]:
        return {"windows_thrown_away": self.thrown_away, "cores_of_strangers": round(self.strangers, 2)}


def _strangers() -> float:
    """Seconds of CPU that all who do not belong to us have spent since the machine was started."""
    first = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal = map(int, first[:8])
    return (user + nice + system + irq + softirq + steal) / TICKS - _mine()


def _mine() -> float:
    """The same of ourselves, our descendants that are there or were waited for, and the kernel's own threads."""
    spent: dict[int, float] = {}
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        number = int(folder.name)
        parents[number] = int(fields[1])
        spent[number] = sum(map(int, fields[11:15])) / TICKS
    ours = {number for number in parents if number in (os.getpid(), 2) or _is_marked(number)}
    while more := {number for number, parent in parents.items() if parent in ours and number not in ours}:
        ours |= more
    return sum(spent[number] for number in ours)


def _is_marked(number: int) -> bool:
    try:
        return f"{MARK}={os.environ.get(MARK)}".encode() in Path(f"/proc/{number}/environ").read_bytes()
    except OSError:
        return False

"""Processes of our own, told apart from others that get the same pid later."""

import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.servers.wait import until


class Process(NamedTuple):
    pid: int
    started: str
    """In clock ticks since boot, as /proc says: makes a pid unmistakable."""

    @property
    def is_alive(self) -> bool:
        fields = _stat(self.pid)
        return bool(fields) and fields[0] != "Z" and fields[19] == self.started

    @property
    def is_stopped(self) -> bool:
        """All of its threads are: each stops by itself, and one may still answer when SIGSTOP was sent."""
        return self.is_alive and all(state in "TZ" for state in _states(self.pid))

    @property
    def title(self) -> str:
        """As `ps` shows it; empty when it has ended."""
        try:
            return Path(f"/proc/{self.pid}/cmdline").read_text().replace("\0", " ").strip()
        except (FileNotFoundError, ProcessLookupError):
            return ""

    def signal(self, number: signal.Signals) -> None:
        """Nothing happens when it has ended by itself."""
        if self.is_alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def family(parent: int) -> set[Process]:
    """A process and its children, those that live."""
    found = set()
    for entry in Path("/proc").iterdir():
        fields = _stat(int(entry.name)) if entry.name.isdigit() else []
        if fields and fields[0] != "Z" and parent in (int(entry.name), int(fields[1])):
            found.add(Process(int(entry.name), fields[19]))
    return found


def wait_stopped(processes: Iterable[Process]) -> None:
    """Return when none of these that lives answers anything any more. Raises AssertionError after some seconds."""
    waiting = list(processes)
    until(lambda: all(one.is_stopped or not one.is_alive for one in waiting), "SIGSTOP stops every thread", step=0.0005)


def _states(pid: int) -> list[str]:
    """Of each thread."""
    try:
        return [_state(task) for task in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _state(task: Path) -> str:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"  # it has ended meanwhile


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on; empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []

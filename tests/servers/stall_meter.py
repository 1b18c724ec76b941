"""How late this machine makes whoever looks at something: a process of its own naps, and asks another one over loopback.

That is what each look is made of, so a bound in time may be wider by as much, whoever looks. Neither process holds a lock of ours.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

PR_SET_PDEATHSIG = 1
"""See prctl(2): the child ends with its parent."""
NAP = 0.01
"""Seconds that it sleeps at a time."""
LATE = 0.005
"""Seconds of lateness that are noted at least."""


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
        """Seconds by which it was late at most since then (CLOCK_MONOTONIC)."""
        notes = [line.split() for line in self._notes.read_text().split("\n")[:-1]]
        return max((float(late) for at, late in notes if float(at) >= since), default=0.0)


def _echo(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(connection.recv(64))


def _ask(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"still there?")
        connection.recv(64)


def _measure(path: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, Path(path).open("a", buffering=1) as notes:
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            _echo(listener)
        while True:
            due = time.monotonic() + NAP
            time.sleep(NAP)
            _ask(listener.getsockname())
            now = time.monotonic()
            if now - due > LATE:
                notes.write(f"{now} {now - due}\n")


if __name__ == "__main__":
    _measure(sys.argv[1])

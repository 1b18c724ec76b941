"""The demo's child processes: started on a leash, ended by their pid."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"


class DemoError(Exception):
    """The demo cannot go on; the sentence is for the person at the terminal."""


def free_ports(count: int) -> list[int]:
    """Different loopback ports that nothing listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


async def until(condition: Callable[[], Awaitable[bool]], what: str, within: float) -> None:
    """Wait until `condition` holds. Raises DemoError naming `what` after `within` seconds."""
    try:
        async with asyncio.timeout(within):
            while not await condition():  # noqa: ASYNC110 - other processes set no event of ours
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise DemoError(f"waited {within:g} s in vain for this: {what}") from None


class Children:
    """Processes that end with this one. Each writes what it says to `<folder>/<name>.log`.

    `patience`: seconds that a process gets to end by itself when it is asked to.
    """

    def __init__(self, folder: Path, patience: float = 3.0) -> None:
        self._folder = folder
        self._patience = patience
        self._running: dict[str, tuple[asyncio.subprocess.Process, signal.Signals]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in reversed(list(self._running)):
            await self.stop(name)

    async def start(
        self, name: str, command: Sequence[str], *, user: str = "-", stop: signal.Signals = signal.SIGTERM
    ) -> int:
        """Start `command` (as `user`, which needs root) and return its pid; `stop` is how it is asked to end."""
        leash = [sys.executable, "-m", "exporter.demo.leash", str(os.getpid()), str(int(stop)), user]
        with self.log(name).open("ab") as log:
            # A session of its own: Ctrl-C reaches the demo only, which then ends its children in order.
            process = await asyncio.create_subprocess_exec(
                *leash, *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._running[name] = (process, stop)
        return process.pid

    async def start_module(self, name: str, module: str, *arguments: str) -> int:
        """Start `python -m module` and return its pid."""
        return await self.start(name, [sys.executable, "-m", module, *arguments])

    def log(self, name: str) -> Path:
        """Where this process writes to."""
        return self._folder / f"{name}.log"

    def pid(self, name: str) -> int:
        return self._running[name][0].pid

    def alive(self, name: str) -> bool:
        return name in self._running and self._running[name][0].returncode is None

    async def kill(self, name: str) -> None:
        """SIGKILL; returns when it is dead."""
        await self._end(name, signal.SIGKILL)

    async def stop(self, name: str) -> None:
        """Ask it to end, and insist after a while; returns when it is dead."""
        try:
            async with asyncio.timeout(self._patience):
                await self._end(name, self._running[name][1])
        except TimeoutError:
            await self.kill(name)

    async def _end(self, name: str, with_signal: signal.Signals) -> None:
        process, _ = self._running[name]
        with suppress(ProcessLookupError):
            process.send_signal(with_signal)
        await process.wait()
        del self._running[name]

    def must_live(self, *names: str) -> None:
        """Raises DemoError with its last words if one of these processes (all, if none is named) ended by itself."""
        for name in names or tuple(self._running):
            process, _ = self._running[name]
            if process.returncode is not None:
                words = self.log(name).read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
                last = "\n  ".join(words) or "it said nothing"
                raise DemoError(f"{name} ended by itself with code {process.returncode}:\n  {last}")

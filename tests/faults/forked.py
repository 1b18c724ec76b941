"""The exporter of the tests' rig, forked from a process that has imported it already: it starts in a tenth of the time."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.exporter.rig import ROOT, WITHIN, Exporter


class Fork:
    """One process; what `asyncio.subprocess.Process` is to its starter."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.over = asyncio.Event()

    def send_signal(self, signal: int, /) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal)

    async def wait(self) -> int:
        await self.over.wait()
        assert self.returncode is not None
        return self.returncode


class Zygote:
    """`tests.faults.zygote`, for as long as the `with` lasts; everything that it started ends with it."""

    def __init__(self) -> None:
        self._children: dict[int, Fork] = {}
        self._born: asyncio.Queue[Fork] = asyncio.Queue()
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process
        self._hearing: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        command = (sys.executable, "-m", "tests.faults.zygote")
        self._process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE)
        self._hearing = asyncio.create_task(self._hear())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        await self._hearing

    async def start(self, arguments: list[str], log: Path) -> Fork:
        """`rto-rpo-exporter ARGUMENTS`."""
        assert self._process.stdin is not None
        async with self._turn, asyncio.timeout(WITHIN):
            self._process.stdin.write(json.dumps({"arguments": arguments, "log": str(log)}).encode() + b"\n")
            return await self._born.get()

    async def _hear(self) -> None:
        assert self._process.stdout is not None
        while line := (await self._process.stdout.readline()).decode():
            what, pid, *code = line.split()
            if what == "started":
                self._born.put_nowait(self._children.setdefault(int(pid), Fork(int(pid))))
            else:
                child = self._children.pop(int(pid))
                child.returncode = int(code[0])
                child.over.set()


class ForkedExporter(Exporter):
    """The same exporter, started by a zygote."""

    def __init__(self, folder: Path, zygote: Zygote) -> None:
        super().__init__(folder)
        self._zygote = zygote
        self.quiet = False
        """Whether nobody needs its log any more."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.quiet:
            self.log.unlink()
        await super().__aexit__(kind, error, trace)

    async def _launch(self, *arguments: str) -> Fork:
        return await self._zygote.start(list(arguments), self.log)

"""Runs commands of the user's own: no shell, a limit for what they say, and nothing of them stays."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, NamedTuple

from exporter.core.model import Reason
from exporter.probes.kind import Failure

GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL, for a command that was given up."""
CHUNK = 65536
ERROR_LIMIT = 4096
"""Bytes of standard error that are kept; the rest is read and forgotten."""
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
"""What a command gets of our environment. The rest may hold the secrets of other systems."""


class Finished(NamedTuple):
    """A command that ended by itself."""

    code: int
    """Its exit code; negative: the signal that ended it."""
    out: bytes
    error: bytes


class Commands:
    """Starts commands, and sees those to their end that were given up."""

    def __init__(self) -> None:
        self._dying: dict[asyncio.Task[None], _Child] = {}

    async def run(self, command: Sequence[str], environment: Mapping[str, str], max_output: int) -> Finished:
        """Returns when the command has ended. Raises Failure: internal when it cannot be started, too_large.

        Cancelled by the caller's deadline: its process group then gets SIGTERM at once and SIGKILL after GRACE, which
        nobody has to wait for. Processes that it leaves behind in its group are killed as well.
        """
        child = _Child(command, environment, max_output)
        try:
            return await child.finish()
        finally:
            if child.ended:
                child.bury()
            else:
                child.signal(signal.SIGTERM)
                task = asyncio.get_running_loop().create_task(child.put_down())
                self._dying[task] = child
                task.add_done_callback(self._dying.pop)

    async def close(self) -> None:
        """Kills what still has its grace."""
        for child in self._dying.values():
            child.signal(signal.SIGKILL)
        await asyncio.gather(*self._dying)


class _Output:
    """The beginning of what comes out of a pipe; the rest is read and forgotten, so that nobody waits to write it."""

    def __init__(self, pipe: IO[bytes] | None, limit: int) -> None:
        assert pipe is not None
        self._loop = asyncio.get_running_loop()
        self._pipe = pipe
        self.data = b""
        self.limit = limit
        self.over: asyncio.Future[None] = self._loop.create_future()
        """Done at the end of the pipe."""
        self.full: asyncio.Future[None] = self._loop.create_future()
        """Done when there was more than `limit`."""
        os.set_blocking(pipe.fileno(), False)
        # Rather than connect_read_pipe, whose cancellation leaves it open who owns the pipe.
        self._loop.add_reader(pipe.fileno(), self._read)

    def close(self) -> None:
        self._loop.remove_reader(self._pipe.fileno())
        self._pipe.close()

    def _read(self) -> None:
        try:
            data = os.read(self._pipe.fileno(), CHUNK)
        except BlockingIOError:
            return
        self.data += data[: self.limit + 1 - len(self.data)]
        if len(self.data) > self.limit and not self.full.done():
            self.full.set_result(None)
        if not data:
            self._loop.remove_reader(self._pipe.fileno())
            if not self.over.done():
                self.over.set_result(None)


class _Child:
    """One process and its group. It is reaped only in `bury()`: until then its number cannot become another's."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], max_output: int) -> None:
        loop = asyncio.get_running_loop()
        self._exited: asyncio.Future[None] = loop.create_future()
        self._process = _started(command, environment)
        try:
            self._handle = os.pidfd_open(self._process.pid)
        except OSError:
            with self._process:  # waits, and closes the pipes
                self.signal(signal.SIGKILL)
            raise
        loop.add_reader(self._handle, self._at_exit)
        self._out = _Output(self._process.stdout, max_output)
        self._error = _Output(self._process.stderr, ERROR_LIMIT)

    @property
    def ended(self) -> bool:
        return self._exited.done()

    async def finish(self) -> Finished:
        await asyncio.wait((self._exited, self._out.full), return_when=asyncio.FIRST_COMPLETED)
        if self._exited.done():
            self.signal(signal.SIGKILL)  # whoever it left behind: they may hold the pipes, which would never end
            await asyncio.wait((self._out.over, self._error.over))
        if self._out.full.done():
            raise Failure(Reason.TOO_LARGE, f"the command says more than {self._out.limit} bytes")
        return Finished(self._process.wait(), self._out.data, self._error.data)

    def signal(self, number: signal.Signals) -> None:
        """To the whole group."""
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return

    async def put_down(self) -> None:
        """It was asked to end; see that it does."""
        try:
            await asyncio.wait((self._exited,), timeout=GRACE)
        finally:
            self.signal(signal.SIGKILL)
            await asyncio.wait((self._exited,), timeout=GRACE)
            self.bury()

    def bury(self) -> None:
        """Reap it and close what we hold of it."""
        self._process.poll()
        self._out.close()
        self._error.close()
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)

    def _at_exit(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)
        if not self._exited.done():
            self._exited.set_result(None)


def _started(command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    try:
        return subprocess.Popen(  # noqa: S603 - whoever starts us has allowed it, and there is no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=inherited | dict(environment),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "a value of its environment holds a zero byte"
        raise Failure(Reason.INTERNAL, f"{command[0]} cannot be started: {why}") from None

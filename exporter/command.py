"""Runs commands of the user's own: no shell, a limit for what they say, and nothing of them stays."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Annotated, NamedTuple

from pydantic import AfterValidator

from exporter.core.model import Reason
from exporter.settings import MASK, Secret, mask

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL: a tool that is killed at once may leave a lock behind."""
CHUNK = 65536
ERROR_LIMIT = 4096
"""Bytes of standard error that are kept; the rest is read and forgotten."""
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
"""What a command gets of our environment. The rest may hold the secrets of other systems."""
_SHOWN = 200
"""Characters of a command's own words that are passed on."""
_TELLING = 4
"""Characters of a line of a secret, at least, for it to be masked alone: `{` and `]` tell nothing and stand everywhere."""


def _word(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError("is no argument; write text without zero bytes, like --json")
    return text


def _program(command: tuple[str, ...]) -> tuple[str, ...]:
    if not command:
        raise ValueError(
            "the command is empty; write a program and its arguments, like [/usr/lib/checks/orders, --json]"
        )
    return command


def _variable(name: str) -> str:
    if not name or "=" in name or "\0" in name:
        raise ValueError(f"{name!r} is not the name of a variable; write one like ORDERS_TOKEN")
    return name


Command = Annotated[tuple[Annotated[str, AfterValidator(_word)], ...], AfterValidator(_program)]
"""A program and its arguments, as they stand in a configuration."""
Variable = Annotated[str, AfterValidator(_variable)]
"""The name of a variable of its environment."""


class CommandFailure(Exception):  # noqa: N818 - it is the field's own word, as for a look
    """A command that did not come to its end by itself. `detail` is for people and holds no secret."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Finished(NamedTuple):
    """A command that ended by itself."""

    code: int
    """Its exit code; negative: the signal that ended it."""
    out: bytes
    error: bytes
    """Its first ERROR_LIMIT bytes, or a little more."""
    secrets: tuple[str, ...]
    """What it was given and must not be told."""

    @property
    def complaint(self) -> str:
        """How it ended, and the first line that it said; for a code other than 0."""
        how = f"exits with {self.code}" if self.code > 0 else f"was ended by signal {-self.code}"
        # Masked as a whole: of a secret of several lines the first one alone would not be known for it.
        lines = self._masked((self.error.strip() or self.out).decode("utf-8", "replace")).split("\n")
        said = _one_line(next((line for line in lines if line.strip()), ""))
        return f"{how}: {said}" if said else how

    def hidden(self, text: str) -> str:
        """One line, of bounded length, without the secrets that the command was given and what else looks like one."""
        return _one_line(self._masked(text))

    def _masked(self, text: str) -> str:
        """Without the secrets and each line of theirs: of a key a tool may quote only the line that it does not understand."""
        parts = (line.strip() for secret in self.secrets for line in secret.splitlines())
        hidden = {*self.secrets, *(part for part in parts if len(part) >= _TELLING)}
        for secret in sorted(hidden, key=len, reverse=True):  # the whole before its lines
            text = text.replace(secret, MASK)
        return text


def _one_line(text: str) -> str:
    shown = mask("".join(char if char.isprintable() else " " for char in text).strip())
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"


class Commands:
    """Starts commands, and sees those to their end that were given up."""

    def __init__(self) -> None:
        self._dying: dict[asyncio.Task[None], _Child] = {}

    async def run(self, command: Sequence[str], environment: Mapping[str, str | Secret], max_output: int) -> Finished:
        """Returns when the command has ended; what it leaves behind in its process group is killed.

        Raises CommandFailure: internal when it cannot be started, too_large. Raises ValueError, with a sentence, when a secret of
        its environment cannot be read.

        Cancelled by the caller's deadline: its process group then gets SIGTERM at once and SIGKILL after GRACE, which
        nobody has to wait for.
        """
        revealed = {name: one if isinstance(one, str) else one.reveal() for name, one in environment.items()}
        secrets = tuple(revealed[name] for name, one in environment.items() if isinstance(one, Secret))
        child = _Child(command, revealed, max_output)
        try:
            if await child.is_too_loud():
                raise CommandFailure(
                    Reason.TOO_LARGE, f"{command[0]} prints more than {max_output} bytes; let it tell less"
                )
            return Finished(*child.told(), secrets)
        finally:
            if child.ended:
                child.bury()
            else:
                child.signal(signal.SIGTERM)
                task = asyncio.get_running_loop().create_task(child.put_down())
                self._dying[task] = child
                task.add_done_callback(self._dying.pop)

    async def settle(self) -> None:
        """Waits for those that still have their grace, for at most twice GRACE."""
        await asyncio.gather(*self._dying)

    async def close(self) -> None:
        """Kills what still has its grace."""
        for child in self._dying.values():
            child.signal(signal.SIGKILL)
        await self.settle()


class _Output:
    """The beginning of what comes out of a pipe; the rest is read and forgotten, so that nobody waits to write it."""

    def __init__(self, pipe: IO[bytes] | None, limit: int) -> None:
        assert pipe is not None
        self._loop = asyncio.get_running_loop()
        self._pipe = pipe
        self._limit = limit
        self.data = bytearray()
        self.full: asyncio.Future[None] = self._loop.create_future()
        """Done when there was more than `limit`."""
        os.set_blocking(pipe.fileno(), False)
        # Rather than connect_read_pipe, whose cancellation leaves it open who owns the pipe.
        self._loop.add_reader(pipe.fileno(), self._read)

    def drain(self) -> None:
        """Read what is there. Not to its end: who has left the process group may hold the pipe open for ever."""
        while not self.full.done() and self._read():
            pass

    def close(self) -> None:
        self._loop.remove_reader(self._pipe.fileno())
        self._pipe.close()

    def _read(self) -> bool:
        """Whether there was something."""
        try:
            data = os.read(self._pipe.fileno(), CHUNK)
        except BlockingIOError:
            return False
        self.data += data[: self._limit + 1 - len(self.data)]
        if len(self.data) > self._limit and not self.full.done():
            self.full.set_result(None)
        if not data:
            self._loop.remove_reader(self._pipe.fileno())
        return bool(data)


class _Child:
    """One process and its group. It is reaped only in `bury()`: until then its number cannot become another's."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], max_output: int) -> None:
        loop = asyncio.get_running_loop()
        self._exited: asyncio.Future[None] = loop.create_future()
        self._process = _started(command, environment)
        try:
            self._handle = os.pidfd_open(self._process.pid)
        except OSError as error:
            with self._process:  # waits, and closes the pipes
                self.signal(signal.SIGKILL)
            raise _not_started(command, error) from None
        loop.add_reader(self._handle, self._at_exit)
        self._out = _Output(self._process.stdout, max_output)
        self._error = _Output(self._process.stderr, ERROR_LIMIT)

    @property
    def ended(self) -> bool:
        return self._exited.done()

    async def is_too_loud(self) -> bool:
        """Waits for its end, or until it has said too much."""
        await asyncio.wait((self._exited, self._out.full), return_when=asyncio.FIRST_COMPLETED)
        if self.ended:
            self.signal(signal.SIGKILL)  # whoever it left behind
            self._out.drain()
            self._error.drain()
        return self._out.full.done()

    def told(self) -> tuple[int, bytes, bytes]:
        return self._process.wait(), bytes(self._out.data), bytes(self._error.data)

    def signal(self, number: signal.Signals) -> None:
        """To the whole group."""
        with suppress(ProcessLookupError, PermissionError):  # what has become another user's cannot be ended by us
            os.killpg(self._process.pid, number)

    async def put_down(self) -> None:
        """It was asked to end; see that it does."""
        try:
            await asyncio.wait((self._exited,), timeout=GRACE)
        finally:
            self.signal(signal.SIGKILL)
            await asyncio.wait((self._exited,), timeout=GRACE)  # a dead disk may hold it for longer
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
        raise _not_started(command, error) from None


def _not_started(command: Sequence[str], error: Exception) -> CommandFailure:
    why = getattr(error, "strerror", None) or "a value of its environment holds a zero byte"
    right = "; name a program that is there for the exporter" if isinstance(error, FileNotFoundError) else ""
    return CommandFailure(Reason.INTERNAL, f"{command[0]} cannot be started: {why}{right}")

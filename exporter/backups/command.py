"""Running a backup tool: no shell, a process group of its own, and a bound for what it says."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress

from exporter.backups.failure import BackupFailure
from exporter.core.model import Reason

OUTPUT_LIMIT = 8 << 20
"""Bytes of standard output; more is a failure."""
GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL: a tool that is killed at once leaves its lock in the repository."""
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
"""What a command gets of our environment. The rest may hold the secrets of other systems."""
COMPLAINT_LIMIT = 64 << 10
"""Bytes of standard error that are looked at; the rest is read and dropped."""


async def output(command: Sequence[str], environment: Mapping[str, str], limit: int = OUTPUT_LIMIT) -> bytes:
    """What the command prints when it exits with 0. When cancelled, its whole process group is ended within GRACE.

    Raises BackupFailure: it cannot be started, printed too much, or failed (with the first line of its complaint).
    """
    name = command[0]
    loop = asyncio.get_running_loop()
    try:
        transport, talk = await loop.subprocess_exec(
            lambda: _Talk(limit),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            env={key: os.environ[key] for key in INHERITED if key in os.environ} | dict(environment),
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its arguments cannot be passed on"
        reason = Reason.PERMISSION if isinstance(error, PermissionError) else Reason.ASSERTION
        raise BackupFailure(
            reason, f"cannot run {name}: {why}; name a program that is there for the exporter"
        ) from None
    try:
        await asyncio.wait((talk.over, talk.full), return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not talk.over.done():
            await _end(transport.get_pid(), talk)
        transport.close()
    if talk.full.done():
        raise BackupFailure(Reason.TOO_LARGE, f"{name} printed more than {limit} bytes; let it tell less")
    code = transport.get_returncode()
    if code != 0:
        raise BackupFailure(Reason.ERROR_CODE, f"{name} exited with {code}{_first_line(talk.complaint or talk.told)}")
    return bytes(talk.told)


class _Talk(asyncio.SubprocessProtocol):
    """What a command says, as far as we listen."""

    def __init__(self, limit: int) -> None:
        loop = asyncio.get_running_loop()
        self.told = bytearray()
        self.complaint = bytearray()
        self.full: asyncio.Future[None] = loop.create_future()
        """Done when it says more than `limit`."""
        self.exited: asyncio.Future[None] = loop.create_future()
        self.over: asyncio.Future[None] = loop.create_future()
        """Done when it has ended, and its output as well: a child of it may keep that open."""
        self._limit = limit

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self.complaint += data[: COMPLAINT_LIMIT - len(self.complaint)]
        elif len(self.told) + len(data) <= self._limit:
            self.told += data
        elif not self.full.done():
            self.full.set_result(None)

    def process_exited(self) -> None:
        if not self.exited.done():
            self.exited.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)


async def _end(group: int, talk: _Talk) -> None:
    """End the whole group of a command that was given up."""
    try:
        _signal(group, signal.SIGTERM)
        await asyncio.wait((talk.over,), timeout=GRACE)
    finally:
        _signal(group, signal.SIGKILL)
        await asyncio.wait((talk.exited,), timeout=GRACE)  # so that it is reaped; a dead disk may hold it for longer


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _first_line(text: bytearray) -> str:
    lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
    return f": {lines[0]}" if lines else ""

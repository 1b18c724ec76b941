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
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={name: os.environ[name] for name in INHERITED if name in os.environ} | dict(environment),
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its arguments cannot be passed on"
        reason = Reason.PERMISSION if isinstance(error, PermissionError) else Reason.ASSERTION
        raise BackupFailure(
            reason, f"cannot run {name}: {why}; name a program that is there for the exporter"
        ) from None
    try:
        told, complaint, code = await _talk(process, limit)
    except BaseException:
        await _end(process)
        raise
    if told is None:
        await _end(process)
        raise BackupFailure(Reason.TOO_LARGE, f"{name} printed more than {limit} bytes; let it tell less")
    if code != 0:
        raise BackupFailure(Reason.ERROR_CODE, f"{name} exited with {code}{_first_line(complaint or told)}")
    return told


async def _talk(process: asyncio.subprocess.Process, limit: int) -> tuple[bytes | None, bytes, int]:
    assert process.stdout is not None
    assert process.stderr is not None
    complaining = asyncio.create_task(_complaint(process.stderr))
    try:
        told = await _told(process.stdout, limit)
        if told is None:
            return None, b"", 0
        complaint = await complaining
        return told, complaint, await process.wait()
    finally:
        complaining.cancel()


async def _told(stream: asyncio.StreamReader, limit: int) -> bytes | None:
    told = bytearray()
    while piece := await stream.read(65536):
        told += piece
        if len(told) > limit:
            return None
    return bytes(told)


async def _complaint(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while piece := await stream.read(65536):
        kept = (kept + piece)[:COMPLAINT_LIMIT]
    return kept


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the whole group of a command that was given up: a child of it may be what keeps its output open."""
    try:
        _signal(process, signal.SIGTERM)
        async with asyncio.timeout(GRACE):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        _signal(process, signal.SIGKILL)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _first_line(text: bytes) -> str:
    lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
    return f": {lines[0]}" if lines else ""

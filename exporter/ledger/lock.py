"""Who writes a ledger, and how far it was written: a small file beside it that no exporter removes.

Its first line is the number of the process that holds the lock, its second the number and the hash of the newest record that
is in the ledger. A chain whose tail was cut is whole by itself, so that only a note outside of it can tell: one that
was torn after `kill -9`, or an older copy that was put back. What is noted is in the ledger and synced before, so the note
may lag behind after a power cut, and is never ahead.
"""

import contextlib
import fcntl
import os
from pathlib import Path

from exporter.core.snapshot import Head
from exporter.ledger.errors import LedgerError

_MOST = 200
"""Bytes of the whole file."""


def noted(path: Path) -> Head | None:
    """The newest record of the ledger at `path`, as its last exporter noted it; None: nobody did, or it cannot be read."""
    try:
        return _head(_beside(path).read_bytes()[:_MOST])
    except OSError:
        return None


class Lock:
    """Held until `release`, or until the process ends. It is a file of its own, since closing any descriptor of the database's
    own file would end SQLite's locks on it; it is never removed, since a removed one locks nobody out."""

    def __init__(self, path: Path) -> None:
        """Raises LedgerError if the ledger at `path` is in use by another exporter, or there is no place for the lock."""
        name = _beside(path)
        try:
            self._file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerError(
                f"cannot write the ledger {path}: {name}: {error.strerror}; name a file in a directory that "
                f"exists and that the exporter may write"
            ) from error
        told = os.pread(self._file, _MOST, 0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            holder = told.split(b"\n")[0].decode("ascii", "replace").strip() or "unknown"
            raise LedgerError(
                f"the ledger {path} is in use by another exporter (process {holder}); stop that one, or give "
                f"this one a ledger of its own"
            ) from error
        self.noted = _head(told)
        """What the last exporter noted."""
        self.note(self.noted)

    def note(self, head: Head | None) -> None:
        """Note the newest record. A note that cannot be written is none; the ledger itself says so, too."""
        last = "" if head is None else f"{head.number} {head.hash}\n"
        text = f"{os.getpid()}\n{last}".encode("ascii")
        with contextlib.suppress(OSError):
            # All of it in one write, so that it is there or not, whenever the process dies.
            os.pwrite(self._file, text.ljust(_MOST - 1) + b"\n", 0)

    def release(self) -> None:
        os.close(self._file)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _head(told: bytes) -> Head | None:
    try:
        number, digest = told.decode("ascii").split("\n")[1].split()
        return Head(int(number), digest)
    except (ValueError, IndexError):
        return None

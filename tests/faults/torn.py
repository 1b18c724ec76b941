"""Tearing a ledger's files as a bad disk does, and what the exporter may do about it at its next start.

It may go on, with a chain that verifies and a record (`gap`) that tells of everything that is gone. Or it may refuse the file
with a sentence that says what to do; then `ledger verify` must find something, too. It may never lose records in silence, nor
go on with what was altered.
"""

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from exporter.ledger import commands
from exporter.ledger.errors import LedgerError
from tests.faults.books import entries
from tests.faults.table import Miss, Wrong

REMEDIES = ("ledger verify", "make sure", "put back", "move it away", "name another file")
"""Of which the sentence of a refusal must name one."""

Tear = Callable[[Path, random.Random], None]


def truncated(name: str) -> Tear:
    """Cut this file of the ledger at a random byte. `name`: what is added to the ledger's name."""

    def tear(ledger: Path, dice: random.Random) -> None:
        file = ledger.with_name(ledger.name + name)
        with file.open("r+b") as opened:
            opened.truncate(dice.randrange(file.stat().st_size))

    return tear


def flipped(name: str) -> Tear:
    """Change some random bytes of this file."""

    def tear(ledger: Path, dice: random.Random) -> None:
        file = ledger.with_name(ledger.name + name)
        with file.open("r+b") as opened:
            for _ in range(dice.choice((1, 4, 64))):
                opened.seek(dice.randrange(file.stat().st_size))
                opened.write(dice.randbytes(1))

    return tear


class Copy:
    """The files of a ledger as they were, put aside by a careful operator."""

    def __init__(self, ledger: Path, aside: Path) -> None:
        self._ledger, self._aside = ledger, aside
        self.hashes = _hashes(ledger)
        for file in _files(ledger):
            shutil.copy(file, aside / file.name)

    def put_back(self) -> None:
        for file in (*_files(self._ledger), self._ledger.with_name(f"{self._ledger.name}-shm")):
            file.unlink(missing_ok=True)
        for file in _files(self._aside / self._ledger.name):
            shutil.copy(file, self._ledger.parent / file.name)


def judged(ledger: Path, copy: Copy, refusal: str | None) -> Iterator[Wrong]:
    """What the exporter did wrong with a torn ledger. `refusal`: what it said when it did not start."""
    findings = _findings(ledger)
    if refusal is not None:
        if not any(remedy in refusal for remedy in REMEDIES):
            yield Wrong(Miss.LOST, f"it refuses the ledger without saying what to do: {refusal[-300:]}")
        if not findings and "checkpoint" not in refusal and "cannot read" not in refusal:
            yield Wrong(Miss.LOST, f"it refuses a ledger in which `ledger verify` finds nothing: {refusal[-300:]}")
        return
    gone = copy.hashes - _hashes(ledger)
    if gone and not findings and not any(one.kind == "gap" for one in entries(ledger)):
        yield Wrong(Miss.LOST, f"{len(gone)} records vanished in silence")


def is_whole(ledger: Path) -> bool:
    return not _findings(ledger)


def _findings(ledger: Path) -> list[str]:
    try:
        return [one.sentence for one in commands.verify(ledger)]
    except LedgerError as error:
        return [str(error)]


def _hashes(ledger: Path) -> set[str]:
    try:
        with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=5)) as db:
            return {digest for (digest,) in db.execute("SELECT hash FROM records")}
    except sqlite3.Error:
        return set()


def _files(ledger: Path) -> list[Path]:
    """The database, its log and what is noted beside it."""
    names = [ledger.name, f"{ledger.name}-wal", f"{ledger.name}.lock"]
    return [file for file in (ledger.with_name(name) for name in names) if file.exists()]

"""What `ledger verify|list|export` do: they read a file, while the exporter writes it or long after."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from exporter.core.snapshot import Head
from exporter.ledger import lock, reading
from exporter.ledger.chain import GENESIS, Finding, Link, exported, faults
from exporter.ledger.errors import LedgerError
from exporter.ledger.file import LedgerFile
from exporter.ledger.instants import Stamp, boot_id
from exporter.ledger.retention import COMPACTED, Before, Removed, vouched
from exporter.ledger.schema import sealed

_MOST_FINDINGS = 1000


def head(path: Path) -> Head:
    """Number and hash of the newest record: to be noted where nobody who can write the file can change it.

    Raises LedgerError.
    """
    with reading.reader(path) as db:
        return reading.head(db)


def verify(path: Path, noted: Head | None = None) -> list[Finding]:
    """Every record that was edited, removed, moved, repeated or added, at most 1000; none means that the chain is
    whole. With a `noted` head, also whether the file still holds it: a cut tail shows in no other way. Without one, the head
    that the exporter itself noted beside the file is looked for.

    Memory does not grow with the file. Raises LedgerError if there is no ledger to read.
    """
    findings: list[Finding] = []
    first = last = GENESIS
    noted = noted or lock.noted(path)
    met = noted is None or noted == GENESIS

    def watched(links: Iterator[Link]) -> Iterator[Link]:
        nonlocal last, met
        for link in links:
            last = Head(link.n, link.hash)
            met = met or last == noted
            yield link

    try:
        with reading.reader(path) as db:
            first = last = _beginning(db)
            met = met or noted == first
            for finding in islice(faults(watched(reading.links(db)), first), _MOST_FINDINGS):
                findings.append(finding)  # noqa: PERF402  (what was found before the file breaks off must be kept)
            findings += [Finding(last.number + 1, f"the file is damaged: {told}") for told in reading.damages(db)]
    except LedgerError as error:
        if last is first:
            raise
        findings.append(Finding(last.number + 1, f"the file cannot be read behind record {last.number}: {error}"))
        return findings
    if noted is not None and noted.number < first.number:
        sentence = f"record {noted.number} was removed with all up to {first.number} when their time was over; note a newer head"
        findings.append(Finding(noted.number, sentence))
    elif noted is not None and not met and len(findings) < _MOST_FINDINGS:
        findings.append(
            Finding(
                noted.number,
                f"record {noted.number} with the hash {noted.hash} is not in the file: "
                f"the tail was cut, or the chain was written anew",
            )
        )
    return findings


def _beginning(db: sqlite3.Connection) -> Head:
    """What the first record follows: what was removed with its time counts only if the chain itself says so."""
    gone = sealed(db)
    if gone != GENESIS and not vouched(list(reading.links(db, "kind = ?", (COMPACTED,))), gone):
        return GENESIS
    return gone


def backup(path: Path, out: Path) -> list[Finding]:
    """A copy of the ledger, while the exporter writes it or not, and what is wrong with the copy's chain.

    Raises LedgerError; FileExistsError if there is something at `out` already.
    """
    if out.exists():
        raise FileExistsError(f"{out} is there already; name another file")
    with reading.reader(path) as db, closing(sqlite3.connect(out)) as copy:
        db.backup(copy, pages=1000, sleep=0.01)
        copy.execute("PRAGMA journal_mode = DELETE")
    return verify(out)


def remove(path: Path, before: Before, vantage: str) -> Removed:
    """Remove what is older from a ledger that no exporter writes just now. Raises LedgerError, sqlite3.Error."""
    file = LedgerFile(path, busy=5.0)
    try:
        return file.remove(before, vantage, Stamp(boot_id(), time.monotonic(), time.time()))
    finally:
        file.close()


def export(path: Path, *, first: int = 1, last: int | None = None) -> Iterator[str]:
    """One line of JSON a record, without the newline, as `chain` describes it, from number `first` to number `last` (None: to
    the newest). Raises LedgerError."""
    with reading.reader(path) as db:
        for link in reading.links(db, after=first - 1):
            if last is not None and link.n > last:
                return
            try:
                yield exported(link)
            except (TypeError, ValueError, RecursionError) as error:
                raise LedgerError(
                    f"record {link.n} of {path} cannot be exported ({error}): it was altered; "
                    f"see what `rto-rpo-exporter ledger verify` says"
                ) from error


def listing(
    path: Path, *, system: str | None = None, kind: str | None = None, last: int | None = None
) -> Iterator[str]:
    """One line a record for people, oldest first: time in UTC, number, kind, system, sentence. `last`: only so many.

    Raises LedgerError.
    """
    wanted = [(column, value) for column, value in (("system", system), ("kind", kind)) if value is not None]
    where = " AND ".join(f"{column} = ?" for column, _ in wanted) or "1"
    values = [value for _, value in wanted]
    with reading.reader(path) as db:
        query = f"SELECT min(n) - 1 FROM (SELECT n FROM records WHERE {where} ORDER BY n DESC LIMIT ?)"  # noqa: S608 - conditions of ours, values are bound
        (after,) = db.execute(query, (*values, -1 if last is None else last)).fetchone()
        for link in reading.links(db, where, values, after=after) if after is not None else ():
            yield printable(f"{_time(link.wall)}  {link.n:>6}  {link.kind}  {link.system or '-'}  {link.sentence}")


def printable(text: str) -> str:
    """Nothing in it can move a terminal's cursor, colour it or turn the writing direction."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def _time(wall: float) -> str:
    """Unix seconds as UTC with milliseconds; a number that is no time stays a number."""
    try:
        return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    except (ValueError, OverflowError, OSError, TypeError):
        return str(wall)

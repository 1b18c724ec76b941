"""A ledger's file that somebody or some disk has altered: it is opened, verified, exported and reported on, or refused in a
sentence, and what verifies is what was written."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given

from exporter.core.model import Moment
from exporter.core.wanted import Wanted
from exporter.ledger.commands import export, head, listing, verify
from exporter.ledger.errors import LedgerError
from exporter.ledger.evidence import evidence, samples
from tests.fuzz.damage import EXTREMES, SEEDS, damaged_often
from tests.fuzz.examples import examples
from tests.ledger.helpers import opened, raw
from tests.reports.annals import CONFIG
from tests.reports.files import stage_ledger
from tests.reports.stage import staged

COLUMNS = {
    "records": ["n", "vantage", "boot", "mono", "wall", "kind", "system", "sentence", "data", "prev", "hash"],
    "checkpoints": ["system", "boot", "mono", "wall", "state"],
    "kept": ["kind", "about", "system", "hash", "wall", "text"],
    "removals": ["n", "hash", "wall"],
}
VALUES = (
    *("", "x", "NULL", "1", "1e999", "{}", "[]", "null", '{"id":1}', '{"start":{}}', "[" * 5000, b"", b"\xff", b"\0x"),
    *(*EXTREMES, -1, 2**63 - 1, -(2**63), 1e300, -1e300),
)
NOW = Moment(5000.0, 1_800_000_100.0)


class Content(bytes):
    """Bytes that nobody wants to see in a report."""

    def __repr__(self) -> str:
        return f"{len(self)} bytes"


class Lines(list[str]):
    """So are these."""

    def __repr__(self) -> str:
        return f"{len(self)} lines"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A failover that lost writes, its failback, and an outage, from a real watch, in one file without a log beside it."""
    path = stage_ledger(tmp_path_factory.mktemp("ledger"), staged("hhccpppsssssshhhhhoooohhhhh"), CONFIG)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    return Content(path.read_bytes())


@pytest.fixture(scope="module")
def lines(whole: bytes, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("lines") / "ledger.db"
    path.write_bytes(whole)
    return Lines(export(path))


def answered(ask: Callable[[], Any]) -> Any:
    """What it gives; None if it was refused, which has to be in a sentence."""
    try:
        return ask()
    except LedgerError as error:
        assert str(error)
        return None


async def used(path: Path) -> None:
    """What the exporter does with it: open, load, ask, append, close."""
    try:
        async with opened(path, vantage="hk-noc-1") as ledger:
            await ledger.load(NOW)
            await ledger.incidents(Wanted(blips=True), before=None, limit=50)
    except LedgerError as error:
        assert str(error)


def judged(path: Path, lines: list[str]) -> None:
    """Every use of the file ends well, and it verifies only if it holds what was written, maybe with its tail cut."""
    findings = answered(lambda: verify(path))
    told = answered(lambda: list(export(path)))
    for ask in (lambda: head(path), lambda: list(listing(path)), lambda: evidence(path), lambda: samples(path, "01")):
        answered(ask)
    if findings == []:
        assert told == lines[: len(told or ())]
    asyncio.run(used(path))


@examples(60)
@given(seed=SEEDS)
def test_bytes(whole: bytes, lines: list[str], seed: int, tmp_path: Path) -> None:
    """Bytes on the disk were altered."""
    path = tmp_path / f"{seed}.db"
    path.write_bytes(damaged_often(whole, Random(seed)))
    judged(path, lines)
    clean(path)


@examples(60)
@given(seed=SEEDS)
def test_values(whole: bytes, lines: list[str], seed: int, tmp_path: Path) -> None:
    """Somebody with a shell of SQLite wrote something else into a row, removed or repeated one."""
    path = tmp_path / f"{seed}.db"
    path.write_bytes(whole)
    dice = Random(seed)
    for _ in range(dice.randint(1, 3)):
        alter(path, dice)
    judged(path, lines)
    clean(path)


def alter(path: Path, dice: Random) -> None:
    """One deed; SQLite may refuse it."""
    table = dice.choice(sorted(COLUMNS))
    column, key = dice.choice(COLUMNS[table]), COLUMNS[table][0]
    row = f"{key} = (SELECT {key} FROM {table} ORDER BY 1 LIMIT 1 OFFSET {dice.randint(0, 30)})"
    value = dice.choice(VALUES)
    shown = f"X'{value.hex()}'" if isinstance(value, bytes) else repr(value)
    deeds = (
        f"UPDATE {table} SET {column} = {shown} WHERE {row}",
        f"DELETE FROM {table} WHERE {row}",
        f"INSERT OR REPLACE INTO removals VALUES ({dice.randint(0, 40)}, {shown}, 1)",
    )
    with suppress(sqlite3.Error):
        raw(path, dice.choice(deeds))


def clean(path: Path) -> None:
    for each in parts(path):
        each.unlink()


def parts(path: Path) -> Iterator[Path]:
    return path.parent.glob(f"{path.name}*")

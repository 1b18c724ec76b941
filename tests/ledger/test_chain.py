"""The chain: anybody can recompute it, and whatever is done to the file is named."""

import asyncio
import hashlib
import json
import re
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.core.snapshot import Head
from exporter.ledger.chain import GENESIS, Finding, Link, body, compact, digest, faults, plain, seal
from exporter.ledger.commands import export, head, listing, verify
from exporter.ledger.errors import LedgerError
from exporter.ledger.file import LedgerFile
from tests.ledger.helpers import NOW, opened, raw, record

COUNT = 8
COLUMNS = {
    "vantage": "'x'",
    "boot": "'x'",
    "mono": "mono + 0.001",
    "wall": "wall - 60",
    "kind": "'blip'",
    "system": "system || ' '",
    "sentence": "'all was well'",
    "data": "data || ' '",
    "prev": "hash",
    "hash": "upper(hash)",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of eight records that nobody has touched."""
    path = tmp_path_factory.mktemp("whole") / "ledger.db"

    async def fill() -> None:
        async with opened(path) as ledger:
            await ledger.append([record(n, rto=n / 3) for n in range(1, COUNT + 1)], {}, NOW)

    asyncio.run(fill())
    return path


def after(whole: Path, *deeds: str) -> list[Finding]:
    """What verification says of a copy to which this was done."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copy(whole, folder))
        raw(path, *deeds)
        return verify(path)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, COUNT), column=st.sampled_from(sorted(COLUMNS)))
def test_an_edit_is_named(whole: Path, n: int, column: str) -> None:
    """An edit of any column of any record is found at that record."""
    findings = after(whole, f"UPDATE records SET {column} = {COLUMNS[column]} WHERE n = {n}")
    assert any(finding.n == n and "was altered" in finding.sentence for finding in findings)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, COUNT),
    column=st.sampled_from(sorted(COLUMNS)),
    value=st.sampled_from(["x'ff'", "CAST(x'ff' AS TEXT)", "''", "'{'", "17", "9e999"]),
)
def test_any_rubbish_is_named(whole: Path, n: int, column: str, value: str) -> None:
    """Not even a column of the wrong type stops the verification."""
    assert n in {finding.n for finding in after(whole, f"UPDATE records SET {column} = {value} WHERE n = {n}")}


@settings(max_examples=30, deadline=None)
@given(gone=st.sets(st.integers(1, COUNT - 1), min_size=1))
def test_a_removal_is_named(whole: Path, gone: set[int]) -> None:
    """Removed records are named by their numbers; nothing else is."""
    findings = after(whole, f"DELETE FROM records WHERE n IN ({', '.join(map(str, gone))})")
    named: set[int] = set()
    for finding in findings:
        assert "missing" in finding.sentence
        numbers = [int(number) for number in re.findall(r"\d+", finding.sentence)]
        named |= set(range(numbers[0], numbers[-1] + 1))
    assert named == gone


@settings(max_examples=30, deadline=None)
@given(pair=st.sets(st.integers(1, COUNT), min_size=2, max_size=2))
def test_a_reordering_is_named(whole: Path, pair: set[int]) -> None:
    """Two records that changed places are both found."""
    one, two = pair
    findings = after(
        whole,
        f"UPDATE records SET n = -1 WHERE n = {one}",
        f"UPDATE records SET n = {one} WHERE n = {two}",
        f"UPDATE records SET n = {two} WHERE n = -1",
    )
    assert pair <= {finding.n for finding in findings}


@settings(max_examples=30, deadline=None)
@given(source=st.integers(1, COUNT), target=st.integers(1, COUNT + 1))
def test_a_repetition_or_insertion_is_named(whole: Path, source: int, target: int) -> None:
    """A record that was copied behind the last, or put between two others that then moved up, is found."""
    columns = ", ".join(Link._fields[1:])
    findings = after(
        whole,
        f"UPDATE records SET n = -n - 1 WHERE n >= {target}",
        "UPDATE records SET n = -n WHERE n < 0",
        f"INSERT INTO records SELECT {target}, {columns} FROM records WHERE n = {source + (source >= target)}",
    )
    assert target in {finding.n for finding in findings} or (source == target and target + 1 in {f.n for f in findings})


def test_repeated_numbers_and_none_are_named(whole: Path) -> None:
    """A table that was rebuilt without its key can hold a number twice, or none; both are found."""
    columns = ", ".join(Link._fields)
    rebuilt = (
        f"CREATE TABLE copy AS SELECT {columns} FROM records",
        "DROP TABLE records",
        "ALTER TABLE copy RENAME TO records",
    )
    again = after(whole, *rebuilt, "INSERT INTO records SELECT * FROM records WHERE n = 3")
    assert [(finding.n, "was repeated" in finding.sentence) for finding in again] == [(3, True)]
    none = after(whole, *rebuilt, "UPDATE records SET n = NULL WHERE n = 8")
    assert none == [Finding(8, "the record after 7 has no number but None")]


def test_a_replaced_record_with_a_new_hash_is_named(whole: Path) -> None:
    """Who recomputes the hash of the record that he changed breaks its link to the next."""
    forged = link_of(whole, 4)._replace(sentence="all was well")
    new = digest(body(forged))
    findings = after(whole, f"UPDATE records SET sentence = 'all was well', hash = '{new}' WHERE n = 4")
    assert findings == [Finding(5, "record 5 does not follow record 4: one of them was replaced")]


def link_of(path: Path, n: int) -> Link:
    """One record, from its exported line."""
    line = json.loads(list(export(path))[n - 1])
    return Link(**{**line, "data": compact(line["data"])})


def test_a_cut_tail_shows_only_from_outside(whole: Path, tmp_path: Path) -> None:
    """The chain that is left is whole; the noted head says that something is gone, or was written anew."""
    noted = head(whole)
    path = Path(shutil.copy(whole, tmp_path))
    assert verify(path, noted) == []
    raw(path, f"DELETE FROM records WHERE n > {COUNT - 2}")
    assert verify(path) == []
    assert [finding.n for finding in verify(path, noted)] == [COUNT]
    assert [finding.n for finding in verify(whole, Head(3, "0" * 64))] == [3]


def test_the_export_needs_no_library(whole: Path) -> None:
    """The recipe in chain's docstring: cut the hash out of the line, and hash what remains."""
    previous = GENESIS.hash
    for line in export(whole):
        found = re.fullmatch(r'(.*),"hash":"([0-9a-f]{64})"}', line)
        assert found
        assert hashlib.sha256((found[1] + "}").encode()).hexdigest() == found[2]
        assert json.loads(line)["prev"] == previous
        previous = found[2]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@given(data=json_values, mono=st.floats(allow_nan=False, allow_infinity=False), text=st.text())
def test_whatever_is_sealed_verifies(data: object, mono: float, text: str) -> None:
    """Sealing and checking agree on every value, floats to the last bit."""
    link = seal(Link(0, text, "b", mono, 1.5, "k", text, text, compact(plain(data)), "", ""), GENESIS)
    assert list(faults([link])) == []
    assert json.loads(body(link))["mono"] == mono


async def test_a_broken_chain_is_not_continued(whole: Path, tmp_path: Path) -> None:
    """A start on an altered file is refused with a sentence that says what to do."""
    path = Path(shutil.copy(whole, tmp_path))
    raw(path, "UPDATE records SET wall = 0 WHERE n = 2")
    with pytest.raises(LedgerError, match=r"record 2 was altered.*ledger verify.*move the file away"):
        async with opened(path):
            pass
    raw(path, "DELETE FROM records WHERE n = 1")
    with pytest.raises(LedgerError, match="record 1 is missing"):
        LedgerFile(path, busy=1.0)


def test_the_listing_is_safe_to_print(tmp_path: Path) -> None:
    """A name can neither move the cursor nor turn the line around; filters and the last few work."""

    async def fill() -> None:
        async with opened(tmp_path / "ledger.db") as ledger:
            await ledger.append(
                [record(1, system="\x1b[2J\u202eevil\n系统"), record(2, "failover"), record(3)], {}, NOW
            )

    asyncio.run(fill())
    lines = list(listing(tmp_path / "ledger.db"))
    assert lines[0] == "2023-11-14T22:13:21.000Z       1  transition  \\x1b[2J\\u202eevil\\n系统  number 1"
    assert list(listing(tmp_path / "ledger.db", kind="failover")) == [lines[1]]
    assert list(listing(tmp_path / "ledger.db", system="orders", last=1)) == [lines[2]]
    assert list(listing(tmp_path / "ledger.db", last=2)) == lines[1:]
    assert list(listing(tmp_path / "ledger.db", last=0)) == list(listing(tmp_path / "ledger.db", kind="none")) == []


def test_an_altered_record_is_not_exported(whole: Path, tmp_path: Path) -> None:
    """What cannot be told as it was written is refused by number, not passed on; the list still shows it."""
    path = Path(shutil.copy(whole, tmp_path))
    raw(path, "UPDATE records SET data = '{', wall = 9e99 WHERE n = 2")
    with pytest.raises(LedgerError, match=r"record 2 of .* cannot be exported"):
        list(export(path))
    assert list(listing(path))[1].startswith("9e+99")

"""What people did, read back from the ledger."""

from pathlib import Path

import pytest

from exporter.core.ports import Query
from exporter.ledger.errors import LedgerError
from tests.ledger.helpers import NOW, opened, raw, record


async def test_records_as_they_are_wanted(tmp_path: Path) -> None:
    """By kind, system, a text in their data and number; newest first, so many at most."""
    async with opened(tmp_path / "ledger.db") as ledger:
        await ledger.append(
            [
                record(1, "mark", incident="a"),
                record(2, "mark", "chat", incident="b"),
                record(3, "transition", incident="a"),
                record(4, "mark", incident="it's 记录"),
                record(5, "drill_signed", incident="a"),
            ],
            {},
            NOW,
        )

        async def numbers(wanted: Query) -> list[int]:
            found = await ledger.told(wanted)
            assert all(one["n"] == one["number"] for one in found)
            return [one["n"] for one in found]

        assert await numbers(Query(("mark",), 9)) == [4, 2, 1]
        assert await numbers(Query(("mark", "drill_signed"), 2)) == [5, 4]
        assert await numbers(Query(("mark",), 9, before=4)) == [2, 1]
        assert await numbers(Query(("mark",), 9, system="orders")) == [4, 1]
        assert await numbers(Query(("mark", "drill_signed"), 9, about=("incident", ["a", "b"]))) == [5, 2, 1]
        assert await numbers(Query(("mark",), 9, about=("incident", ["it's 记录"]))) == [4]
        assert await numbers(Query(("mark",), 9, about=("incident", ["\ud800"]))) == []


async def test_altered_ones_are_told(tmp_path: Path) -> None:
    """What is not to be read is an error, not left out; where it is not asked for it is in nobody's way."""
    path = tmp_path / "ledger.db"
    async with opened(path) as ledger:
        await ledger.append([record(1, "mark", incident="a"), record(2, "mark", incident="a")], {}, NOW)
        raw(path, "UPDATE records SET data = '{' WHERE n = 1")
        with pytest.raises(LedgerError, match=r"record 1 of the ledger .* was altered"):
            await ledger.told(Query(("mark",), 9))
        assert [one["n"] for one in await ledger.told(Query(("mark",), 9, about=("incident", ["a"])))] == [2]

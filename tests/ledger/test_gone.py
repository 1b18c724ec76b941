"""What was written and is not there any more is told at the next start, and what nobody can know of it is told as unknown."""

import json
from pathlib import Path
from typing import Any

import pytest

from exporter.ledger.commands import export, verify
from tests.ledger.helpers import NOW, opened, raw, record


async def written(path: Path, *numbers: int) -> list[dict[str, Any]]:
    """Append these; the records of the file after that."""
    async with opened(path) as ledger:
        for number in numbers:
            await ledger.append([record(number)], {}, NOW)
    return [json.loads(line) for line in export(path)]


def moved_away(path: Path) -> None:
    """The ledger itself; nobody thinks of the small file beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


async def test_a_cut_tail(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """How many records are gone, and since when, stands in the place where they were; `verify` alone names it before."""
    path = tmp_path / "ledger.db"
    kept = (await written(path, 1, 2, 3))[0]
    raw(path, "DELETE FROM records WHERE n > 1")
    assert "record 3" in "".join(map(str, verify(path)))
    told = await written(path, 4)
    assert [one["kind"] for one in told] == ["transition", "gap", "transition"]
    assert told[1]["data"] == {"dropped": 2, "from_unix": kept["wall"], "to_unix": NOW.wall}
    assert "2 records that were written here are gone" in caplog.text
    assert [one["kind"] for one in await written(path, 5)].count("gap") == 1


async def test_another_ledger(tmp_path: Path) -> None:
    """Of one that was moved away nobody knows how much is gone, or since when: that is no 0, and no instant."""
    path = tmp_path / "ledger.db"
    await written(path, 1, 2)
    moved_away(path)
    told = await written(path, 3)
    assert [one["kind"] for one in told] == ["gap", "transition"]
    assert (told[0]["data"]["dropped"], told[0]["data"]["from_unix"]) == (None, None)
    assert "another ledger was here before" in told[0]["sentence"]


async def test_nothing_is_gone(tmp_path: Path) -> None:
    """A start like any other tells of no gap."""
    path = tmp_path / "ledger.db"
    await written(path, 1, 2)
    assert [one["kind"] for one in await written(path, 3)] == ["transition"] * 3

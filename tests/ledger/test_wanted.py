"""The same question gets the same answer from the file as from memory."""

import json
from pathlib import Path
from typing import Any

import pytest

from exporter.core.state import Record
from exporter.core.wanted import Wanted
from exporter.ledger.errors import LedgerError
from tests.ledger.helpers import NOW, opened, raw


def told(number: int) -> dict[str, Any]:
    """Some incident, each a little different."""
    end = None if number % 7 == 0 else {"lower": number * 10 + 4.0, "estimate": 0, "upper": number * 10 + 5.0}
    return {
        "id": f"id-{number}",
        "system": "orders" if number % 2 else "chat",
        "kind": "blip" if number % 5 == 0 else "failover" if number % 3 else "failback",
        "drill": f"drill-{number % 4}" if number % 4 > 1 else None,
        "start": {"lower": number * 10.0, "estimate": 0, "upper": 0},
        "end": end,
    }


EVERYTHING = [told(number) for number in range(1, 30)]
QUESTIONS = [
    Wanted(),
    Wanted(blips=True),
    Wanted(system="orders"),
    Wanted(kinds=frozenset({"failback"})),
    Wanted(kinds=frozenset({"failback", "blip"}), system="chat"),
    Wanted(since=100.0, until=200.0),
    Wanted(since=105.0, until=110.0, blips=True),
    Wanted(drill="true"),
    Wanted(drill="false", blips=True),
    Wanted(drill="drill-2", until=150.5),
    Wanted(drill="' OR 1=1 --"),
    Wanted(system="orders", kinds=frozenset({"failover"}), since=10.0, until=1e9, drill="drill-3"),
]


@pytest.mark.parametrize("wanted", QUESTIONS, ids=range(len(QUESTIONS)))
async def test_the_file_admits_what_memory_admits(tmp_path: Path, wanted: Wanted) -> None:
    """Newest first, in pages that neither repeat nor leave out, with every filter."""
    records = [
        Record("blip" if one["kind"] == "blip" else "incident", one["system"], NOW.mono, "it", one)
        for one in EVERYTHING
    ]
    async with opened(tmp_path / "ledger.db") as ledger:
        await ledger.append(records, {}, NOW)
        found: list[str] = []
        before = None
        while page := await ledger.incidents(wanted, before=before, limit=3):
            found += [one["id"] for one in page]
            before = page[-1]["n"]
    kinds = wanted.record_kinds
    expected = [
        one["id"]
        for one in reversed(EVERYTHING)
        if ("blip" if one["kind"] == "blip" else "incident") in kinds and wanted.admits(one)
    ]
    assert found == expected


async def test_an_altered_record_is_told_and_not_passed_over(tmp_path: Path) -> None:
    """Whatever is asked for: what cannot be read may be just that."""
    path = tmp_path / "ledger.db"
    async with opened(path) as ledger:
        await ledger.append([Record("incident", "orders", NOW.mono, "it", told(3))], {}, NOW)
        raw(path, f"UPDATE records SET data = '{json.dumps(told(3))[:-2]}'")
        with pytest.raises(LedgerError, match="was altered"):
            await ledger.incidents(Wanted(kinds=frozenset({"switchover"})), before=None, limit=3)

"""The ledger when all goes well: what is appended is there, in order, once, and comes back after a restart."""

import asyncio
import json
import os
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from exporter.core.model import Moment
from exporter.core.ports import Ledger
from exporter.core.state import Marker, Record
from exporter.core.wanted import Wanted
from exporter.ledger.chain import GENESIS
from exporter.ledger.commands import export, head, verify
from exporter.ledger.errors import LedgerError
from exporter.ledger.past import BY_ID
from tests.ledger.helpers import BOOT, NOW, opened, record, until


async def test_what_is_appended_is_there_and_verifies(tmp_path: Path) -> None:
    """Records come back in order with both clocks, and the chain is whole."""
    path = tmp_path / "ledger.db"
    async with opened(path) as ledger:
        port: Ledger = ledger
        assert port.head == GENESIS
        await port.append([record(1), record(2, rto=[0.1, 2.5e-7])], {"orders": {"mode": "healthy"}}, NOW)
        await port.append([record(3, kind="failover")], {}, NOW)
        assert (port.head.number, port.waiting, port.writable) == (3, 0, True)
        assert head(path) == port.head
        assert verify(path, port.head) == []
    lines = [json.loads(line) for line in export(path)]
    assert [line["data"]["number"] for line in lines] == [1, 2, 3]
    assert lines[1]["data"]["rto"] == [0.1, 2.5e-7]
    assert (lines[0]["mono"], lines[0]["wall"], lines[0]["boot"]) == (1001.0, NOW.wall + 1, BOOT)
    assert verify(path) == []


async def test_the_file_is_private(tmp_path: Path) -> None:
    """Nobody but the owner reads the evidence, its log or its lock."""
    async with opened(tmp_path / "ledger.db") as ledger:
        await ledger.append([record()], {}, NOW)
        modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in os.scandir(tmp_path)}
    assert set(modes.values()) == {0o600}, modes
    assert "ledger.db-wal" in modes


async def test_the_chain_goes_on_after_a_restart(tmp_path: Path) -> None:
    """The next run's first record follows the last one of the run before."""
    for number in (1, 2, 3):
        async with opened(tmp_path / "ledger.db") as ledger:
            assert ledger.head.number == number - 1
            await ledger.append([record(number)], {}, NOW)
    assert verify(tmp_path / "ledger.db") == []


async def test_records_are_guarded_against_sql(tmp_path: Path) -> None:
    """UPDATE, DELETE, REPLACE and an insert elsewhere are refused by the file itself."""
    async with opened(tmp_path / "ledger.db") as ledger:
        await ledger.append([record(1), record(2)], {}, NOW)
    row = "'v', 'b', 1.0, 1.0, 'k', 's', 't', '{}', '', ''"
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        for deed in (
            "UPDATE records SET kind = 'x'",
            "DELETE FROM records WHERE n = 1",
            f"INSERT OR REPLACE INTO records VALUES (1, {row})",
            f"INSERT INTO records VALUES (9, {row})",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(deed)


async def test_any_data_can_be_appended(tmp_path: Path) -> None:
    """What JSON cannot hold is written as null or text instead of being lost or stopping the ledger."""
    strange: dict[Any, Any] = {
        "nan": float("nan"),
        "inf": [float("inf")],
        "path": Path("/x"),
        10: "ten",
        9: "nine",
        "half": "\ud800",
    }
    async with opened(tmp_path / "ledger.db") as ledger:
        await ledger.append(
            [
                Record("\ud800", "系统", float("nan"), "\x00\ud83d", strange),
                Record("k", "s", -0.0, "minus nothing", {"zero": -0.0}),
            ],
            {},
            NOW,
        )
        assert ledger.head.number == 2
    assert verify(tmp_path / "ledger.db") == []
    data = json.loads(next(export(tmp_path / "ledger.db")))["data"]
    assert data == {"nan": None, "inf": [None], "path": "/x", "10": "ten", "9": "nine", "half": "\ud800"}


async def test_a_checkpoint_that_is_not_json_does_not_stop_the_evidence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Our own mistake in one system's state costs that checkpoint and is logged; the records are written."""
    async with opened(tmp_path / "ledger.db") as ledger:
        await ledger.append([record()], {"bad": {"x": object()}, "good": {"x": 1}}, NOW)
        assert ledger.head.number == 1
        assert set((await ledger.load(NOW)).checkpoints) == {"good"}
    assert "the checkpoint of bad is not JSON" in caplog.text


async def test_what_can_never_be_written_does_not_stop_the_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that SQLite does not take costs its row; any other fault of ours, what stands beside the records, once."""
    async with opened(tmp_path / "ledger.db") as ledger:
        for seq in (1, 10**24, 2):
            ledger.mark("orders", "database", Marker(seq, "hk", NOW.mono, None), NOW)
        await ledger.append([record()], {"orders": {"n": 1}}, NOW)
        assert ledger.writable
        assert "a StoredMarker with a number of more than 64 bits was not kept" in caplog.text

        def broken(*_: object) -> None:
            raise RuntimeError("nobody thought of this")

        with monkeypatch.context() as patched:
            patched.setattr("exporter.ledger.file.add", lambda db, figures: broken() if figures else None)
            ledger.figure("orders", "sold", 1.0, NOW)
            await ledger.append([record(2)], {}, NOW)
            await until(lambda: ledger.waiting == 0 and ledger.writable)
        assert "nobody thought of this" in caplog.text
        await ledger.append([record(3)], {"orders": {"n": 3}}, NOW)
        assert ledger.head.number == 3
        loaded = await ledger.load(NOW)
    assert loaded.checkpoints == {"orders": {"n": 3}}
    assert [marker.seq for marker in loaded.markers["orders", "database"]] == [1, 2]


async def test_beats_and_markers_come_back(tmp_path: Path) -> None:
    """Within one boot nothing is shifted; a marker that was acknowledged later is one marker."""
    async with opened(tmp_path / "ledger.db") as ledger:
        ledger.beat({"orders": {"beat": 1}}, NOW)
        ledger.beat({"orders": {"beat": 2}, "chat": {"beat": 1}}, NOW._replace(mono=1001.0))
        ledger.mark("orders", "database", Marker(2, "hk", 999.0, None), NOW)
        ledger.mark("orders", "database", Marker(1, "hk", 998.0, None), NOW)
        ledger.mark("orders", "database", Marker(2, "hk", 999.0, 999.5), NOW)
        ledger.mark("orders", "database", Marker(0, "hk", 1.0, 1.5), NOW)
    async with opened(tmp_path / "ledger.db") as ledger:
        loaded = await ledger.load(NOW._replace(mono=1010.0))
        assert ledger.head == GENESIS
    assert loaded.checkpoints == {"orders": {"beat": 2}, "chat": {"beat": 1}}
    assert loaded.shift == loaded.slack == {"orders": 0.0, "chat": 0.0}
    assert loaded.written["orders"] == Moment(1001.0, NOW.wall)
    assert loaded.markers == {("orders", "database"): [Marker(1, "hk", 998.0, None), Marker(2, "hk", 999.0, 999.5)]}


async def test_another_boot_is_bridged_by_the_wall_clock(tmp_path: Path) -> None:
    """After a reboot the instants are shifted so that the wall clocks agree, and the slack says how far to trust it."""
    async with opened(tmp_path / "ledger.db") as ledger:
        await ledger.append([record()], {"orders": {}}, NOW)
        ledger.mark("orders", "database", Marker(7, "hk", 990.0, 991.0), NOW)
    later = Moment(5.0, NOW.wall + 60)
    async with opened(tmp_path / "ledger.db", boot="boot-2", wall_error=3.0) as ledger:
        loaded = await ledger.load(later)
    assert (loaded.shift["orders"], loaded.slack["orders"]) == (-1055.0, 3.0)
    assert loaded.written["orders"] == Moment(-55.0, NOW.wall)
    assert loaded.markers == {("orders", "database"): [Marker(7, "hk", -68.0, -64.0)]}, "it proves less by the slack"


async def test_markers_belong_to_a_vantage(tmp_path: Path) -> None:
    """A renamed exporter numbers its markers anew and must not look for those of the old name."""
    async with opened(tmp_path / "ledger.db") as ledger:
        ledger.mark("orders", "database", Marker(1, "hk", 999.0, None), NOW)
    async with opened(tmp_path / "ledger.db", vantage="elsewhere") as ledger:
        assert (await ledger.load(NOW)).markers == {}


async def test_old_markers_are_pruned(tmp_path: Path) -> None:
    """The table of markers does not grow: after 20 minutes they go, those of other boots too."""
    path = tmp_path / "ledger.db"
    async with opened(path, boot="boot-0") as ledger:
        ledger.mark("orders", "database", Marker(1, "hk", 50_000.0, None), Moment(50_000.0, NOW.wall))
    async with opened(path) as ledger:
        ledger.mark("orders", "database", Marker(2, "hk", 999.0, None), NOW)
    async with opened(path) as ledger:
        ledger.mark("orders", "database", Marker(3, "hk", 2900.0, None), Moment(2900.0, NOW.wall + 1900))
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT seq FROM markers").fetchall() == [(3,)]


async def test_incidents_newest_first(tmp_path: Path) -> None:
    """Incidents by system, with and without blips, in pages that end at a number."""
    kinds = ["incident", "transition", "blip", "incident", "incident"]
    async with opened(tmp_path / "ledger.db") as ledger:
        await ledger.append(
            [record(n, kind, system="chat" if n == 4 else "orders") for n, kind in enumerate(kinds, 1)], {}, NOW
        )

        async def numbers(
            system: str | None = None, blips: bool = False, before: int | None = None, limit: int = 10
        ) -> list[int]:
            found = await ledger.incidents(Wanted(system, blips), before=before, limit=limit)
            assert all(one["n"] == one["number"] for one in found)
            return [one["n"] for one in found]

        assert await numbers() == [5, 4, 1]
        assert await numbers(blips=True) == [5, 4, 3, 1]
        assert await numbers(blips=True, before=5, limit=2) == [4, 3]
        assert await numbers(system="orders") == [5, 1]
        assert await numbers(system="nobody") == []


async def test_incidents_use_an_index(tmp_path: Path) -> None:
    """A page of incidents never reads the whole table, nor sorts."""
    async with opened(tmp_path / "ledger.db"):
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
            for where in ("kind = 'incident'", "system = 'orders' AND kind = 'incident'"):
                plan = str(
                    db.execute(
                        f"EXPLAIN QUERY PLAN SELECT n, data FROM records WHERE {where} AND n < 9 "
                        f"ORDER BY n DESC LIMIT 5"
                    ).fetchall()
                )
                assert "USING INDEX" in plan
                assert "TEMP B-TREE" not in plan


async def test_one_incident_by_its_id(tmp_path: Path) -> None:
    """Incidents and blips, not events that name one; the newest if an id was given twice; found by an index."""
    kinds = ["incident", "blip", "incident", "failover"]
    ids = ["orders-1", "orders-2", "orders-1", "orders-4"]
    async with opened(tmp_path / "ledger.db") as ledger:
        await ledger.append(
            [record(n, kind, id=one) for n, (kind, one) in enumerate(zip(kinds, ids, strict=True), 1)], {}, NOW
        )
        found = [await ledger.incident(wanted) for wanted in (*ids, "\ud800")]
        assert [None if one is None else one["n"] for one in found] == [3, 2, 3, None, None]
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
            plan = str(db.execute(f"EXPLAIN QUERY PLAN {BY_ID}", ("x",)).fetchall())
    assert "USING INDEX incidents_by_id" in plan


async def test_two_exporters_cannot_share_a_ledger(tmp_path: Path) -> None:
    """The second is refused, and told which process holds the file."""
    async with opened(tmp_path / "ledger.db"):
        with pytest.raises(LedgerError, match=f"in use by another exporter \\(process {os.getpid()}\\)"):
            async with opened(tmp_path / "ledger.db"):
                pass
    async with opened(tmp_path / "ledger.db") as ledger:
        assert ledger.writable


async def test_speed_of_appends(tmp_path: Path) -> None:
    """10,000 records, one append each; the figures are printed, for they belong to the disk."""
    async with opened(tmp_path / "ledger.db") as ledger:
        began = time.perf_counter()
        for number in range(200):
            await ledger.append([record(number)], {"orders": {"n": number}}, NOW)
        one_by_one = (time.perf_counter() - began) / 200
        began = time.perf_counter()
        await asyncio.gather(*(ledger.append([record(number)], {}, NOW) for number in range(9_800)))
        await until(lambda: ledger.head.number == 10_000)  # a disk that takes longer than 2 s keeps nobody waiting
        taken = time.perf_counter() - began
    began = time.perf_counter()
    assert verify(tmp_path / "ledger.db") == []
    print(
        f"\nappend, one at a time: {one_by_one * 1000:.2f} ms; 9,800 at once: {9800 / taken:.0f} a "
        f"second; verify: {10_000 / (time.perf_counter() - began):.0f} a second"
    )

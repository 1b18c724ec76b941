"""The ledger when it cannot be written or read: nothing is lost, nothing blocks, and the sentence says why."""

import asyncio
import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from exporter.core.state import Marker
from exporter.core.wanted import Wanted
from exporter.ledger.chain import Link, seal
from exporter.ledger.commands import export, listing, verify
from exporter.ledger.errors import LedgerError
from exporter.ledger.file import LedgerFile
from exporter.ledger.instants import Stamp
from exporter.ledger.reading import reader
from exporter.ledger.schema import MIGRATIONS
from exporter.ledger.sqlite import SqliteLedger
from exporter.ledger.threads import Threads
from tests.ledger.helpers import BOOT, NOW, opened, raw, record, until


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else's open transaction: every write of ours waits, then fails."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield


async def test_a_locked_file_keeps_records_waiting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Appends return, the records wait in order, and are written once when the lock is gone."""
    path = tmp_path / "ledger.db"
    async with opened(path) as ledger:
        await ledger.append([record(1)], {"orders": {"n": 1}}, NOW)
        with locked(path):
            for number in (2, 3, 4):
                await ledger.append([record(number)], {"orders": {"n": number}}, NOW)
            assert (ledger.writable, ledger.waiting, ledger.head.number) == (False, 3, 1)
        await until(lambda: ledger.writable and ledger.waiting == 0)
        assert ledger.head.number == 4
        assert (await ledger.load(NOW)).checkpoints == {"orders": {"n": 4}}
    assert verify(path) == []
    said = [one.levelno for one in caplog.records if one.name.startswith("exporter.ledger") and one.levelno > 20]
    assert said == [logging.ERROR, logging.WARNING], "once when it fails, once when it works again"


async def test_a_slow_disk_does_not_hold_up_the_loop(tmp_path: Path) -> None:
    """While a write waits for a lock, a 10 ms ticker goes on ticking."""
    path = tmp_path / "ledger.db"
    gaps: list[float] = []

    async def tick() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.01)
            gaps.append(time.perf_counter() - last)
            last += gaps[-1]

    async with opened(path) as ledger:
        ticker = asyncio.create_task(tick())
        with locked(path):
            began = time.perf_counter()
            await ledger.append([record(1)], {}, NOW)
            waited = time.perf_counter() - began
            assert not ledger.writable
            for number in range(2, 200):
                await ledger.append([record(number)], {"orders": {}}, NOW)
                ledger.mark("orders", "database", Marker(number, "hk", NOW.mono, None), NOW)
        ticker.cancel()
        await until(lambda: ledger.waiting == 0)
    assert max(gaps) < waited / 2, "the lock was waited for, but not by the loop"


async def test_a_hung_disk_costs_the_patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that never returns releases its append after the patience, and nobody waits for it at the end."""
    hung, write = threading.Event(), LedgerFile.write

    def hang(*arguments: object, **options: object) -> None:
        hung.wait(30)
        write(*arguments, **options)  # type: ignore[arg-type]  # handed on as they came

    async with opened(tmp_path / "ledger.db", patience=0.1) as ledger:
        # A disk that hangs cannot be had without being root and rich in devices.
        monkeypatch.setattr(LedgerFile, "write", hang)
        await ledger.append([record(1)], {}, NOW)
        await ledger.append([record(2)], {}, NOW)
        assert (ledger.writable, ledger.waiting) == (False, 2)
        await ledger.close()
        assert ledger.waiting == 2
        hung.set()
        await until(lambda: ledger.waiting == 0)
    assert verify(tmp_path / "ledger.db") == []


async def test_what_has_to_go_is_counted(tmp_path: Path) -> None:
    """Beyond the bound the oldest records go, incidents last, and a gap record in their place says how many."""
    path = tmp_path / "ledger.db"
    async with opened(path, patience=0.1, memory=20) as ledger:
        with locked(path):
            for number in range(60):
                await ledger.append([record(number, "incident" if number % 5 == 0 else "transition")], {}, NOW)
            assert ledger.waiting <= 21
        await until(lambda: ledger.waiting == 0)
        incidents = await ledger.incidents(Wanted(), before=None, limit=100)
    assert [one["number"] for one in incidents] == [*range(55, -1, -5)]
    assert verify(path) == []
    lines = list(export(path))
    gap = next(line for line in lines if '"kind":"gap"' in line)
    assert f'"dropped":{60 - len(lines) + 1},' in gap
    assert "were dropped" in next(listing(path, kind="gap"))


async def test_incidents_alone_are_bounded_too(tmp_path: Path) -> None:
    """When nothing else is left, the oldest incidents go, and beats go on being small."""
    path = tmp_path / "ledger.db"
    async with opened(path, patience=0.1, memory=20) as ledger:
        with locked(path):
            for number in range(40):
                await ledger.append([record(number, "incident")], {}, NOW)
                ledger.mark("orders", "database", Marker(number, "hk", NOW.mono, None), NOW)
        await until(lambda: ledger.waiting == 0)
        assert [marker.seq for marker in (await ledger.load(NOW)).markers["orders", "database"]][-20:] == [
            *range(20, 40)
        ]
    assert verify(path) == []
    assert '"number":39' in list(export(path))[-1]


async def test_a_removed_file_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No new chain begins in its place; put back, it goes on where it ended."""
    path, away = tmp_path / "ledger.db", tmp_path / "away.db"
    async with opened(path) as ledger:
        await ledger.append([record(1)], {}, NOW)
        path.rename(away)
        await ledger.append([record(2)], {}, NOW)
        assert (ledger.writable, ledger.waiting, path.exists()) == (False, 1, False)
        away.rename(path)
        await until(lambda: ledger.writable)
        assert ledger.head.number == 2
    assert verify(path) == []
    assert f"{path} was removed; put it back" in caplog.text


async def test_an_exchanged_file_is_not_continued(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An older copy in place of the ledger is refused; a copy of the newest state is taken."""
    path = tmp_path / "ledger.db"
    async with opened(path) as ledger:
        await ledger.append([record(1)], {}, NOW)
    older = shutil.copy(path, tmp_path / "older.db")
    async with opened(path) as ledger:
        await ledger.append([record(2)], {}, NOW)
        raw(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        moved = path.rename(tmp_path / "moved.db")
        path.with_name("ledger.db-wal").unlink()
        path.with_name("ledger.db-shm").unlink()
        shutil.copy(older, path)
        await ledger.append([record(3)], {}, NOW)
        assert (ledger.writable, ledger.waiting) == (False, 1)
        path.unlink()
        shutil.copy(moved, path)
        await until(lambda: ledger.writable)
    assert verify(path) == []
    assert "ends with record 1, but this exporter wrote record 2 last" in caplog.text


async def test_the_end_of_a_ledger_that_fails_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Closing tries once more, then says how many records are lost."""
    async with opened(tmp_path / "ledger.db", patience=0.1) as ledger:
        with locked(tmp_path / "ledger.db"):
            await ledger.append([record(1), record(2)], {}, NOW)
            await ledger.close()
    assert "2 records were never written" in caplog.text


def test_a_commit_of_unknown_end_is_not_repeated(tmp_path: Path) -> None:
    """If the failure came after the commit, the next try finds the records in the file."""
    file = LedgerFile(tmp_path / "ledger.db", busy=1.0)
    before, now = file.head, Stamp(BOOT, 1.0, 1.0)
    link = seal(Link(0, "v", BOOT, 1.0, 1.0, "k", "s", "t", "{}", "", ""), before)
    file.write([link], [], [], durable=True, now=now)
    after, file.head = file.head, before
    file.write([link], [], [], durable=True, now=now)
    assert file.head == after
    file.write([seal(link, after)], [], [], durable=True, now=now)
    file.close()
    assert len(list(export(tmp_path / "ledger.db"))) == 2


async def refusal(path: Path) -> str:
    """The sentence with which a ledger is refused."""
    with pytest.raises(LedgerError) as refused:
        await SqliteLedger.open(path, vantage="here")
    return str(refused.value)


async def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """Neither a file that is no database nor one with torn pages is opened or replaced."""
    path = tmp_path / "ledger.db"
    path.write_bytes(b"once upon a time " * 500)
    assert "is damaged (file is not a database); keep the file" in await refusal(path)
    with pytest.raises(LedgerError, match="is damaged"):
        verify(path)
    path.unlink()
    async with opened(path) as ledger:
        await ledger.append([record(number) for number in range(500)], {}, NOW)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    refused = await refusal(path)
    assert "is damaged (" in refused
    assert "put back a copy or move it away to begin a new one" in refused


async def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    """Verification tells up to which record the file can be read."""
    path = tmp_path / "ledger.db"
    async with opened(path) as ledger:
        await ledger.append([record(number, ballast="x" * 300) for number in range(5000)], {}, NOW)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 4096 * 20)
    findings = verify(path)
    assert "the file cannot be read behind record" in findings[-1].sentence


async def test_a_file_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    """Another program's database, a directory, a missing directory and a newer ledger each get their sentence."""
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (x)")
    assert await refusal(path) == f"{path} is a database of another program, not a ledger; name another file"
    assert "Is a directory" in await refusal(tmp_path)
    assert "No such file or directory; name a file in a directory that exists" in await refusal(
        tmp_path / "no" / "x.db"
    )
    async with opened(tmp_path / "newer.db"):
        pass
    with closing(sqlite3.connect(tmp_path / "newer.db")) as db:
        db.execute("PRAGMA user_version = 99")
    assert (
        f"was written by a newer exporter (its version is 99, this exporter knows up to {len(MIGRATIONS)})"
        in await refusal(tmp_path / "newer.db")
    )
    with pytest.raises(LedgerError, match="there is no ledger at"):
        list(listing(tmp_path / "absent.db"))


async def test_a_damaged_incident_is_told(tmp_path: Path) -> None:
    """Evidence that cannot be understood is neither skipped nor guessed."""
    path = tmp_path / "ledger.db"
    async with opened(path) as ledger:
        await ledger.append([record(1, "incident")], {"orders": {}}, NOW)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("DROP TRIGGER records_update")
            db.execute("UPDATE records SET data = '[]'")
        with pytest.raises(LedgerError, match=r"record .* of the ledger .* was altered"):
            await ledger.incidents(Wanted(), before=None, limit=5)


@pytest.mark.parametrize("damage", ["state = '{'", "state = '[]'", "state = x'00'", "mono = 'soon'", "wall = 1e999"])
async def test_a_damaged_checkpoint_costs_only_its_system(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It stands outside of the chain: its system begins anew, which is told, and all others go on."""
    path = tmp_path / "ledger.db"
    async with opened(path) as ledger:
        await ledger.append([record()], {"orders": {}, "chat": {}}, NOW)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute(f"UPDATE checkpoints SET {damage} WHERE system = 'orders'")
        loaded = await ledger.load(NOW)
    assert (list(loaded.checkpoints), list(loaded.written), list(loaded.shift)) == (["chat"],) * 3
    assert "the checkpoint of orders" in caplog.text


async def test_a_damaged_marker_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One of several whose instant is none: the others are still there."""
    path = tmp_path / "ledger.db"
    async with opened(path) as ledger:
        for seq in (1, 2):
            ledger.mark("orders", "database", Marker(seq, "hk", NOW.mono, None), NOW)
        await ledger.append([record()], {}, NOW)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("UPDATE markers SET sent = 'never' WHERE seq = 1")
        loaded = await ledger.load(NOW)
    assert [marker.seq for marker in loaded.markers["orders", "database"]] == [2]
    assert "marker 1 of orders" in caplog.text


async def test_a_reading_gives_up_in_time(tmp_path: Path) -> None:
    """A query that takes too long ends itself."""
    async with opened(tmp_path / "ledger.db"):
        pass
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(LedgerError, match="interrupted"), reader(tmp_path / "ledger.db", 0.05) as db:
        db.execute(endless).fetchall()


async def test_hanging_calls_are_few_and_bounded() -> None:
    """A call that hangs is left behind with a sentence, and too many of them are not started."""
    threads, hang = Threads(most=2), threading.Event()
    for _ in range(2):
        with pytest.raises(LedgerError, match=r"reading took longer than 0\.05 s"):
            await threads.run(lambda: hang.wait(30), 0.05, "reading")
    with pytest.raises(LedgerError, match="too many such calls"):
        await threads.run(lambda: None, 0.05, "reading")
    hang.set()

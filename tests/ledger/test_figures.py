"""Business figures: what was measured a week ago is known, and whatever the ledger suffers, asking costs nothing."""

import asyncio
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from exporter.core.model import Moment
from exporter.core.wanted import Wanted
from exporter.ledger import figures, sqlite
from exporter.ledger.commands import verify
from exporter.ledger.figures import BUCKET, MEAN, WEEK
from exporter.ledger.schema import MIGRATIONS, migrate
from exporter.ledger.sqlite import SqliteLedger
from tests.ledger.helpers import BOOT, NOW, opened, record, until
from tests.ledger.test_death import child
from tests.ledger.test_trouble import locked

DAY = 86_400.0
START = figures.bucket(NOW.wall)


def after(seconds: float, jump: float = 0.0) -> Moment:
    """So long after NOW, by a wall clock that is wrong by `jump`."""
    return Moment(NOW.mono + seconds, NOW.wall + seconds + jump)


def rows(path: Path) -> list[tuple[Any, ...]]:
    """(system, name, wall, readings, total) of every bucket in the file."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT system, name, wall, readings, total FROM figures ORDER BY 1, 2, 3").fetchall()


async def measured(ledger: SqliteLedger, path: Path, value: float, now: Moment) -> None:
    """Keep a figure of orders per minute, and wait until it is in the file."""
    ledger.figure("orders", "per_minute", value, now)
    at = figures.bucket(now.wall)
    await until(lambda: any(wall == at for _, _, wall, _, _ in rows(path)))


async def test_the_mean_of_a_week_ago(tmp_path: Path) -> None:
    """Of half an hour around then, of this figure of this system, and None when nothing was kept."""
    async with opened(tmp_path / "ledger.db") as ledger:
        for seconds, value in ((-1500, 1e6), (-600, 10), (0, 20), (1, 30), (600, 40), (1500, 1e6)):
            ledger.figure("orders", "per_minute", value, after(seconds))
        ledger.figure("orders", "other", 7.5, NOW)
        ledger.figure("chat", "per_minute", -0.5, NOW)
        await ledger.append([record()], {}, NOW)
        week = after(WEEK)
        assert await ledger.week_ago("orders", "per_minute", week) == 25.0
        assert await ledger.week_ago("orders", "other", week) == 7.5
        assert await ledger.week_ago("chat", "per_minute", week) == -0.5
        assert await ledger.week_ago("chat", "other", week) is None
        assert await ledger.week_ago("orders", "per_minute", after(WEEK - 3600)) is None
        assert await ledger.week_ago("orders", "per_minute", NOW) is None
    async with opened(tmp_path / "ledger.db", vantage="elsewhere") as ledger:
        assert await ledger.week_ago("orders", "per_minute", week) is None


async def test_five_minutes_are_one_row(tmp_path: Path) -> None:
    """However often it is measured, and by however many runs, there is one row with the number and the sum."""
    path = tmp_path / "ledger.db"
    for run in (1, 2):
        async with opened(path) as ledger:
            for number in range(1000):
                ledger.figure("orders", "per_minute", 2.0, Moment(NOW.mono, START + number % BUCKET))
            await measured(ledger, path, 1.0, Moment(NOW.mono, START + BUCKET))
        assert rows(path) == [
            ("orders", "per_minute", START, 1000 * run, 2000.0 * run),
            ("orders", "per_minute", START + BUCKET, run, 1.0 * run),
        ]


async def test_what_is_no_number_is_not_kept(tmp_path: Path) -> None:
    """Truth values, NaN, infinities and what would make a sum infinite; nor does any of them harm the evidence."""
    strange: list[Any] = [True, False, float("nan"), float("inf"), -float("inf"), 1e301, 10**400, "7", None]
    async with opened(tmp_path / "ledger.db") as ledger:
        for value in strange:
            ledger.figure("orders", "per_minute", value, NOW)
        await ledger.append([record()], {}, NOW)
        assert (ledger.writable, rows(tmp_path / "ledger.db")) == (True, [])
        for value in (1e300, 1e300, -1e300, 1e300):
            ledger.figure("\ud800", "系统", value, NOW)
        assert await ledger.week_ago("\ud800", "系统", after(WEEK)) is None
        await ledger.append([record()], {}, NOW)
        assert await ledger.week_ago("\ud800", "系统", after(WEEK)) == pytest.approx(5e299)
    assert verify(tmp_path / "ledger.db") == []


async def test_a_figure_survives_a_kill(tmp_path: Path) -> None:
    """After kill -9 it is there, and the next run adds to it."""
    path = tmp_path / "ledger.db"

    def kept() -> bool:
        try:
            return bool(rows(path))
        except sqlite3.OperationalError:
            return False

    with child("measure", path) as process:
        await until(kept)
        process.kill()
        assert process.stdout is not None
        process.stdout.close()
    async with opened(path) as ledger:
        now = Moment(time.monotonic(), time.time())
        week = now._replace(wall=now.wall + WEEK)
        assert await ledger.week_ago("orders", "per_minute", week) == 40.0
        await measured(ledger, path, 50.0, now)
        await ledger.append([record()], {}, now)
        assert await ledger.week_ago("orders", "per_minute", week) == 45.0


async def test_a_locked_file_delays_nobody(tmp_path: Path) -> None:
    """Figures gather in memory by their buckets, each counted once in the end; what was kept before can be read."""
    path = tmp_path / "ledger.db"
    async with opened(path, patience=0.2) as ledger:
        await measured(ledger, path, 40.0, NOW)
        with locked(path):
            await ledger.append([record(1)], {}, NOW)
            assert not ledger.writable
            for _ in range(500):
                ledger.figure("orders", "per_minute", 20.0, after(BUCKET))
            assert await ledger.week_ago("orders", "per_minute", after(WEEK)) == 40.0
            assert ledger.waiting == 1, "a figure is no evidence"
        await until(lambda: ledger.writable and len(rows(path)) == 2)
    assert [row[3:] for row in rows(path)] == [(1, 40.0), (500, 10_000.0)]
    assert verify(path) == []


async def test_figures_in_memory_are_bounded(tmp_path: Path) -> None:
    """Beyond the bound the oldest buckets go."""
    path = tmp_path / "ledger.db"
    async with opened(path, patience=0.1, memory=20) as ledger:
        with locked(path):
            await ledger.append([record(1)], {}, NOW)
            for number in range(60):
                ledger.figure("orders", "per_minute", number, after(number * BUCKET))
        await until(lambda: ledger.waiting == 0)
    assert [row[4] for row in rows(path)] == [*range(40, 60)]


async def test_many_may_ask_at_once(tmp_path: Path) -> None:
    """Each gets its answer, and whoever reads incidents meanwhile too."""
    async with opened(tmp_path / "ledger.db") as ledger:
        ledger.figure("orders", "per_minute", 40.0, NOW)
        await ledger.append([record(kind="incident")], {}, NOW)
        asked = [asyncio.create_task(ledger.week_ago("orders", "per_minute", after(WEEK))) for _ in range(100)]
        assert len(await ledger.incidents(Wanted(), before=None, limit=9)) == 1
        assert await asyncio.gather(*asked) == [40.0] * 100


async def test_a_ledger_that_cannot_be_read_says_none(tmp_path: Path) -> None:
    """Removed, or its pages torn: no figure, no exception, and those who keep figures do not notice."""
    path = tmp_path / "ledger.db"
    async with opened(path) as ledger:
        await measured(ledger, path, 40.0, NOW)
        path.rename(tmp_path / "away.db")
        ledger.figure("orders", "per_minute", 40.0, NOW)
        assert await ledger.week_ago("orders", "per_minute", after(WEEK)) is None
        (tmp_path / "away.db").rename(path)
        await until(lambda: rows(path)[0][3] == 2)
        assert await ledger.week_ago("orders", "per_minute", after(WEEK)) == 40.0
    async with opened(path) as ledger:
        with path.open("r+b") as file:
            file.seek(0)
            file.write(b"\xff" * path.stat().st_size)
        ledger.figure("orders", "per_minute", 40.0, NOW)
        assert await ledger.week_ago("orders", "per_minute", after(WEEK)) is None


async def test_a_tampered_figure_says_none(tmp_path: Path) -> None:
    """A mean that is no finite number is none."""
    path = tmp_path / "ledger.db"
    async with opened(path) as ledger:
        await measured(ledger, path, 40.0, NOW)
        for nonsense in ("total = 9e999", "readings = 0", "readings = '', total = 'x'"):
            with closing(sqlite3.connect(path, isolation_level=None)) as db:
                db.execute(f"UPDATE figures SET {nonsense}")
            assert await ledger.week_ago("orders", "per_minute", after(WEEK)) is None


async def test_a_hung_disk_is_waited_for_as_long_as_one_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who ask together wait together: the last of them no longer than the first."""
    hung = threading.Event()
    # A disk that hangs cannot be had without being root and rich in devices.
    monkeypatch.setattr(figures, "mean", lambda *_, **__: hung.wait(30))
    monkeypatch.setattr(sqlite, "_READ_WITHIN", 0.2)
    async with opened(tmp_path / "ledger.db") as ledger:
        async with asyncio.timeout(5):
            asked = [ledger.week_ago("orders", "per_minute", after(WEEK)) for _ in range(100)]
            assert await asyncio.gather(*asked) == [None] * 100
        hung.set()


async def test_a_fortnight_is_kept(tmp_path: Path) -> None:
    """After 15 days a figure goes, under a clock that runs evenly; while it runs for less than an hour all stay."""
    path = tmp_path / "ledger.db"
    async with opened(path) as ledger:
        await measured(ledger, path, 1.0, NOW)
        await measured(ledger, path, 2.0, after(2 * DAY))
        await measured(ledger, path, 3.0, after(14.9 * DAY))
        assert [row[4] for row in rows(path)] == [1.0, 2.0, 3.0]
        await measured(ledger, path, 4.0, after(15.1 * DAY))
        assert [row[4] for row in rows(path)] == [2.0, 3.0, 4.0]
    async with opened(path, boot="boot-2") as ledger:
        await measured(ledger, path, 5.0, after(40 * DAY))
        await measured(ledger, path, 6.0, after(40 * DAY + 3000))
        assert len(rows(path)) == 5
        await measured(ledger, path, 7.0, after(40 * DAY + 4000))
        assert [row[4] for row in rows(path)] == [5.0, 6.0, 7.0]


@pytest.mark.parametrize("jump", [400 * DAY, -400 * DAY])
async def test_a_wrong_clock_that_is_put_right_costs_nothing(tmp_path: Path, jump: float) -> None:
    """Years ahead or back for half an hour: what was kept stays, and what was kept meanwhile goes."""
    path = tmp_path / "ledger.db"
    async with opened(path) as ledger:
        await measured(ledger, path, 1.0, NOW)
        await measured(ledger, path, 2.0, after(2 * DAY))
        for minutes in range(0, 30, 6):
            await measured(ledger, path, 99.0, after(2 * DAY + 600 + minutes * 60, jump))
        await measured(ledger, path, 3.0, after(2 * DAY + 3600))
        assert sorted(row[4] for row in rows(path)) == [1.0, 2.0, 3.0, *[99.0] * 5]
        await measured(ledger, path, 4.0, after(2 * DAY + 7500))
        assert [row[4] for row in rows(path)] == [1.0, 2.0, 3.0, 4.0]
        assert await ledger.week_ago("orders", "per_minute", after(WEEK)) == 1.0


async def test_a_file_of_the_second_version_gets_its_table(tmp_path: Path) -> None:
    """With its records and its checkpoints as they were."""
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, path, MIGRATIONS[:2])
        db.execute("INSERT INTO checkpoints VALUES ('orders', ?, 1.0, 1.0, '{}')", (BOOT,))
    async with opened(path) as ledger:
        assert (await ledger.load(NOW)).checkpoints == {"orders": {}}
        assert await ledger.week_ago("orders", "per_minute", after(WEEK)) is None
        await measured(ledger, path, 40.0, NOW)
        assert await ledger.week_ago("orders", "per_minute", after(WEEK)) == 40.0


async def test_figures_are_found_and_pruned_by_an_index(tmp_path: Path) -> None:
    """Neither asking nor pruning reads the whole table."""
    async with opened(tmp_path / "ledger.db"):
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
            asking = str(db.execute(f"EXPLAIN QUERY PLAN {MEAN}", ("v", "s", "n", 1, 2)).fetchall())
            pruning = str(db.execute("EXPLAIN QUERY PLAN DELETE FROM figures WHERE wall < 1").fetchall())
    assert "SEARCH figures USING PRIMARY KEY" in asking
    assert "figures_by_age" in pruning

"""The ledger when its process dies or its disk fails it: real processes, killed, full and powerless."""

import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from exporter.ledger.commands import export, head, verify
from tests.ledger.helpers import NOW, opened, record, until

ROOT = Path(__file__).parents[2]


@contextmanager
def child(deed: str, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that does the deed, and is killed with SIGKILL at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ledger.child", deed, str(path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def killed_while_appending(path: Path, rng: random.Random) -> int:
    """Kill a child between or in its appends, and return the highest number that it knew to be on disk."""
    with child("append", path) as process:
        assert process.stdout is not None
        for _ in range(rng.randint(1, 30)):
            assert process.stdout.readline(), "the child died by itself"
        end = time.perf_counter() + rng.uniform(0, 0.004)
        while time.perf_counter() < end:
            pass  # the instant of the kill is the random part; a sleep is too coarse
        process.kill()
        said = process.stdout.read().decode().split("\n")
        process.stdout.close()
    return int(said[-2]) if len(said) > 1 else 0


async def test_no_kill_loses_or_repeats_a_record(tmp_path: Path) -> None:
    """After kill -9 at any moment: the chain is whole, what was acknowledged is there, nothing is there twice, and
    the checkpoint is exactly as old as the newest record."""
    path = tmp_path / "ledger.db"
    rng = random.Random(20261001)
    for _ in range(20):
        acknowledged = killed_while_appending(path, rng)
        assert verify(path) == []
        newest = head(path).number
        assert newest >= acknowledged
        async with opened(path) as ledger:
            assert ledger.head.number == newest
            assert (await ledger.load(NOW)).checkpoints["orders"]["next"] == newest + 1
    numbers = [f'"data":{{"number":{number}}}' for number in range(1, head(path).number + 1)]
    assert all(number in line for number, line in zip(numbers, export(path), strict=True))


def test_a_torn_log_leaves_a_whole_chain(tmp_path: Path) -> None:
    """Wherever the write-ahead log breaks off, what is left is a chain without its newest records."""
    rng = random.Random(7)
    source = tmp_path / "source.db"
    killed_while_appending(source, rng)
    wal = source.with_name("source.db-wal").read_bytes()
    assert wal
    for at in sorted(rng.sample(range(len(wal)), 30)):
        torn = tmp_path / f"torn{at}.db"
        torn.write_bytes(source.read_bytes())
        torn.with_name(torn.name + "-wal").write_bytes(wal[:at])
        with closing(sqlite3.connect(torn)) as db:
            made = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if made:
            assert verify(torn) == []


async def test_beats_and_markers_survive_a_kill(tmp_path: Path) -> None:
    """They need no sync to be there when only the process died."""
    path = tmp_path / "ledger.db"

    def beaten() -> bool:
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                return db.execute("SELECT 1 FROM checkpoints").fetchone() is not None
        except sqlite3.OperationalError:
            return False

    with child("beat", path) as process:
        await until(beaten)
        process.kill()
        assert process.stdout is not None
        process.stdout.close()
    async with opened(path) as ledger:
        loaded = await ledger.load(NOW._replace(mono=time.monotonic(), wall=time.time()))
    assert loaded.checkpoints == {"orders": {"beaten": True}}
    assert [marker.seq for marker in loaded.markers["orders", "database"]] == [5]


def test_a_full_disk_keeps_records_waiting(tmp_path: Path) -> None:
    """They wait while there is no room, and are written in order, once, when there is."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.ledger.child", "full", str(tmp_path / "ledger.db")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "cannot write the ledger" in done.stderr
    assert verify(tmp_path / "ledger.db") == []


def test_a_forbidden_file_is_told_at_the_start() -> None:
    """A file or a directory that may not be written gives a sentence, and can still be verified."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "owned" / "ledger.db"
        Path(folder).chmod(0o777)
        done = subprocess.run(
            [sys.executable, "-m", "tests.ledger.child", "powerless", str(path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        refused, forbidden = done.stdout.splitlines()
    assert refused == (f"cannot write the ledger {path}: Permission denied; give the exporter a file that it may write")
    assert forbidden.startswith(f"cannot write the ledger {path.with_name('other.db')}: ")
    assert forbidden.endswith("name a file in a directory that exists and that the exporter may write")


async def test_a_kill_frees_the_lock(tmp_path: Path) -> None:
    """The lock belongs to the process, so nobody has to remove a stale one."""
    killed_while_appending(tmp_path / "ledger.db", random.Random(1))
    async with opened(tmp_path / "ledger.db") as ledger:
        await ledger.append([record()], {}, NOW)
        assert ledger.writable

"""What is removed when its time is over, and that what remains can be verified and reported."""

import sqlite3
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from exporter.cli import main
from exporter.core.snapshot import Head
from exporter.ledger import commands
from exporter.ledger.evidence import evidence
from exporter.ledger.instants import Stamp
from exporter.ledger.retention import Before, Keeper
from exporter.reports import period
from exporter.reports.build import period_report
from tests.reports.annals import Annals, asked, utc
from tests.reports.files import write_ledger

CUT = utc("2026-07-01T00:00:00")


def year(folder: Path) -> Path:
    """A year in which somebody looked all the time, with an outage in each half and objectives that changed in the first."""
    annals = Annals()
    annals.watch(utc("2026-01-01T00:00:00"))
    annals.standing(utc("2026-01-02T00:00:00"), sg={"reachable": True})
    annals.promise(utc("2026-02-01T00:00:00"), "orders", {"rto": 60.0, "availability": 0.999})
    for day in ("2026-03-01T00:00:00", "2026-09-01T00:00:00"):
        annals.outage(utc(day), utc(day) + 600)
    annals.blind(utc("2026-10-01T00:00:00"), utc("2026-10-01T01:00:00"))
    return write_ledger(folder, annals, utc("2027-01-01T00:00:00"))


def test_what_remains_is_a_whole_chain(tmp_path: Path) -> None:
    """Verified from the first record that is left; the file goes on, and further removals build on the first."""
    path = year(tmp_path)
    before = commands.head(path)
    removed = commands.remove(path, Before(CUT, CUT), "test")
    assert removed.records == 6
    assert removed.head.number == before.number + 1
    assert commands.verify(path) == []
    assert commands.verify(path, before) == []
    assert commands.verify(path, removed.head) == []
    (finding,) = commands.verify(path, Head(2, "0" * 64))
    assert "note a newer head" in finding.sentence
    again = commands.remove(path, Before(utc("2026-10-01T00:30:00"), CUT), "test")
    assert again.records == 3
    assert commands.verify(path) == []
    assert commands.remove(path, Before(CUT, CUT), "test").records == 0


def test_a_report_of_what_remains_says_the_same(tmp_path: Path) -> None:
    """Observed time, budget and objectives of the second half are as before, though their beginnings are gone."""
    path = year(tmp_path)
    window = period.between("2026-07-01", "2026-12-31", ZoneInfo("UTC"))
    before = period_report(evidence(path), asked(window))
    commands.remove(path, Before(CUT, CUT), "test")
    after = period_report(evidence(path), asked(window))
    assert after["ledger"]["first_record"] == 7
    assert after["config_hash"] == before["config_hash"]
    for name in ("availability", "objectives", "readiness", "tier"):
        assert after["systems"][0][name] == before["systems"][0][name], name
    assert after["events"] == before["events"]


def test_a_removal_that_the_chain_does_not_tell_of_excuses_nothing(tmp_path: Path) -> None:
    """Whoever cuts the beginning and leaves a row that says so is found all the same."""
    path = year(tmp_path)
    with closing(sqlite3.connect(path)) as db:
        (digest,) = db.execute("SELECT hash FROM records WHERE n = 3").fetchone()
        db.execute("DROP TRIGGER records_delete")
        db.execute("DELETE FROM records WHERE n <= 3")
        db.execute("INSERT INTO removals VALUES (3, ?, 0)", (digest,))
        db.commit()
    assert [finding.sentence for finding in commands.verify(path)] == ["records 1 to 3 are missing"]


def test_the_newest_record_stays(tmp_path: Path) -> None:
    """Even if all of it is old: the head must go on to be what was noted."""
    path = year(tmp_path)
    head = commands.head(path)
    commands.remove(path, Before(utc("2030-01-01T00:00:00"), CUT), "test")
    assert commands.verify(path, head) == []


def test_only_a_clock_that_runs_evenly_for_a_day_removes_anything() -> None:
    """A wall clock that jumps ahead by years and back within a day costs nothing; then once a day."""
    keeper = Keeper(100.0, 10.0)
    assert keeper.due(Stamp("boot", 0.0, 1000.0)) is None
    assert keeper.due(Stamp("boot", 80_000.0, 81_000.0)) is None
    assert keeper.due(Stamp("boot", 86_500.0, 9e9)) is None
    assert keeper.due(Stamp("boot", 86_600.0, 87_600.0)) is None
    assert keeper.due(Stamp("boot", 86_600.0 + 86_400.0, 174_000.0)) == Before(173_900.0, 173_990.0)
    assert keeper.due(Stamp("boot", 86_600.0 + 86_401.0, 174_001.0)) is None


def test_a_backup_is_made_and_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The copy is whole, and never written over something else."""
    path, out = year(tmp_path), tmp_path / "copy.db"
    for code in (0, 1):
        with pytest.raises(SystemExit) as left:
            main(["ledger", "backup", "--ledger", str(path), "--out", str(out)])
        assert left.value.code == code
    told = capsys.readouterr()
    assert "is written and whole" in told.out
    assert "is there already" in told.err
    assert commands.head(out) == commands.head(path)


def test_the_command_says_what_it_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`ledger compact --before` works on a ledger that nobody writes."""
    path = year(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["ledger", "compact", "--ledger", str(path), "--before", "2026-07-01"])
    assert left.value.code == 0
    assert "removed 6 records and 0 chunks of samples" in capsys.readouterr().out

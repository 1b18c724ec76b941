"""What the backup tools print, recorded from real ones, and what it proves."""

import json
from pathlib import Path
from typing import Any

import pytest

from exporter.backups.times import seconds
from exporter.core.model import Reason
from tests.backups.inspecting import RECORDED, RECORDED_AT, failure, inspect, read


def changed(folder: Path, name: str, **replaced: Any) -> str:
    """A file with a recorded output in which texts were replaced by others."""
    text = (RECORDED / name).read_text()
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text)
    return str(path)


async def test_pgbackrest_is_as_good_as_its_newest_stop() -> None:
    """The newest of four backups in two repositories tells; encryption and size are those of its repository."""
    facts = await read("pgbackrest", "pgbackrest-two-repos.json", stanza="main")
    assert (facts.point, facts.last_success) == (1795380081, 1795380081)
    assert (facts.encrypted, facts.versions, facts.size_bytes) == (True, 4, 30918192)
    assert (facts.immutable, facts.last_verified, facts.notes) == (None, None, ())


async def test_pgbackrest_of_one_repository() -> None:
    """`repo` leaves the others out."""
    facts = await read("pgbackrest", "pgbackrest-two-repos.json", repo=2)
    assert (facts.point, facts.encrypted, facts.versions) == (1795380079, False, 1)


async def test_pgbackrest_while_a_backup_runs() -> None:
    """A running backup holds the lock and hides nothing of the finished ones."""
    assert (await read("pgbackrest", "pgbackrest-running.json")).versions == 4


@pytest.mark.parametrize("name", ["pgbackrest-no-backup.json", "pgbackrest-no-stanza.json"])
async def test_pgbackrest_without_backups(name: str) -> None:
    """None is told as none, so that what an earlier inspection proved does not go on to count."""
    facts = await read("pgbackrest", name)
    assert (facts.point, facts.versions) == (None, 0)
    assert "no usable backup" in facts.notes[0]


async def test_pgbackrest_with_a_faulty_full_backup(tmp_path: Path) -> None:
    """Page errors of a full backup spoil all that builds on it; only the other repository's counts."""
    document = json.loads((RECORDED / "pgbackrest-two-repos.json").read_text())
    document[0]["backup"][0]["error"] = True
    (tmp_path / "info.json").write_text(json.dumps(document))
    facts = await inspect("pgbackrest", file=str(tmp_path / "info.json"))
    assert (facts.point, facts.versions) == (1795380079, 1)
    assert any("builds on" in note for note in facts.notes)


async def test_pgbackrest_with_a_missing_prior(tmp_path: Path) -> None:
    """An incremental backup whose full one is gone cannot be restored."""
    document = json.loads((RECORDED / "pgbackrest-one-repo.json").read_text())
    del document[0]["backup"][0]
    (tmp_path / "info.json").write_text(json.dumps(document))
    facts = await inspect("pgbackrest", file=str(tmp_path / "info.json"))
    assert (facts.point, facts.versions) == (None, 0)


async def test_pgbackrest_without_the_wal_that_a_backup_needs(tmp_path: Path) -> None:
    """A backup whose last WAL segment is not in the archive is not consistent yet."""
    path = changed(
        tmp_path,
        "pgbackrest-one-repo.json",
        **{'"max": "000000010000000000000008"': '"max": "000000010000000000000007"'},
    )
    facts = await inspect("pgbackrest", file=path)
    assert (facts.point, facts.versions) == (1795380075, 2)
    assert "WAL" in facts.notes[0]


async def test_pgbackrest_of_a_wrong_stanza() -> None:
    """A stanza that is not in the output is a mistake of the configuration, and says which there are."""
    failed = await failure("pgbackrest", file=str(RECORDED / "pgbackrest-one-repo.json"), stanza="orders")
    assert failed.reason is Reason.ASSERTION
    assert failed.detail == "the output does not tell of the stanza orders; it has main"


async def test_pgbackrest_of_a_repository_that_cannot_be_read(tmp_path: Path) -> None:
    """Code 99 lists nothing because it could not look: that is a failure, and no proof that the backups are gone."""
    path = changed(tmp_path, "pgbackrest-no-backup.json", **{'"code": 2': '"code": 99', "no valid backups": "other"})
    assert (await failure("pgbackrest", file=path)).reason is Reason.UNAVAILABLE


async def test_barman_counts_what_is_done() -> None:
    """A backup that failed, or runs, is named, and the one before it counts."""
    for name, status in (("barman-failed.json", "FAILED"), ("barman-running.json", "STARTED")):
        facts = await read("barman", name)
        assert (facts.point, facts.versions, facts.size_bytes) == (1795380156, 1, 47787544)
        assert facts.notes == (f"the newer backup 20261122T204243 is {status}",)


async def test_barman_with_wal_still_awaited(tmp_path: Path) -> None:
    """A backup that waits for WAL cannot be restored yet."""
    facts = await inspect("barman", file=changed(tmp_path, "barman-failed.json", DONE="WAITING_FOR_WALS"))
    assert (facts.point, facts.versions) == (None, 0)


async def test_barman_of_several_servers() -> None:
    """Which server is meant has to be said; one without backups has none."""
    failed = await failure("barman", file=str(RECORDED / "barman-all.json"))
    assert "several servers (main, other)" in failed.detail
    assert (await read("barman", "barman-all.json", server="main")).versions == 1
    assert (await read("barman", "barman-all.json", server="other")).point is None


async def test_barman_complains(tmp_path: Path) -> None:
    """What Barman says is wrong is told in its own words."""
    (tmp_path / "error.json").write_text('{"_ERROR": ["Unknown server \'nobody\'"]}')
    failed = await failure("barman", file=str(tmp_path / "error.json"))
    assert (failed.reason, failed.detail) == (Reason.ERROR_CODE, "barman says: Unknown server 'nobody'")


async def test_restic_is_as_good_as_its_stalest_part() -> None:
    """Of two hosts the one whose newest snapshot is the oldest counts, by the start of that snapshot."""
    facts = await read("restic", "restic-snapshots.json")
    assert facts.point == pytest.approx(seconds("2026-11-22T20:41:30.837833Z"), abs=1e-5)
    assert (facts.versions, facts.encrypted, facts.size_bytes) == (1, True, None)
    assert "/srv/b of db2" in facts.notes[0]


async def test_restic_tells_its_end_since_0_17() -> None:
    """The recovery point is the start, the last success the end."""
    facts = await read("restic", "restic-0.17.json")
    assert facts.point is not None
    assert facts.last_success is not None
    assert facts.last_success - facts.point == pytest.approx(1.5675, abs=1e-3)
    assert (facts.size_bytes, facts.notes) == (5000, ())


async def test_restic_without_snapshots() -> None:
    """An empty repository has no backup."""
    assert (await read("restic", "restic-empty.json")).versions == 0


async def test_velero_counts_completed_ones_of_a_schedule() -> None:
    """PartiallyFailed and InProgress do not count; the recovery point is the start."""
    facts = await read("velero", "velero-list.json", schedule="orders")
    assert facts.point == seconds("2026-11-20T01:00:00Z")
    assert facts.last_success == seconds("2026-11-20T01:04:41Z")
    assert facts.versions == 1
    assert facts.notes == (
        "the newer backup orders-20261121010000 is PartiallyFailed",
        "the newer backup orders-20261122010000 is InProgress",
    )


async def test_velero_of_all_schedules() -> None:
    """Without a schedule the stalest one counts, and what was made by hand does not."""
    facts = await read("velero", "velero-list.json")
    assert facts.point == seconds("2026-11-20T01:00:00Z")


async def test_velero_forgets_what_expired() -> None:
    """A backup that may be collected any moment is no backup."""
    after = seconds("2026-12-20T01:00:01Z")
    facts = await read("velero", "velero-list.json", now=after, schedule="orders")
    assert (facts.point, facts.versions) == (None, 0)
    assert "of the schedule orders" in facts.notes[0]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("pgbackrest", "pgbackrest-one-repo.json"),
        ("barman", "barman-failed.json"),
        ("restic", "restic-0.17.json"),
    ],
)
async def test_a_backup_of_the_future_is_a_wrong_clock(source: str, name: str) -> None:
    """What is dated ahead of our clock proves nothing, and the sentence says what is wrong."""
    failed = await failure(source, RECORDED_AT - 86400, file=str(RECORDED / name))
    assert failed.reason is Reason.ASSERTION
    assert "ahead of our clock" in failed.detail


async def test_a_little_skew_is_no_wrong_clock() -> None:
    """A clock that is 2 s ahead of ours is what clocks do; the recovery point is then now."""
    facts = await read("pgbackrest", "pgbackrest-one-repo.json", now=1795380079)
    assert facts.point == 1795380079

"""Dump files in a directory, and files as a whole."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exporter.backups import SOURCES
from exporter.backups.times import seconds
from exporter.core.model import Reason
from tests.backups.inspecting import RECORDED_AT as NOW
from tests.backups.inspecting import failure, inspect

HOUR = 3600.0


def dump(folder: Path, name: str, age: float, size: int = 1000) -> None:
    """A file of `size` bytes whose last byte was written `age` seconds ago."""
    path = folder / name
    path.write_bytes(b"x" * size)
    os.utime(path, (NOW - age, NOW - age))


async def test_a_dump_holds_what_was_there_when_it_began(tmp_path: Path) -> None:
    """The recovery point is the end of the newest dump less the longest that one takes."""
    dump(tmp_path, "a.dump", 30 * HOUR)
    dump(tmp_path, "b.dump", 6 * HOUR, size=2000)
    facts = await inspect("directory", path=str(tmp_path), takes="1h")
    assert facts.point == pytest.approx(NOW - 7 * HOUR)
    assert facts.last_success == pytest.approx(NOW - 6 * HOUR)
    assert (facts.versions, facts.size_bytes, facts.notes) == (2, 2000, ())
    assert (facts.encrypted, facts.immutable, facts.last_verified) == (None, None, None)


async def test_names_that_tell_the_start(tmp_path: Path) -> None:
    """The name's time in its zone is the recovery point; a name that tells none does not count, and is named."""
    dump(tmp_path, "orders-20261122-020000.dump", HOUR)
    dump(tmp_path, "orders-new.dump", HOUR / 2)
    name = "orders-%Y%m%d-%H%M%S.dump"
    facts = await inspect("directory", path=str(tmp_path), name_time=name, timezone="Asia/Hong_Kong")
    assert facts.point == seconds("2026-11-21T18:00:00Z")
    assert facts.notes == ("the name orders-new.dump does not tell a time as name_time says, so it does not count",)


async def test_what_is_still_being_written_does_not_count(tmp_path: Path) -> None:
    """Neither a file that changed a moment ago nor one whose name says so, nor anything but plain files that match."""
    dump(tmp_path, "old.dump", 24 * HOUR)
    dump(tmp_path, "growing.dump", 30)
    for name in ("a.dump.partial", "b.dump.tmp", ".c.dump", "d.dump~", "other.txt", "e.dump.filepart"):
        dump(tmp_path, name, HOUR)
    (tmp_path / "folder.dump").mkdir()
    (tmp_path / "link.dump").symlink_to("nowhere")
    os.mkfifo(tmp_path / "fifo.dump")
    facts = await inspect("directory", path=str(tmp_path), glob="*.dump", takes="0s")
    assert facts.versions == 1
    assert facts.point == pytest.approx(NOW - 24 * HOUR)
    facts = await inspect("directory", path=str(tmp_path), glob="*.dump", takes="0s", quiet_for="10s")
    assert facts.versions == 2
    assert facts.point == pytest.approx(NOW - 30)


async def test_a_dump_that_is_too_small(tmp_path: Path) -> None:
    """An empty or tiny file is what a failed dump leaves behind: the one before it counts, and a note says why."""
    dump(tmp_path, "a.dump", 24 * HOUR, size=3000)
    dump(tmp_path, "b.dump", HOUR, size=20)
    facts = await inspect("directory", path=str(tmp_path), takes="0s", min_size="1KiB")
    assert facts.versions == 1
    assert facts.point == pytest.approx(NOW - 24 * HOUR)
    assert facts.notes == ("b.dump has only 20 bytes and does not count",)
    (tmp_path / "a.dump").unlink()
    facts = await inspect("directory", path=str(tmp_path), takes="0s", min_size="1KiB")
    assert (facts.point, facts.versions) == (None, 0)
    assert "b.dump has only 20 bytes" in facts.notes[0]


async def test_no_directory(tmp_path: Path) -> None:
    """An empty directory holds no backup; one that is not there, or no directory, cannot be judged."""
    assert (await inspect("directory", path=str(tmp_path), takes="0s")).versions == 0
    gone = await failure("directory", path=str(tmp_path / "gone"), takes="0s")
    assert gone.reason is Reason.ASSERTION
    assert gone.detail == f"looking into {tmp_path}/gone failed: No such file or directory: {tmp_path}/gone"
    (tmp_path / "file").touch()
    assert (await failure("directory", path=str(tmp_path / "file"), takes="0s")).reason is Reason.ASSERTION


async def test_a_file_of_the_future(tmp_path: Path) -> None:
    """A dump that is dated ahead of our clock is not one that is still being written: a clock is wrong."""
    dump(tmp_path, "a.dump", -HOUR)
    assert "ahead of our clock" in (await failure("directory", path=str(tmp_path), takes="0s")).detail


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "exactly one of takes"),
        ({"takes": "1h", "name_time": "%Y"}, "exactly one of takes"),
        ({"name_time": "orders.dump"}, "where the time stands in a name"),
        ({"name_time": "%Y%m%d%Y"}, "where the time stands in a name"),
        ({"name_time": "%H%M"}, "where the time stands in a name"),
        ({"name_time": "%Y-%Q"}, "where the time stands in a name"),
        ({"takes": "1h", "min_size": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], sentence: str) -> None:
    """When a dump began must be told, in a way that can be read."""
    with pytest.raises(ValidationError, match=sentence):
        SOURCES["directory"].settings.model_validate({"path": "/srv"} | settings)


async def test_files_that_are_no_output(tmp_path: Path) -> None:
    """A FIFO would block for ever, and an endless file would fill the memory: both are failures at once."""
    os.mkfifo(tmp_path / "fifo")
    assert "not a regular file" in (await failure("barman", file=str(tmp_path / "fifo"))).detail
    with (tmp_path / "large").open("wb") as large:
        large.truncate(9 << 20)
    assert (await failure("barman", file=str(tmp_path / "large"))).reason is Reason.TOO_LARGE
    assert "No such file" in (await failure("barman", file=str(tmp_path / "gone"))).detail

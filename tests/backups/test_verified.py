"""When a restore was last found good, as the restore job tells it; and what a hanging disk does."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exporter.backups.aside import Aside
from exporter.backups.failure import BackupFailure
from exporter.backups.verified import Verified
from exporter.core.backup import BackupFacts
from tests.backups.inspecting import RECORDED, RECORDED_AT
from tests.backups.inspecting import inspect as look
from tests.hostile import answer, message, serve


async def inspect(verified: Any) -> BackupFacts:
    return await look("barman", file=str(RECORDED / "barman-failed.json"), verified=verified)


async def test_by_the_time_of_a_file(tmp_path: Path) -> None:
    """A file that the job touches tells by when it was last written."""
    done = tmp_path / "done"
    done.touch()
    os.utime(done, (RECORDED_AT - 100, RECORDED_AT - 100))
    facts = await inspect({"file": str(done)})
    assert facts.last_verified == pytest.approx(RECORDED_AT - 100)
    assert facts.point == 1795380156


async def test_by_what_stands_in_a_file_or_an_answer(tmp_path: Path) -> None:
    """A JSON document tells by the time that stands in it."""
    document = b'{"finished_at": "2026-11-22T20:40:00Z"}'
    (tmp_path / "last.json").write_bytes(document)
    facts = await inspect({"file": str(tmp_path / "last.json"), "json": "$.finished_at"})
    assert facts.last_verified == 1795380000
    async with serve(answer(message("200 OK", document))) as server:
        facts = await inspect({"url": f"http://127.0.0.1:{server.port}/last.json", "json": "$.finished_at"})
    assert facts.last_verified == 1795380000


async def test_by_the_api() -> None:
    """What is told to the exporter is not read by the inspection."""
    facts = await inspect({"api": True})
    assert (facts.last_verified, len(facts.notes)) == (None, 1)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        ("{}", "no time with a zone at $.at"),
        ('{"at": "2026-11-22 09:00"}', "no time with a zone at $.at"),
        ("soon", "this is not JSON"),
        ('{"at": 1795480300}', "ahead of our clock"),
    ],
)
async def test_what_is_not_told_hides_nothing_else(tmp_path: Path, content: str | None, why: str) -> None:
    """A restore that cannot be told about is a note, and the backup is known as before."""
    told = tmp_path / "last.json"
    if content is not None:
        told.write_text(content)
    facts = await inspect({"file": str(told), "json": "$.at"})
    assert (facts.last_verified, facts.point) == (None, 1795380156)
    assert why in facts.notes[-1]


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"api": False},
        {"api": True, "file": "x"},
        {"url": "http://x/"},
        {"file": "x", "bearer": {"env": "X"}},
        {"api": True, "json": "$.x"},
    ],
)
def test_settings_that_cannot_be(written: Any) -> None:
    """Exactly one way, with what belongs to it."""
    with pytest.raises(ValidationError):
        Verified.model_validate(written)


async def test_a_mount_that_hangs() -> None:
    """A call that does not come back holds up neither the loop nor the next inspection, which says what is wrong."""
    gate = threading.Event()
    aside = Aside(lambda: gate.wait(60), "looking into /srv")
    first = asyncio.ensure_future(aside())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    with pytest.raises(BackupFailure, match=r"timeout: looking into /srv has not come back"):
        await aside()
    gate.set()
    await asyncio.to_thread(aside._running.result, 10)  # type: ignore[union-attr]  # it runs since the start above
    assert await aside()

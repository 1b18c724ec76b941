"""How far a real PostgreSQL has archived its log, by what it tells and by what we saw before."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exporter.backups.failure import BackupFailure
from exporter.backups.source import Inspector
from exporter.backups.wal_archive import SOURCE, WalArchiveSettings
from exporter.backups.wal_archive_reader import archived_end
from exporter.core.model import Reason
from tests import hostile
from tests.hostile import Behaviour, answer, serve
from tests.servers import PASSWORD, PostgresServer, postgres_missing
from tests.servers.postgres import as_postgres, template, temporary_directory
from tests.servers.wait import until

SEGMENT = 16 << 20


@pytest.fixture
def archive() -> Iterator[tuple[PostgresServer, Path]]:
    """A primary that archives, and the file whose presence makes each attempt fail."""
    if missing := postgres_missing():
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    root = temporary_directory()
    server = PostgresServer("main", root)
    subprocess.run(["cp", "-a", template(), server.data], check=True)
    kept, broken = root / "archive", root / "broken"
    kept.mkdir()
    if as_postgres():
        shutil.chown(kept, "postgres", "postgres")
    with (server.data / "postgresql.conf").open("a") as configuration:
        configuration.write(
            f"archive_mode = on\narchive_command = 'test ! -e {broken} && cp %p {kept}/%f'\nautovacuum = off\n"
        )
    server.start()
    server.sql("GRANT pg_monitor TO dr_probe")
    try:
        yield server, broken
    finally:
        server.close()
        shutil.rmtree(root, ignore_errors=True)


def inspector(server: PostgresServer, ahead: float = 0.0, **settings: Any) -> Inspector:
    """As the exporter builds it. `ahead`: seconds of our clock before the server's."""
    written = WalArchiveSettings.model_validate({"dsn": server.dsn(), "password": {"plain": PASSWORD}} | settings)
    return SOURCE.build(written, clock=lambda: time.time() + ahead)


async def failure(asking: Inspector) -> BackupFailure:
    with pytest.raises(BackupFailure) as raised:
        await asking.inspect()
    return raised.value


def write(server: PostgresServer) -> None:
    server.sql("INSERT INTO truth SELECT coalesce(max(id), 0) + 1 FROM truth")


def switch(server: PostgresServer, *, archived: bool = True) -> None:
    """End the segment, and wait until it is archived."""
    name = server.sql("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
    server.sql("SELECT pg_switch_wal()")
    if archived:
        server.sql("SELECT pg_reload_conf()")  # after failures the archiver rests for a minute, but not through this
        until(
            lambda: server.sql(f"SELECT last_archived_wal >= '{name}' FROM pg_stat_archiver") == "t", "it is archived"
        )


async def test_the_whole_life_of_an_archive(archive: tuple[PostgresServer, Path]) -> None:
    """What is archived is proven, idleness keeps proving it, and what waits for the archive proves nothing."""
    server, broken = archive
    asking = inspector(server)

    write(server)
    switch(server)
    before = time.time()
    idle = await asking.inspect()
    assert idle.point is not None
    assert idle.point >= before  # all is archived, so it is proven up to now
    assert idle.last_success is not None
    assert idle.last_success <= time.time()
    assert idle.notes == ()

    write(server)
    written = time.time()
    waiting = await asking.inspect()
    assert waiting.point is not None
    assert idle.point <= waiting.point <= written  # the write is not archived: nothing after it is proven

    broken.touch()
    switch(server, archived=False)
    until(lambda: server.sql("SELECT failed_count > 0 FROM pg_stat_archiver") == "t", "archiving fails")
    failing = await asking.inspect()
    assert failing.point is not None
    assert failing.point <= written
    assert "archiving 0000000" in failing.notes[0]
    assert " fails, the last time at " in failing.notes[0]

    broken.unlink()
    write(server)
    switch(server)
    again = await asking.inspect()
    assert again.point is not None
    assert again.point > written


async def test_when_it_was_archived_proves_nothing(archive: tuple[PostgresServer, Path]) -> None:
    """A segment that waited for the archive proves the time of its last write, for one who sees it for the first time."""
    server, broken = archive
    broken.touch()
    write(server)
    switch(server, archived=False)
    ended = time.time()
    write(server)
    until(lambda: time.time() > ended + 2, "some time has passed")
    broken.unlink()
    server.sql("SELECT pg_reload_conf()")
    until(lambda: server.sql("SELECT archived_count > 0 FROM pg_stat_archiver") == "t", "it is archived", within=90)
    late = await inspector(server).inspect()
    assert late.point is not None
    assert late.last_success is not None
    assert late.point <= ended
    assert late.last_success >= ended + 1


async def test_an_idle_server_keeps_its_proof(archive: tuple[PostgresServer, Path]) -> None:
    """Records of the server's own, such as a checkpoint, are not archived, but no transaction wrote since: it is now."""
    server, _ = archive
    asking = inspector(server)
    write(server)
    await asking.inspect()
    switch(server)
    await asking.inspect()
    server.sql("CHECKPOINT")
    inserted = server.sql("SELECT pg_current_wal_insert_lsn() - '0/0'")
    end = archived_end(server.sql("SELECT last_archived_wal FROM pg_stat_archiver"), "00000001", SEGMENT)
    assert end is not None
    assert int(inserted) > end + 40  # more than a header stands behind what is archived
    before = time.time()
    idle = await asking.inspect()
    assert idle.point is not None
    assert idle.point >= before


async def test_without_pg_monitor(archive: tuple[PostgresServer, Path]) -> None:
    """A role with fewer rights proves by what it remembers, from the second inspection on."""
    server, _ = archive
    server.sql("REVOKE pg_monitor FROM dr_probe")
    asking = inspector(server)
    write(server)
    switch(server)
    write(server)
    blind = await asking.inspect()
    assert blind.point is None
    assert "pg_monitor" in blind.notes[0]
    seen = time.time()
    switch(server)
    write(server)
    remembered = await asking.inspect()
    assert remembered.point is not None
    assert seen - 10 < remembered.point <= seen


@pytest.mark.parametrize("ahead", [3600.0, -3600.0])
async def test_other_clocks(archive: tuple[PostgresServer, Path], ahead: float) -> None:
    """The recovery point is on our clock, however wrong the server's is."""
    server, _ = archive
    write(server)
    switch(server)
    write(server)
    facts = await inspector(server, ahead).inspect()
    assert facts.point is not None
    assert facts.last_success is not None
    assert abs(facts.point - ahead - time.time()) < 60
    assert abs(facts.last_success - ahead - time.time()) < 60


async def test_what_is_no_archive(archive: tuple[PostgresServer, Path]) -> None:
    """A server that archives nothing, a wrong password and a dead server each say so."""
    server, _ = archive
    nothing = await inspector(server).inspect()
    assert nothing.point is None
    assert "has not archived anything" in nothing.notes[0]
    wrong = await failure(inspector(server, password={"plain": "hunter2"}))
    assert wrong.reason is Reason.AUTH
    assert "hunter2" not in str(wrong)
    missing = await failure(inspector(server, dsn=server.dsn(database="nowhere")))
    assert missing.reason is Reason.ASSERTION
    assert (await failure(inspector(server, password={"env": "NO_SUCH_VARIABLE"}))).reason is Reason.INTERNAL
    server.stop()
    assert (await failure(inspector(server))).reason is Reason.REFUSED
    with (server.data / "postgresql.conf").open("a") as configuration:
        configuration.write("archive_mode = off\n")
    server.start()
    assert "archive_mode is off" in (await failure(inspector(server))).detail
    server.stop()
    (server.data / "standby.signal").touch()
    server.start()
    assert "is a standby" in (await failure(inspector(server))).detail


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (answer(hostile.GARBAGE), Reason.RESET),
        (answer(b""), Reason.RESET),
        (hostile.reset, Reason.RESET),
    ],
)
async def test_bad_servers(behaviour: Behaviour, reason: Reason) -> None:
    """Whoever is no PostgreSQL is told as such."""
    async with serve(behaviour) as server:
        settings = WalArchiveSettings(dsn=f"postgresql://dr_probe@127.0.0.1:{server.port}/app?sslmode=disable")
        assert (await failure(SOURCE.build(settings))).reason is reason


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("000000010000000000000003", 4 * SEGMENT),
        ("0000000100000002000000FF", (3 << 32)),
        ("000000010000000000000003.00000028.backup", 4 * SEGMENT),
        ("000000020000000000000003", None),
        ("00000002.history", None),
        ("000000010000000000000003.partial", None),
        ("", None),
        (None, None),
    ],
)
def test_names_of_files(name: str | None, end: int | None) -> None:
    """Which position a file's name means: only whole segments of the present timeline have one."""
    assert archived_end(name, "00000001", SEGMENT) == end


@pytest.mark.parametrize("dsn", ["mysql://u@h/d", "postgresql://h/d", "postgresql://u@h", "postgresql://u@/d"])
def test_what_is_no_dsn(dsn: str) -> None:
    """The sentence shows what would be right."""
    with pytest.raises(ValidationError, match="postgresql://user@host"):
        WalArchiveSettings(dsn=dsn)

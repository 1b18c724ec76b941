"""pgBackRest and restic themselves: what they print today is what we read, and the recovery point holds."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.core.model import Reason
from tests.backups.inspecting import failure, inspect
from tests.servers import PostgresServer, postgres_missing
from tests.servers.postgres import as_postgres, template, temporary_directory


def need(program: str) -> None:
    """Skip, or with CI=true fail, where a tool is not installed."""
    missing = "" if shutil.which(program) else f"{program} is missing: apt-get install {program}"
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)


@pytest.fixture
def archiving() -> Iterator[tuple[PostgresServer, list[str]]]:
    """A server that archives into an encrypted repository, and how pgBackRest is called for it."""
    need("pgbackrest")
    if missing := postgres_missing():
        pytest.skip(missing)
    root = temporary_directory()
    server = PostgresServer("main", root)
    subprocess.run(["cp", "-a", template(), server.data], check=True)
    call = ["pgbackrest", f"--config={root}/pgbackrest.conf", "--stanza=main"]
    (root / "pgbackrest.conf").write_text(
        f"[global]\nrepo1-path={root}/repo\nrepo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass=only-for-tests\n"
        f"repo1-retention-full=9\nlog-path={root}\nlock-path={root}/lock\nspool-path={root}/spool\nstart-fast=y\n"
        f"[main]\npg1-path={server.data}\npg1-port={server.port}\npg1-socket-path={root}\npg1-user=postgres\n"
    )
    with (server.data / "postgresql.conf").open("a") as configuration:
        configuration.write(f"archive_mode = on\narchive_command = '{' '.join(call)} archive-push %p'\n")
    server.start()
    try:
        yield server, call
    finally:
        server.close()
        shutil.rmtree(root, ignore_errors=True)


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, timeout=60, **as_postgres())
    assert done.returncode == 0, done.stdout + done.stderr


async def test_pgbackrest(archiving: tuple[PostgresServer, list[str]]) -> None:
    """A real backup is found with its stop as the recovery point, and is gone when its files are gone."""
    server, call = archiving
    told = [*call, "info", "--output=json"]
    run(*call, "stanza-create")
    assert (await inspect("pgbackrest", time.time(), command=told)).versions == 0
    before = int(time.time())
    run(*call, "backup", "--type=full")
    run(*call, "backup", "--type=incr")
    facts = await inspect("pgbackrest", time.time(), command=told, stanza="main")
    assert facts.point is not None
    assert before <= facts.point <= time.time()
    assert (facts.versions, facts.encrypted, facts.notes) == (2, True, ())
    assert facts.size_bytes is not None
    assert facts.size_bytes > 1e6
    shutil.rmtree(server.socket / "repo" / "backup")
    gone = await inspect("pgbackrest", time.time(), command=told, stanza="main")
    assert (gone.point, gone.versions) == (None, 0)


async def test_restic(tmp_path: Path) -> None:
    """A real snapshot is found with its start as the recovery point, and does not count while the check finds it damaged."""
    need("restic")
    env = {
        "RESTIC_REPOSITORY": str(tmp_path / "repo"),
        "RESTIC_PASSWORD": "x",
        "RESTIC_CACHE_DIR": str(tmp_path / "cache"),
    }

    def restic(*arguments: str) -> None:
        subprocess.run(["restic", *arguments], env=os.environ | env, check=True, capture_output=True, timeout=60)

    told = {
        "command": ["restic", "--no-lock", "snapshots", "--json"],
        "env": env,
        "check": ["restic", "--no-lock", "check"],
    }
    missing = await failure("restic", time.time(), **told)
    assert missing.reason is Reason.ERROR_CODE
    assert "unable to open config file" in missing.detail or "repository does not exist" in missing.detail
    restic("init")
    assert (await inspect("restic", time.time(), **told)).versions == 0
    (tmp_path / "data").write_text("orders")
    before = time.time()
    restic("backup", str(tmp_path / "data"))
    facts = await inspect("restic", time.time(), **told)
    assert facts.point is not None
    assert before <= facts.point <= time.time()
    assert (facts.versions, facts.encrypted) == (1, True)
    wrong = {**told, "env": env | {"RESTIC_PASSWORD": "hunter2"}}
    assert "wrong password" in (await failure("restic", time.time(), **wrong)).detail

"""The scripts of the stack's two PostgreSQL sites, run on real servers of our own.

There is no container engine here: a stand-in does for `docker-entrypoint.sh` what the image's does (make the database, run the
scripts, become the server), and one for `docker compose` passes commands on to the two servers.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import postgres, postgres_missing, until
from tests.servers.postgres import as_postgres, temporary_directory
from tests.servers.processes import Process, family
from tests.servers.wait import free_port

STACK = Path(__file__).parents[2] / "deploy/compose"
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(bool(postgres_missing()), reason=postgres_missing() or "it is here"),
]

ENTRYPOINT = """#!/bin/bash
set -eu
chmod 0700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb -U postgres --auth-local=trust --auth-host=scram-sha-256 --no-sync >/dev/null
    pg_ctl -w -o "-k $PGHOST -c listen_addresses=''" start >/dev/null
    createdb -U postgres "$POSTGRES_DB"
    "$INITDB/10-roles.sh"
    pg_ctl -w -m fast stop >/dev/null
fi
exec "$@" -k "$PGHOST" -c listen_addresses=127.0.0.1
"""
DOCKER = """#!/bin/bash
set -eu
[ "$1" = compose ]
case "$2" in
    exec) site=$4; shift 4; PGPORT=$(cat "$ROOT/$site.port") exec "$@" ;;
    kill) for pid in $(cat "$ROOT/$3.pids"); do kill -9 "$pid" || true; done ;;
esac
"""


class Site:
    """One site as compose.yaml starts it."""

    def __init__(self, name: str, root: Path, first: bool) -> None:
        self.name = name
        self.root = root
        self.data = root / name
        self.port = free_port()
        self.other: Site | None = None
        self._first = first
        self._process: subprocess.Popen[bytes] | None = None
        self._family: set[Process] = set()
        self.data.mkdir()
        (root / f"{name}.port").write_text(str(self.port))

    def environment(self) -> dict[str, str]:
        assert self.other is not None
        binaries = postgres._binaries()
        return {
            "PATH": f"{self.root / 'bin'}:{binaries}:{os.environ['PATH']}",
            "ROOT": str(self.root),
            "PGDATA": str(self.data),
            "PGHOST": str(self.root),
            "PGPORT": str(self.port),
            "INITDB": str(self.root / "initdb"),
            "DATABASE_ROLES": str(self.root / "database-roles"),
            "SITE": self.name,
            "OTHER": f"host=127.0.0.1 port={self.other.port}",
            "POSTGRES_DB": "orders",
            "REPLICATOR_PASSWORD_FILE": str(self.root / "replicator"),
            "PROBE_PASSWORD_FILE": str(self.root / "dr-probe"),
            **({"FIRST": "yes"} if self._first else {}),
        }

    def start(self) -> None:
        with (self.root / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["bash", self.root / "site.sh"],
                env=self.environment(),
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **as_postgres(),
            )

    def note_processes(self) -> None:
        """What `docker compose kill` would kill: the whole container."""
        assert self._process is not None
        self._family = family(self._process.pid)
        (self.root / f"{self.name}.pids").write_text(" ".join(str(process.pid) for process in self._family))

    def wait_gone(self) -> None:
        assert self._process is not None
        self._process.wait(30)
        until(lambda: not any(process.is_alive for process in self._family), f"{self.name} is gone", 30)
        self._process = None

    def close(self) -> None:
        if self._process is not None:
            self.note_processes()
            for process in self._family:
                process.signal(signal.SIGKILL)
            self.wait_gone()

    def ask(self, query: str, user: str = "postgres", database: str = "postgres") -> str:
        """The answer through the local socket; empty when there is none."""
        command = ["psql", "--no-psqlrc", "-U", user, "-d", database, "-Atqc", query]
        done = subprocess.run(
            command,
            env=self.environment(),
            cwd="/",
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            **as_postgres(),
        )
        return str(done.stdout.strip())


@pytest.fixture
def sites() -> Iterator[tuple[Site, Site]]:
    """hk and sg, not started."""
    root = temporary_directory()
    for name, text in (("docker-entrypoint.sh", ENTRYPOINT), ("docker", DOCKER)):
        (root / "bin").mkdir(exist_ok=True)
        (root / "bin" / name).write_text(text)
        (root / "bin" / name).chmod(0o755)
    for name in ("replicator", "dr-probe"):
        (root / name).write_text(f"password-of-{name}\n")
    shutil.copytree(STACK / "initdb", root / "initdb")
    shutil.copytree(STACK.parent / "database-roles", root / "database-roles")
    for name in ("site.sh", "break.sh"):
        shutil.copy(STACK / name, root / name)
    hk, sg = Site("hk", root, first=True), Site("sg", root, first=False)
    hk.other, sg.other = sg, hk
    if os.geteuid() == 0:
        for path in (root, *root.rglob("*")):
            shutil.chown(path, "postgres", "postgres")
    try:
        yield hk, sg
    finally:
        for site in (hk, sg):
            site.close()
        shutil.rmtree(root, ignore_errors=True)


def test_the_sites_fail_over_and_come_back(sites: tuple[Site, Site]) -> None:
    """sg waits for hk and follows it; break.sh kills hk and promotes sg; hk comes back as sg's standby, with its data."""
    hk, sg = sites
    sg.start()
    hk.start()
    until(lambda: hk.ask("select not pg_is_in_recovery()") == "t", "hk is the primary", 60)
    until(
        lambda: hk.ask("select state from pg_stat_replication where application_name = 'sg'") == "streaming",
        "sg follows",
        60,
    )
    hk.ask("insert into rto_rpo.canary values ('test', 1, now())", database="orders")
    until(lambda: sg.ask("select seq from rto_rpo.canary", database="orders") == "1", "it arrives", 30)
    assert hk.ask("select rolcanlogin and not rolsuper from pg_roles where rolname = 'dr_probe'") == "t"
    for site in (hk, sg):
        site.note_processes()
    broken = subprocess.run(
        ["bash", hk.root / "break.sh", "0"],
        env=hk.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **as_postgres(),
    )
    assert broken.returncode == 0, broken.stdout + broken.stderr
    assert "killing hk" in broken.stdout
    hk.wait_gone()
    until(lambda: sg.ask("select not pg_is_in_recovery()") == "t", "sg is the primary", 30)
    sg.ask("insert into rto_rpo.canary values ('test', 2, now())", database="orders")
    hk.start()
    until(
        lambda: sg.ask("select state from pg_stat_replication where application_name = 'hk'") == "streaming",
        "hk follows",
        60,
    )
    until(lambda: hk.ask("select max(seq) from rto_rpo.canary", database="orders") == "2", "it arrives", 30)

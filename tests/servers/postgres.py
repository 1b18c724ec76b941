"""One real PostgreSQL server of our own, on loopback, that can be killed, frozen and promoted."""

import atexit
import functools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.servers.processes import Process, family, wait_stopped
from tests.servers.wait import free_port, until

PASSWORD = "only-for-tests"
"""Of dr_probe, in every server of the rig."""
SQL = Path(__file__).parents[2] / "deploy" / "database-roles" / "postgres.sql"
CONFIGURATION = """
listen_addresses = '127.0.0.1'
shared_buffers = 16MB
max_connections = 40
max_wal_senders = 6
wal_keep_size = 256MB
wal_log_hints = on
wal_retrieve_retry_interval = 100ms
hot_standby_feedback = on
log_min_messages = fatal
log_min_error_statement = panic
"""
ACCESS = """
local all,replication all trust
host  replication postgres  127.0.0.1/32 trust
host  all         writer    127.0.0.1/32 trust
host  all         all       127.0.0.1/32 scram-sha-256
"""


def _binaries() -> Path | None:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


def postgres_missing() -> str:
    """Why the rig cannot run here; empty when it can."""
    return "" if _binaries() else "PostgreSQL's server is missing: apt-get install postgresql-15"


def as_postgres() -> dict[str, Any]:
    """Arguments for subprocess: PostgreSQL refuses to run as root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def run(program: str, *arguments: str) -> str:
    """A program of PostgreSQL, as its user. Raises AssertionError with what it said."""
    binaries = _binaries()
    assert binaries is not None, postgres_missing()
    done = subprocess.run(
        [binaries / program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        check=False,
        **as_postgres(),
    )
    assert done.returncode == 0, f"{program} {' '.join(arguments)}: {done.stderr or done.stdout}"
    return str(done.stdout)


def temporary_directory() -> Path:
    """Owned by whoever runs PostgreSQL, readable by all, with a path short enough for a unix socket."""
    path = Path(tempfile.mkdtemp(prefix="drpg-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(path, "postgres", "postgres")
    path.chmod(0o755)
    return path


class PostgresServer:
    """A data directory and, while it runs, its postmaster. Database `app`, roles dr_probe and writer."""

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.data = root / name
        self.socket = root
        self.port = free_port()
        self.log = root / f"{name}.log"
        self.environment: dict[str, str] = {}
        """Added to that of the next start: for a clock that is off, say."""
        self._process: subprocess.Popen[bytes] | None = None
        self._family: set[Process] = set()

    def dsn(self, user: str = "dr_probe", database: str = "app", port: int | None = None) -> str:
        """For TCP, without a password. `port`: of a proxy before it."""
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def start(self, *, wait: bool = True) -> None:
        """Start it; with `wait` return when it takes connections."""
        assert self._process is None, f"{self.name} runs already"
        binaries = _binaries()
        assert binaries is not None, postgres_missing()
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        options = [
            "-D",
            str(self.data),
            "-p",
            str(self.port),
            "-k",
            str(self.socket),
            "-c",
            f"cluster_name={self.name}",
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [binaries / "postgres", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, **self.environment},
                **as_postgres(),
            )
        if wait:
            until(self._is_ready, f"{self.name} takes connections; see {self.log}", within=30)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} did not start: {self.log.read_text()[-1000:]}"
        try:
            lines = (self.data / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def stop(self, mode: str = "fast") -> None:
        """Shut down: `smart`, `fast` or `immediate`."""
        signals = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
        if self._process is not None:
            self._process.send_signal(signals[mode])
            self._gone()

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def kill(self) -> float:
        """SIGKILL of the postmaster. Returns the instant (CLOCK_MONOTONIC) just before; its children end by themselves."""
        assert self._process is not None, f"{self.name} does not run"
        self._family = self.family()
        at = time.monotonic()
        self._process.kill()
        return at

    def wait_gone(self) -> None:
        """After `kill`: until the postmaster and all its children have ended."""
        for process in self._family:
            if process.is_stopped:  # it cannot notice that its postmaster is dead
                process.signal(signal.SIGKILL)
        self._gone()

    def _gone(self) -> None:
        assert self._process is not None
        self._process.wait(30)
        until(
            lambda: not any(process.is_alive for process in self._family),
            f"the children of {self.name} have ended",
            within=30,
        )
        self._process = None
        self._family = set()

    def freeze(self) -> float:
        """SIGSTOP of the postmaster and all its children. Returns the instant just before."""
        assert self._process is not None, f"{self.name} does not run"
        known = (
            self.family()
        )  # before: on a busy machine the search takes so long that logins would end well before sessions
        at = time.monotonic()
        self._process.send_signal(signal.SIGSTOP)  # first, so that no new children appear
        for process in known:
            process.signal(signal.SIGSTOP)
        family_now = self.family()
        for process in family_now - known:
            process.signal(signal.SIGSTOP)
        wait_stopped(family_now)
        return at

    def thaw(self) -> None:
        for process in self.family():
            process.signal(signal.SIGCONT)

    def promote(self, *, wait: bool = True) -> None:
        """Make a standby a primary; with `wait` return when it takes writes."""
        self.sql("SELECT pg_promote(false)")
        if wait:
            until(lambda: self.sql("SELECT pg_is_in_recovery()") == "f", f"{self.name} is promoted", within=30)

    def sql(self, query: str, *, database: str = "app", user: str = "postgres") -> str:
        """What psql prints for it, unaligned and without headers."""
        where = ["-h", str(self.socket), "-p", str(self.port), "-U", user, "-d", database]
        return run("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *where, "-c", query).strip()

    def written(self) -> set[int]:
        """What of the independent writer is here."""
        return {int(line) for line in self.sql("SELECT id FROM truth").split()}

    def markers(self, vantage: str) -> set[int]:
        """The canary markers that are here."""
        return {int(line) for line in self.sql(f"SELECT seq FROM rto_rpo.canary WHERE vantage = '{vantage}'").split()}

    def disconnect(self, user: str) -> None:
        """End all sessions of this role."""
        self.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{user}'")

    def configure(self, **settings: str) -> None:
        """ALTER SYSTEM, and a reload that is waited for."""
        for name, value in settings.items():
            self.sql(f"ALTER SYSTEM SET {name} = '{value}'")
        before = self.sql("SELECT pg_conf_load_time()")
        self.sql("SELECT pg_reload_conf()")
        until(lambda: self.sql("SELECT pg_conf_load_time()") != before, "the settings are loaded")

    def family(self) -> set[Process]:
        """The postmaster and its living children."""
        assert self._process is not None, f"{self.name} does not run"
        return family(self._process.pid)

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self._process is None:
            return
        self._family |= self.family()
        self._process.kill()
        self.wait_gone()


@functools.cache
def template() -> Path:
    """A data directory made once for this process: `app` with the shipped SQL and the table of the writer."""
    root = temporary_directory()
    server = PostgresServer("template", root)
    run("initdb", "-D", str(server.data), "-U", "postgres", "--auth=trust", "--no-locale", "-E", "UTF8", "--no-sync")
    with (server.data / "postgresql.conf").open("a") as configuration:
        configuration.write(CONFIGURATION)
    (server.data / "pg_hba.conf").write_text(ACCESS)
    server.start()
    try:
        server.sql("CREATE DATABASE app", database="postgres")
        run("psql", "-XqAt", "-h", str(root), "-p", str(server.port), "-U", "postgres", "-d", "app", "-f", str(SQL))
        server.sql(f"ALTER ROLE dr_probe PASSWORD '{PASSWORD}'")
        server.sql(
            "CREATE ROLE writer LOGIN; CREATE TABLE truth (id bigint PRIMARY KEY, at timestamptz DEFAULT now()); GRANT ALL ON truth TO writer"
        )
    finally:
        server.stop()
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return server.data

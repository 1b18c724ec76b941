"""One real MariaDB server of our own, on loopback, that can be killed, frozen and promoted."""

import atexit
import functools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.postgres import PASSWORD
from tests.servers.processes import Process, family, wait_stopped
from tests.servers.wait import free_port, until

SQL = Path(__file__).parents[2] / "deploy" / "database-roles" / "mariadb.sql"
OPTIONS = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--log-bin=binlog",
    "--log-slave-updates=ON",
    "--binlog-format=ROW",
    "--slave-net-timeout=4",
    "--max-connections=40",
    # The operating system survives each of our faults, so that nothing need be flushed to the disk.
    "--innodb-flush-log-at-trx-commit=2",
    "--sync-binlog=0",
    "--innodb-fast-shutdown=2",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=16M",
    "--innodb-buffer-pool-load-at-startup=OFF",
    "--innodb-buffer-pool-dump-at-shutdown=OFF",
    "--aria-pagecache-buffer-size=8M",
    "--key-buffer-size=1M",
)
MADE = """
CREATE DATABASE app;
CREATE TABLE app.truth (id bigint PRIMARY KEY) ENGINE = InnoDB;
CREATE USER writer@'127.0.0.1';
GRANT SELECT, INSERT ON app.* TO writer@'127.0.0.1';
CREATE USER repl@'127.0.0.1';
GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1';
"""


def mariadb_missing() -> str:
    """Why the rig cannot run here; empty when it can."""
    found = all(shutil.which(program) for program in ("mariadbd", "mariadb", "mariadb-install-db", "mariadb-dump"))
    return "" if found else "MariaDB's server is missing: apt-get install mariadb-server"


def _user() -> list[str]:
    """mariadbd refuses to run as root."""
    return ["--user=mysql"] if os.geteuid() == 0 else []


def _owned(path: Path) -> None:
    if os.geteuid() == 0:
        for folder, folders, files in os.walk(path):
            for name in [".", *folders, *files]:
                shutil.chown(Path(folder) / name, "mysql", "mysql")


def temporary_directory() -> Path:
    """Owned by whoever runs MariaDB, with a path short enough for a unix socket."""
    path = Path(tempfile.mkdtemp(prefix="drmy-", dir="/tmp"))
    path.chmod(0o755)
    _owned(path)
    return path


class MariadbServer:
    """A data directory and, while it runs, its server. Database `app`, accounts dr_probe and writer.

    `read_only`: as it starts. The same calls as `PostgresServer`.
    """

    def __init__(self, name: str, root: Path, number: int) -> None:
        self.name = name
        self.number = number
        """Its server_id."""
        self.data = root / name
        self.socket = root / f"{name}.sock"
        self.port = free_port()
        self.log = root / f"{name}.log"
        self.read_only = False
        self.options: tuple[str, ...] = OPTIONS
        self._process: subprocess.Popen[bytes] | None = None

    def dsn(self, user: str = "dr_probe", database: str | None = None, port: int | None = None) -> str:
        """For TCP, without a password; dr_probe has no right in `app`. `port`: of a proxy before it."""
        database = database if database is not None else "" if user == "dr_probe" else "app"
        return f"mysql://{user}@127.0.0.1:{port or self.port}/{database}"

    def copy_template(self) -> None:
        """Begin with the data directory that was made once for this process."""
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(template(), self.data)
        _owned(self.data)

    def start(self, *, wait: bool = True) -> None:
        """Start it; with `wait` return when it takes connections."""
        assert self._process is None, f"{self.name} runs already"
        own = [
            f"--datadir={self.data}",
            f"--socket={self.socket}",
            f"--port={self.port}",
            f"--pid-file={self.data}/pid",
            f"--server-id={self.number}",
            f"--read-only={int(self.read_only)}",
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["mariadbd", "--no-defaults", *_user(), *own, *self.options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
            )
        if wait:
            until(self.is_ready, f"{self.name} takes connections; see {self.log}", within=30)

    def is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} did not start: {self.log.read_text()[-1000:]}"
        return self._client("SELECT 1").returncode == 0

    def stop(self, mode: str = "fast") -> None:
        """Shut down in order; `immediate` leaves the recovery to the next start."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL if mode == "immediate" else signal.SIGTERM)
            self.wait_gone()

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def kill(self) -> float:
        """SIGKILL. Returns the instant (CLOCK_MONOTONIC) just before."""
        assert self._process is not None, f"{self.name} does not run"
        at = time.monotonic()
        self._process.kill()
        return at

    def wait_gone(self) -> None:
        """After `kill`: until the server has ended."""
        assert self._process is not None
        self._process.wait(30)
        self._process = None

    def freeze(self) -> float:
        """SIGSTOP. Returns the instant just before."""
        at = time.monotonic()
        family_now = self.family()
        for process in family_now:
            process.signal(signal.SIGSTOP)
        wait_stopped(family_now)
        return at

    def thaw(self) -> None:
        for process in self.family():
            process.signal(signal.SIGCONT)

    def promote(self, *, wait: bool = True, drain: bool = False) -> None:
        """Make a standby a primary, as many do: what has arrived and is not applied is thrown away, unless `drain`."""
        if drain:
            self.sql("STOP SLAVE IO_THREAD")
            until(lambda: self.status("Slave_SQL_Running_State").startswith("Slave has read all"), "all is applied")
        self.sql("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = 0")
        self.read_only = False

    def follow(self, port: int) -> None:
        """Become a standby of whoever listens behind `port`, from where this server is."""
        self.sql(
            f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='repl', MASTER_CONNECT_RETRY=1,"
            " MASTER_HEARTBEAT_PERIOD=0.5, MASTER_USE_GTID=slave_pos; START SLAVE"
        )

    def sql(self, query: str, *, database: str = "app", user: str = "root") -> str:
        """What the client prints for it, without headers."""
        done = self._client(query, database=database, user=user)
        assert done.returncode == 0, f"{self.name}: {query}: {done.stderr}"
        return done.stdout.strip()

    def written(self) -> set[int]:
        """What of the independent writer is here."""
        return {int(line) for line in self.sql("SELECT id FROM truth").split()}

    def markers(self, vantage: str) -> set[int]:
        """The canary markers that are here."""
        return {int(line) for line in self.sql(f"SELECT seq FROM rto_rpo.canary WHERE vantage = '{vantage}'").split()}

    def load(self, dump: str) -> None:
        """Run what mariadb-dump wrote."""
        done = self._client("", text=dump)
        assert done.returncode == 0, f"{self.name}: {done.stderr}"

    def _client(
        self, query: str, *, database: str = "", user: str = "root", text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        where = ["--no-defaults", f"--socket={self.socket}", f"--user={user}", "--batch"]
        where += [] if query.endswith("\\G") else ["--skip-column-names"]
        return subprocess.run(
            ["mariadb", *where, *(["-e", query] if text is None else []), *([database] if database else [])],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @contextmanager
    def holding(self, query: str) -> Iterator[None]:
        """A session that has begun a transaction with this query, and keeps it open."""
        where = ["--no-defaults", f"--socket={self.socket}", "--user=root", "--batch", "--unbuffered"]
        with subprocess.Popen(["mariadb", *where], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdin is not None
            assert client.stdout is not None
            client.stdin.write(f"BEGIN; {query}; SELECT 'it', 'holds';\n")
            client.stdin.flush()
            while "holds" not in client.stdout.readline():
                assert client.poll() is None
            yield

    def status(self, name: str) -> str:
        """One field of SHOW SLAVE STATUS; empty when it is NULL, or there is no channel."""
        for line in self.sql("SHOW SLAVE STATUS\\G").splitlines():
            key, _, value = line.strip().partition(":")
            if key == name:
                return "" if value.strip() == "NULL" else value.strip()
        return ""

    def disconnect(self, user: str) -> None:
        """End all sessions of this account."""
        self.sql(f"KILL USER {user}")

    def configure(self, **settings: str) -> None:
        """SET GLOBAL."""
        for name, value in settings.items():
            self.sql(f"SET GLOBAL {name} = {value}")

    def family(self) -> set[Process]:
        assert self._process is not None, f"{self.name} does not run"
        return family(self._process.pid)

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self._process is not None:
            self._process.kill()
            self.wait_gone()


@functools.cache
def template() -> Path:
    """A data directory made once for this process: `app` with the shipped SQL and the table of the writer."""
    root = temporary_directory()
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    server = MariadbServer("template", root, 1)
    server.options = tuple(option for option in OPTIONS if not option.startswith("--log-"))
    install = ["mariadb-install-db", "--no-defaults", *_user(), f"--datadir={server.data}", "--skip-test-db"]
    quick = ["--auth-root-authentication-method=normal", "--skip-name-resolve", "--innodb-log-file-size=16M"]
    done = subprocess.run([*install, *quick], capture_output=True, text=True, timeout=60, cwd="/", check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    server.start()
    try:
        server.load(MADE + SQL.read_text() + f"ALTER USER dr_probe IDENTIFIED BY '{PASSWORD}' ACCOUNT UNLOCK;")
    finally:
        server.stop()
    return server.data

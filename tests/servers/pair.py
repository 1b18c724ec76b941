"""A primary and its streaming standby, the replication passing through a proxy that can be cut."""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.postgres import PostgresServer, run, template, temporary_directory
from tests.servers.proxy import Proxy
from tests.servers.wait import until


class PostgresPair:
    """Two servers `a` (primary at first) and `b`, ready in about 2 s. `synchronous`: a commit waits for the standby.

    Both start from copies of one cleanly stopped data directory; `reclone` uses pg_basebackup, `rewind` pg_rewind.
    """

    def __init__(self, *, synchronous: bool = False) -> None:
        self._synchronous = synchronous
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.root = temporary_directory()
            undo.callback(shutil.rmtree, self.root, ignore_errors=True)
            self.a = PostgresServer("a", self.root)
            self.b = PostgresServer("b", self.root)
            self.primary, self.standby = self.a, self.b
            self.link = undo.enter_context(Proxy(self.a.port))
            for server in (self.a, self.b):
                _copy(template(), server.data)
                undo.callback(server.close)
            self.a.start()
            _follow(self.b, self.link.port)
            self.b.start()
            self.wait_streaming()
            if self._synchronous:
                self.a.configure(synchronous_standby_names="*")
                until(lambda: self._asks_primary("sync_state = 'sync'"), "the standby is synchronous")
            self._closing = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def make_room(self, sessions: int) -> None:
        """Restart both servers with room for so many sessions, all of which dr_probe may have."""
        self.primary.sql("ALTER ROLE dr_probe CONNECTION LIMIT -1")
        for server in (self.standby, self.primary):
            server.configure(max_connections=str(sessions))
            server.stop()
        self.primary.start()
        self.standby.start()
        self.wait_streaming()

    def wait_streaming(self) -> None:
        """Until the standby streams and has received all that the primary has written so far."""
        until(
            lambda: self._asks_primary("state = 'streaming' AND flush_lsn >= pg_current_wal_flush_lsn()"),
            "the standby streams",
        )

    def kill(self) -> float:
        """SIGKILL the primary; returns the instant (CLOCK_MONOTONIC) just before."""
        return self.primary.kill()

    def promote(self, *, wait: bool = True) -> PostgresServer:
        """The standby becomes the primary; returns it. What the old primary does is not touched."""
        self.standby.promote(wait=wait)
        self.primary, self.standby = self.standby, self.primary
        return self.primary

    def start_again(self) -> None:
        """The server that was killed or stopped starts as what it was: after a promotion that is a second primary."""
        self.standby.close()
        self.standby.start()

    def reclone(self) -> None:
        """Make the old primary a new standby, from a base backup."""
        self.standby.close()
        shutil.rmtree(self.standby.data)
        where = ["-h", str(self.primary.socket), "-p", str(self.primary.port), "-U", "postgres"]
        run("pg_basebackup", *where, "-D", str(self.standby.data), "-X", "stream", "-c", "fast", "--no-sync")
        self._join()

    def rewind(self) -> None:
        """Make the old primary a new standby with pg_rewind, which keeps its data directory."""
        self.standby.close()
        self.primary.sql("CHECKPOINT")  # pg_rewind reads the new timeline from the control file
        source = f"host={self.primary.socket} port={self.primary.port} user=postgres dbname=postgres"
        run("pg_rewind", "-D", str(self.standby.data), f"--source-server={source}")
        self._join()

    def _join(self) -> None:
        self.link.target = self.primary.port
        _follow(self.standby, self.link.port)
        self.standby.start()
        self.wait_streaming()

    def _asks_primary(self, condition: str) -> bool:
        return self.primary.sql(f"SELECT count(*) FROM pg_stat_replication WHERE {condition}") == "1"


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    if os.geteuid() == 0:
        shutil.chown(target, "postgres", "postgres")
        for folder, folders, files in os.walk(target):
            for name in folders + files:
                shutil.chown(Path(folder) / name, "postgres", "postgres")
    target.chmod(0o700)


def _follow(server: PostgresServer, port: int) -> None:
    """Make a stopped server a standby of whoever listens behind `port`."""
    settings = [f"primary_conninfo = 'host=127.0.0.1 port={port} user=postgres application_name={server.name}'\n"]
    automatic = server.data / "postgresql.auto.conf"
    kept = [line for line in automatic.read_text().splitlines(keepends=True) if not line.startswith("primary_conninfo")]
    automatic.write_text("".join(kept + settings))
    (server.data / "standby.signal").touch()

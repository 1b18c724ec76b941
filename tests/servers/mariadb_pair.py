"""A MariaDB primary and its standby, the replication passing through a proxy that can be cut."""

import shutil
import subprocess
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from tests.servers.mariadb import MariadbServer, temporary_directory
from tests.servers.proxy import Proxy
from tests.servers.wait import until


class MariadbPair:
    """Two servers `a` (primary at first) and `b`, ready in about 2 s, with the calls of `PostgresPair`.

    `synchronous`: a commit waits until the standby has received it, and a promotion first applies what was received.
    """

    def __init__(self, *, synchronous: bool = False) -> None:
        self._synchronous = synchronous
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.root = temporary_directory()
            undo.callback(shutil.rmtree, self.root, ignore_errors=True)
            self.a = MariadbServer("a", self.root, 1)
            self.b = MariadbServer("b", self.root, 2)
            self.primary, self.standby = self.a, self.b
            self.b.read_only = True
            self.link = undo.enter_context(Proxy(self.a.port))
            for server in (self.a, self.b):
                if self._synchronous:
                    both = ("--rpl-semi-sync-master-enabled=ON", "--rpl-semi-sync-slave-enabled=ON")
                    server.options += (*both, "--rpl-semi-sync-master-timeout=60000")
                server.copy_template()
                undo.callback(server.close)
                server.start(wait=False)
            for server in (self.a, self.b):
                until(server.is_ready, f"{server.name} takes connections; see {server.log}", within=30)
            self.b.follow(self.link.port)
            self.wait_streaming()
            self._closing = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def wait_streaming(self) -> None:
        """Until the standby replicates and has applied all that the primary has written so far."""
        until(lambda: self.standby.status("Slave_IO_Running") == "Yes", "the standby receives")
        position = self.primary.sql("SELECT @@gtid_binlog_pos")
        assert self.standby.sql(f"SELECT MASTER_GTID_WAIT('{position}', 15)") == "0", "the standby does not apply"

    def kill(self) -> float:
        """SIGKILL the primary; returns the instant (CLOCK_MONOTONIC) just before."""
        return self.primary.kill()

    def promote(self, *, wait: bool = True) -> MariadbServer:
        """The standby becomes the primary; returns it. What the old primary does is not touched."""
        self.standby.promote(wait=wait, drain=self._synchronous)
        self.primary, self.standby = self.standby, self.primary
        return self.primary

    def start_again(self) -> None:
        """The server that was killed or stopped starts as what it was: after a promotion that is a second primary."""
        self.standby.close()
        self.standby.start()

    def reclone(self) -> None:
        """Make the old primary a new standby, from a dump of the primary."""
        self.standby.close()
        self.standby.copy_template()
        self.standby.read_only = True
        self.standby.start()
        where = ["mariadb-dump", "--no-defaults", f"--socket={self.primary.socket}", "--user=root"]
        how = [
            "--single-transaction",
            "--gtid",
            "--master-data=1",
            "--add-drop-database",
            "--databases",
            "app",
            "rto_rpo",
        ]
        dump = subprocess.run([*where, *how], capture_output=True, text=True, timeout=60, check=True).stdout
        # What the copy itself writes must not look like writes of another primary.
        self.standby.load(f"SET sql_log_bin = 0;\n{dump}")
        self.link.target = self.primary.port
        self.standby.follow(self.link.port)
        self.wait_streaming()

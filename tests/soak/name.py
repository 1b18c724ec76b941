"""A real name server (dnsmasq) with one name, as a system that can be broken."""

import getpass
import signal
import subprocess
import time
from types import TracebackType
from typing import Any, Self

import dns.exception
import dns.message
import dns.query

from exporter.core.interval import Interval
from tests.servers import free_port, until
from tests.servers.name_server import PROGRAM
from tests.servers.processes import family, wait_stopped

NAME = "orders.test"


class NameServer:
    """Use as a context manager."""

    SYSTEM = "names"

    def __init__(self) -> None:
        assert PROGRAM is not None, "dnsmasq is not installed: apt-get install dnsmasq-base"
        self._port = free_port()
        options = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file="]
        where = [
            "--bind-interfaces",
            "--listen-address=127.0.0.1",
            f"--port={self._port}",
            f"--user={getpass.getuser()}",
        ]
        self._command = [PROGRAM, *options, *where, f"--host-record={NAME},127.0.0.1"]

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> Interval:
        """SIGKILL; when it ended."""
        before = time.monotonic()
        self._process.kill()
        self._process.wait()
        return Interval(before, time.monotonic())

    def freeze(self) -> Interval:
        before = time.monotonic()
        self._process.send_signal(signal.SIGSTOP)
        wait_stopped(family(self._process.pid))
        return Interval(before, time.monotonic())

    def mend(self) -> Interval:
        """It answers again, some time after this began."""
        before = time.monotonic()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            until(self._answers, "the name server answers")
        else:
            self._start()
        return Interval(before, time.monotonic())

    def _start(self) -> None:
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        until(self._answers, "the name server answers")

    def _answers(self) -> bool:
        try:
            dns.query.udp(dns.message.make_query(NAME, "A"), "127.0.0.1", timeout=0.5, port=self._port)
        except (OSError, dns.exception.DNSException):
            return False
        return True

    def systems(self) -> dict[str, Any]:
        """As a configuration."""
        probe = {"dns": {"name": NAME, "servers": [f"127.0.0.1:{self._port}"]}}
        return {self.SYSTEM: {"home": "hk", "components": {"it": {"critical": True}}, "sites": {"hk": {"it": probe}}}}

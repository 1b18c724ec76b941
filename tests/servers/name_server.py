"""A real name server (dnsmasq) with a few records, on a free loopback port."""

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import dns.exception
import dns.message
import dns.query
import pytest

from tests.servers.wait import free_port, until

PROGRAM = shutil.which("dnsmasq") or shutil.which("/usr/sbin/dnsmasq")
OPTIONS = (
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--no-resolv",
    "--no-hosts",
    "--pid-file=",
    "--local=/test/",
)
"""It knows what it is told on its command line, and nothing of this machine."""


@contextmanager
def name_server(*records: str, port: int | None = None) -> Iterator[int]:
    """Its port. `records`: options of dnsmasq, like `--host-record=orders.test,10.1.0.5,30`; other names under test do not exist.

    Skips where dnsmasq is not installed (fails with CI=true).
    """
    missing = "dnsmasq is not installed: apt-get install dnsmasq-base"
    if PROGRAM is None and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if PROGRAM is None:
        pytest.skip(missing)
    port = port or free_port()
    listen = ["--bind-interfaces", "--listen-address=127.0.0.1", f"--port={port}", f"--user={getpass.getuser()}"]
    process = subprocess.Popen([PROGRAM, *OPTIONS, *listen, *records], stderr=subprocess.DEVNULL)
    try:
        until(lambda: process.poll() is not None or _answers(port), "the name server answers")
        assert process.poll() is None, "the name server has ended"
        yield port
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        dns.query.udp(dns.message.make_query("up.test.", "A"), "127.0.0.1", timeout=0.5, port=port)
    except (OSError, dns.exception.DNSException):
        return False
    return True

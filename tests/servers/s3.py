"""A server that speaks S3 (moto), in a process of its own on a free loopback port."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.wait import free_port, until


@contextmanager
def s3_server() -> Iterator[str]:
    """Its endpoint, until the block ends. Any key is let in: it checks no signature."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers() -> bool:
        assert process.poll() is None, "moto's server ended by itself"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(answers, "the S3 server takes connections", within=60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)

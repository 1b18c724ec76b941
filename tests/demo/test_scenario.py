"""The whole demo, with the real exporter: what `rto-rpo-exporter demo` does."""

import asyncio
import os
import re
import signal
import socket
import sys
from pathlib import Path

import pytest

from exporter.demo.postgres_pair import INSTALLED
from exporter.demo.process import free_ports
from exporter.demo.scenario import addresses, run_demo

WITHIN = 60.0
NEEDS_POSTGRES = pytest.mark.skipif(
    not any(INSTALLED.glob("*/bin/postgres")) and not os.environ.get("CI"), reason="needs Debian's postgresql-15"
)


async def broken_demo(*, postgres: bool) -> list[str]:
    """The lines of `demo --break`, which must come to a good end."""
    lines: list[str] = []
    async with asyncio.timeout(WITHIN):
        code = await run_demo(break_=True, postgres=postgres, out=lines.append)
    assert code == 0, "\n".join(lines)
    return lines


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def row(lines: list[str], what: str) -> str:
    return next(line for line in lines if line.startswith(f"{what}  "))


async def test_the_exporter_tells_the_truth() -> None:
    """Every figure of the exporter about a killed primary holds the truth, and the output fits a terminal."""
    lines = await broken_demo(postgres=False)
    for what in ("outage began", "RTO", "RPO", "canary markers lost"):
        assert row(lines, what).endswith("yes")
    lost = re.search(r"(\d+) acknowledged before the kill, (\d+) of them lost", "\n".join(lines))
    assert lost is not None
    assert 0 < int(lost[2]) < int(lost[1])
    assert max(len(line) for line in lines) <= 80
    assert not any("\x1b" in line for line in lines)


@pytest.mark.postgres
@NEEDS_POSTGRES
async def test_the_exporter_tells_the_truth_about_postgresql() -> None:
    """The same with a real streaming pair."""
    lines = await broken_demo(postgres=True)
    for what in ("outage began", "RTO", "RPO", "canary markers lost"):
        assert row(lines, what).endswith("yes")


@pytest.mark.parametrize(
    ("listen", "asked", "url"),
    [
        ("127.0.0.1:9720", "127.0.0.1:9720", "http://127.0.0.1:9720"),
        (":9720", ":9720", "http://127.0.0.1:9720"),
        ("[::]:9720", "[::]:9720", "http://127.0.0.1:9720"),
        ("[::1]:9720", "[::1]:9720", "http://[::1]:9720"),
    ],
)
def test_where_the_exporter_is_reached(listen: str, asked: str, url: str) -> None:
    """On loopback where it listens on every interface; port 0 becomes a free one, which has to be known beforehand."""
    assert addresses(listen) == (asked, url)
    told, reached = addresses(listen.replace("9720", "0"))
    assert int(told.rpartition(":")[2]) == int(reached.rpartition(":")[2]) > 0


async def test_a_taken_port_is_named() -> None:
    """If the exporter cannot listen, the demo ends with its words and exit code 2."""
    lines: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with asyncio.timeout(WITHIN):
            code = await run_demo(break_=False, postgres=False, out=lines.append, listen=f"127.0.0.1:{port}")
    assert code == 2
    assert "the demo cannot go on: exporter ended by itself" in lines[-1]
    assert str(port) in lines[-1]


async def test_ctrl_c_ends_everything() -> None:
    """Ctrl-C ends the demo with exit code 0 and leaves no process and no file behind."""
    command = [sys.executable, "-m", "exporter", "demo", f"--web.listen-address=127.0.0.1:{free_ports(1)[0]}"]
    demo = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert demo.stdout is not None
    pids: list[int] = []
    async with asyncio.timeout(WITHIN):
        while line := (await demo.stdout.readline()).decode():
            pids += [int(pid) for pid in re.findall(r"pid (\d+)", line)]
            if "Ctrl-C here ends everything" in line:
                demo.send_signal(signal.SIGINT)
        assert await demo.wait() == 0
    assert len(pids) == 4
    assert not any(map(exists, pids))

"""What every bench needs: child processes that end with their block, their CPU, their memory, and a summary of rounds."""

import contextlib
import json
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.servers import free_port

_WITHIN = 60.0
"""Seconds that a child may take until it listens."""


def cpu_seconds(pid: int) -> float:
    """User + system time of another process, all threads, to the nanosecond: its CLOCK_PROCESS_CPUTIME_ID (see clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def memory_mb(pid: int) -> float:
    """The most that a process has held in memory so far, in units of 10^6 bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024 / 1e6


@contextlib.contextmanager
def running(*command: str, environment: Mapping[str, str] | None = None) -> Iterator["subprocess.Popen[str]"]:
    """A child process, ended with the block."""
    child = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1,
    )
    try:
        yield child
    finally:
        child.terminate()
        child.communicate()


def ask(child: "subprocess.Popen[str]", question: str = "") -> str:
    """The next line that the child prints, after `question` if there is one."""
    assert child.stdin is not None
    assert child.stdout is not None
    if question:
        child.stdin.write(f"{question}\n")
    text = child.stdout.readline().strip()
    if not text:
        raise RuntimeError(f"{child.args!r} ended without a word")
    return text


def until_listening(child: "subprocess.Popen[str]", port: int) -> None:
    give_up = time.monotonic() + _WITHIN
    while time.monotonic() < give_up and child.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{child.args!r} does not listen on port {port}")


@contextlib.contextmanager
def serving(
    folder: Path, config: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, int]]:
    """The whole exporter with this configuration (JSON is YAML): its process id and port."""
    file, port = folder / "dr.yml", free_port()
    ledger = {"exporter": {"ledger": f"sqlite:///{folder}/ledger.db"}}
    file.write_text(json.dumps({**ledger, **config}))
    command = (sys.executable, "-m", "exporter", "serve", f"--config.file={file}", "--log.level=error")
    address = f"--web.listen-address=127.0.0.1:{port}"
    with running(*command, address, environment={**os.environ, **(environment or {})}) as child:
        until_listening(child, port)
        yield child.pid, port


def get(port: int, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return str(answer.read().decode())


def total(metrics: str, name: str) -> float:
    """The sum of all series of a metric."""
    return sum(map(float, re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", metrics, re.MULTILINE)))


class Row(NamedTuple):
    """One line of the table: something measured in several rounds, against what is promised at most."""

    name: str
    rounds: Sequence[float]
    limit: float | None
    """None: nothing is promised, it is only told."""
    unit: str = ""
    """Empty for a ratio."""
    words: str = ""
    """What stands behind it, for people."""

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def met(self) -> bool:
        return self.limit is None or self.median <= self.limit

    @property
    def verdict(self) -> str:
        return "" if self.limit is None else "met" if self.met else "MISSED"

    def __str__(self) -> str:
        spread = f"{min(self.rounds):.3g} .. {max(self.rounds):.3g}"
        value = f"{self.median:.3g} {self.unit}".strip()
        limit = "" if self.limit is None else f"{self.limit:g} {self.unit}".strip()
        return f"{self.name:<44}{value:>10}{spread:>18}{limit:>11}  {self.verdict:<7} {self.words}"

    def json(self) -> dict[str, Any]:
        return {**self._asdict(), "rounds": list(self.rounds), "median": self.median, "met": self.met}


def machine() -> dict[str, Any]:
    """On what it was measured."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": len(list(Path("/sys/devices/system/cpu").glob("cpu[0-9]*"))),
        "memory_gb": round(int(memory[1]) / 1e6, 1) if memory else None,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": Path("/proc/loadavg").read_text().split()[:3],
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }

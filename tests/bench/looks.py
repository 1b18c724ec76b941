"""What a look costs: our CPU per look beside blackbox_exporter's, paced alike, in one run, on the same server.

`python -m tests.bench.looks [--rounds 5] [--count 1000] [--rate 200]` prints the table and writes tests/bench/results/looks.json. CPU is
user + system of the whole process, from its own CPU clock. The server and whoever asks blackbox_exporter are other
processes and are not counted.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from tests.bench.looker import SLOT
from tests.hostile import free_port

RESULTS = Path(__file__).parent / "results" / "looks.json"
LIMITS = {"http": 0.25, "tcp": 0.3, "https": 0.65}
"""The ratios that the README promises at most."""
_MODULES = """
modules:
  http: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, fail_if_body_not_matches_regexp: ['"status": "ok"']}}
  https:
    prober: http
    timeout: 5s
    http:
      preferred_ip_protocol: ip4
      fail_if_body_not_matches_regexp: ['"status": "ok"']
      tls_config: {ca_file: CERTIFICATE}
  tcp: {prober: tcp, timeout: 5s}
"""


class Load(NamedTuple):
    rate: float
    """Looks a second."""
    looks: int
    """How many a measurement."""


class Cost(NamedTuple):
    """CPU microseconds a look."""

    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


def cpu_seconds(pid: int) -> float:
    """User + system time of another process, to the nanosecond: its CLOCK_PROCESS_CPUTIME_ID (see clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


@contextlib.contextmanager
def running(*command: str) -> Iterator["subprocess.Popen[str]"]:
    """A child process, ended with the block."""
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
    )
    try:
        yield child
    finally:
        child.terminate()
        child.communicate()


def line(child: "subprocess.Popen[str]") -> str:
    """The next line that the child prints."""
    assert child.stdout is not None
    text = child.stdout.readline().strip()
    if not text:
        raise RuntimeError(f"{child.args!r} ended without a word")
    return text


def ours(kind: str, settings: dict[str, Any], load: Load) -> float:
    """CPU microseconds that one of our looks costs."""
    command = (sys.executable, "-m", "tests.bench.looker", kind, json.dumps(settings), str(load.rate), str(load.looks))
    with running(*command) as looker:
        line(looker)
        before = cpu_seconds(looker.pid)
        assert looker.stdin is not None
        looker.stdin.write("go\n")
        good = int(line(looker))
        spent = cpu_seconds(looker.pid) - before
    if good != load.looks:
        raise RuntimeError(f"{load.looks - good} of {load.looks} looks failed")
    return spent / load.looks * 1e6


async def theirs(pid: int, port: int, module: str, target: str, load: Load) -> float:
    """CPU microseconds that one of blackbox_exporter's probes costs, asked over kept connections as Prometheus does."""
    url = f"http://127.0.0.1:{port}/probe?module={module}&target={urllib.parse.quote(target, safe='')}"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(at: float) -> bool:
            await asyncio.sleep(at - time.monotonic())
            async with session.get(url) as answer:
                return "\nprobe_success 1\n" in await answer.text()

        async def paced(count: int) -> list[bool]:
            begun, a_slot = time.monotonic(), max(1, int(load.rate * SLOT))
            return await asyncio.gather(*(ask(begun + number // a_slot * SLOT) for number in range(count)))

        await paced(int(load.rate))
        before = cpu_seconds(pid)
        good = await paced(load.looks)
        spent = cpu_seconds(pid) - before
    if not all(good):
        raise RuntimeError(f"{good.count(False)} of {load.looks} probes of blackbox_exporter failed")
    return spent / load.looks * 1e6


@contextlib.contextmanager
def blackbox(folder: Path) -> Iterator[tuple[int, int]]:
    """A running blackbox_exporter: its process id and port."""
    config = folder / "blackbox.yml"
    config.write_text(_MODULES.replace("CERTIFICATE", str(folder / "certificate.pem")))
    port = free_port()
    address = f"--web.listen-address=127.0.0.1:{port}"
    command = ("prometheus-blackbox-exporter", f"--config.file={config}", address, "--log.level=error")
    with running(*command) as child:
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.02)
        yield child.pid, port


def certificate(folder: Path) -> None:
    """A self-signed RSA certificate for 127.0.0.1."""
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-keyout",
                "key.pem",
                "-out",
                "certificate.pem",
            ),
            *("-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def measure(rounds: int, load: Load) -> dict[str, list[Cost]]:
    """Both sides in turn, kind by kind, `rounds` times."""
    costs: dict[str, list[Cost]] = {name: [] for name in LIMITS}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        certificate(folder)
        files = str(folder / "certificate.pem"), str(folder / "key.pem")
        server = stack.enter_context(running(sys.executable, "-m", "tests.bench.endpoint", *files))
        http, tcp, https = line(server).split()
        pid, port = stack.enter_context(blackbox(folder))
        page = {"expect": {"body_regex": '"status": "ok"'}}
        kinds: dict[str, tuple[str, str, dict[str, Any]]] = {
            "http": (f"http://127.0.0.1:{http}/healthz", "http", page),
            "tcp": (f"127.0.0.1:{tcp}", "tcp", {}),
            "https": (f"https://127.0.0.1:{https}/healthz", "http", {**page, "tls": {"ca_file": files[0]}}),
        }
        for _ in range(rounds):
            for name, (target, kind, settings) in kinds.items():
                settings = {"url" if kind == "http" else "address": target, **settings}
                other = asyncio.run(theirs(pid, port, name, target, load))
                costs[name].append(Cost(ours(kind, settings, load), other))
    return costs


def table(costs: dict[str, list[Cost]]) -> tuple[str, dict[str, Any]]:
    """The table for people, and the same for machines."""
    lines = [f"{'look':<8}{'ours, us':>10}{'blackbox, us':>14}{'ratio':>8}{'spread':>15}{'limit':>8}"]
    found: dict[str, Any] = {}
    for name, rounds in costs.items():
        ratios = sorted(cost.ratio for cost in rounds)
        mine, other = (statistics.median(values) for values in zip(*rounds, strict=True))
        ratio = statistics.median(ratios)
        spread = f"{ratios[0]:.3f} .. {ratios[-1]:.3f}"
        lines.append(f"{name:<8}{mine:>10.0f}{other:>14.0f}{ratio:>8.3f}{spread:>15}{LIMITS[name]:>8.2f}")
        found[name] = {
            "ours_us": mine,
            "blackbox_us": other,
            "ratio": ratio,
            "ratios": ratios,
            "limit": LIMITS[name],
            "met": ratio <= LIMITS[name],
        }
    return "\n".join(lines), found


def main() -> int:
    """Measures, prints, writes; 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=200)
    arguments = parser.parse_args()
    text, found = table(measure(arguments.rounds, Load(arguments.rate, arguments.count)))
    print(text)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    return 0 if all(kind["met"] for kind in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

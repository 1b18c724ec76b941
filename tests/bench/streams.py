"""What a thousand people who look at the wall cost the looks: how late these start, with all streams open and with none."""

import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.bench import fleet
from tests.bench.quiet import Patience
from tests.bench.rig import Row, ask, cpu_seconds, get, memory_mb, running, serving
from tests.bench.servers import endpoints

STREAMS = 1000
SYSTEMS = 100
"""Of three endpoints each, all looked at every second."""
WARM = 8.0
"""Seconds until everything was looked at several times."""
_BUCKET = re.compile(r'^dr_exporter_probe_lateness_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)


class Window(NamedTuple):
    """What one window brought."""

    late: float
    """Mean seconds by which looks started after they were due."""
    worst: float
    """The same of the latest percent, by the bounds of the histogram."""
    cores: float


class Found(NamedTuple):
    """With and without streams, one after the other in the same process."""

    alone: Window
    watched: Window
    streams: int
    bytes: float
    """That all streams together were sent a second."""
    memory: float
    """Peak, in units of 10^6 bytes."""


def measure(rounds: int, seconds: float, patience: Patience) -> Iterator[Row]:
    """Four rows of the table."""
    found: list[Found] = []
    with tempfile.TemporaryDirectory() as name, endpoints(Path(name)) as server:
        settings = {"url": fleet.page(server.http, 1), "expect": fleet.EXPECT}
        config = fleet.critical(settings, SYSTEMS)
        for number in range(rounds):
            folder = Path(name) / str(number)
            folder.mkdir()
            with serving(folder, config) as (pid, port):
                time.sleep(WARM)
                found.append(patience.undisturbed(lambda: one_round(pid, port, seconds, STREAMS)))
    first = found[0]
    words = (
        f"{first.watched.late * 1000:.1f} ms, alone {first.alone.late * 1000:.1f} ms; {first.streams} open to the end"
    )
    ratios = [one.watched.late / one.alone.late for one in found]
    yield Row("mean lateness, 1,000 streams / none", ratios, 1.2, words=words)
    worst = f"alone {first.alone.worst * 1000:.0f} ms"
    yield Row("p99 lateness, 1,000 streams", [one.watched.worst * 1000 for one in found], 50, "ms", worst)
    cores = [one.watched.cores - one.alone.cores for one in found]
    yield Row("1,000 streams", cores, 0.25, "cores", f"{first.bytes / 1e6:.1f} MB/s to all of them")
    yield Row("1,000 streams: memory", [one.memory for one in found], 200, "MB")


def one_round(pid: int, port: int, seconds: float, streams: int) -> Found:
    """Two windows in one running exporter."""
    alone = window(pid, port, seconds)
    with running(sys.executable, "-m", "tests.bench.listeners", str(port), str(streams)) as listeners:
        ask(listeners)
        time.sleep(1)
        ask(listeners, "now")
        watched = window(pid, port, seconds)
        count, still = map(int, ask(listeners, "now").split())
        return Found(alone, watched, still, count / seconds, memory_mb(pid))


def window(pid: int, port: int, seconds: float) -> Window:
    """What the exporter's own histogram gained."""
    before, cpu, begun = lateness(port), cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    cpu, lasted = cpu_seconds(pid) - cpu, time.monotonic() - begun
    after = lateness(port)
    counts = {bound: count - before.buckets[bound] for bound, count in after.buckets.items()}
    total = after.looks - before.looks
    worst = min(bound for bound, count in counts.items() if count >= 0.99 * total)
    return Window((after.total - before.total) / total, worst, cpu / lasted)


class Lateness(NamedTuple):
    """The histogram so far."""

    total: float
    """Seconds of all looks together."""
    looks: float
    buckets: dict[float, float]
    """Cumulative."""


def lateness(port: int) -> Lateness:
    return lateness_of(get(port, "/metrics?name[]=dr_exporter_probe_lateness_seconds"))


def lateness_of(text: str) -> Lateness:
    """Out of a scrape. Raises RuntimeError if it is not in it."""
    buckets = {float(bound): float(count) for bound, count in _BUCKET.findall(text)}
    total = re.search(r"^dr_exporter_probe_lateness_seconds_sum (\S+)", text, re.MULTILINE)
    if total is None:
        raise RuntimeError("the exporter tells no lateness")
    return Lateness(float(total[1]), max(buckets.values()), buckets)

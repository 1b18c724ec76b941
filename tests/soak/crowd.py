"""Whoever uses a running exporter all the time: three scrapers, and people who look at the wall.

`python -m tests.soak.crowd PORT STREAMS` prints a line of JSON for each line on its standard input: what came since it began.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import aiohttp

from tests.bench.listeners import listen
from tests.exporter.rig import LASTING

EVERY = 5.0
"""Seconds between two scrapes of one scraper."""
STAY = 120.0
"""Seconds that people look at the wall before they come anew."""
SCRAPERS: tuple[Mapping[str, str], ...] = (
    {"Accept": "text/plain; version=0.0.4", "Accept-Encoding": "identity"},
    {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"},
    {"Accept": "text/plain; version=0.0.4", "Accept-Encoding": "gzip"},
)
_COUNTER = re.compile(r"^# TYPE (\S+) counter$", re.MULTILINE)
MINE = 1e-6
"""By which a sum of floating-point seconds may look smaller."""


@dataclass
class Heard:
    """So far, of all of them."""

    scrapes: int = 0
    failed: int = 0
    bytes: int = 0
    slowest: float = 0.0
    """Seconds of one scrape."""
    streams: int = 0
    """That were opened."""
    cut: int = 0
    """Streams that ended by themselves."""
    fallen: list[str] = field(default_factory=list)
    """Counters that fell."""


def counters(text: str) -> dict[str, float]:
    """Every series of a counter, as it is written."""
    names = {name if name.endswith("_total") else f"{name}_total" for name in _COUNTER.findall(text)}
    series = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in series if name.partition("{")[0] in names}


async def _scrape(url: str, headers: Mapping[str, str], phase: float, heard: Heard) -> None:
    seen: dict[str, float] = {}
    await asyncio.sleep(phase)
    patience = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(headers=headers, timeout=patience) as session:
        while True:
            begun = time.monotonic()
            try:
                async with session.get(url) as answer:
                    text = await answer.text()
                    heard.failed += answer.status != 200
            except (aiohttp.ClientError, TimeoutError):
                heard.failed += 1
            else:
                now = counters(text)
                heard.fallen += [f"{name}: {seen[name]} -> {value}" for name, value in now.items()
                                 if value < seen.get(name, 0.0) - MINE]  # fmt: skip
                # A system that was away is looked at anew; what happened to it goes on.
                seen = {name: value for name, value in seen.items() if name.startswith(LASTING)} | now
                heard.bytes += len(text)
            heard.scrapes += 1
            heard.slowest = max(heard.slowest, time.monotonic() - begun)
            await asyncio.sleep(max(0.0, begun + EVERY - time.monotonic()))


async def _look_at_the_wall(port: int, count: int, heard: Heard) -> None:
    while True:
        people = await listen(port, count)
        heard.streams += count
        await asyncio.sleep(STAY)
        heard.cut += sum(not one.open for one in people)
        heard.bytes += sum(one.bytes for one in people)
        for one in people:
            one.leave()


async def _crowd(port: int, streams: int) -> None:
    heard = Heard()
    url = f"http://127.0.0.1:{port}/metrics"
    async with asyncio.TaskGroup() as tasks:
        work = [_scrape(url, headers, number * 1.7, heard) for number, headers in enumerate(SCRAPERS)]
        running = [tasks.create_task(one) for one in (*work, _look_at_the_wall(port, streams, heard))]
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(asdict(heard)), flush=True)
        for one in running:
            one.cancel()


if __name__ == "__main__":
    asyncio.run(_crowd(int(sys.argv[1]), int(sys.argv[2])))

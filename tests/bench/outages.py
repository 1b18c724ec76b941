"""How wrong the measured length of an outage is: the exporter as it comes, beside blackbox_exporter with Prometheus at 15, 5 and 1 s.

A hundred and twenty services (`breakable`) break and are mended at instants that they note themselves, all of them watched by all sides at the same
time. Each phase is random, and so is the order of lengths and faults, by one seed. What is ours is read from the API, what
is theirs from the samples in Prometheus. CPU is that of the same minutes. An outage is left out when the services stood still
near it because others had the machine: nobody knows what was the truth then.
"""

import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from tests.bench import fleet
from tests.bench.breakable import FAULTS, Outage
from tests.bench.judged import Look, Told, ours, stray, theirs
from tests.bench.outage_rows import LENGTHS, USUAL, Found, rows
from tests.bench.quiet import DisturbedError, Neighbours, Patience
from tests.bench.rig import Row, ask, cpu_seconds, get, running, serving
from tests.bench.servers import blackbox, probing
from tests.servers.prometheus import Prometheus

SERVICES = 120
SHARES = dict(zip(LENGTHS, (150, 150, 250, 150, 130, 80, 50, 25, 15), strict=True))
"""Seconds of outage -> how many of 1,000."""
MIXTURE = ("crash", *FAULTS)
"""Crashes twice: they are what tripwires are for, and what happens most."""
APART = 20.0, 35.0
"""Good seconds between two outages of a service: one of ours is over after 10 of them, and one of theirs needs a good sample."""
EVERY = (15, 5, 1)
STABLE = 12.0
"""Seconds within which another failure continues an outage of ours."""
WARM = 20.0
CALM = 30.0
"""Seconds in which all is well, for the CPU of all sides: in real life that is nearly always so."""
SCRAPE = 5.0


class Side(NamedTuple):
    """blackbox_exporter and the Prometheus that asks it, every so many seconds."""

    every: int
    blackbox: int
    prometheus: Prometheus

    def cpu(self) -> float:
        return cpu_seconds(self.blackbox) + cpu_seconds(self.prometheus.pid)


def plans(count: int, services: int, seed: int = 7) -> list[list[tuple[float, str, float]]]:
    """For each service what it suffers: good seconds before, fault, seconds of outage. `count` outages in all, the longest
    spread first, so that all services are done at about the same time."""
    chance = random.Random(seed)
    lengths = [length for length, share in SHARES.items() for _ in range(round(share * count / 1000))]
    lengths += [2] * (count - len(lengths))
    each: list[list[tuple[float, str, float]]] = [[] for _ in range(services)]
    for number, length in enumerate(sorted(lengths[:count], reverse=True)):
        least = min(each, key=lambda plan: sum(good + outage for good, _, outage in plan))
        # Milliseconds by chance: whole numbers would meet the others' grids again and again at the same places.
        least.append((chance.uniform(*APART), MIXTURE[number % len(MIXTURE)], length * chance.uniform(0.98, 1.02)))
    for plan in each:
        chance.shuffle(plan)
    return each


def measure(count: int, patience: Patience) -> Iterator[Row]:
    """The rows of the table. Raises DisturbedError when others had the machine most of the time."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        services = stack.enter_context(running(sys.executable, "-m", "tests.bench.breakable", str(SERVICES)))
        ports = list(map(int, ask(services).split()))
        sides = [_side(stack, folder / str(every), ports, every) for every in EVERY]
        (folder / "ours").mkdir()
        pid, port = stack.enter_context(serving(folder / "ours", _watched(ports)))
        neighbours = Neighbours()
        found = asyncio.run(_suffered(services, plans(count, SERVICES), (pid, port), sides, ports))
        patience.strangers = neighbours.cores()
    if found.left_out > count / 2:
        raise DisturbedError(
            f"the services stood still near {found.left_out} of {count} outages: others had the machine"
        )
    yield from rows(found)


def _watched(ports: Sequence[int]) -> dict[str, Any]:
    """As it comes: nothing is set but where to look."""
    one = {"home": "hk", "components": {"web": {"critical": True}}}
    return {
        "systems": {
            f"service-{number:02}": {
                **one,
                "sites": {"hk": {"web": {"http": {"url": _url(port), "expect": fleet.EXPECT}}}},
            }
            for number, port in enumerate(ports)
        }
    }


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/"


def _side(stack: contextlib.ExitStack, folder: Path, ports: Sequence[int], every: int) -> Side:
    folder.mkdir()
    pid, port = stack.enter_context(blackbox(folder))
    alarm = {"alert": "Down", "expr": "probe_success == 0"}
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "down", "rules": [alarm]}]}))
    config = probing(folder, port, [_url(port) for port in ports], f"{every}s")
    config = {"global": {"evaluation_interval": f"{every}s"}, "rule_files": [str(folder / "rules.yml")], **config}
    return Side(every, pid, stack.enter_context(Prometheus(folder, config)))


async def _suffered(
    services: Any,
    plan: list[list[tuple[float, str, float]]],
    mine: tuple[int, int],
    sides: Sequence[Side],
    ports: Sequence[int],
) -> Found:
    """Let it happen, and ask all sides afterwards."""
    pid, port = mine
    heard: list[tuple[float, str, str]] = []
    beside = [asyncio.create_task(_scraped(port))]
    await asyncio.sleep(WARM)
    before = _cpu(pid, sides)
    await asyncio.sleep(CALM)
    calm = _cores(before, _cpu(pid, sides), CALM)
    beside.append(asyncio.create_task(_listened(port, heard)))
    begun, before = time.monotonic(), _cpu(pid, sides)
    line, outages = await asyncio.to_thread(ask, services, json.dumps(plan)), []
    while line.startswith("["):
        outages.append(_outage(line))
        line = await asyncio.to_thread(ask, services)
    still = json.loads(line)["still"]
    lasted = time.monotonic() - begun
    cpu = _cores(before, _cpu(pid, sides), lasted)
    await asyncio.sleep(APART[0])  # the last outage is over for us, and has a good sample behind it
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    incidents = _incidents(port)
    offset = time.time() - time.monotonic()
    clear = [one for one in outages if not _disturbed(one, still)]
    told = [ours(one, incidents[one.service], offset, _first(heard, one)) for one in clear]
    others = {side.every: _theirs(side, clear, ports, offset) for side in sides}
    false = 0
    for service, of in incidents.items():
        known = [one for one in outages if one.service == service]
        false += stray(known, of, still, offset)
    return Found(told, others, cpu, calm, lasted, false, len(outages) - len(clear))


def _disturbed(outage: Outage, still: Sequence[tuple[float, float]]) -> bool:
    """Whether the services stood still so near that a look before it met that, or that a relapse continued it."""
    since, until = outage.broken[0] - USUAL, outage.mended[1] + STABLE
    return any(begun <= until and since <= ended for begun, ended in still)


def _outage(line: str) -> Outage:
    service, fault, length, broken, mended = json.loads(line)
    return Outage(service, fault, length, tuple(broken), tuple(mended))


def _cpu(pid: int, sides: Sequence[Side]) -> dict[int, float]:
    return {0: cpu_seconds(pid), **{side.every: side.cpu() for side in sides}}


def _cores(before: dict[int, float], after: dict[int, float], seconds: float) -> dict[int, float]:
    return {side: (spent - before[side]) / seconds for side, spent in after.items()}


async def _scraped(port: int) -> None:
    """Take /metrics as Prometheus does: it belongs to what the exporter costs."""
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                await answer.read()
            await asyncio.sleep(SCRAPE)


async def _listened(port: int, heard: list[tuple[float, str, str]]) -> None:
    """Note when the stream tells a state of a system: (CLOCK_MONOTONIC, system, state)."""
    lasting = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(timeout=lasting, read_bufsize=1 << 24) as session,
        session.get(f"http://127.0.0.1:{port}/api/v1/stream") as answer,
    ):
        async for line in answer.content:
            if line.startswith(b"data: "):
                now = time.monotonic()
                heard += [(now, item["name"], item["state"]) for item in json.loads(line[6:])["items"]]


def _first(heard: Sequence[tuple[float, str, str]], outage: Outage) -> dict[str, float]:
    """When each state was told first after the fault, until the service was well again for a while."""
    name, first = f"service-{outage.service:02}", dict[str, float]()
    for at, system, state in heard:
        if system == name and outage.broken[0] <= at <= outage.mended[1] + APART[0] / 2:
            first.setdefault(state, at)
    if "outage" in first:
        first.setdefault("suspected", first["outage"])
    return first


def _incidents(port: int) -> dict[int, list[dict[str, Any]]]:
    """By the number of the service: all that are closed, blips too."""
    found: dict[int, list[dict[str, Any]]] = {number: [] for number in range(SERVICES)}
    for number in found:
        path = f"/api/v1/incidents?blips=true&limit=200&system=service-{number:02}"
        found[number] = [one for one in json.loads(get(port, path))["items"] if one["end"] is not None]
    return found


def _theirs(side: Side, outages: Sequence[Outage], ports: Sequence[int], offset: float) -> list[Told]:
    looked = {one.labels["instance"]: one for one in side.prometheus.query("probe_success[1h]")}
    took = {one.labels["instance"]: dict(one.values) for one in side.prometheus.query("probe_duration_seconds[1h]")}
    alerts: dict[str, list[float]] = defaultdict(list)
    for series in side.prometheus.query('ALERTS{alertstate="firing"}[1h]'):
        alerts[series.labels["instance"]] += [at - offset for at, _ in series.values]
    looks = {
        name: [Look(at - offset, at - offset + took[name].get(at, 0.0), value == 1) for at, value in of.values]
        for name, of in looked.items()
    }
    names = [_url(port) for port in ports]
    return [theirs(one, looks[names[one.service]], side.every, sorted(alerts[names[one.service]])) for one in outages]

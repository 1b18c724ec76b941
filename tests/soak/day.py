"""A day in virtual time: the real engine, ledger, exposition and board watch systems that break by dice, and are judged."""

import asyncio
import gc
import json
import re
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import process_time

from exporter.core.interval import Interval
from exporter.ledger import commands
from exporter.metrics.exposition import Exposition
from exporter.web.answers import Turn
from exporter.web.board import Board
from tests.soak.clockwork import Clock, DayLedger, in_fast_time
from tests.soak.crowd import counters
from tests.soak.record import Told, Verdict, When, judge
from tests.soak.scene import Scene

HOUR = 3600.0
EVERY = 60.0
"""Seconds between two scrapes; the exposure is asked for in between too, at every tenth of it."""
LATE = 12.0
"""Seconds by which the totals of observed time may be behind: they are told late on purpose, up to the newest look."""
_EXPOSURE = re.compile(r'^dr_rpo_seconds\{system="([^"]+)",scenario="site_loss"\} (\S+)$', re.MULTILINE)
_TOTAL = re.compile(r'^dr_(observed|blind|downtime)_seconds_total\{system="([^"]+)"\} (\S+)$', re.MULTILINE)
SLACK = 1e-3
WARM = 2
"""Hours after which nothing may grow any more."""
GROWTH: Mapping[str, float] = {"objects": 0.1, "tasks": 0.2, "timers": 1.0, "memory": 0.05}
"""By which share the median of the last hours may be above that of those after the first two."""


@dataclass
class Held:
    """What is alive at the end of an hour."""

    hour: float
    objects: int
    """Of the exporter's own types."""
    tasks: int
    timers: int
    memory: float
    """Of the whole process, in units of 10^6 bytes."""


@dataclass
class Day:
    """What it brought."""

    hours: float
    outages: Verdict
    held: list[Held] = field(default_factory=list)
    scrapes: int = 0
    looks: int = 0
    drills: int = 0
    records: int = 0
    cpu_seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def table(self) -> Iterator[str]:
        """For people."""
        yield f"{self.hours:g} hours in {self.cpu_seconds:.0f} s of CPU: {self.looks} looks, {self.records} records"
        yield f"{self.outages.faults} faults: {self.outages.told} told as incidents, {self.outages.blips} blips"
        yield from (
            f"  hour {one.hour:>4.1f}: {one.objects} objects of ours, {one.tasks} tasks, {one.timers} timers, "
            f"{one.memory:.1f} MB"
            for one in self.held
        )
        yield from (f"WRONG {one}" for one in self.wrong)
        yield f"{len(self.wrong)} wrong"


class Observer:
    """Scrapes all the time, and holds what it sees against the truth."""

    def __init__(self, scene: Scene, day: Day) -> None:
        self._scene, self._day = scene, day
        self._exposition, self._board = Exposition(), Board(scene.clocked)
        self._seen: dict[str, float] = {}
        self._begun = scene.clock.mono()

    async def watch(self, seconds: float) -> None:
        """Until so much virtual time has passed."""
        over, hour = self._begun + seconds, self._begun
        while (now := self._scene.clock.mono()) < over:
            await self._scrape()
            self._scene.raise_faults()
            if now >= hour:
                hour += HOUR
                self._day.held.append(self._held(round((now - self._begun) / HOUR, 2)))
            for _ in range(10):
                await asyncio.sleep(EVERY / 10)
                self._compare(await self._text("dr_rpo_seconds"))

    async def _text(self, *names: str) -> str:
        answer = self._exposition.answer(self._scene.clocked(), "", "", names)
        return b"".join([piece async for piece in answer.body]).decode()

    async def _scrape(self) -> None:
        text = await self._text()
        now = counters(text)
        self._day.wrong += [
            f"{name} fell from {self._seen[name]} to {value}"
            for name, value in now.items()
            if name.startswith("dr_") and value < self._seen.get(name, 0.0)
        ]
        self._seen |= now
        self._compare(text)
        await self._board.sweep(Turn())
        self._scene.news.take()
        self._day.scrapes += 1

    def _compare(self, text: str) -> None:
        """No exposure is less than what would be lost now."""
        told = dict(_EXPOSURE.findall(text))
        now = self._scene.clock.mono()
        if now < self._begun + EVERY:
            return  # nothing is proven yet, and it counts from our begin
        for name, pair in self._scene.databases.items():
            truth = pair.exposed(now)
            if name not in told or float(told[name]) < truth - SLACK:
                self._day.wrong.append(f"{name} at {now:.3f}: exposure {told.get(name)} told, {truth:.3f} true")

    async def totals(self, told: list[Told]) -> Iterator[str]:
        """What does not add up at the end."""
        values = {(system, what): float(value) for what, system, value in _TOTAL.findall(await self._text())}
        wall = self._scene.clock.mono() - self._begun
        return (wrong for system in self._scene.engine.systems() for wrong in _sums(system, values, wall, told))

    def _held(self, hour: float) -> Held:
        gc.collect()
        # Intervals are those of our own notes of the truth.
        own = Counter(
            str(type(one).__module__).partition(".")[0] for one in gc.get_objects() if type(one) is not Interval
        )
        memory = int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
        timers = len(self._scene.loop._scheduled)  # type: ignore[attr-defined]  # of the virtual loop, which is asyncio's own
        return Held(hour, own["exporter"], len(asyncio.all_tasks()), timers, memory)


def _sums(system: str, values: Mapping[tuple[str, str], float], wall: float, told: list[Told]) -> Iterator[str]:
    seen = values[system, "observed"] + values[system, "blind"]
    if not wall - LATE <= seen <= wall:
        yield f"{system}: {seen} s were observed or blind, of {wall}"
    mine = [one for one in told if one["system"] == system and one["kind"] != "blip"]
    down = sum(max(0.0, one["rto"]["upper"] - one["blind_seconds"]) for one in mine)
    if abs(down - values[system, "downtime"]) > SLACK:
        yield f"{system}: {values[system, 'downtime']} s of downtime, its incidents have {down}"


def measure(hours: float, seed: int) -> Day:
    """Run it, and judge it."""
    with tempfile.TemporaryDirectory(prefix="dr-soak-") as folder:
        return in_fast_time(run(hours, seed, Path(folder)))


def grown(held: Sequence[Held]) -> Iterator[str]:
    """What is more at the end than it was after the first hours."""
    late = [one for one in held if one.hour >= WARM]
    third = len(late) // 3
    for name, most in GROWTH.items():
        before, after = (median(getattr(one, name) for one in some) for some in (late[:third], late[-third:]) if third)
        if after > before * (1 + most):
            yield f"{name} grew from {before:.1f} to {after:.1f}"


async def run(hours: float, seed: int, folder: Path) -> Day:
    """The whole day, on a loop of `clockwork`."""
    begun = process_time()
    day = Day(hours, Verdict())
    path = folder / "ledger.db"
    ledger = await DayLedger.at(path)
    scene = Scene(ledger, seed)
    await scene.begin()
    observer = Observer(scene, day)
    await observer.watch(hours * HOUR)
    await scene.calm_down()
    scene.raise_faults()
    told = _told(path)
    day.wrong += await observer.totals(told)
    day.outages = judge(scene.record.truths, told, _when(scene.clock), scene.script.unseen)
    day.wrong += day.outages.wrong
    day.looks = sum(scene.engine.lateness().counts)
    day.drills = scene.drills.held
    if scene.engine.faults:
        day.wrong.append(f"{scene.engine.faults} faults of the exporter's own")
    await scene.end()
    await ledger.close()
    day.wrong += [f"the ledger: {finding}" for finding in commands.verify(path)]
    if len(day.held) >= 3 + WARM:
        day.wrong += grown(day.held)
    day.records = ledger.head.number
    day.cpu_seconds = process_time() - begun
    return day


def _told(path: Path) -> list[Told]:
    """All incidents and blips of the ledger, each with the instant of its record."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT data, mono FROM records WHERE kind IN ('incident', 'blip') ORDER BY n").fetchall()
    return [{**json.loads(data), "written": mono} for data, mono in rows]


def _when(clock: Clock) -> When:
    """Somebody set the wall clock in between, so each instant is read by what it said when the record was made."""

    def when(one: Told, which: str) -> Interval:
        bounds = (clock.mono_of(one[which][bound], one["written"]) for bound in ("lower", "upper"))
        return Interval(*bounds)

    return when

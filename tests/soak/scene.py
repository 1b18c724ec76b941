"""The day's systems, the exporter that watches them, and the script that breaks them."""

import asyncio
import random
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import suppress
from typing import Any

from exporter.core.model import Component, Objectives, Part, System
from exporter.core.snapshot import Clocked, ExporterState, Snapshot
from exporter.engine.engine import Engine, Environment
from exporter.engine.plan import Plan
from exporter.probes.attempt import attempt
from exporter.probes.kind import Probe
from exporter.web.news import News
from tests.soak.clockwork import Clock, DayLedger, DayLoop
from tests.soak.record import Record
from tests.soak.script import Drills, Script
from tests.soak.world import Database, DatabaseProbe, Net, PageProbe, Server

SITES = ("hk", "sg")
DATABASE = Component("database", critical=True, stateful=True, canary_every=1.0)
WEB = Component("web", critical=True)


class Scene:
    """Everything that is watched, and the exporter that watches it."""

    def __init__(self, ledger: DayLedger, seed: int) -> None:
        self.loop, self.clock, self.net = DayLoop.here(), Clock(), Net()
        dice = random.Random(seed)
        self.record, self.news = Record(), News()
        self.script = Script(self.net, self.clock, dice, self.record.note)
        self.databases = {"orders": Database(self.net, self.clock.mono)}
        self.pages = {"shop": Server(self.net)}
        self.both = Server(self.net), Server(self.net)
        self.ledger = ledger
        self.rto = 60.0
        environment = Environment(self.clock.mono, self.clock.moment, attempt, ledger, [self.news.observe])
        self.engine = Engine(environment)
        self._running: list[asyncio.Task[None]] = []

    def plans(self) -> Iterator[Plan]:
        """All systems, as they are configured now."""
        for name, pair in self.databases.items():
            probes: Mapping[Part, Probe] = {Part(site, "database"): DatabaseProbe(pair, site) for site in SITES}
            yield self._plan(name, DATABASE, probes)
        for name, server in self.pages.items():
            yield self._plan(name, WEB, {Part("hk", "web"): PageProbe(server)})
        pages = {Part(site, "web"): PageProbe(server) for site, server in zip(SITES, self.both, strict=True)}
        yield self._plan("both", WEB, pages, mode="active-active")

    def _plan(self, name: str, component: Component, probes: Mapping[Part, Probe], **more: Any) -> Plan:
        sites = tuple(part.site for part in probes)
        goals = Objectives(rto=self.rto, rpo={"site_loss": 5.0}, availability=0.999)
        system = System(name, "hk", sites, {component.name: component}, frozenset(probes), objectives=goals, **more)
        return Plan(system, lambda: probes, dict.fromkeys(probes, "page"), system)

    async def begin(self) -> None:
        """Watch, and let the script begin."""
        started = asyncio.Event()
        references = {"reference": self._reference}
        self._spawn(self.engine.run(list(self.plans()), references, started.set))
        await started.wait()
        drills = Drills(self.engine.people, self._drill)
        script = self.script
        for name, pair in self.databases.items():
            self._spawn(script.break_forever(name, script.database(pair), drills))
        for name, server in self.pages.items():
            self._spawn(script.break_forever(name, script.page(server), drills))
        self._spawn(script.break_forever("both", script.both(*self.both), drills))
        self.drills = drills
        self._others = [
            self._spawn(script.cut_off_forever(40 * 60)),
            self._spawn(script.stall_forever(11 * 60, self.loop)),
            self._spawn(script.set_clock_forever(47 * 60)),
            self._spawn(self._reload_forever(13 * 60)),
        ]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = self.loop.create_task(work)
        self._running.append(task)
        return task

    async def _reference(self) -> bool:
        await asyncio.sleep(3600 if self.net.cut else 0.01)
        return True

    def _drill(self, name: str) -> str | None:
        drill = self.engine.systems()[name].state.drill
        return None if drill is None else drill.id

    async def _reload_forever(self, every: float) -> None:
        """Every system gets another objective, so that each is taken up anew."""
        while True:
            await asyncio.sleep(every)
            self.rto = 150.0 - self.rto
            self.engine.apply(list(self.plans()), {"reference": self._reference})

    async def calm_down(self) -> None:
        """No fault begins any more; returns when all are mended and told."""
        for task in self._others:
            task.cancel()
        self.net.cut = False
        await self.script.mended()
        await asyncio.sleep(60)

    async def end(self) -> None:
        for task in self._running:
            task.cancel()
        for task in self._running:
            with suppress(asyncio.CancelledError):
                await task

    def raise_faults(self) -> None:
        """Whatever ended that should run."""
        for task in self._running:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def clocked(self) -> Clocked:
        state = ExporterState(
            "day", "0", 0.0, blind_since=self.engine.blind_since, ledger_head=self.ledger.head,
            lateness=self.engine.lateness(), faults=self.engine.faults,
        )  # fmt: skip
        return Clocked(Snapshot(self.engine.systems(), state), self.clock.moment())

"""What is asked of one system now and then, beside the looks: its backups, the parity of its sites, its business figures.

Each question has a schedule and a deadline of its own, so that one that hangs delays no other, and no look.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from math import isfinite
from typing import NamedTuple, TypeAlias, TypeVar

from exporter.core import checks
from exporter.core.backup import BackupFacts
from exporter.core.inspected import Answer
from exporter.core.model import Part, Reason, Sample
from exporter.core.state import Mode, SystemState
from exporter.engine.watch import Watch
from exporter.probes.kind import Deadline, Look, Value

SPREAD = 5.0
"""Seconds over which the first questions are spread at most."""
AGAIN = 30.0
"""Seconds after which a backup is inspected again at the latest when it could not be."""

T = TypeVar("T")
Asking: TypeAlias = Callable[[], Awaitable[Value]]


class Inspection(NamedTuple):
    """How to inspect a backup. Seconds."""

    every: float
    timeout: float
    inspect: Callable[[], Awaitable[BackupFacts]]


class Question(NamedTuple):
    """The same question, by the site at which it is asked; "" is for what belongs to no site. Seconds."""

    every: float
    timeout: float
    ask: Mapping[str, Asking]


class Inspections(NamedTuple):
    """By the names that they have in the system's configuration."""

    backups: Mapping[str, Inspection] = {}
    parity: Mapping[str, Question] = {}
    kpis: Mapping[str, Question] = {}


class Inspector:
    """Asks, and folds what comes back into the state that a Watch holds."""

    def __init__(self, watch: Watch, inspections: Inspections, phase: float) -> None:
        """`phase`: where in its interval this system begins, in [0, 1)."""
        self._watch = watch
        self._inspections = inspections
        self._phase = phase
        self._tasks: list[asyncio.Task[None]] = []
        self._again: list[asyncio.Event] = []

    def start(self) -> None:
        mine, spawn = self._inspections, self._watch.tools.spawn
        self._tasks = [
            *(spawn(self._backup(name, inspection)) for name, inspection in mine.backups.items()),
            *(spawn(self._parity(name, question)) for name, question in mine.parity.items()),
            *(spawn(self._kpi(name, question)) for name, question in mine.kpis.items()),
        ]
        if mine.parity:
            self._listen()

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _listen(self) -> None:
        """What serves again is compared at once: a recovery is validated by it."""
        react = self._watch.react

        def heard(before: SystemState) -> None:
            react(before)
            if self._watch.state.mode is Mode.RECOVERING and before.mode is not Mode.RECOVERING:
                for event in self._again:
                    event.set()

        self._watch.react = heard

    # --- the three kinds of question

    async def _backup(self, name: str, inspection: Inspection) -> None:
        part = Part(self._watch.system.backups[name].site, name)
        await self._begin(inspection.every)
        while True:
            sample, facts = await self._asked(part, inspection.inspect, inspection.timeout)
            tools, watch = self._watch.tools, self._watch
            watch.accept(checks.backup_inspected(watch.state, name, sample, facts, tools.moment()))
            await asyncio.sleep(inspection.every if sample.ok else min(inspection.every, AGAIN))

    async def _parity(self, name: str, question: Question) -> None:
        check, again = self._watch.system.parity[name], asyncio.Event()
        self._again.append(again)
        await self._begin(question.every)
        while True:
            again.clear()
            state = self._watch.state
            if state.blind_since is None:
                role = state.roles.get(check.component)
                await self._compare(name, question, role.site if role is not None else state.believed)
            known = self._watch.state.parity.get(name)
            # A difference is looked at again as soon as it can no longer be a delay.
            wait = min(question.every, max(1.0, check.delay)) if known is not None and known.differs else question.every
            try:
                async with asyncio.timeout(wait):
                    await again.wait()
            except TimeoutError:
                continue

    async def _compare(self, name: str, question: Question, reference: str) -> None:
        """The serving site is asked first, so that what the others say cannot be older."""
        answers = {}
        if reference in question.ask:
            answers[reference] = await self._answer(reference, name, question)
        others = [site for site in question.ask if site != reference]
        told = await asyncio.gather(*(self._answer(site, name, question) for site in others))
        answers |= zip(others, told, strict=True)
        watch, now = self._watch, self._watch.tools.moment()
        watch.accept(checks.parity_answered(watch.system, watch.state, name, reference, answers, now))

    async def _kpi(self, name: str, question: Question) -> None:
        watch, tools = self._watch, self._watch.tools
        kpi = watch.system.kpis[name]
        await self._begin(question.every)
        while True:
            site = "" if "" in question.ask else watch.state.believed
            if site in question.ask and watch.state.blind_since is None:
                sample, value = await self._asked(Part(site, name), question.ask[site], question.timeout)
                number = value if isinstance(value, float) and isfinite(value) else None
                if sample.ok and number is None:
                    said = "nothing" if value is None else "a text" if isinstance(value, str) else str(value)
                    sample = Sample(
                        sample.part, sample.started, sample.ended, Reason.ASSERTION, f"answered {said}, not a number"
                    )
                now = tools.moment()
                if number is not None:
                    tools.ledger.figure(watch.system.name, name, number, now)
                last_week = await tools.ledger.week_ago(watch.system.name, name, now) if kpi.last_week else None
                watch.accept(checks.kpi_answered(watch.system, watch.state, name, sample, number, last_week, now))
            await asyncio.sleep(question.every)

    # --- the pieces

    async def _begin(self, every: float) -> None:
        await asyncio.sleep(self._phase * min(SPREAD, every))

    async def _answer(self, site: str, name: str, question: Question) -> Answer:
        sample, value = await self._asked(Part(site, name), question.ask[site], question.timeout)
        if not sample.ok:
            return Answer(sample.started, reason=sample.reason, detail=sample.detail)
        if isinstance(value, str) or (value is not None and not isfinite(value)):
            return Answer(sample.started, text=str(value))
        return Answer(sample.started, value)

    async def _asked(self, part: Part, ask: Callable[[], Awaitable[T]], timeout: float) -> tuple[Sample, T | None]:
        """Ask under a deadline; whatever goes wrong becomes a sample with its reason."""
        found: list[T] = []

        async def call() -> Look:
            found.append(await ask())
            return Look()

        tools = self._watch.tools
        sample = await tools.attempt(part, call, Deadline(tools.clock() + timeout), tools.clock)
        return sample, found[0] if sample.ok else None

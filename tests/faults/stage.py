"""One system under the real exporter, broken again and again: each run is judged against the truth and the ledger."""

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.faults.books import audit, closed, entries, happened
from tests.faults.exporter import Exporter, instants
from tests.faults.judge import Outage, compare, fill, meets
from tests.faults.table import Run, Wrong
from tests.servers import until
from tests.servers.stall_meter import StallMeter

CALM, DOUBT, RELAPSE = "calm", "doubt", "relapse"
"""Phases: looks as usual; fast looks, because the connections of the exporter have just been cut off; an outage has just
ended, and is not stable yet."""
PHASES = (CALM, DOUBT, RELAPSE)
CYCLE = 1.2
"""Seconds over which the instant of a fault is spread: any phase between two looks is as good as another."""
SERVES = ("healthy", "degraded")
"""States without an open incident; after a promotion there is no ready standby."""
WITHIN = 40.0
"""Seconds until everything is told."""
SOON = 5.0
"""Seconds from the ledger to the API."""


class Fault(NamedTuple):
    """A way to break something."""

    act: Callable[[Any], list[Outage]]
    """Breaks something at a stage and mends the service again; gives the outages that there were."""
    events: Mapping[str, int] = {}
    """Kinds of records that it brings, besides those of the incidents, and how many."""
    phases: tuple[str, ...] = (CALM,)


class Stage(ABC):
    """What a fault is played on."""

    def __init__(self, exporter: Exporter, meter: StallMeter, dice: random.Random, system: str, kind: str) -> None:
        self.exporter, self.meter, self.dice, self.system, self.kind = exporter, meter, dice, system, kind
        self.within = WITHIN
        self.found: list[Wrong] = []
        """What a fault itself saw go wrong while it was played."""
        self.told: dict[str, dict[str, Any]] = {}
        """Every closed incident and blip that the exporter told, by its id."""
        self.figures: dict[str, str] = {}
        """Texts for the row of this run."""
        self.doubted: float | None = None
        """When a doubt was raised in this run, if one was."""

    @abstractmethod
    def doubt(self) -> None:
        """Make the exporter look fast, without any harm to those who use the service."""

    @abstractmethod
    def short_outage(self) -> Outage:
        """Break it for so long that an outage is declared, and mend it."""

    @abstractmethod
    def mend(self) -> None:
        """All is as it was before the fault."""

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Around each fault: for who wants to see what happens meanwhile."""
        yield

    def hiccups(self, since: float, outages: list[Outage]) -> list[Outage]:
        """What else those who use the service had to wait for; it may be told, and need not be."""
        return []

    def moves(self, outages: list[Outage]) -> Mapping[str, int]:
        """The events that these outages bring by themselves."""
        return {}

    def play(self, name: str, fault: Fault, phase: str = CALM) -> Run:
        """Break it in this way, and hold what is told against what was."""
        self.exporter.wait_calm(self.system)
        known = {one["id"] for one in self.all_told()}
        last = max((one.number for one in entries(self.exporter.ledger)), default=0)
        self.found, self.figures, began, waited = [], {}, time.monotonic(), self.exporter.waited()
        self.doubted = None
        time.sleep(self.dice.uniform(0, CYCLE))
        with self.observed():
            outages = self._broken(fault, phase)
            told = self._wait_told(known, sum(outage.certain for outage in outages))
        outages += self.hiccups(began, outages)
        records = [one for one in entries(self.exporter.ledger, last) if one.system == self.system]
        stall = 2 * self.meter.worst(began) + self.exporter.waited() - waited  # at either end, and all that it waited
        kinds = "+".join(one["kind"] for one in reversed(told)) or "-"
        run = Run(name, self.kind, phase, kinds, self.found, stall=stall)
        run.wrong += compare(outages, told, stall)
        run.wrong += happened(records, {**self.moves(outages), **fault.events})
        run.wrong += self._audit()
        fill(run, outages, told)
        for key, text in self.figures.items():
            setattr(run, key, text)
        self.mend()
        return run

    def _broken(self, fault: Fault, phase: str) -> list[Outage]:
        """The fault in its phase."""
        if phase == RELAPSE:
            before = self.short_outage()
            if self._seen("recovering", *SERVES) != "recovering":  # a busy machine: it was over before it was declared
                return [before, *fault.act(self)]
            time.sleep(self.dice.uniform(0, 0.5))
            return self._relapsed(before, fault.act(self))
        if phase == DOUBT:
            self.doubted = time.monotonic()
            self.doubt()
            time.sleep(self.dice.uniform(0, 0.3))
            return [self.after_doubt(outage) for outage in fault.act(self)]
        return fault.act(self)

    def _relapsed(self, before: Outage, after: list[Outage]) -> list[Outage]:
        """A relapse continues the outage before it, unless a busy machine made it so late that this one could be over."""
        first, *more = after
        if first.start.upper - before.end.lower >= self.exporter.stable_for:
            told = [one for one in self.all_told() if meets(before, one)]
            if any(instants(one["end"]).upper < first.start.lower for one in told):
                return [before, *after]
        return [first._replace(start=before.start, noticed=None, width=max(first.width, before.width)), *more]

    def _seen(self, *states: str) -> str:
        """The first of these states that the system is seen in."""
        found = until(
            lambda: state if (state := str(self.exporter.system(self.system)["state"])) in states else None,
            f"it is {' or '.join(states)}",
            step=0.02,
        )
        assert found is not None
        return found

    def after_doubt(self, outage: Outage) -> Outage:
        """What can be said of an outage that began in doubt."""
        return outage

    def all_told(self) -> list[dict[str, Any]]:
        return [one for one in self.exporter.incidents(self.system, blips=True) if not one["open"]]

    def _wait_told(self, known: set[str], wanted: int) -> list[dict[str, Any]]:
        """What was told since, newest first: as much as is wanted, or what there is after a long time."""
        deadline = time.monotonic() + self.within
        while True:
            state = self.exporter.system(self.system)["state"]  # first: what is closed afterwards is seen below
            told = [one for one in self.all_told() if one["id"] not in known]
            if (state in SERVES and len(told) >= wanted) or time.monotonic() > deadline:
                return told
            time.sleep(0.1)

    def _audit(self) -> Iterator[Wrong]:
        """What is written is told a moment later, and a run that waits for nothing may end in that moment."""
        written = {one.data["id"] for one in closed(self.exporter.ledger, self.system)}
        deadline = time.monotonic() + SOON
        self.told |= {one["id"]: one for one in self.all_told()}
        while written - self.told.keys() and time.monotonic() < deadline:
            time.sleep(0.1)
            self.told |= {one["id"]: one for one in self.all_told()}
        yield from audit(self.exporter.ledger, self.system, written, self.told)

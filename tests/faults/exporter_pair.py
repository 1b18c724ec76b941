"""Faults of the exporter itself while a real pair of databases runs, fails and moves: its clock, frozen, killed."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.faults.clock import Clock
from tests.faults.judge import Outage
from tests.faults.pairs import Scene, scene
from tests.faults.stage import Fault
from tests.faults.table import Miss, Wrong
from tests.servers import until
from tests.servers.processes import family, wait_stopped

JUMPS = (5.0, -5.0, 3600.0, -3600.0, 86400.0, -86400.0)
"""Seconds."""
WIDE = float("inf")
COUNTED = 1.5
"""Seconds by which what is counted may differ: it is told for whole scrapes, and the machine is not ours alone."""


class Watched(Scene):
    """A pair whose exporter has a clock of its own."""

    clock: Clock

    def _wait_told(self, known: set[str], wanted: int) -> list[dict[str, Any]]:
        """Its instants are of its own wall clock, as that stood when the incident was closed."""
        return [self._put_right(one) for one in super()._wait_told(known, wanted)]

    def _put_right(self, one: dict[str, Any]) -> dict[str, Any]:
        def back(told: dict[str, float] | None) -> dict[str, float] | None:
            return told and {name: at - self.clock.offset for name, at in told.items()}

        return {**one, "start": back(one["start"]), "end": back(one["end"])}

    def jump(self) -> None:
        self.clock.jump_to(self.clock.offset + self.dice.choice(JUMPS) + self.dice.uniform(-0.5, 0.5))

    def pause(self, least: float = 0.1, most: float = 1.5) -> None:
        time.sleep(self.dice.uniform(least, most))

    def until_state(self, *states: str) -> None:
        until(lambda: self.exporter.system()["state"] in states, f"it is {' or '.join(states)}", step=0.02)

    def counted(self, name: str) -> float:
        return self.exporter.metric(name) or 0.0

    def must_grow(self, name: str, before: float, by: float) -> None:
        """A counter of seconds."""
        grown = self.counted(name) - before
        if abs(grown - by) > COUNTED:
            self.found.append(Wrong(Miss.BOUND, f"{name} grew by {grown:.1f} s, should by {by:.1f}"))


def wide(outage: Outage) -> Outage:
    """Nobody looked for some of its time, so its bounds may be as wide as they like; they must still be right."""
    return outage._replace(width=WIDE, noticed=None)


# --- the clock jumps


def _jump_in_calm(stage: Watched) -> list[Outage]:
    until(lambda: stage.counted("dr_observed_seconds_total"), "what is observed is told, some seconds late", step=0.2)
    before, began = stage.counted("dr_observed_seconds_total"), time.monotonic()
    for _ in range(2):
        stage.jump()
        stage.pause(1.0, 3.0)
    stage.must_grow("dr_observed_seconds_total", before, time.monotonic() - began)
    return []


def _jump_in_an_outage(stage: Watched) -> list[Outage]:
    server = stage.pair.primary
    at = server.kill()
    server.wait_gone()
    stage.pause()
    stage.jump()
    stage.until_state("outage")
    stage.jump()
    stage.pause()
    server.start()
    return [stage.outage(at, crash=True)]


def _jump_in_a_failover(stage: Watched) -> list[Outage]:
    at = stage.pair.kill()
    stage.pause()
    stage.jump()
    stage.pair.promote()
    return [stage.outage(at, crash=True)]


# --- frozen


@contextmanager
def frozen(stage: Watched) -> Iterator[None]:
    """The exporter, for the block."""
    processes = family(stage.exporter.pid)
    stage.exporter.signal(signal.SIGSTOP)
    try:
        wait_stopped(processes)
        yield
    finally:
        stage.exporter.signal(signal.SIGCONT)


def _frozen_in_calm(stage: Watched) -> list[Outage]:
    before = stage.counted("dr_blind_seconds_total")
    length = stage.dice.choice((stage.dice.uniform(0.5, 3.0), stage.dice.uniform(4.0, 30.0)))
    began = time.monotonic()
    with frozen(stage):
        time.sleep(length)
        length = time.monotonic() - began
    stage.pause(1.0)
    if length > 4:
        stage.must_grow("dr_blind_seconds_total", before, length)
    return []


def _frozen_over_an_outage(stage: Watched) -> list[Outage]:
    """It begins and ends while nobody looks: it may remain unknown, or be seen from its traces."""
    server = stage.pair.primary
    with frozen(stage):
        at = server.kill()
        server.wait_gone()
        stage.pause()
        server.start()
        outage = stage.outage(at)
        stage.pause()
    return [wide(outage)._replace(kinds=("outage_in_place", "blip"), certain=False)]


def _frozen_over_a_failover(stage: Watched) -> list[Outage]:
    with frozen(stage):
        at = stage.pair.kill()
        stage.pause()
        stage.pair.promote()
        outage = stage.outage(at)
        stage.pause()
    return [wide(outage)]


def _frozen_in_an_outage(stage: Watched) -> list[Outage]:
    at = stage.pair.kill()
    stage.pause()
    with frozen(stage):
        stage.pause(2.0, 8.0)
        stage.pair.promote()
        outage = stage.outage(at)
        stage.pause()
    return [wide(outage)]


def _frozen_when_recovering(stage: Watched) -> list[Outage]:
    """What it missed is done at once when it goes on; that login takes long then is no relapse."""
    at = stage.pair.kill()
    _recovering(stage)
    with frozen(stage):
        stage.pause(0.5, 6.0)
    return [wide(stage.outage(at))]


# --- killed


def _again(stage: Watched) -> None:
    stage.exporter.kill()
    stage.exporter.start()


def _killed_in_calm(stage: Watched) -> list[Outage]:
    for _ in range(2):
        stage.pause(0.0)
        _again(stage)
    return []


def _killed(when: Callable[[Watched], None], then: Callable[[Watched], None]) -> Callable[[Watched], list[Outage]]:
    """The primary dies; `when` waits, the exporter is killed and started, `then` the standby is promoted, if it was not before."""

    def act(stage: Watched) -> list[Outage]:
        old = stage.pair.primary
        at = stage.pair.kill()
        when(stage)
        _again(stage)
        then(stage)
        if stage.pair.primary is old:
            stage.pair.promote()
        return [wide(stage.outage(at))]

    return act


def _in_doubt(stage: Watched) -> None:
    stage.pause(0.0, 0.6)


def _in_an_outage(stage: Watched) -> None:
    stage.until_state("outage")
    stage.pause(0.0, 1.0)


def _promoted(stage: Watched) -> None:
    """By a robot, before anything is declared."""
    stage.pair.promote()
    stage.pause(0.0, 0.5)


def _recovering(stage: Watched) -> None:
    stage.pause(1.0, 2.0)
    stage.pair.promote()
    stage.until_state("recovering")


def _closed(stage: Watched) -> None:
    stage.pause(1.0, 2.0)
    stage.pair.promote()
    open_ = stage.exporter.incidents
    until(lambda: open_() and not any(one["open"] for one in open_()), "it is closed", step=0.01)
    stage.pause(0.0, 0.05)


def _killed_over_a_failover(stage: Watched) -> list[Outage]:
    stage.exporter.kill()
    at = stage.pair.kill()
    stage.pause()
    stage.pair.promote()
    outage = stage.outage(at)
    stage.exporter.start()
    return [wide(outage)]


FAULTS: dict[str, Fault] = {
    "clock jumps": Fault(_jump_in_calm),
    "clock jumps in outage": Fault(_jump_in_an_outage),
    "clock jumps in failover": Fault(_jump_in_a_failover),
    "frozen": Fault(_frozen_in_calm),
    "frozen over outage": Fault(_frozen_over_an_outage),
    "frozen over failover": Fault(_frozen_over_a_failover),
    "frozen in outage": Fault(_frozen_in_an_outage),
    "frozen when recovering": Fault(_frozen_when_recovering),
    "killed": Fault(_killed_in_calm),
    "killed in doubt": Fault(_killed(_in_doubt, _in_doubt)),
    "killed in outage": Fault(_killed(_in_an_outage, _in_doubt)),
    "killed when promoted": Fault(_killed(_promoted, lambda stage: None)),
    "killed when recovering": Fault(_killed(_recovering, lambda stage: None)),
    "killed when closed": Fault(_killed(_closed, lambda stage: None)),
    "killed over failover": Fault(_killed_over_a_failover),
}


@contextmanager
def watched(seed: int) -> Iterator[Watched]:
    """A PostgreSQL pair whose exporter has a clock of its own."""
    with TemporaryDirectory(prefix="dr-clock-") as folder:
        clock = Clock(Path(folder))
        with scene(seed, wrapper=clock.wrapper, made=Watched) as stage:
            assert isinstance(stage, Watched)
            stage.clock, stage.kind = clock, "exporter"
            yield stage

"""Those who break things for as long as the soak lasts, each in a thread of its own, and note what they did."""

import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import get_args

from tests.faults.crashes import CRASHES, down
from tests.faults.judge import Outage
from tests.faults.pairs import Scene, frozen
from tests.faults.stage import CALM as IN_CALM
from tests.faults.stage import Fault
from tests.faults.table import Miss, Run, Wrong
from tests.servers.processes import family, wait_stopped
from tests.soak.name import NameServer
from tests.soak.pages import Mode
from tests.soak.rack import Rack
from tests.soak.record import Record, Spell, Truth
from tests.soak.subject import Subject

CALM = 20.0
"""Seconds that a system is left alone after a fault: more than `stable_for`, so that the next is another incident."""
SURE = 14.0
"""Seconds: a machine with ten times the load that it can carry gives looks a turn every few seconds only, and three must fail."""
NOTED = 0.5
"""Seconds from an answer of the exporter until what it had read before is in its ledger."""
LONG, SHORT = (SURE + 1.0, 30.0), (0.2, 2.0)
"""Seconds of an outage that has to be told, and of one in a flap."""
BAD: Sequence[Mode] = [mode for mode in get_args(Mode) if mode != "ok"]


class Actor(threading.Thread):
    """Does something again and again, until it is told to stop. What it met is in `error`."""

    def __init__(
        self,
        name: str,
        act: Callable[[random.Random], None],
        pause: tuple[float, float],
        over: threading.Event,
        seed: int,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._act, self._pause, self._over = act, pause, over
        self._dice = random.Random(f"{name} {seed}")
        self.error: Exception | None = None
        self.acts = 0

    def run(self) -> None:
        try:
            while not self._over.wait(self._dice.uniform(*self._pause)):
                self._act(self._dice)
                self.acts += 1
        except Exception as error:  # noqa: BLE001 - it is raised where the thread is joined
            self.error = error


class Breaker:
    """Breaks single sites of a rack, a system at a time; several threads may."""

    def __init__(self, rack: Rack, record: Record, subject: Subject) -> None:
        self._rack, self._record, self._subject = rack, record, subject
        self._free_at = dict.fromkeys(rack.ports, 0.0)
        self._choosing = threading.Lock()

    def act(self, dice: random.Random) -> None:
        """A fault at one system: long, or a flap; every fifth in a drill."""
        with self._choosing:
            free = [name for name, at in self._free_at.items() if at <= time.monotonic()]
            if not free:
                return
            system = dice.choice(free)
            self._free_at[system] = float("inf")
        drill = self._subject.start_drill(system) if dice.random() < 0.2 else None
        mode, flap = dice.choice(BAD), dice.random() < 0.3
        lasting = [dice.uniform(*SHORT) for _ in range(dice.randint(1, 4))] if flap else [dice.uniform(*LONG)]
        spells = [self._spell(system, mode, seconds, dice) for seconds in lasting]
        self._record.note(Truth(system, f"{'flap' if flap else 'out'}, {mode}", spells, drill))
        if drill is not None:
            time.sleep(CALM)
            self._subject.stop_drill(drill)
        self._free_at[system] = time.monotonic() + CALM

    def _spell(self, system: str, mode: Mode, seconds: float, dice: random.Random) -> Spell:
        start = self._rack.turn(system, mode)
        time.sleep(seconds)
        end = self._rack.turn(system, "ok")
        time.sleep(dice.uniform(0.2, 1.0))
        return Spell(start, end)


def freeze_rack(rack: Rack, record: Record) -> Callable[[random.Random], None]:
    """All systems of the rack hang at once."""

    def act(dice: random.Random) -> None:
        start = rack.freeze()
        time.sleep(dice.uniform(*LONG))
        end = rack.thaw()
        for system in rack.ports:
            record.note(Truth(system, "rack frozen", [Spell(start, end)]))

    return act


def break_names(server: NameServer, record: Record) -> Callable[[random.Random], None]:
    """The name server dies, or is frozen."""

    def act(dice: random.Random) -> None:
        start = server.kill() if dice.random() < 0.5 else server.freeze()
        time.sleep(dice.uniform(*LONG))
        record.note(Truth(server.SYSTEM, "name server", [Spell(start, server.mend())]))

    return act


def _restart(scene: Scene) -> list[Outage]:
    return [scene.outage(down(scene, *LONG), crash=True)]


def _freeze_thaw(scene: Scene) -> list[Outage]:
    at = frozen(scene.pair.primary)
    time.sleep(scene.dice.uniform(*LONG))
    scene.pair.primary.thaw()
    return [scene.outage(at)]


FAULTS = {**CRASHES, "kill, restart": Fault(_restart), "freeze, thaw": Fault(_freeze_thaw)}
"""Those that move no role last so long that they are an incident on a busy machine too."""


def break_pair(kind: str, scene: Scene, done: list[Run]) -> Callable[[random.Random], None]:
    """A real pair in one of the ways of the fault runs, each held against its own writer; then it is mended.

    What is promised of a machine that is left to us only is not asked: under load bounds are wider, but never wrong.
    """

    def act(dice: random.Random) -> None:
        name = dice.choice(list(FAULTS))
        try:
            run = scene.play(f"{kind}: {name}", FAULTS[name])
        except AssertionError as error:
            run = Run(f"{kind}: {name}", kind, IN_CALM, "-", [Wrong(Miss.BOUND, str(error))])
            scene.mend()
        run.wrong = [one for one in run.wrong if one.miss is not Miss.WIDTH]
        done.append(run)

    return act


class Interrupted(Scene):
    """A pair whose exporter others stop at times."""

    def markers_lost(self) -> int:
        """Counted when the exporter goes on: only then it reads, and notes, what had been acknowledged before."""
        self.exporter.system(self.system)
        time.sleep(NOTED)
        return super().markers_lost()


class Operator:
    """Reloads and stalls of the exporter itself."""

    def __init__(self, subject: Subject, guests: Rack) -> None:
        self._subject, self._guests = subject, guests
        self.reloads = self.refused = self.stalls = 0

    def reload(self, dice: random.Random) -> None:
        """Systems come and go; at times the file is bad, and nothing changes."""
        self.reloads += 1
        if dice.random() < 0.25:
            self.refused += 1
            self._subject.reload(self._subject.document(bad={"home": 7}))
        else:
            guests = self._guests.systems()
            some = dice.sample(sorted(guests), dice.randint(0, len(guests)))
            self._subject.reload(self._subject.document(**{name: guests[name] for name in some}))

    def stall(self, dice: random.Random) -> None:
        """It stands still for a while, which must not be held against anybody."""
        self.stalls += 1
        pid = self._subject.pid
        self._subject.signal(signal.SIGSTOP)
        wait_stopped(family(pid))
        time.sleep(dice.uniform(0.5, 6.0))
        self._subject.signal(signal.SIGCONT)

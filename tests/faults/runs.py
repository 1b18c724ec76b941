"""One real failover at a time: break a pair of servers, and hold what the exporter says against what really happened.

The truth is an independent writer's: instants of its acknowledgements, and the rows that the survivor has.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tests.faults.exporter import Exporter, Notary, instants, seconds
from tests.faults.table import Miss, Run, Wrong
from tests.servers import PostgresPair, Proxy, Truth, Writer
from tests.servers.truth import Written

REFUSED_WIDTH = 1.0 + 0.25 + 0.1
"""Seconds: interval + fast_interval, and 0.1 for the machine."""
HANG_WIDTH = 1.0 + 0.25 + 2 * 0.5 + 0.25 + 0.1
"""Seconds: interval + overdue + fast_interval + two fast time-outs, and 0.1 for the machine."""
START_ERROR = 0.020
"""Seconds by which the estimated start may lie outside of what the writer saw: a server whose postmaster was killed goes on
for some 5 to 15 ms until its processes have noticed, and the writer's own attempts are 10 ms apart."""


class Server(Written, Protocol):
    """One of the two."""

    def markers(self, vantage: str) -> set[int]: ...
    def start(self) -> None: ...
    def wait_gone(self) -> None: ...
    def kill(self) -> float: ...
    def freeze(self) -> float: ...
    def thaw(self) -> None: ...


class Pair(Protocol):
    """What of a kind's servers is broken here."""

    link: Proxy

    @property
    def a(self) -> Server: ...
    @property
    def primary(self) -> Server: ...
    @property
    def standby(self) -> Server: ...
    def kill(self) -> float: ...
    def promote(self) -> Server: ...
    def wait_streaming(self) -> None: ...
    def reclone(self) -> None: ...


class Scene:
    """A pair, a writer and the exporter, ready to be broken again and again."""

    def __init__(
        self,
        pair: Pair,
        writer: Writer,
        exporter: Exporter,
        dice: random.Random,
        faults: "Mapping[str, Fault] | None" = None,
    ) -> None:
        self.pair, self.writer, self.exporter, self.dice = pair, writer, exporter, dice
        self.faults = FAULTS if faults is None else faults
        self._markers: set[int] = set()
        """Acknowledged by the old primary, in this run or earlier."""
        self._gone: set[int] = set()
        """Lost in earlier runs."""

    def site(self, server: Server) -> str:
        return "hk" if server is self.pair.a else "sg"

    def run(self, name: str) -> Run:
        """Break it in this way at a random instant, and wait for the exporter's account."""
        fault, crash = self.faults[name]
        self.exporter.wait_calm()
        known = len([one for one in self.exporter.incidents() if not one["open"]])
        old = self.pair.primary
        time.sleep(self.dice.uniform(0, 1.2))  # any phase between two looks is as good as another: that is the point
        with Notary(self.exporter) as notary:
            at = fault(self)
            survivor = self.pair.primary
            truth = self.writer.truth(at, survivor)
            told = self.exporter.wait_closed(known)
        self._markers = {seq for seq, site in notary.markers.items() if site == self.site(old)}
        return self._judge(name, truth, told, old, survivor, crash=crash)

    def _judge(self, name: str, truth: Truth, told: dict[str, Any], old: Server, new: Server, *, crash: bool) -> Run:
        wrong: list[Wrong] = []
        start, rto = instants(told["start"]), seconds(told["rto"])
        if not (rto.lower <= truth.rto.upper and truth.rto.lower <= rto.upper):
            wrong.append(Wrong(Miss.BOUND, "RTO"))
        if not (start.lower <= truth.start.upper and truth.start.lower <= start.upper):
            wrong.append(Wrong(Miss.BOUND, "start"))
        if rto.width > (REFUSED_WIDTH if crash else HANG_WIDTH):
            wrong.append(Wrong(Miss.WIDTH, f"{rto.width:.2f} s"))
        error = start.estimate - truth.fault
        if crash and not truth.fault - START_ERROR <= start.estimate <= truth.noticed + START_ERROR:
            noticed = (truth.noticed - truth.fault) * 1000
            wrong.append(Wrong(Miss.WIDTH, f"start estimate; the writer noticed after {noticed:.0f} ms"))
        wrong += self._judge_kind(told, old, new)
        rpo, lost = self._judge_loss(told, truth, old, new, wrong)
        return Run(
            name, self.exporter.kind, "calm", told["kind"], wrong, _shown(rto), f"{truth.rto.estimate:.2f}", rto.width,
            error, rpo, f"{truth.rpo.estimate:.2f}", lost,
        )  # fmt: skip

    def _judge_kind(self, told: dict[str, Any], old: Server, new: Server) -> Iterator[Wrong]:
        expected = "outage_in_place" if old is new else "failback" if self.site(new) == "hk" else "failover"
        if told["kind"] != expected:
            yield Wrong(Miss.KIND, f"was {expected}")

    def _judge_loss(
        self, told: dict[str, Any], truth: Truth, old: Server, new: Server, wrong: list[Wrong]
    ) -> tuple[str, str]:
        if old is new:
            return "-", "-"
        if told["rpo"] is None or told["markers"] is None:
            wrong.append(Wrong(Miss.KIND, "RPO not measured"))
            return "-", "-"
        rpo = seconds(told["rpo"])
        if not (rpo.lower <= truth.rpo.upper and truth.rpo.lower <= rpo.upper):
            wrong.append(Wrong(Miss.BOUND, "RPO"))
        gone = self._markers - new.markers("faults") - self._gone
        self._gone |= gone
        lost = len(gone)
        if told["markers"]["lost"] != lost:
            wrong.append(Wrong(Miss.BOUND, "lost markers miscounted"))
        return _shown(rpo), f"{told['markers']['lost']}/{lost}"


def _shown(interval: Any) -> str:
    return f"{interval.lower:.2f} .. {interval.upper:.2f}"


# --- the faults: each returns the instant of the fault, and leaves pair.primary where the service is to return


def _kill_promote(scene: Scene) -> float:
    at = scene.pair.kill()
    time.sleep(scene.dice.uniform(1.0, 3.0))  # the operator's reaction
    scene.pair.promote()
    return at


def _quick_promote(scene: Scene) -> float:
    """A robot promotes before anything is declared."""
    at = scene.pair.kill()
    scene.pair.promote()
    return at


def _cut_kill_promote(scene: Scene) -> float:
    scene.pair.link.cut()
    scene.writer.wait_for_acks(10)
    time.sleep(scene.dice.uniform(0.5, 3.0))  # acknowledged writes that never arrive
    at = scene.pair.kill()
    time.sleep(scene.dice.uniform(0.5, 2.0))
    scene.pair.promote()
    return at


def _frozen(server: Server) -> float:
    """Freeze it; the instant by which it certainly stands still (a last answer may slip out until then)."""
    server.freeze()
    return time.monotonic()


def _freeze_promote(scene: Scene) -> float:
    at = _frozen(scene.pair.primary)
    time.sleep(scene.dice.uniform(1.0, 3.0))
    scene.pair.promote()
    return at


def _restart(scene: Scene) -> float:
    server = scene.pair.primary
    at = server.kill()
    server.wait_gone()
    time.sleep(scene.dice.uniform(1.5, 3.0))
    server.start()
    return at


def _freeze_thaw(scene: Scene) -> float:
    at = _frozen(scene.pair.primary)
    time.sleep(scene.dice.uniform(2.5, 4.0))
    scene.pair.primary.thaw()
    return at


class Fault(NamedTuple):
    """A way to break a pair, and to bring the service back."""

    act: Callable[[Scene], float]
    crash: bool
    """A tripwire dates it."""


FAULTS: dict[str, Fault] = {
    "kill, promote": Fault(_kill_promote, crash=True),
    "kill, robot": Fault(_quick_promote, crash=True),
    "cut, kill, promote": Fault(_cut_kill_promote, crash=True),
    "freeze, promote": Fault(_freeze_promote, crash=False),
    "kill, restart": Fault(_restart, crash=True),
    "freeze, thaw": Fault(_freeze_thaw, crash=False),
}


def mend(scene: Scene, run: Run) -> None:
    """The pair streams again; after a promotion the old primary is a new standby."""
    scene.pair.link.heal()
    if run.kind == "outage_in_place":
        scene.pair.wait_streaming()
    else:
        scene.pair.reclone()


@contextmanager
def scene(seed: int, *, synchronous: bool = False, canary: bool = True) -> Iterator[Scene]:
    """Everything up and healthy; everything down at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dr-faults-")))
        pair = stack.enter_context(PostgresPair(synchronous=synchronous))
        writer = stack.enter_context(Writer(pair.a.dsn("writer"), pair.b.dsn("writer")))
        exporter = Exporter(folder, pair.a.dsn(), pair.b.dsn(), canary=canary)
        yield Scene(pair, writer, stack.enter_context(exporter), random.Random(seed))


def table(faults: int, seed: int, make: Callable[[int], AbstractContextManager[Scene]] = scene) -> Iterator[Run]:
    """Each fault so many times, one after the other on the same pair."""
    for name in FAULTS:
        with make(seed) as stage:
            for _ in range(faults):
                run = stage.run(name)
                yield run
                mend(stage, run)

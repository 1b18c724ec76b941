"""HTTP, HTTPS and TCP services that fail in every way, side by side, and a healthy one among them that must stay undisturbed.

The truth is the instants between which the test itself switched the fault on and off.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from random import Random
from typing import Any, NamedTuple

from exporter.core.interval import Interval
from tests.faults.exporter import Exporter
from tests.faults.judge import HANG_WIDTH, REFUSED_WIDTH, Outage
from tests.faults.stage import CALM, PHASES, Fault, Stage
from tests.faults.table import Miss, Run, Wrong
from tests.servers.certificates import make_certificates
from tests.servers.stall_meter import StallMeter

ROOT = Path(__file__).parents[2]
BESIDE = {"http": 3, "https": 2, "tcp": 2}
"""How many of each are broken side by side."""
HEALTHY = "healthy"


class Service(Stage):
    """One service, a proxy before it, and the exporter that looks at it with others."""

    def __init__(
        self, exporter: Exporter, meter: StallMeter, dice: Random, name: str, kind: str, place: "Place"
    ) -> None:
        super().__init__(exporter, meter, dice, name, kind)
        self.place = place

    def doubt(self) -> None:
        """It answers later than usual, and in time: of a handshake each part comes later."""
        self.place.do("delay 0.05 0" if self.kind == "https" else "delay 0.15 0")
        time.sleep(self.dice.uniform(0, 1))

    def short_outage(self) -> Outage:
        return self.broken(WAYS["refuse"], 2.2, 2.8)

    def broken(self, how: "Break", least: float = 3.0, most: float = 4.5) -> Outage:
        """Broken in this way for some seconds."""
        start = _bounded(partial(self.place.do, how.how))
        time.sleep(self.dice.uniform(least, most))
        end = _bounded(partial(self.place.do, "mend"))
        noticed = start.upper if how.dated and self.kind != "https" else None  # who speaks no TLS is hung up on anyway
        return Outage(start, end, ("outage_in_place",), REFUSED_WIDTH if how.at_once else HANG_WIDTH, noticed)

    def mend(self) -> None:
        self.place.do("mend")


def _bounded(act: Callable[[], None]) -> Interval:
    """Do it; it took effect between these instants."""
    before = time.monotonic()
    act()
    return Interval(before, time.monotonic())


class Place:
    """Where a service can be broken: the server and the proxy before it, both in a process of their own."""

    def __init__(self, kind: str, papers: Path) -> None:
        command = [sys.executable, "-m", "tests.servers.breakable", kind, str(papers)]
        self.kind = kind
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.port = int(self._answer())

    def do(self, what: str) -> None:
        """Returns when it is done."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        assert answer, "the service has ended"
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Break(NamedTuple):
    """A way to break a service."""

    how: str
    """As tests.servers.breakable knows it."""
    at_once: bool = True
    """A look fails without waiting."""
    dated: bool = False
    """Connections that are held break with it."""


WAYS: dict[str, Break] = {
    "refuse": Break("refuse", dated=True),
    "reset": Break("reset", dated=True),
    "blackhole": Break("blackhole", at_once=False),
    "half-open": Break("half-open", at_once=False),
    "slow": Break("delay 3 0", at_once=False),
    "accepts, says nothing": Break("hang", at_once=False),
    "hangs up": Break("hang-up"),
    "garbage": Break("garbage"),
}
PAGES: dict[str, Break] = {
    "error 500": Break("error-500"),
    "dies in its answer": Break("die"),
    "trickle": Break("trickle", at_once=False),
    "endless headers": Break("endless-headers"),
    "endless body": Break("endless-body"),
    "endless chunks": Break("endless-chunks"),
    "megabyte header": Break("megabyte-header"),
    "gzip bomb": Break("gzip-bomb"),
}
EXPIRED = {"certificate expired": Break("show expired")}
ALL = {"http": {**WAYS, **PAGES}, "https": {**WAYS, **EXPIRED}, "tcp": WAYS}
"""Kind -> how it is broken."""


def _late(service: Service) -> list[Outage]:
    service.place.do("delay 0.04 0.04")
    time.sleep(6)
    service.place.do("delay 0 0")
    return []


def faults(kind: str) -> dict[str, Fault]:
    """All that is played on services of this kind."""
    outages = {name: Fault(partial(_outages, how), phases=PHASES) for name, how in ALL[kind].items()}
    return {**outages, "packet delay, jitter": Fault(_late)}


def _outages(how: Break, service: Service) -> list[Outage]:
    return [service.broken(how)]


def _system(place: Place, authority: str) -> dict[str, Any]:
    port = place.port
    look: dict[str, Any] = {"http": {"url": f"{place.kind}://127.0.0.1:{port}/"}}
    if place.kind == "https":
        look["http"]["tls"] = {"ca_file": authority}
    elif place.kind == "tcp":
        look = {"tcp": {"address": f"127.0.0.1:{port}", "send": "hello\n", "expect": "welcome"}}
    return {"home": "hk", "components": {"web": {"critical": True}}, "sites": {"hk": {"web": look}}}


@contextmanager
def street(seed: int) -> Iterator[dict[str, Service]]:
    """All of them under one exporter, by their names."""
    kinds = {f"{kind}{n}": kind for kind, many in BESIDE.items() for n in range(many)} | {HEALTHY: "http"}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dr-faults-")))
        papers = make_certificates(folder)
        made = {name: Place(kind, folder) for name, kind in kinds.items()}
        for place in made.values():
            stack.callback(place.close)
        systems = {name: _system(place, papers.authority) for name, place in made.items()}
        meter = stack.enter_context(StallMeter())
        exporter = stack.enter_context(Exporter(folder, systems=systems, stable_for=2.0))
        yield {
            name: Service(exporter, meter, Random(f"{seed}{name}"), name, place.kind, place)
            for name, place in made.items()
        }


def table(times: int, seed: int) -> Iterator[Run]:
    """Each fault so many times, several services of a kind at a time."""
    with street(seed) as services:
        done: Queue[Run | BaseException] = Queue()
        waiting = {kind: _waiting(kind, times, Random(seed)) for kind in BESIDE}
        left = sum(queue.qsize() for queue in waiting.values())
        for name, service in services.items():
            if name != HEALTHY:
                threading.Thread(target=_play, args=(service, waiting[service.kind], done), daemon=True).start()
        for _ in range(left):
            run = done.get(timeout=300)
            if isinstance(run, BaseException):
                raise run
            yield run
        yield undisturbed(services[HEALTHY])


def _waiting(kind: str, times: int, dice: Random) -> "Queue[tuple[str, Fault, str]]":
    """What is to be played on services of this kind, shuffled, so that no two runs have the same neighbours."""
    queue: Queue[tuple[str, Fault, str]] = Queue()
    plays = [
        (name, fault, fault.phases[number % len(fault.phases)])
        for name, fault in faults(kind).items()
        for number in range(times)
    ]
    dice.shuffle(plays)
    for play in plays:
        queue.put(play)
    return queue


def _play(service: Service, waiting: "Queue[tuple[str, Fault, str]]", done: "Queue[Run | BaseException]") -> None:
    try:
        while True:
            done.put(service.play(*waiting.get_nowait()))
    except Empty:
        return
    except BaseException as error:  # noqa: BLE001 - it is raised again by whoever waits for the runs
        done.put(error)


def undisturbed(service: Service) -> Run:
    """What was told of the healthy one."""
    wrong = [
        Wrong(Miss.FALSE, f"{one['kind']}: {one['cause']}") for one in service.exporter.incidents(HEALTHY, blips=True)
    ]
    return Run("beside all others", service.kind, CALM, "-", wrong)

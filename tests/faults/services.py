"""HTTP, HTTPS and TCP services that fail in every way, side by side, and a healthy one among them that must stay undisturbed.

The truth is the instants between which the test itself switched the fault on and off.
"""

import asyncio
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from random import Random
from typing import Any, NamedTuple

from exporter.core.interval import Interval
from tests import hostile
from tests.faults.exporter import Exporter
from tests.faults.judge import HANG_WIDTH, REFUSED_WIDTH, Outage
from tests.faults.stage import CALM, PHASES, Fault, Stage
from tests.faults.table import Miss, Run, Wrong
from tests.servers import Proxy
from tests.servers.certificates import Certificates, make_certificates
from tests.servers.stall_meter import StallMeter

PAGE = hostile.message(body=b"ok")
GOOD = {"http": hostile.answer(PAGE), "https": hostile.answer(PAGE), "tcp": hostile.answer(b"welcome\n")}
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
        """It answers later than usual, and in time."""
        self.place.proxy.delay(0.15)
        time.sleep(self.dice.uniform(0, 1))

    def short_outage(self) -> Outage:
        return self.broken(Break(lambda place: place.proxy.refuse()), 2.2, 2.8)

    def broken(self, how: "Break", least: float = 2.5, most: float = 4.0) -> Outage:
        """Broken in this way for some seconds."""
        start = _bounded(partial(how.on, self.place))
        time.sleep(self.dice.uniform(least, most))
        end = _bounded(self.place.mend)
        noticed = start.upper if how.dated else None
        return Outage(start, end, ("outage_in_place",), REFUSED_WIDTH if how.at_once else HANG_WIDTH, noticed)

    def mend(self) -> None:
        self.place.mend()


def _bounded(act: Callable[[], None]) -> Interval:
    """Do it; it took effect between these instants."""
    before = time.monotonic()
    act()
    return Interval(before, time.monotonic())


class Place:
    """Where a service can be broken: the server itself, and the way to it."""

    def __init__(
        self, kind: str, server: hostile.Server, proxy: Proxy, tls: ssl.SSLContext | None, papers: Certificates
    ) -> None:
        self.kind, self.server, self.proxy, self._tls, self._papers = kind, server, proxy, tls, papers

    def behave(self, behaviour: hostile.Behaviour) -> None:
        """From the next connection on."""
        self.server.behaviour = behaviour

    def show(self, certificate: str) -> None:
        if self._tls is not None:
            self._papers.show(self._tls, certificate)

    def mend(self) -> None:
        self.behave(GOOD[self.kind])
        self.show("good")
        self.proxy.heal()


class Break(NamedTuple):
    """A way to break a service."""

    on: Callable[[Place], None]
    at_once: bool = True
    """A look fails without waiting."""
    dated: bool = True
    """Connections that are held break with it."""


def behaves(behaviour: hostile.Behaviour, *, at_once: bool = True) -> Break:
    return Break(lambda place: place.behave(behaviour), at_once, dated=False)


WAYS: dict[str, Break] = {
    "refuse": Break(lambda place: place.proxy.refuse()),
    "reset": Break(lambda place: place.proxy.cut()),
    "blackhole": Break(lambda place: place.proxy.blackhole(), at_once=False, dated=False),
    "half-open": Break(lambda place: place.proxy.hang(), at_once=False, dated=False),
    "slow": Break(lambda place: place.proxy.delay(3.0), at_once=False, dated=False),
    "accepts, says nothing": behaves(hostile.hang, at_once=False),
    "hangs up": behaves(hostile.reset),
    "garbage": behaves(hostile.answer(hostile.GARBAGE)),
}
PAGES: dict[str, Break] = {
    "error 500": behaves(hostile.answer(hostile.message("500 Internal Server Error"))),
    "dies in its answer": behaves(hostile.dies_after(PAGE[:-1])),
    "trickle": behaves(hostile.drip(PAGE, 0.2), at_once=False),
    "endless headers": behaves(hostile.ENDLESS_HEADERS),
    "endless body": behaves(hostile.ENDLESS_BODY),
    "endless chunks": behaves(hostile.ENDLESS_CHUNKS),
    "megabyte header": behaves(hostile.MEGABYTE_HEADER),
    "gzip bomb": behaves(hostile.GZIP_BOMB),
}
EXPIRED = {"certificate expired": Break(lambda place: place.show("expired"), dated=False)}
ALL = {"http": {**WAYS, **PAGES}, "https": {**WAYS, **EXPIRED}, "tcp": WAYS}
"""Kind -> how it is broken."""


def _late(service: Service) -> list[Outage]:
    service.place.proxy.delay(0.1, 0.1)
    time.sleep(6)
    service.place.proxy.delay(0.0)
    return []


def faults(kind: str) -> dict[str, Fault]:
    """All that is played on services of this kind."""
    outages = {name: Fault(partial(_outages, how), phases=PHASES) for name, how in ALL[kind].items()}
    return {**outages, "packet delay, jitter": Fault(_late)}


def _outages(how: Break, service: Service) -> list[Outage]:
    return [service.broken(how)]


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A running event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def places(kinds: dict[str, str], papers: Certificates) -> Iterator[dict[str, Place]]:
    """A good service of each kind by its name, behind a proxy."""
    with ExitStack() as stack:
        loop, servers = stack.enter_context(_loop()), AsyncExitStack()
        stack.callback(lambda: asyncio.run_coroutine_threadsafe(servers.aclose(), loop).result(10))
        made = {}
        for name, kind in kinds.items():
            tls = papers.server("good") if kind == "https" else None
            opening = servers.enter_async_context(hostile.serve(GOOD[kind], tls))
            server = asyncio.run_coroutine_threadsafe(opening, loop).result(10)
            made[name] = Place(kind, server, stack.enter_context(Proxy(server.port)), tls, papers)
        yield made


def _system(place: Place, authority: str) -> dict[str, Any]:
    port = place.proxy.port
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
        made = stack.enter_context(places(kinds, papers))
        systems = {name: _system(place, papers.authority) for name, place in made.items()}
        meter = stack.enter_context(StallMeter())
        exporter = stack.enter_context(Exporter(folder, systems=systems, stable_for="2s"))
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

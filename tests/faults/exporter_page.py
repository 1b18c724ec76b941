"""Faults of the exporter's own house while it watches a page and hostile neighbours: its ledger, its files, its life."""

import asyncio
import random
import resource
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from exporter.core.interval import Interval
from tests.exporter.rig import page
from tests.faults import torn
from tests.faults.exporter import Exporter
from tests.faults.judge import Outage
from tests.faults.stage import Fault, Stage
from tests.hostile import GARBAGE, MEGABYTE_HEADER, Behaviour, answer, drip, hang, message, serve
from tests.servers import Proxy, until
from tests.servers.stall_meter import StallMeter

SHOP = "shop"
HOSTILE = {
    "garbage": answer(GARBAGE),
    "header": MEGABYTE_HEADER,
    "silent": hang,
    "drip": drip(message(body=b"x" * 4000)),
}
"""Neighbours that never serve: nothing may ever be told of them."""
DISK = 32 << 20
"""Bytes of the disk on which the ledger is."""
WIDE = float("inf")


class Keeper(Exporter):
    """The exporter of a page, which has no standby."""

    def is_calm(self, name: str = SHOP) -> bool:
        return bool(self.system(name)["state"] == "healthy")


class House(Stage):
    """A page behind a proxy that can be shut, hostile neighbours, and an exporter whose ledger has a small disk of its own."""

    def __init__(self, exporter: Exporter, meter: StallMeter, dice: random.Random, door: Proxy, aside: Path) -> None:
        super().__init__(exporter, meter, dice, SHOP, "exporter")
        self.door, self.aside = door, aside

    def doubt(self) -> None:
        self.door.cut()
        self.door.heal()

    def short_outage(self) -> Outage:
        return self.outage(self.shut(), 2.5)

    def mend(self) -> None:
        self.door.heal()
        for name in HOSTILE:
            for one in self.exporter.incidents(name, blips=True):
                raise AssertionError(f"told of what never served: {one}")

    def shut(self) -> Interval:
        """The page is gone; between which instants it went."""
        before = time.monotonic()
        self.door.refuse()
        return Interval(before, time.monotonic())

    def outage(self, began: Interval, least: float = 0.0) -> Outage:
        """Until it is declared and has lasted for some time; then the page is back."""
        self.until_state("outage")
        time.sleep(max(0.0, began.upper + least - time.monotonic()))
        before = time.monotonic()
        self.door.heal()
        return Outage(began, Interval(before, time.monotonic()), ("outage_in_place",), WIDE)

    def never_seen(self) -> bool:
        """Whether everything is gone from which an exporter that was started could know that the page ever served. Then it tells
        no outage, and the page is mended."""

        def told() -> str:
            shop = self.exporter.system(SHOP)
            return "never" if shop["sentence"].startswith("never seen") else str(shop["state"])

        until(lambda: told() in ("never", "outage"), f"{SHOP} is judged", step=0.02)
        if told() == "outage":
            return False
        self.door.heal()
        self.until_state("healthy")
        return True

    def until_state(self, *states: str) -> None:
        until(lambda: self.exporter.system(SHOP)["state"] in states, f"{SHOP} is {' or '.join(states)}", step=0.02)

    def pause(self, least: float = 0.1, most: float = 1.5) -> None:
        time.sleep(self.dice.uniform(least, most))

    def must_be_writable(self, yes: bool) -> None:
        until(lambda: self.exporter.metric("dr_exporter_ledger_writable") == yes, f"writable: {yes}", step=0.05)


# --- the ledger cannot be written


@contextmanager
def full(house: House) -> Iterator[None]:
    """A greedy neighbour takes every byte of its disk, as soon as there is one."""
    filler, over = house.exporter.ledger.with_name("filler"), threading.Event()

    def fill() -> None:
        with filler.open("ab", buffering=0) as file:
            while not over.wait(0.02):
                with suppress(OSError):
                    file.write(bytes(1 << 20))
                with suppress(OSError):
                    file.write(b"\0")

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)
        filler.unlink()


@contextmanager
def locked(house: House) -> Iterator[None]:
    """Somebody else holds the database."""
    db = sqlite3.connect(house.exporter.ledger, isolation_level=None, timeout=10)
    try:
        db.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        db.close()


@contextmanager
def no_files(house: House) -> Iterator[None]:
    """It may open at most a few files and sockets more than it has now."""
    pid = house.exporter.pid
    most, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    few = len(list(Path(f"/proc/{pid}/fd").iterdir())) + house.dice.randrange(4)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, hard))


Trouble = Callable[[House], AbstractContextManager[None]]


def _unwritable(trouble: Trouble) -> Callable[[House], list[Outage]]:
    """An outage begins and ends meanwhile: its records wait, and are written once."""

    def act(house: House) -> list[Outage]:
        with trouble(house):
            house.must_be_writable(False)
            outage = house.outage(house.shut())
            house.pause()
        house.must_be_writable(True)
        return [outage]

    return act


def _unwritable_at_its_end(trouble: Trouble) -> Callable[[House], list[Outage]]:
    """It begins before, and ends while nothing can be written."""

    def act(house: House) -> list[Outage]:
        began = house.shut()
        house.until_state("outage")
        with trouble(house):
            house.pause(1.0, 4.0)
            outage = house.outage(began)
            house.pause(2.0, 3.0)
        house.must_be_writable(True)
        return [outage]

    return act


def _no_files(house: House) -> list[Outage]:
    """It is our own trouble, and says nothing of the page."""
    with no_files(house):
        house.pause(2.0, 6.0)
    return []


def _no_files_in_an_outage(house: House) -> list[Outage]:
    began = house.shut()
    house.pause(0.0, 2.0)
    with no_files(house):
        house.pause(1.0, 3.0)
    return [house.outage(began)]


# --- killed


def _killed_among_hostile(house: House) -> list[Outage]:
    """Killed and started, frozen and thawed, before an outage and in it."""
    house.exporter.kill()
    house.exporter.start()
    house.pause()
    began = house.shut()
    house.until_state("outage")
    house.exporter.signal(signal.SIGSTOP)
    house.pause(0.5, 3.0)
    house.exporter.signal(signal.SIGCONT)
    house.exporter.kill()
    house.exporter.start()
    return [house.outage(began)]


def _torn(tear: torn.Tear) -> Callable[[House], list[Outage]]:
    """Killed in an outage, its ledger torn, started again. Refused, it gets the copy back that somebody has put aside."""

    def act(house: House) -> list[Outage]:
        exporter = house.exporter
        began = house.shut()
        house.until_state("outage")
        exporter.kill()
        copy = torn.Copy(exporter.ledger, house.aside)
        tear(exporter.ledger, house.dice)
        refusal = start(exporter)
        house.found += torn.judged(exporter.ledger, copy, refusal)
        house.figures["rpo"] = "refused" if refusal else "goes on"
        if refusal is None and not torn.is_whole(exporter.ledger):
            exporter.kill()
            refusal = "verify found it"
        if refusal is not None:
            copy.put_back()
            exporter.start()
        kept = {one["id"] for one in exporter.incidents(SHOP, blips=True)}
        house.told = {name: one for name, one in house.told.items() if name in kept}
        if house.never_seen():
            return []
        # Where the newest records are gone, an earlier outage may be open again, and this one goes on in it, under its id.
        return [house.outage(began)._replace(certain=refusal is not None)]

    return act


def start(exporter: Exporter) -> str | None:
    """None when it runs; what it said, if it refused to."""
    log = exporter.folder / "exporter.log"
    begun = log.stat().st_size
    try:
        exporter.start()
    except AssertionError:
        if exporter.ended:
            return log.read_bytes()[begun:].decode()
        raise
    return None


FAULTS: dict[str, Fault] = {
    "ledger disk full": Fault(_unwritable(full)),
    "disk full, outage ends": Fault(_unwritable_at_its_end(full)),
    "ledger locked": Fault(_unwritable(locked)),
    "locked, outage ends": Fault(_unwritable_at_its_end(locked)),
    "no more files": Fault(_no_files),
    "no more files in outage": Fault(_no_files_in_an_outage),
    "killed among hostile": Fault(_killed_among_hostile),
    "ledger log cut": Fault(_torn(torn.truncated("-wal"))),
    "ledger log flipped": Fault(_torn(torn.flipped("-wal"))),
    "ledger file cut": Fault(_torn(torn.truncated(""))),
    "ledger file flipped": Fault(_torn(torn.flipped(""))),
}
ON_A_DISK = ("ledger disk full", "disk full, outage ends")


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A disk of DISK bytes at `folder`; False where it must not be mounted: then it is a folder like any other."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


class Neighbours:
    """Servers of this process, in a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @contextmanager
    def serving(self, behaviour: Behaviour) -> Iterator[int]:
        """One that behaves like this; its port."""
        server = serve(behaviour)
        try:
            yield self._run(server.__aenter__()).port
        finally:
            self._run(server.__aexit__(None, None, None))

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextmanager
def house(seed: int) -> Iterator[tuple[House, bool]]:
    """Everything up; and whether its ledger has a disk of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dr-house-")))
        (disk := folder / "disk").mkdir()
        (aside := folder / "aside").mkdir()
        mounted = stack.enter_context(small_disk(disk))
        neighbours = Neighbours()
        stack.callback(neighbours.close)
        ports = {}
        for name, behaviour in {SHOP: answer(message(body=b"open")), **HOSTILE}.items():
            ports[name] = stack.enter_context(neighbours.serving(behaviour))
        door = stack.enter_context(Proxy(ports.pop(SHOP)))
        systems = {SHOP: page(door.port), **{name: page(port) for name, port in ports.items()}}
        meter = stack.enter_context(StallMeter())
        exporter = Keeper(folder, systems=systems, ledger=disk / "ledger.db")
        yield House(stack.enter_context(exporter), meter, random.Random(seed), door, aside), mounted

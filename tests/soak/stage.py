"""Everything that the real hour needs, up and calm: servers, sites, the exporter, those who use it, those who break them."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.bench.rig import running
from tests.faults.exporter import ADDRESS
from tests.faults.pairs import Pair
from tests.faults.table import Run
from tests.servers import PASSWORD, PostgresPair, Writer
from tests.servers.mariadb_pair import MariadbPair
from tests.servers.redis import RedisPair
from tests.servers.stall_meter import StallMeter
from tests.soak import breaking
from tests.soak.breaking import Actor, Breaker, Interrupted, Operator
from tests.soak.name import NameServer
from tests.soak.rack import rack
from tests.soak.record import Record
from tests.soak.subject import WITHIN, Subject

PAGES, FROZEN, GUESTS = 40, 12, 4
"""Systems of one page: broken one by one, frozen all at once, and coming and going with reloads."""
STREAMS = 20
WORLD, SUBJECT = -19, -10
"""Precedence (nice) of what is looked at and of the exporter, where we may have it: above what else runs here."""
WRITE_EVERY = 0.05
WRITERS = {"mariadb": "mariadb_writer_process", "postgres": "writer_process", "redis": "redis_writer_process"}
DATABASES = ("mariadb", "postgres", "redis")
"""Real pairs, one system each."""


@dataclass
class Stage:
    """Everything that runs."""

    subject: Subject
    actors: list[Actor]
    record: Record
    runs: list[Run]
    crowd: "subprocess.Popen[str]"
    over: threading.Event
    systems: int
    operator: Operator


@contextmanager
def stage(seed: int) -> Iterator[Stage]:
    """Up, and calm; everything down at the end."""
    with ExitStack() as stack:
        stack.enter_context(precedence())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dr-soak-")))
        (folder / "password").write_text(PASSWORD)
        databases = list(_databases(stack))
        writers = {one.kind: stack.enter_context(one.writer()) for one in databases}
        pages = stack.enter_context(rack([f"page-{number:02}" for number in range(PAGES)]))
        frozen = stack.enter_context(rack([f"frozen-{number:02}" for number in range(FROZEN)]))
        guests = stack.enter_context(rack([f"guest-{number}" for number in range(GUESTS)]))
        names = stack.enter_context(NameServer())
        systems = {one.kind: one.system(folder / "password") for one in databases}
        systems |= {**pages.systems(), **frozen.systems(), **names.systems()}
        subject = stack.enter_context(Subject(folder, systems))
        subject.step_back(max(os.getpriority(os.PRIO_PROCESS, 0), SUBJECT))
        stack.callback(subject.signal, signal.SIGCONT)  # whoever stalls it may have been stopped in the middle
        port = str(subject.port)
        crowd = stack.enter_context(running(sys.executable, "-m", "tests.soak.crowd", port, str(STREAMS)))
        record, runs, over = Record(), list[Run](), threading.Event()
        breaker, operator = Breaker(pages, record, subject), Operator(subject, guests)
        acts = {
            **{f"page {number}": (breaker.act, (1.0, 4.0)) for number in range(3)},
            "rack": (breaking.freeze_rack(frozen, record), (60.0, 150.0)),
            "names": (breaking.break_names(names, record), (40.0, 90.0)),
            "reload": (operator.reload, (45.0, 120.0)),
            "stall": (operator.stall, (60.0, 240.0)),
        }
        meter = stack.enter_context(StallMeter())
        for kind, pair, _, _ in databases:
            scene = Interrupted(pair, writers[kind], subject.view(kind), meter, Random(seed), system=kind)
            scene.within = 3 * WITHIN
            acts[kind] = (breaking.break_pair(kind, scene, runs), (5.0, 20.0))
        actors = [Actor(name, act, pause, over, seed) for name, (act, pause) in acts.items()]
        for kind in DATABASES:
            subject.view(kind).wait_calm()
        yield Stage(subject, actors, record, runs, crowd, over, len(systems), operator)
        over.set()


@contextmanager
def precedence() -> Iterator[None]:
    """What is looked at, and whoever notes the truth, come first on this machine, then the exporter, if we may say so: who
    works beside us slows the exporter down, and must not slow down what it looks at, which would be no false blip."""
    if os.geteuid() != 0:
        print("  not root: if this machine is busy otherwise, pages that get no turn are told as blips")
        yield
        return
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, WORLD)
    _whole_session(WORLD)
    try:
        yield
    finally:
        _whole_session(0)
        os.setpriority(os.PRIO_PROCESS, 0, before)


def _whole_session(nice: int) -> None:
    """Where the kernel shares the processor out among sessions, nice counts within one only (sched(7), autogroup)."""
    group = Path("/proc/self/autogroup")
    if group.exists():
        group.write_text(str(nice))


class Database(NamedTuple):
    """A pair and how to reach it."""

    kind: str
    pair: Pair
    looked_at: tuple[str, str]
    """By the exporter: hk, sg."""
    written_to: tuple[str, str]
    """By the independent writer."""

    def writer(self) -> Writer:
        return Writer(*self.written_to, every=WRITE_EVERY, program=f"tests.servers.{WRITERS[self.kind]}")

    def system(self, password: Path) -> dict[str, Any]:
        """As a configuration."""
        where = zip(("hk", "sg"), self.looked_at, strict=True)
        probe = {ADDRESS[self.kind]: "", "password_file": str(password)}
        return {
            "home": "hk",
            "objectives": {"rto": "60s", "rpo": {"site_loss": "5s"}},
            "components": {"database": {"critical": True, "canary": {"every": "1s"}}},
            "sites": {
                site: {"database": {self.kind: {**probe, ADDRESS[self.kind]: address}}} for site, address in where
            },
        }


def _databases(stack: ExitStack) -> Iterator[Database]:
    postgres, mariadb = stack.enter_context(PostgresPair()), stack.enter_context(MariadbPair())
    redis = stack.enter_context(RedisPair())
    yield Database(
        "postgres",
        postgres,
        (postgres.a.dsn(), postgres.b.dsn()),
        (postgres.a.dsn("writer"), postgres.b.dsn("writer")),
    )
    yield Database(
        "mariadb", mariadb, (mariadb.a.dsn(), mariadb.b.dsn()), (mariadb.a.dsn("writer"), mariadb.b.dsn("writer"))
    )
    yield Database("redis", redis, (redis.a.url(), redis.b.url()), (str(redis.a.port), str(redis.b.port)))

"""An event loop whose time jumps to the next timer, so that minutes pass in an instant and always in the same way."""

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from exporter.core import fold
from exporter.core.model import Component, Facts, Instant, Moment, Part, Policy, Reason, Role, System
from exporter.core.ports import Json, Kept, Loaded
from exporter.core.state import Record
from exporter.engine.engine import Engine, Environment
from exporter.engine.eye import Eye
from exporter.engine.haste import Haste
from exporter.engine.pace import Pace
from exporter.engine.plan import Plan, Reference
from exporter.engine.publish import Publisher
from exporter.engine.sight import Sight
from exporter.engine.tools import Tools
from exporter.engine.watch import Watch
from exporter.engine.wheel import Wheel
from exporter.probes.attempt import attempt
from exporter.probes.kind import Ask, Failure, Look, Probe
from exporter.probes.tripwire import nothing_to_hold

PART = Part("hk", "database")
PRIMARY = Look(Facts(role=Role.PRIMARY, writable=True, epoch="1"))
PARTS = frozenset({PART})


class _Jump(selectors.SelectSelector):
    """Waits for nothing: it says that the time has passed."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """For work without I/O: nothing is ever waited for but timers."""

    def __init__(self, begin: Instant) -> None:
        self._jump = _Jump()
        self._jump.now = begin
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now

    def stand_still(self, seconds: float) -> None:
        """As if whoever calls had kept everybody else from working for so long."""
        self._jump.now += seconds


def in_virtual_time(work: Coroutine[Any, Any, None], begin: Instant = 1000.0) -> None:
    """Run it to its end; what it has left running ends with it."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(begin)) as runner:
        runner.run(work)


class Server:
    """One server for all: it works for one after the other, also for those who have gone, and a login is dear."""

    LOGIN, QUESTION = 0.01, 0.001
    """Seconds of its time."""
    LOGIN_WAYS = 6
    """How often a login goes there and back, with its question."""

    def __init__(self) -> None:
        self.free = 0.0
        """When it has worked for all who came so far."""
        self.hangs = False
        """It lets everybody wait and does nothing for them."""
        self.refuses = False
        self.full = False
        """It lets nobody new in; whoever is in is served."""
        self.way = 0.0
        """Seconds to it and back."""

    async def work(self, seconds: float, ways: int = 1) -> None:
        """So many ways to it and back, and so long when there."""
        loop = asyncio.get_running_loop()
        if self.way:
            await asyncio.sleep(self.way * ways)
        if self.refuses:
            raise Failure(Reason.REFUSED)
        if self.hangs:
            await asyncio.sleep(3600)
        self.free = max(self.free, loop.time()) + seconds
        await asyncio.sleep(self.free - loop.time())

    def stand_still(self, seconds: float) -> None:
        """From now on for so long."""
        self.free = max(self.free, asyncio.get_running_loop().time()) + seconds


class SharedProbe:
    """A look at a server: over the kept connection if there is one and it is wanted, which a look that breaks off ends."""

    target = "server"

    def __init__(self, server: Server) -> None:
        self._server = server
        self._kept = False
        self.looks: list[tuple[float, bool]] = []
        """When each began, and whether over a connection of its own."""
        self.under_way = 0
        self.most = 0
        """Most at once since somebody set it to 0."""

    async def look(self, ask: Ask) -> Look:
        self.looks.append((asyncio.get_running_loop().time(), ask.fresh))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        kept, self._kept = self._kept and not ask.fresh, self._kept and ask.fresh
        try:
            if kept:
                await self._server.work(Server.QUESTION)
            else:
                if self._server.full:
                    await asyncio.sleep(3600)
                await self._server.work(Server.LOGIN, Server.LOGIN_WAYS)
        finally:
            self.under_way -= 1
        self._kept = self._kept or not ask.fresh
        return PRIMARY

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        raise NotImplementedError

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        await nothing_to_hold()

    async def close(self) -> None:
        """Nothing is kept."""


class ForgettingLedger:
    """Takes everything at once."""

    async def append(self, records: Sequence[Record], checkpoints: Mapping[str, Json], now: Moment) -> None:
        """It is on no disk."""

    def keep(self, kept: Kept, now: Moment) -> None:
        """Nobody asks for it."""


class NewLedger(ForgettingLedger):
    """Nothing is in it yet."""

    async def load(self, now: Moment) -> Loaded:
        return Loaded({}, {}, {}, {}, {})

    def beat(self, checkpoints: Mapping[str, Json], now: Moment) -> None:
        """It is on no disk."""


def plan(name: str, probe: Probe, key: object = None) -> Plan:
    """A system with one database; under another `key` it counts as changed."""
    system = System(name, "hk", ("hk",), {"database": Component("database", critical=True, stateful=True)}, PARTS)
    return Plan(system, lambda: {PART: probe}, {PART: "postgres"}, key or name)


@asynccontextmanager
async def engine_of(
    *plans: Plan, ledger: Any = None, references: Mapping[str, Reference] | None = None
) -> AsyncIterator[Engine]:
    """One that runs."""
    clock = asyncio.get_running_loop().time
    moment = lambda: Moment(clock(), 1e9 + clock())  # noqa: E731 - one line, used in the next
    forgets: Any = NewLedger()
    engine = Engine(Environment(clock, moment, attempt, ledger or forgets))
    running = asyncio.ensure_future(engine.run(plans, references or {}, lambda: None))
    try:
        yield engine
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class Fleet:
    """Systems that are watched, each with one database at the server that it is given."""

    def __init__(self, *servers: Server, policy: Policy = Policy()) -> None:  # noqa: B008 - it is frozen
        loop = asyncio.get_running_loop()
        self.clock = loop.time
        self.haste = Haste(self.clock)
        ledger: Any = ForgettingLedger()
        publisher = Publisher(ledger, self._moment)
        self.faults: list[BaseException] = []
        wheel = Wheel(loop, self.clock)
        wheel.gather(len(servers))  # a look a second at each
        tools = Tools(
            wheel, self.clock, self._moment, attempt, ledger, publisher, Sight(len(servers)),
            self._spawn, lambda at: None, lambda: None, self.haste,
        )  # fmt: skip
        self._publishing = self._spawn(publisher.run())
        self.probes = [SharedProbe(server) for server in servers]
        self.watches: list[Watch] = []
        for number, probe in enumerate(self.probes):
            component = Component("database", critical=True, stateful=True)
            system = System(f"system-{number}", "hk", ("hk",), {"database": component}, PARTS, policy=policy)
            eye = Eye(PART, probe, system.policy, component)
            watch = Watch(system, {PART: eye}, fold.begin(system, self._moment()), tools)
            self.watches.append(watch)
            Pace(watch, number * 0.618 % 1).start()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.faults.append(fault)

    def _moment(self) -> Moment:
        return Moment(self.clock(), 1e9 + self.clock())

    def modes(self) -> set[str]:
        """Of all its systems. Raises what a look or a state met, which nobody else would see."""
        if self.faults:
            raise ExceptionGroup("while looking", [fault for fault in self.faults if isinstance(fault, Exception)])
        return {str(watch.state.mode) for watch in self.watches}

"""All systems under watch: one task tree, one schedule, one answer to "am I blind?"."""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple

from exporter.core import checks, watching
from exporter.core.codec import encode
from exporter.core.model import Instant, Moment, System
from exporter.core.ports import Ledger, Loaded
from exporter.core.snapshot import Histogram, Watched
from exporter.core.state import Mode, Step, SystemState
from exporter.engine.departed import Departed
from exporter.engine.eye import Attempt
from exporter.engine.haste import Haste
from exporter.engine.heart import Heart
from exporter.engine.people import People
from exporter.engine.plan import Plan, Reference, looks_a_second
from exporter.engine.publish import Entry, Observer, Publisher
from exporter.engine.running import Running
from exporter.engine.sight import Sight
from exporter.engine.standings import Standings
from exporter.engine.tools import Tools
from exporter.engine.watch import Watch
from exporter.engine.wheel import Wheel

_LOG = logging.getLogger(__name__)

REFERENCE_EVERY = 5.0
ASK_EVERY = 0.25
"""Seconds between two rounds of asking around in a silence..."""
ASK_AFTER = 0.1
"""...and until one, in which somebody else may answer anyway: where others are looked at all the time, nobody has to be asked."""
ASK_AT_ONCE = 64
STILL = 3.0
"""Seconds without a sign of life of our own after which nobody looked: the process was frozen, or had no processor."""
GOLDEN = 0.6180339887498949
"""Phases at multiples of it are spread evenly, however many there are."""


class Environment(NamedTuple):
    """The outside, as the engine needs it."""

    clock: Callable[[], Instant]
    moment: Callable[[], Moment]
    attempt: Attempt
    ledger: Ledger
    observers: Sequence[Observer] = ()


class Engine:
    """Made idle; `run` looks until it is cancelled."""

    def __init__(self, environment: Environment) -> None:
        self._env = environment
        self._sight = Sight()
        self._running: dict[str, Running] = {}
        self._references: Mapping[str, Reference] = {}
        self.references: dict[str, bool] = {}
        """Whether each reference answered last."""
        self.blind_since: Instant | None = None
        self.faults = 0
        """Bugs met while looking: each is in the log with its traceback."""
        self._publisher = Publisher(environment.ledger, environment.moment, environment.observers)
        self.people = People(self._running, environment.moment, self._publisher)
        self._departed = Departed(lambda name, step: self._publisher.put(Entry(None, name, step.records, step.state)))
        self._tasks: set[asyncio.Task[None]] = set()
        self._tools: Tools | None = None
        self._asked: Instant = 0.0
        self._alive = environment.clock()
        self._retired: set[asyncio.Task[None]] = set()

    # --- life

    async def run(
        self, plans: Sequence[Plan], references: Mapping[str, Reference], started: Callable[[], None]
    ) -> None:
        """Load what an earlier run left, watch, and when cancelled stop every look and write down where we were."""
        env = self._env
        loaded = await env.ledger.load(env.moment())
        self._alive = env.clock()  # nobody is watched yet
        wheel = Wheel(asyncio.get_running_loop(), env.clock)
        try:
            async with asyncio.TaskGroup() as group:
                self._tools = Tools(
                    wheel, env.clock, env.moment, env.attempt, env.ledger, self._publisher, self._sight,
                    self._spawn, self._heard, self._silence, Haste(env.clock), self._awake,
                    lambda: self.blind_since is not None,
                )  # fmt: skip
                group.create_task(self._publisher.run())
                self.apply(plans, references, loaded)
                group.create_task(Heart(self._running, env.clock, env.moment, env.ledger, self._awake).beat_forever())
                group.create_task(self._reference_forever())
                group.create_task(self.people.expire_forever(self._spawn))
                group.create_task(Standings(self._running, env.moment, self._spawn).watch_forever())
                started()
        finally:
            wheel.stop()
            for running in self._running.values():
                running.stop()
            await _cancelled(self._tasks)
            await self._publisher.flush()
            env.ledger.beat({name: encode(r.watch.state) for name, r in self._running.items()}, env.moment())
            await asyncio.gather(*(r.close() for r in self._running.values()), *self._retired)

    def apply(self, plans: Sequence[Plan], references: Mapping[str, Reference], loaded: Loaded | None = None) -> None:
        """Watch these and nothing else. What did not change goes on undisturbed; what changed keeps its knowledge.

        Not before `run` has said that it started: until then only `run` itself knows what an earlier run left.
        """
        self._awake()
        wanted = {plan.system.name: plan for plan in plans}
        kept: dict[str, Watch] = {}
        if loaded is not None:
            self._departed.load(loaded, wanted, self._env.moment())
        for name in [n for n, r in self._running.items() if n not in wanted or wanted[n].key != r.plan.key]:
            watch = self._running[name].watch
            if name in wanted:
                kept[name] = watch
            else:
                self._departed.leave(name, watch.state, self._env.moment())
            self._retire(self._running.pop(name))
        assert self._tools is not None
        self._tools.wheel.gather(looks_a_second(wanted.values()))
        for index, (name, plan) in enumerate(wanted.items()):
            if name not in self._running:
                before = kept.get(name)
                begun = self._state(plan.system, before.state if before is not None else None)
                self._running[name] = Running.start(plan, begun, index * GOLDEN % 1, self._tools, before)
        self._departed.shed()
        for gone in self.references.keys() - references.keys():
            self._sight.forget(gone)
        self._references = references
        self.references = {name: self.references.get(name, False) for name in references}
        self._sight.endpoints = sum(len(r.watch.eyes) for r in self._running.values())
        self._sight.references = len(references)
        self._awake()  # nobody looked meanwhile

    def _state(self, system: System, kept: SystemState | None) -> Step:
        """What it starts with. It is as blind as we are: what it alone could not see may be mended, and is found anew if not."""
        now = self._env.moment()
        if kept is not None:
            step = watching.reconfigured(system, kept, now)
        elif (left := self._departed.take(system.name)) is not None:
            step = watching.resumed(system, left, now.mono, now)
        else:
            step = watching.begun(system, now)
        if self.blind_since is None:
            own = watching.sighted(system, step.state, now)
        else:
            own = watching.blinded(system, step.state, self.blind_since, now)
        return Step(own.state, (*step.records, *own.records))

    def _retire(self, running: Running) -> None:
        running.stop()
        for eye in running.watch.eyes.values():
            self._sight.forget(eye)
        task = asyncio.get_running_loop().create_task(running.close())
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Looks and the like are not in the task group: a fault of ours in the account of one must not end the looks at
        everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.faults += 1
            _LOG.error("a fault of the exporter, please report it", exc_info=error)

    # --- what the outside reports

    def restore_verified(self, system: str, backup: str) -> bool:
        """A restore from this backup was verified by whoever made it; False: there is no such backup here."""
        running = self._running.get(system)
        if running is None or backup not in running.watch.system.backups:
            return False
        watch = running.watch
        watch.accept(checks.restore_verified(watch.system, watch.state, backup, self._env.moment()))
        return True

    # --- what the outside sees

    def systems(self) -> dict[str, Watched]:
        """As published: nothing in it is ahead of the ledger."""
        self._awake()
        return {name: Watched(r.watch.system, r.watch.published, r.targets) for name, r in self._running.items()}

    def lateness(self) -> Histogram:
        return self._tools.wheel.lateness() if self._tools else Histogram((), ())

    # --- blindness

    def _awake(self) -> None:
        """A sign of life. Where the last one is long ago nobody looked since, which is no fault of whom we look at."""
        now = self._env.clock()
        since, self._alive = self._alive, now
        if now - since > STILL:
            _LOG.warning("the exporter stood still for %.1f s: nothing was looked at", now - since)
            for watch in [running.watch for running in self._running.values()]:
                begun = max(since, watch.state.trusted_since)  # what was told of it is told already
                if now - begun > STILL:
                    watch.pause(begun, self._env.moment())

    def _heard(self, ended: Instant) -> None:
        """Somebody answered. That proves that we hear when it ended, not when it began: another that began with it may still fail."""
        if self.blind_since is None or self._sight.quiet_since is not None:
            return
        _LOG.warning("no longer blind after %.1f s", ended - self.blind_since)
        self.blind_since = None
        now = self._env.moment()
        at = Moment(ended, now.wall_of(ended))
        for running in self._running.values():
            running.watch.accept(watching.sighted(running.watch.system, running.watch.state, at))

    def _silence(self) -> None:
        """Nobody answered a look: if nobody answers at all, it is us. Otherwise ask around, so that we know soon."""
        if self.blind_since is not None:
            return
        if self._sight.blind:
            self._blind()
            return
        now = self._env.clock()
        if now - self._asked < ASK_EVERY or self._sight.quiet_since is None:
            return
        self._asked = now
        self._ask_around()

    def _ask_around(self) -> None:
        """When the silence is old enough, unless somebody answers before."""
        since = self._sight.quiet_since
        if self._tools is None or self.blind_since is not None or since is None:
            return
        if self._env.clock() < since + ASK_AFTER:
            self._tools.wheel.at(since + ASK_AFTER, self._ask_around)
            return
        for name, ask in self._references.items():
            self._spawn(self._ask(name, ask))
        asked = 0
        for running in self._running.values():
            fast = running.watch.state.mode in (Mode.SUSPECTED, Mode.OUTAGE)
            for eye in running.watch.eyes.values():
                if fast and (eye.vital or eye.stateful):
                    continue  # it is looked at already
                if asked < ASK_AT_ONCE and not eye.looks and not self._sight.is_quiet(eye):
                    asked += 1
                    running.watch.look(eye, fresh=True, hasty=True)

    def _blind(self) -> None:
        now = self._env.moment()
        looked = min((r.watch.state.trusted_since for r in self._running.values()), default=now.mono)
        self.blind_since = min(now.mono, max(self._sight.heard_end, looked))
        _LOG.warning("blind: nothing that we look at answers")
        for running in self._running.values():
            running.watch.accept(watching.blinded(running.watch.system, running.watch.state, self.blind_since, now))

    async def _ask(self, name: str, ask: Reference) -> None:
        started = self._env.clock()
        try:
            async with asyncio.timeout(1.0):
                answered = await ask()
        except TimeoutError:
            answered = False
        self._awake()
        if name not in self._references:
            return  # a reload took it out meanwhile
        self.references[name] = answered
        ended = self._env.clock()
        self._sight.saw(name, started, ended, answered=answered, reference=True)
        if answered:
            self._heard(ended)
        else:
            self._silence()

    async def _reference_forever(self) -> None:
        while True:
            for name, ask in list(self._references.items()):
                self._spawn(self._ask(name, ask))
            await asyncio.sleep(1.0 if self.blind_since is not None else REFERENCE_EVERY)


async def _cancelled(tasks: Collection["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

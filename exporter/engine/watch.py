"""One system under watch: looks and markers go out, what comes back goes through the fold and on to the publisher."""

from collections.abc import Callable, Mapping
from functools import partial

from exporter.core import active, fold, watching
from exporter.core.canary import Outcome
from exporter.core.looks import awaited, proves_nothing
from exporter.core.losses import unmeasured
from exporter.core.model import SILENT, Instant, Moment, Part, Sample, System
from exporter.core.sources import markers_above
from exporter.core.state import Marker, Mode, Step, SystemState
from exporter.core.verdict import contested, site_of
from exporter.engine import numbering
from exporter.engine.eye import CALM_OVERLAP, OVERLAP, Eye, Pending, no_longer_awaited, smoothed
from exporter.engine.publish import Entry
from exporter.engine.recorder import Recorder, samples_record
from exporter.engine.tools import Tools
from exporter.engine.trouble import Trouble
from exporter.probes.kind import STALL, Ask, Look, Taken

DOUBTFUL = (Mode.SUSPECTED, Mode.OUTAGE, Mode.RECOVERING)


class Watch:
    """Looks at one system. `published` is what the outside may see; `state` may be ahead of it by what the ledger still owes."""

    def __init__(
        self,
        system: System,
        eyes: Mapping[Part, Eye],
        state: SystemState,
        tools: Tools,
        before: "Watch | None" = None,
    ) -> None:
        """`before`: the watch whose state goes on, under another configuration."""
        self.system = system
        self.eyes = eyes
        self.state = state
        self.published = state
        self.unsettled = 0
        """How many steps wait for the ledger with their records, those of whoever watched before included."""
        self._heir: Watch | None = None
        if before is not None:
            before._heir = self
            if before.unsettled:
                self.unsettled = before.unsettled
                self.published = watching.reconfigured(system, before.published, tools.moment()).state
        self.tools = tools
        self.react: Callable[[SystemState], None] = lambda before: None
        """Set by whoever decides when to look: called after each change, with the state before it."""
        self.overdue: Callable[[Eye, Pending], None] = lambda eye, pending: None
        """The same, when a look or a marker takes longer than usual."""
        self.recorder: Recorder = Recorder(system) if before is None else before.recorder
        self.recorder.reconfigure(system)
        self._trouble = Trouble(system)
        begun = tools.moment()
        self._wall_at_start = begun.wall - begun.mono
        """Markers are stamped, and swept after 15 minutes, by a clock that does not jump: the wall clock's step of an hour would
        sweep those of the last minutes, which would be missed after a failover as if they had been lost."""
        self._count = 0

    # --- looks

    def look(self, eye: Eye, *, fresh: bool, hasty: bool = False, witness: bool = False) -> None:
        """Start a look; at most OVERLAP may be under way, in a crowd CALM_OVERLAP. In haste it is given less time, as a
        `witness` all of it whatever happens."""
        if len(eye.looks) >= self._overlap():
            return
        self._count += 1
        number = self._count
        pending = eye.looks[number] = self._pending(eye, hasty=hasty, witness=witness)
        pending.fresh = fresh and eye.component is not None
        self._doubt_later(eye, pending, eye.usual)
        above = markers_above(self.system, self.state, eye.part)
        ask = Ask(fresh, numbering.to_read(eye, self.state, above))
        pending.task = self.tools.spawn(self._look(eye, number, pending, ask, above, calm=not (hasty or witness)))
        if hasty:
            self.tools.haste.begun(pending, self)

    def _overlap(self) -> int:
        return CALM_OVERLAP if self.tools.haste.crowded else OVERLAP

    def _pending(
        self, eye: Eye, marker: Marker | None = None, *, hasty: bool = False, witness: bool = False
    ) -> Pending:
        """Whatever begins while we catch up after a standstill of our own is late for that, and has all of its time."""
        started, patience, wheel = self.tools.clock(), eye.policy.timeout, self.tools.wheel
        spared = wheel.catching_up()
        timeout = eye.fast_timeout(marker is not None) if hasty and not spared else patience
        until, patient = started + timeout, started + patience
        return Pending(started, until, patient, marker, wheel.stood, witness=witness, spared=spared)

    def _doubt_later(self, eye: Eye, pending: Pending, usual: float | None) -> None:
        in_calm = pending.patient and not (pending.witness or pending.spared)
        late = eye.overdue_after(usual) if eye.vital and in_calm else None
        if late is not None:
            due = pending.started + late
            pending.call_before(due, partial(self._late, eye, pending, late, due, 0.0))

    def _late(self, eye: Eye, pending: Pending, late: float, due: Instant, known: float) -> None:
        """It takes longer than usual; unless it was we who stood still, for more than is `known`: then it gets the same time
        once more."""
        stalled = pending.stalled(due)
        if stalled - known > STALL:
            due = self.tools.clock() + late
            pending.call_before(due, partial(self._late, eye, pending, late, due, stalled))
        else:
            self.overdue(eye, pending)

    async def _look(self, eye: Eye, number: int, pending: Pending, ask: Ask, above: int | None, *, calm: bool) -> None:
        try:
            sample = await self.tools.attempt(eye.part, partial(eye.probe.look, ask), pending, self.tools.clock)
        finally:
            eye.looks.pop(number, None)
        enough = eye.fast_timeout()  # by what was known when it began
        if sample.ok:
            eye.learn(pending.took(sample.ended), fresh=ask.fresh, calm=calm)
        if pending.fresh:
            eye.turned_away = not sample.ok
        self.state = numbering.read(eye, self.state, sample, ask)
        self.looked(eye, sample, above, enough, fresh=ask.fresh)

    def looked(self, eye: Eye, sample: Sample, above: int | None, enough: float = 0.0, *, fresh: bool = True) -> None:
        """A look ended. `enough`: seconds for which an older one has to have waited in vain, if that is to say something."""
        self.tools.awake()
        tools, answered = self.tools, sample.reason not in SILENT
        tools.sight.saw(eye, sample.started, sample.ended, answered=answered)
        if answered:
            tools.answered(sample.ended)
        abandoned: list[Instant] = []
        if sample.ok:
            eye.answered.set()
            abandoned = no_longer_awaited(eye.looks, sample, enough, fresh=fresh)
        else:
            eye.answered.clear()
        before, now = self.state, tools.moment()
        step = fold.observe(self.system, before, sample, now, above=above, pending=abandoned, heard=tools.sight.heard)
        if not proves_nothing(before, sample.reason, sample.started):
            self.recorder.looked(before, step, sample, awaited(before, abandoned), now.mono)
        self.accept(step)
        for own in self._trouble.told(self.state, sample, now, cut_off=tools.cut_off()):
            self.accept(own)
        if not answered:
            tools.silence()
        self.react(before)

    def _settle_lost(self, before: SystemState) -> None:
        """Markers that a move has just been found to have lost, or that nobody could count until its incident closed, are noted as
        never acknowledged: they are lost once, also after a restart."""
        left = unmeasured(self.state)
        for name in unmeasured(before):
            if name in left:
                continue
            kept = {marker.seq for marker in self.state.canaries[name].markers}
            now = self.tools.moment()
            for marker in before.canaries[name].markers:
                if marker.acked is not None and marker.seq not in kept:
                    self.tools.ledger.mark(self.system.name, name, marker._replace(acked=None), now)

    # --- markers

    def write(self, component: str, *, hasty: bool = False, witness: bool = False) -> None:
        """Write a marker to the site that is believed to serve; never to a second writable one, never in a contest.

        In haste over a new connection, and with less time; as a witness over a new one too.
        """
        eye = self._writer(component)
        if eye is None or not eye.numbered or len(eye.writes) >= self._overlap():
            return
        sent = self.tools.clock()
        self.state, marker = fold.marker_sent(self.state, component, eye.part.site, sent)
        now = self.tools.moment()
        self.tools.ledger.mark(self.system.name, component, marker, now)
        pending = eye.writes[marker.seq] = self._pending(eye, marker, hasty=hasty, witness=witness)
        self._doubt_later(eye, pending, eye.usual_write)
        pending.task = self.tools.spawn(
            self._write(eye, marker, pending, self._wall_at_start + sent, fresh=hasty or witness)
        )
        if hasty:
            self.tools.haste.begun(pending, self)

    def _writer(self, component: str) -> Eye | None:
        config, state = self.system.components[component], self.state
        if config.canary_every is None or contested(state, component) or state.blind_since is not None:
            return None
        if self.system.active_active:
            site = active.writer(self.system, state, config)
        else:
            site = site_of(self.system, state, config) if component in state.roles or not config.stateful else None
        eye = None if site is None else self.eyes.get(Part(site, component))
        known = state.parts.get(eye.part) if eye else None
        if known is None or known.facts.writable is False:
            return None
        return eye

    async def _write(self, eye: Eye, marker: Marker, pending: Pending, wall: float, *, fresh: bool) -> None:
        taken = False

        async def write() -> Look:
            nonlocal taken
            try:
                await eye.probe.write_marker(marker.seq, wall, fresh=fresh)
            except Taken:
                taken = True
            return Look()

        try:
            sample = await self.tools.attempt(eye.part, write, pending, self.tools.clock)
        finally:
            eye.writes.pop(marker.seq, None)
        took = pending.took(sample.ended)
        if sample.ok:
            (eye.learn_fresh if fresh else eye.learn_other)(took)
        if taken:
            self._passed_over(eye, marker, sample.ended)
        else:
            self._wrote(eye, marker, sample, took)

    def _wrote(self, eye: Eye, marker: Marker, sample: Sample, took: float) -> None:
        """`took`: seconds, if it is acknowledged."""
        self.tools.awake()
        tools, answered = self.tools, sample.reason not in SILENT
        if answered:
            tools.answered(sample.ended)
        abandoned: list[Instant] = []
        if sample.ok:
            abandoned = no_longer_awaited(eye.writes, sample, eye.fast_timeout(marker=True))
            eye.usual_write = smoothed(eye.usual_write, took)
            tools.ledger.mark(self.system.name, eye.part.component, marker._replace(acked=sample.ended), tools.moment())
        outcome = Outcome(sample.ended, sample.reason, sample.detail)
        before, now = self.state, tools.moment()
        step = fold.marker_finished(
            self.system, before, eye.part.component, marker, outcome, now, pending=abandoned, heard=tools.sight.heard
        )
        self.recorder.wrote(before, step, eye.part, marker, outcome, awaited(before, abandoned), now.mono)
        self.accept(step)
        self.react(before)

    def _passed_over(self, eye: Eye, marker: Marker, ended: Instant) -> None:
        """Its number was taken, which tells nothing of the site. The ledger has it as given, and as written nowhere."""
        self.tools.awake()
        self.tools.answered(ended)
        self.accept(Step(numbering.passed_over(eye, self.state, marker)))
        self.tools.ledger.mark(self.system.name, eye.part.component, marker._replace(site=""), self.tools.moment())

    def drop_writes(self, *, but: str, component: str) -> None:
        """The role moved: markers that still wait at another site stay indeterminate."""
        for part, eye in self.eyes.items():
            if part.component == component and part.site != but:
                for pending in eye.writes.values():
                    pending.drop()
                eye.writes.clear()  # one that has not begun yet could not tell its end

    # --- what comes out

    def accept(self, step: Step, kept: Callable[[], None] = lambda: None) -> None:
        """Take over the next state; with records it is shown once they are in the ledger, without them at once.

        `kept` is called when its records are there; without records never.
        """
        if self._heir is not None:
            return  # a look that could not be called off any more: the heir goes on from what was known without it
        before, self.state = self.state, step.state
        self._settle_lost(before)
        if step.records:
            step = self._with_samples(step)
            self.unsettled += 1
            self.tools.publisher.put(Entry(self, self.system.name, step.records, step.state, kept))
        elif not self.unsettled:
            self.published = step.state

    def pause(self, since: Instant, now: Moment) -> None:
        """We stood still since then. Nobody may be told of that time as if it had been observed, not even once."""
        self.published = fold.paused(self.published, since, now.mono)
        self.accept(watching.paused(self.system, self.state, since, now))

    def _with_samples(self, step: Step) -> Step:
        """What was seen around an incident goes beside the chain, and its hash into it."""
        records = list(step.records)
        for incident in self.recorder.due(step.records):
            kept = self.recorder.taken(incident, step.state)
            now = self.tools.moment()
            self.tools.ledger.keep(kept, now)
            records.append(samples_record(kept, now))
        return Step(step.state, tuple(records))

    def publish(self, state: SystemState) -> None:
        if self._heir is not None:  # what it waited for is of the configuration before, and not shown any more
            self._heir.publish(self._heir.published)
            return
        self.unsettled -= 1
        self.published = state if self.unsettled else self.state

    def stop(self) -> None:
        for eye in self.eyes.values():
            eye.stop()

"""When to look at one system: evenly while it is calm, fast and at everything at once in doubt, but not in a crowd."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from exporter.core import fold
from exporter.core.model import Instant, Part
from exporter.core.state import Step, SystemState
from exporter.engine.eye import Eye, Pending
from exporter.engine.watch import DOUBTFUL, Watch
from exporter.engine.wheel import Alarm
from exporter.probes.kind import Ask, Failure

SPREAD = 5.0
"""Seconds over which the first looks are spread at most, and with them all that follow; shorter intervals are filled evenly."""
FRESH_EVERY = 30
"""Each thirtieth calm look makes a connection of its own: a kept one, used alone, can hide a failover."""
LAG = 0.02
"""Seconds between the look at the holder of a role and those at its standbys, at least: they are read after it."""
HOLD_AGAIN = (0.1, 60.0)
"""Seconds until a broken tripwire is laid again, first and at most: who dies soon after a hiccup should ring it, too."""


class Pace:
    """Drives one Watch."""

    def __init__(self, watch: Watch, phase: float) -> None:
        """`phase`: where in its interval this system begins, in [0, 1)."""
        self._watch = watch
        self._phase = phase
        self._groups = _grouped(watch.eyes)
        self._tools = watch.tools
        self._alarms: dict[str, Alarm] = {}
        self._fast: Alarm | None = None
        self._holds: list[asyncio.Task[None]] = []
        watch.react = self._react
        watch.overdue = self._overdue

    def start(self) -> None:
        """Begin to look, each group at its own place in its interval: looks come in small bunches, and never in herds."""
        now, wheel = self._tools.clock(), self._tools.wheel
        for index, (name, group) in enumerate(sorted(self._groups.items())):
            place = (self._phase + index / len(self._groups)) % 1
            self._calm(name, wheel.bunched(now + place * min(SPREAD, group[0].interval)))
        for component in self._watch.system.components.values():
            if component.canary_every is not None:
                due = wheel.bunched(now + self._phase * min(SPREAD, component.canary_every))
                self._mark(component.name, component.canary_every, due)
        for eye in self._watch.eyes.values():
            if eye.vital and eye.policy.tripwire:
                self._holds.append(self._tools.spawn(self._hold(eye)))

    def stop(self) -> None:
        for alarm in self._alarms.values():
            alarm.cancel()
        if self._fast is not None:
            self._fast.cancel()
        for task in self._holds:
            task.cancel()
        self._watch.stop()

    # --- calm

    def _calm(self, name: str, due: float) -> None:
        self._alarms[name] = self._tools.wheel.at(due, partial(self._calm_turn, name, due))

    def _calm_turn(self, name: str, due: float) -> None:
        group = self._groups[name]
        now, interval = self._tools.clock(), group[0].interval
        missed = max(0, int((now - due) / interval))
        self._calm(name, due + (missed + 1) * interval)
        if self._in_haste and (group[0].vital or group[0].stateful):
            return
        holder = self._holder(group)
        for eye in group:
            if holder is None or eye is holder:
                self._calm_look(eye)
        if holder is not None and len(group) > 1:
            after = now + min(interval / 4, LAG + 2 * (holder.usual or 0.0))
            self._alarms[f"{name}>"] = self._tools.wheel.at(after, lambda: self._standbys_turn(group, holder))

    def _standbys_turn(self, group: list[Eye], holder: Eye) -> None:
        if not self._in_haste:
            for eye in group:
                if eye is not holder:
                    self._calm_look(eye)

    def _calm_look(self, eye: Eye) -> None:
        eye.calm_looks += 1
        fresh = eye.component is None or eye.calm_looks % FRESH_EVERY == 0
        # In a crowd too: else those who are in would end an outage in which nobody gets in.
        doubted = eye.shuts_out(self._tools.clock())
        self._watch.look(eye, fresh=fresh or doubted)

    def _holder(self, group: list[Eye]) -> Eye | None:
        role = self._watch.state.roles.get(group[0].part.component) if group[0].stateful else None
        return next((eye for eye in group if role is not None and eye.part.site == role.site), None)

    def _mark(self, component: str, every: float, due: float) -> None:
        self._alarms[f"{component}!"] = self._tools.wheel.at(due, lambda: self._mark_turn(component, every, due))

    def _mark_turn(self, component: str, every: float, due: float) -> None:
        missed = max(0, int((self._tools.clock() - due) / every))
        self._mark(component, every, due + (missed + 1) * every)
        if not self._in_haste:
            self._watch.write(component)

    # --- doubt

    @property
    def _in_haste(self) -> bool:
        """Fast rounds are made, so that calm ones are not needed."""
        return self._fast is not None and not self._tools.haste.crowded

    def _react(self, before: SystemState) -> None:
        """After each change: did it raise a doubt, did the role move?"""
        state = self._watch.state
        if state.roles is not before.roles:
            for name, role in state.roles.items():
                known = before.roles.get(name)
                if known is not None and known.site != role.site:
                    self._watch.drop_writes(but=role.site, component=name)
                    self._look_now(self._watch.eyes[Part(role.site, name)])
                if known is None or known.site != role.site:
                    self._write_now(name)
        if self._doubtful():
            self._hurry()

    def _doubtful(self) -> bool:
        state = self._watch.state
        return state.mode in DOUBTFUL or bool(state.contests)

    def _overdue(self, eye: Eye, pending: Pending) -> None:
        """It waits no longer than a fast one would, and a witness is sent after it at once.

        Only at this endpoint: were everything looked at for each late answer, our own load would make more of them late.
        """
        if not self._tools.haste.granted(self._watch):
            return
        self._press(eye, pending)
        if pending.marker is None:
            if pending.fresh:
                self._tools.spawn(self._time_kept(eye))
            self._watch.look(eye, fresh=True, witness=True)
        else:
            self._watch.write(eye.part.component, witness=True)

    async def _time_kept(self, eye: Eye) -> None:
        """A login is late: find out over the kept connection how slow the network is now. It proves nothing else, least of all
        that anybody new is let in, so nobody sees it but the eye."""
        tools = self._tools
        started = tools.clock()
        until = started + eye.policy.timeout
        pending = Pending(started, until, until, stood=tools.wheel.stood)
        sample = await tools.attempt(eye.part, partial(eye.probe.look, Ask(fresh=False)), pending, tools.clock)
        if sample.ok:
            eye.learn_other(pending.took(sample.ended), confirms=True)

    def _hurry(self) -> None:
        """Look fast, beginning now; looks that already wait get no more time than fast ones."""
        if self._fast is not None:
            return
        if self._tools.haste.granted(self._watch):
            for eye in self._watch.eyes.values():
                if eye.vital or eye.stateful:
                    for pending in [*eye.looks.values(), *eye.writes.values()]:
                        self._press(eye, pending)
        self._fast_turn(self._tools.clock())

    def _fast_turn(self, due: float) -> None:
        interval = self._watch.system.policy.fast_interval
        if not self._doubtful():
            self._fast = None
            return
        missed = max(0, int((self._tools.clock() - due) / interval))
        following = due + (missed + 1) * interval
        self._fast = self._tools.wheel.at(following, lambda: self._fast_turn(following))
        if not self._tools.haste.granted(self._watch):
            return  # its calm rounds go on
        for eye in self._watch.eyes.values():
            if eye.vital or eye.stateful:
                self._look_now(eye)
                if eye.wants_witness(self._tools.clock()):
                    self._watch.look(eye, fresh=True, witness=True)
        for component in self._watch.system.components.values():
            if component.canary_every is not None:
                self._write_now(component.name)

    def _press(self, eye: Eye, pending: Pending) -> None:
        """From now on it is given no more time than a fast one."""
        pending.shorten(max(self._tools.clock(), pending.started + eye.fast_timeout(pending.marker is not None)))
        self._tools.haste.begun(pending, self._watch)

    def _look_now(self, eye: Eye) -> None:
        if self._tools.haste.granted(self._watch):
            self._watch.look(eye, fresh=True, hasty=True)

    def _write_now(self, component: str) -> None:
        if self._tools.haste.granted(self._watch):
            self._watch.write(component, hasty=True)

    # --- tripwire

    async def _hold(self, eye: Eye) -> None:
        """Hold an idle connection whenever the endpoint answers; one that is cut often for no reason is laid less often."""
        wait = first = HOLD_AGAIN[0]
        while True:
            await eye.answered.wait()
            held = self._tools.clock()
            with suppress(Failure, OSError):
                await eye.probe.hold(partial(self._tripped, eye))
            lasted = self._tools.clock() - held
            await asyncio.sleep(first)
            if not eye.answered.is_set() or lasted > HOLD_AGAIN[1]:
                wait = first  # it broke for good reason, or not soon
                continue
            await asyncio.sleep(wait - first)
            wait = min(2 * wait, HOLD_AGAIN[1])

    def _tripped(self, eye: Eye, at: Instant) -> None:
        """It proves nothing by itself, but it starts a look at once and dates what that may find."""
        watch = self._watch
        watch.accept(Step(fold.tripped(watch.state, eye.part, min(at, self._tools.clock()))))
        self._look_now(eye)
        component = eye.component
        if component is not None and component.canary_every is not None:
            role = watch.state.roles.get(component.name)
            if role is None or role.site == eye.part.site:
                self._write_now(component.name)


def _grouped(eyes: Mapping[Part, Eye]) -> dict[str, list[Eye]]:
    """What is looked at together: the endpoints of one stateful component, else each by itself."""
    groups: dict[str, list[Eye]] = {}
    for part, eye in eyes.items():
        groups.setdefault(part.component if eye.stateful else f"{part.site}/{part.component}", []).append(eye)
    return groups

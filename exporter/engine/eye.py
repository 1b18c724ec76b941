"""One endpoint and the looks at it that are under way. They may overlap, so that one that hangs does not blind us."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from exporter.core.model import Component, Instant, Part, Policy, Sample
from exporter.core.state import Marker
from exporter.probes.kind import Deadline, Look, Probe

OVERLAP = 8
"""Looks at one endpoint that may be under way at once."""
CALM_OVERLAP = 2
"""The same in a crowd: one that hangs does not blind us, and more of them could keep the crowd together."""
OVERDUE = 5.0
"""A look is overdue after this many times its usual duration..."""
OVERDUE_MIN = 0.1
"""...but not before this many seconds."""
SLOW = 0.25
"""Seconds after which a look in haste that has not ended counts as slow."""
WAYS, MOST_WAYS = 6.0, 8.0
"""Round trips of a login, before one was seen, and at most: TCP, TLS, password, preparing. More is a server that was busy once."""


class Attempt(Protocol):
    """`exporter.probes.attempt.attempt`."""

    def __call__(
        self,
        part: Part,
        call: Callable[[], Awaitable[Look]],
        deadline: Deadline,
        clock: Callable[[], Instant],
        /,
    ) -> Coroutine[Any, Any, Sample]: ...


class Pending(Deadline):
    """A look, or the writing of a marker, that has not ended yet. Its task enters it."""

    __slots__ = ("_patient", "fresh", "marker", "spared", "started", "task", "witness")

    def __init__(
        self,
        started: Instant,
        until: Instant,
        patient: Instant,
        marker: Marker | None = None,
        stood: Callable[[], float] = lambda: 0.0,
        *,
        witness: bool = False,
        spared: bool = False,
    ) -> None:
        """`until`: when it is given up; `patient`: until when it may be put off (`relent`); `stood`: see `Deadline`.

        `witness`: it is given all of its time even in doubt, so that what is slow can be told from what is dead.
        `spared`: so is this, because it began while we were slow ourselves, and a quicker one proves nothing against it.
        """
        super().__init__(until, patient - started, stood)
        self.started = started
        self._patient = patient
        self.marker = marker
        self.witness = witness
        self.spared = spared
        self.fresh = False
        """It makes a connection of its own, where another might have done."""
        self.task: asyncio.Task[None] | None = None

    def shorten(self, until: Instant) -> None:
        """Give up at `until` if that is sooner than planned; what was given once more stays given, and a witness too."""
        if until + self.given < self.until and not (self.witness or self.spared):
            self.reschedule(until + self.given)

    def grant(self, seconds: float) -> None:
        """Give it so long since it began, if that is later than planned."""
        until = min(self.started + seconds, self._patient) + self.given
        if until > self.until:
            self.reschedule(until)

    def relent(self) -> None:
        """Wait for it as long as in calm."""
        self.reschedule(self._patient + self.given)

    @property
    def patient(self) -> bool:
        """Whether it is given all of its time."""
        return self.until >= self._patient

    def took(self, ended: Instant) -> float:
        """For how many seconds the other side let us wait until it answered: not those for which we stood still."""
        return max(0.0, ended - self.started - self.deaf)

    def in_vain(self, until: Instant, enough: float) -> bool:
        """Whether it was not answered for so long that it says something of the other side. `enough`: seconds, in doubt."""
        return until - self.started - self.deaf >= (self._patient - self.started if self.spared else enough)

    def drop(self) -> None:
        if self.task is not None:
            self.task.cancel()


@dataclass(eq=False, slots=True)
class Eye:
    """One endpoint as the engine sees it. `component` None: the entry."""

    part: Part
    probe: Probe
    policy: Policy
    component: Component | None
    looks: dict[int, Pending] = field(default_factory=dict)
    writes: dict[int, Pending] = field(default_factory=dict)
    usual: float | None = None
    """Seconds that a good look usually takes."""
    newest_fresh: float = 0.0
    """Seconds that the newest good one over a new connection took: a login takes many ways more."""
    recent: tuple[float, float] = (0.0, 0.0)
    """The same of the newest two others, looks and markers: one alone may have had a hiccup."""
    ways: float = WAYS
    """How many times as long as others a look over a new connection takes in calm, smoothed: on a slower network a login takes
    as many times more, before any has shown it."""
    usual_write: float | None = None
    """The same of an acknowledged marker."""
    turned_away: bool = False
    """Its newest look over a new connection failed."""
    calm_looks: int = 0
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while its newest look was good."""
    numbered: bool = False
    """Whether the numbers of the markers there were read, so that ours go on above them. Until then none is written there."""
    vital: bool = field(init=False)
    """Whether it has a say in "serving", at whichever site."""
    stateful: bool = field(init=False)
    interval: float = field(init=False)

    def __post_init__(self) -> None:
        self.vital = self.component is None or self.component.critical
        self.stateful = self.component is not None and self.component.stateful
        self.interval = calm_interval(self.policy, self.component)

    def fast_timeout(self, marker: bool = False) -> float:
        """What a look, or a marker, is given in doubt: `fast_timeout`, or if that is longer four times what is usual, or twice
        what a new connection takes, by the newest one or by how slow the others have become; but never above `timeout`,
        and all of that while nothing is known to be usual: the first after a start is slow for reasons of our own."""
        if (self.usual_write if marker else self.usual) is None:
            return self.policy.timeout
        enough = max(4 * (self.usual or 0.0), 2 * self.ways * min(self.recent), 2 * self.newest_fresh)
        return min(self.policy.timeout, max(self.policy.fast_timeout, enough))

    def learn(self, seconds: float, *, fresh: bool, calm: bool) -> None:
        """A good look took so long, over a new connection or not, in calm or in doubt."""
        if fresh:
            if calm and (other := min(self.recent)):
                self.ways += (min(MOST_WAYS, max(1.0, seconds / other)) - self.ways) / 4
            self.learn_fresh(seconds)  # by what was granted until now
        else:
            self.learn_other(seconds)
        self.usual = smoothed(self.usual, seconds)

    def learn_other(self, seconds: float, *, confirms: bool = False) -> None:
        """A good look or marker over a connection that was there took so long. What waits is granted what that teaches.

        `confirms`: it was asked because another is late, so that it needs no second one."""
        granted = self.fast_timeout() if self.looks or self.writes else self.policy.timeout
        self.recent = (seconds if confirms else self.recent[1], seconds)
        if granted < self.policy.timeout and (more := self.fast_timeout()) > granted:
            for pending in [*self.looks.values(), *self.writes.values()]:
                pending.grant(more)

    def learn_fresh(self, seconds: float) -> None:
        """A good look or marker over a new connection took so long. More than is granted in doubt is believed at once: else
        all that is done in doubt would fail, and a service that has become slow would be called dead."""
        if seconds > self.fast_timeout():
            for pending in [*self.looks.values(), *self.writes.values()]:
                pending.relent()
        self.newest_fresh = seconds

    def shuts_out(self, now: Instant) -> bool:
        """Whether maybe nobody new is let in, so that an answer over the kept connection would not be worth much: who asked last was
        turned away, or waits for longer than others did. As long as it is only slow, more logins would make it slower."""
        patience = max(OVERDUE_MIN, 2 * self.newest_fresh)
        return self.turned_away or any(one.fresh and now - one.started > patience for one in self.looks.values())

    def wants_witness(self, now: Instant) -> bool:
        """Whether something has waited for long, and no look that is a witness is under way."""
        waits = any(now - one.started >= SLOW for one in [*self.looks.values(), *self.writes.values()])
        return waits and not any(one.witness for one in self.looks.values())

    def overdue_after(self, usual: float | None) -> float | None:
        """Seconds after which something is doubtful that usually takes `usual`; None while that is not known."""
        if usual is None:
            return None
        after = max(OVERDUE_MIN, OVERDUE * usual)
        return after if after < self.policy.timeout else None

    def stop(self) -> None:
        for pending in [*self.looks.values(), *self.writes.values()]:
            pending.drop()


def calm_interval(policy: Policy, component: Component | None) -> float:
    """Seconds between two looks at it while all is well. `component` None: the entry."""
    frequent = component is None or component.critical or component.stateful
    return policy.interval if frequent else policy.background_interval


def smoothed(usual: float | None, seconds: float) -> float:
    """What something usually takes, after it took `seconds` once more."""
    return seconds if usual is None else usual + (seconds - usual) / 8


def no_longer_awaited(
    pending: Mapping[int, Pending], good: Sample, enough: float, *, fresh: bool = True
) -> list[Instant]:
    """Give up what started before a look that went well; returns when those started that had `enough` time, and got no answer.

    Others may be slow only: that a later one was quicker proves nothing of the instant at which they started. Nor does an answer
    over the kept connection (not `fresh`) of those who wait for a new one.
    """
    if not pending:
        return []
    older = [one for one in pending.values() if one.started < good.started and (fresh or not one.fresh)]
    for one in older:
        one.drop()
    return [one.started for one in older if one.in_vain(good.ended, enough)]

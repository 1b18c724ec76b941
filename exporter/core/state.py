"""Everything that is remembered of one system, as immutable values: the fold reads one and returns the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from exporter.core.drill import Drill, Measurement, Proof
from exporter.core.inspected import BackupState, KpiState, ParityState
from exporter.core.interval import When
from exporter.core.model import NO_FACTS, Facts, Instant, Objectives, Part, Position, Proven, Reason, Sample
from exporter.core.past import NO_COUNTERS, Counters, Incident


class Mode(StrEnum):
    """The state of a system; what each means stands in the README's table."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    SUSPECTED = "suspected"
    OUTAGE = "outage"
    RECOVERING = "recovering"
    UNKNOWN = "unknown"


CALM = (Mode.HEALTHY, Mode.DEGRADED)


class Span(NamedTuple):
    """From when to when one look lasted."""

    start: Instant
    end: Instant


@dataclass(frozen=True, slots=True)
class Track:
    """What the looks at one part amount to, ordered by their start (they may overlap).

    `bad` is the run of failed looks that is going on or was the last: (start of its first, earliest end in it).
    """

    good: Span | None = None
    """The good look that started last."""
    bad: Span | None = None
    last_bad: Instant | None = None
    """Start of the newest look that is known not to have succeeded."""
    recovered: Span | None = None
    """The first good look after the run of bad ones; None while the run goes on."""
    count: int = 0
    """Failed looks in a row; 0 when the newest look was good."""
    reason: Reason | None = None
    detail: str = ""
    silent: bool = False
    """The run is going on and nobody answered in any of its looks."""
    denied: Instant | None = None
    """Start of the newest look of the run that somebody answered, badly."""
    waited: Instant | None = None
    """Until then somebody waited in vain: the newest end of a look of the run that nobody answered, or shortly before the
    end of the one that was answered at last."""

    @property
    def is_known(self) -> bool:
        """Any look was judged: one that failed while we were blind was not, and tells neither good nor bad."""
        return self.good is not None or self.count > 0

    @property
    def is_good(self) -> bool:
        return self.good is not None and self.count == 0


NO_TRACK = Track()


@dataclass(frozen=True, slots=True)
class PartState:
    """One endpoint. `serve` judges looks by "could users be served here": for a standby they are bad."""

    sample: Sample | None = None
    """The finished look that started last."""
    facts: Facts = NO_FACTS
    """Of the last look that succeeded: old when `reach` is bad."""
    facts_at: Instant | None = None
    """Start of the look that brought `facts`."""
    reach: Track = NO_TRACK
    """Looks judged by "did it answer as it should"."""
    serve: Track = NO_TRACK
    tripped: Instant | None = None
    """When the idle connection that we hold to it broke last."""
    attempts: int = 0
    failures: Mapping[Reason, int] = field(default_factory=dict)


class Marker(NamedTuple):
    """One canary record. `acked` None: never acknowledged, so nobody knows whether it is there."""

    seq: int
    site: str
    sent: Instant
    acked: Instant | None


@dataclass(frozen=True, slots=True)
class CanaryState:
    """The canary of one component."""

    markers: tuple[Marker, ...] = ()
    """The last 15 minutes, ascending by seq."""
    seq: int = 0
    """The highest number given out so far."""
    writes: int = 0
    failed: int = 0
    track: Track = NO_TRACK
    """Writes judged as looks, at the site that has the role now."""
    tracks: Mapping[str, Track] = field(default_factory=dict)
    """The same by site, in an active-active system."""
    acknowledged: Mapping[str, int] = field(default_factory=dict)
    """By site, in an active-active system: the highest number that was acknowledged there. No instant: a reboot moves those."""


@dataclass(frozen=True, slots=True)
class RoleState:
    """Where the writable role of one stateful component is."""

    site: str
    epoch: str | None
    moved: When | None = None
    """When it came here, if we saw it come."""
    proven: Proven | None = None
    """T of the site as it was proven when the role came; None: never proven, or not seen to come."""
    settling: bool = False
    """It came in the epoch of the old holder, so the next one may be but the end of that move."""
    left: PartState | None = None
    """What was last known of its endpoint there, if a reload took that out: nobody looks where the role is."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source of recovery points: one mechanism for one component at one site."""

    site: str
    component: str
    source: str
    """`streaming`, `canary`, or the name of a backup."""
    at: Proven | None = None
    """T: every write acknowledged before it is proven to be here. None: never proven."""
    applied_at: Proven | None = None
    """The same for what can be read here already."""
    seen: Instant | None = None
    """Start of the look that told last."""
    refuted: bool = False
    """A marker disproves what it claims: its T does not count."""
    lag_bytes: float | None = None
    position: Position | None = None
    backlog: float | None = None
    """Received but not yet applied, in units of the position (bytes for PostgreSQL, transactions for GTID sets)."""
    applied: Position | None = None
    received: Position | None = None
    """What could be read here when it told last, and what had arrived, which is never less than `position`."""
    grew: Span | None = None
    """Starts of the last two looks between which the received position grew."""
    apply_rate: float | None = None
    """Measured, in units of the position a second."""
    told: Instant | None = None
    """End of the look that brought `position`; None: of another stream of writes, or not remembered."""
    ahead: Position | None = None
    """With which position it was ahead of its primary: it cannot follow, and proves nothing until it tells another."""


class Needed(NamedTuple):
    """Since when something has to work that did not have to before: in (lower, upper]."""

    lower: Instant
    upper: Instant
    failures: int
    """Looks in a row that had failed by then, and kept nobody from being served."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Two sites claim the writable role of one component."""

    component: str
    claimant: str
    since: When
    sightings: int = 0
    """How often both were seen writable since."""
    declared: bool = False


@dataclass(frozen=True)
class SystemState:
    """One system. Frozen: whoever holds one may read it at leisure while the next is made. Without slots, for `but`."""

    watched_since: Proven
    """When we began to look, in whichever run of the exporter: what was never proven is exposed since then."""
    trusted_since: Instant = 0.0
    """Looks that started before this (before a restart, before blindness ended) tell what was, not what is."""
    hidden: tuple[Span, ...] = ()
    """The last blindnesses and absences of the exporter that are over, in order; the newest ended at `trusted_since`."""
    seen: bool = False
    """It was seen to serve at least once, in this run or an earlier one."""
    observed_since: Instant | None = None
    """Since when observed time counts; None: never seen to serve, or nobody can tell."""
    unseen_since: Instant | None = None
    """Since when something that is needed is looked at nowhere, so that nobody can tell how the system is."""
    mode: Mode = Mode.UNKNOWN
    since: Instant = 0.0
    sentence: str = ""
    parts: Mapping[Part, PartState] = field(default_factory=dict)
    roles: Mapping[str, RoleState] = field(default_factory=dict)
    """By stateful component, like `contests`."""
    serving: tuple[str, ...] = ()
    """The sites that serve now; empty when none does or nobody knows."""
    served: tuple[str, ...] = ()
    """The sites of an active-active system that served when it was last seen to, and are not known to be lost since."""
    believed: str = ""
    """The site that serves or served last."""
    traffic: str | None = None
    """The site that answers at the entry, where the entry tells it."""
    traffic_settled: str | None = None
    """The same, once two looks in a row told it."""
    traffic_seen: tuple[str, ...] = ()
    """The sites that answered at the entry of an active-active system last, oldest first."""
    needed: Mapping[tuple[str, str, str], Needed | None] = field(default_factory=dict)
    """What has to work, by (site, component, `look` or `write`), in an active-active system at any site. None: as long as we look."""
    contests: Mapping[str, Contest] = field(default_factory=dict)
    canaries: Mapping[str, CanaryState] = field(default_factory=dict)
    numbered: Mapping[str, int] = field(default_factory=dict)
    """By component, like `canaries`, whose canary was taken out: the highest number that it had given out."""
    sources: Mapping[tuple[str, str, str], SourceState] = field(default_factory=dict)
    """By (site, component, source)."""
    histories: Mapping[str, tuple[tuple[Instant, Position], ...]] = field(default_factory=dict)
    """By component: (instant before the query, position) at the serving site, of the current epoch."""
    incident: Incident | None = None
    """The open one, from the first doubt on."""
    last: Incident | None = None
    """The newest closed incident or move; blips are not among them."""
    loss: Incident | None = None
    """The newest of them that is proven to have lost acknowledged writes: what came after it does not undo that."""
    counters: Counters = NO_COUNTERS
    blind_since: Instant | None = None
    assessed: bool = False
    """Whether all that is known was assessed under this configuration: `mode` and `sentence` follow from it."""
    lost_standbys: frozenset[Part] = frozenset()
    """Standbys that are lost; in an active-active system critical parts of any site."""
    lost_at: Mapping[str, Proven] = field(default_factory=dict)
    """By site that is or was lost, in an active-active system: when it was first seen to fail. Blindness makes no loss younger."""
    backups: Mapping[str, BackupState] = field(default_factory=dict)
    parity: Mapping[str, ParityState] = field(default_factory=dict)
    kpis: Mapping[str, KpiState] = field(default_factory=dict)
    drill: Drill | None = None
    """The drill, or the maintenance, that is open."""
    drilled: Instant | None = None
    """When the last finished drill was stopped."""
    proof: Proof | None = None
    missed: Proof | None = None
    """The newest recovery that kept the objectives, and the newest that missed one."""
    measured: Mapping[str, Measurement] = field(default_factory=dict)
    """By figure, `rto` and `rpo`."""
    promised: Objectives | None = None
    """The objectives as they were recorded last, so that a change of them becomes a record."""

    def with_part(self, part: Part, after: PartState) -> "SystemState":
        """`but` with that one part."""
        return self.but(parts={**self.parts, part: after})

    def left(self, since: Instant) -> "SystemState":
        """Nobody looks any more since then, or can tell: until then it was observed, and no longer."""
        if self.blind_since is not None:
            return self
        counters = self.counters
        if self.observed_since is not None:
            counters = replace(counters, observed=counters.observed + max(0.0, since - self.observed_since))
        return self.but(blind_since=since, observed_since=None, counters=counters)

    def but(self, **changed: Any) -> "SystemState":
        """`replace` in a tenth of the time and without its checks: for what is done at every look."""
        state = object.__new__(SystemState)
        state.__dict__.update(self.__dict__, **changed)
        return state


class Record(NamedTuple):
    """One thing that happened, for the ledger, the log and the stream."""

    kind: str
    """`transition`, `incident`, `blip`, or the name of an event such as `failover` or `standby_lost`."""
    system: str
    at: Instant
    sentence: str
    data: Mapping[str, Any]
    """Plain JSON values; instants in it are Unix seconds under names that say so."""


class Step(NamedTuple):
    """What one piece of evidence did: the next state, and what must be in the ledger before it is published."""

    state: SystemState
    records: tuple[Record, ...] = ()

"""What we watch, and what one look at it brings back.

Instants are seconds of the exporter's monotonic clock, durations are seconds; no duration is ever the difference of two
machines' clocks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Protocol, TypeAlias

Instant: TypeAlias = Annotated[float, "instant"]
"""Seconds of the exporter's monotonic clock. The mark lets a checkpoint of an earlier boot be moved to this boot's clock."""
Proven: TypeAlias = Annotated[float, "proven"]
"""An instant up to which something is proven. Moved to another boot's clock it is put back by what the move may be wrong by."""


class Moment(NamedTuple):
    """Now, on both clocks: `mono` measures, `wall` (Unix seconds) is only written beside it."""

    mono: Instant
    wall: float

    def wall_of(self, instant: Instant) -> float:
        """The wall-clock time (Unix seconds) of an instant, as the clocks stand at this moment."""
        return self.wall + (instant - self.mono)


class Reason(StrEnum):
    """Why a look failed: a closed list, because alerts and dashboards are written against it."""

    DNS = "dns"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    RESET = "reset"
    TLS = "tls"
    AUTH = "auth"
    PERMISSION = "permission"
    STATUS = "status"
    ASSERTION = "assertion"
    ERROR_CODE = "error_code"
    PROTOCOL = "protocol"
    TOO_LARGE = "too_large"
    REDIRECT = "redirect"
    READ_ONLY = "read_only"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


SILENT = frozenset({Reason.DNS, Reason.UNREACHABLE, Reason.TIMEOUT, Reason.INTERNAL})
"""Failures in which nobody answered: they cannot tell a dead endpoint from an exporter that is cut off."""


class Role(StrEnum):
    PRIMARY = "primary"
    STANDBY = "standby"
    UNKNOWN = "unknown"


class Position(Protocol):
    """A place in a stream of writes. Only `<=` is used: `a <= b` means that b holds every write that a holds."""

    def __le__(self, other: Any, /) -> bool: ...


class Follower(NamedTuple):
    """A standby as its primary sees it."""

    name: str
    connected: bool
    sync: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What an endpoint told about itself in one look. `None` means that it did not tell, never "no"."""

    role: Role | None = None
    writable: bool | None = None
    epoch: str | None = None
    """Changes with every promotion. Only "different" can be relied on, not "greater"."""
    continues: str | None = None
    """Primary: an earlier epoch of its own that goes on under a new name, with neither a promotion nor a loss; its positions
    can still be compared."""
    position: Position | None = None
    """Primary: where its newest write ends. Standby: what would survive its promotion."""
    applied: Position | None = None
    """Standby: what can be read there already. Always <= position."""
    received: Position | None = None
    """Standby: what has arrived there, where that is more than `position`: it costs time to apply, and proves nothing."""
    connected: bool | None = None
    """Standby: its own opinion of its link to the primary. Shown, never believed as proof."""
    followers: tuple[Follower, ...] = ()
    """Primary: the standbys that it sees."""
    markers: tuple[int, ...] | None = None
    """Our own canary markers that are visible here, ascending, above the number that was asked for. None: not read."""
    served_by: str | None = None
    """Entry: the site that answered."""
    tls_not_after: float | None = None
    """Unix seconds at which the served certificate expires."""


NO_FACTS = Facts()


class Phases(NamedTuple):
    """How long each phase of a look took, in seconds. None: the look had no such phase or did not get that far."""

    resolve: float | None = None
    connect: float | None = None
    tls: float | None = None
    processing: float | None = None
    transfer: float | None = None


NO_PHASES = Phases()


class Part(NamedTuple):
    """One thing that is looked at: a component at a site, or the entry of the system (site "")."""

    site: str
    component: str

    def __str__(self) -> str:
        return f"{self.component} at {self.site}" if self.site else self.component


ENTRY = Part("", "entry")


@dataclass(frozen=True, slots=True)
class Sample:
    """One finished look. `reason` None: it went as it should."""

    part: Part
    started: Instant
    ended: Instant
    reason: Reason | None = None
    detail: str = ""
    """A sentence for people; never holds a secret; at most 300 characters."""
    facts: Facts = NO_FACTS
    phases: Phases = NO_PHASES

    @property
    def ok(self) -> bool:
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Policy:
    """How often we look and when we believe what we see. All durations in seconds."""

    interval: float = 1.0
    background_interval: float = 5.0
    fast_interval: float = 0.25
    timeout: float = 2.0
    fast_timeout: float = 0.5
    declare_after: int = 3
    declare_min: float = 1.0
    """An outage is declared no sooner than this after the end of the first failed look."""
    stable_for: float = 10.0
    tripwire: bool = True
    split_brain_after: float = 0.5
    """Two writable sites for longer than this are a split brain."""
    stuck_after: float = 60.0
    """The role moved, but the system does not serve for longer than this: a stuck switch."""


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a system with endpoints of its own at each site."""

    name: str
    critical: bool = False
    weight: float = 1.0
    stateful: bool = False
    """Its endpoints tell a role: it works only where it can be written."""
    canary_every: float | None = None
    """Seconds between two canary markers; None: no canary."""
    permissions: bool = False
    """Its endpoints log in and then use what users use: they prove permissions."""
    dependency: bool = False
    """Somebody else runs it, and no site of ours holds it: it is looked at once, as Part("", name)."""

    def part(self, site: str) -> Part:
        """What is looked at to know whether it works for `site`."""
        return Part("" if self.dependency else site, self.name)


@dataclass(frozen=True, slots=True)
class Objectives:
    """What was promised. Seconds and ratios; None: nothing was."""

    rto: float | None = None
    rpo: Mapping[str, float] = field(default_factory=dict)
    """By scenario: site_loss, data_corruption."""
    availability: float | None = None
    drill_every: float | None = None
    baseline_rto: float | None = None
    """No promise, but what a recovery would take without all this: only against it are savings shown."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A source of recovery points that keeps versions: the only kind that survives `data_corruption`."""

    name: str
    site: str = ""
    """Where it is kept; "": at none of the system's sites, so that it survives the loss of each."""
    component: str | None = None
    """Whose data it holds; None: all of the system's."""
    every: float | None = None
    """Seconds between two backups, as it was promised."""
    versions: int | None = None
    """How many have to be there."""
    verify_every: float | None = None
    """Seconds within which a restore has to be verified again."""


@dataclass(frozen=True, slots=True)
class Parity:
    """A question that the sites have to answer alike."""

    name: str
    component: str
    sites: tuple[str, ...]
    tolerance: float = 0.0
    """By how much numbers may differ: absolute, or a share of the serving site's answer if `relative`."""
    relative: bool = False
    delay: float = 10.0
    """Seconds by which a standby may be behind."""


@dataclass(frozen=True, slots=True)
class Kpi:
    """A business figure and the floor that was promised."""

    name: str
    normal: float | None = None
    """What it usually is; None: not fixed."""
    at_least: float | None = None
    """The share of normal below which it counts as suffering; None: nothing was promised."""
    last_week: bool = False
    """Normal is what it was at this time a week ago."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Who decides and acts, and who does if that one cannot be reached."""

    name: str
    who: str
    deputies: tuple[str, ...] = ()
    confirmed: float | None = None
    """Unix seconds of the day on which somebody last made sure that all of it is right."""


@dataclass(frozen=True, slots=True)
class Accounting:
    """Whether downtime counts that was declared beforehand. It is booked apart in any case."""

    drills: bool = True
    maintenance: bool = True


@dataclass(frozen=True, slots=True)
class System:
    """A system as it is configured. `parts` are all that is looked at; a part that is missing cannot be seen."""

    name: str
    home: str
    sites: tuple[str, ...]
    components: Mapping[str, Component]
    parts: frozenset[Part]
    tier: str = "default"
    owner: str = ""
    mode: str = "active-standby"
    entry_tells_site: bool = False
    objectives: Objectives = Objectives()
    policy: Policy = Policy()
    cost_per_minute: float | None = None
    currency: str = ""
    accounting: Accounting = Accounting()
    switch_time: float | None = None
    """Configured guess of how long a switch takes, in seconds, until one was measured."""
    backups: Mapping[str, Backup] = field(default_factory=dict)
    parity: Mapping[str, Parity] = field(default_factory=dict)
    kpis: Mapping[str, Kpi] = field(default_factory=dict)
    has_entry: bool = field(init=False, repr=False, compare=False)
    active_active: bool = field(init=False, repr=False, compare=False)
    """Several sites serve at once."""
    stateful: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """What every look and every scrape asks is worked out once."""
        object.__setattr__(self, "has_entry", ENTRY in self.parts)
        object.__setattr__(self, "active_active", self.mode == "active-active")
        object.__setattr__(self, "stateful", tuple(name for name, one in self.components.items() if one.stateful))

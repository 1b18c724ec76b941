"""What happened to a system: incidents, moves of its role, and what is only ever counted up."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from exporter.core.interval import Interval, When, difference
from exporter.core.model import Instant, Proven


class Kind(StrEnum):
    """What an incident or an event turned out to be."""

    OUTAGE = "outage"
    """Still running, and nothing moved yet."""
    BLIP = "blip"
    OUTAGE_IN_PLACE = "outage_in_place"
    FAILOVER = "failover"
    SWITCHOVER = "switchover"
    FAILBACK = "failback"
    TRAFFIC_MOVED = "traffic_moved"
    STANDBY_LOST = "standby_lost"
    STANDBY_BACK = "standby_back"
    SPLIT_BRAIN = "split_brain"
    NO_PRIMARY = "no_primary"
    STUCK_SWITCH = "stuck_switch"
    SITE_LOST = "site_lost"
    SITE_BACK = "site_back"


MOVES = frozenset({Kind.FAILOVER, Kind.SWITCHOVER, Kind.FAILBACK})


class MarkerCount(NamedTuple):
    lost: int
    surviving: int
    indeterminate: int


class Loss(NamedTuple):
    """What a move cost, or several of them together."""

    rpo: Interval | None = None
    """Seconds of acknowledged writes that were lost; None: no upper bound is known."""
    at_least: float = 0.0
    """Seconds of them that are proven, whether or not an upper bound is known."""
    markers: MarkerCount | None = None
    by_position: bool = False
    """At least a part of it is an estimate by positions: there was no acknowledged marker to judge by."""

    def after(self, earlier: "Loss") -> "Loss":
        """Of one component, both together. What survived the later move is all that survived; where either has no upper bound, the
        sum has none, nor where the earlier one could count nothing: no marker would say whether anything was lost."""
        rpo, markers = None, self.markers or earlier.markers
        counted = earlier.markers is None or earlier.markers.lost + earlier.markers.surviving > 0
        if self.rpo is not None and earlier.rpo is not None and counted:
            rpo = Interval(max(self.rpo.lower, earlier.rpo.lower), self.rpo.upper + earlier.rpo.upper)
        if self.markers is not None and earlier.markers is not None:
            lost, _, indeterminate = earlier.markers
            markers = MarkerCount(
                lost + self.markers.lost, self.markers.surviving, indeterminate + self.markers.indeterminate
            )
        return Loss(rpo, max(self.at_least, earlier.at_least), markers, self.by_position or earlier.by_position)

    def beside(self, other: "Loss") -> "Loss":
        """Of two components: as many seconds as the one that lost more, and the markers of both. Without an upper bound where
        either has none."""
        rpo, markers = None, self.markers or other.markers
        if self.rpo is not None and other.rpo is not None:
            rpo = Interval(max(self.rpo.lower, other.rpo.lower), max(self.rpo.upper, other.rpo.upper))
        if self.markers is not None and other.markers is not None:
            markers = MarkerCount(*(one + more for one, more in zip(self.markers, other.markers, strict=True)))
        return Loss(rpo, max(self.at_least, other.at_least), markers, self.by_position or other.by_position)


class Ended(NamedTuple):
    """An epoch that ended before its markers were counted."""

    moved: When
    """What was acknowledged up to `lower` was written in it, what was sent after `upper` in the next one."""
    stop: Instant
    """When it certainly took no more writes."""


EARLIER_KEPT = 8


@dataclass(frozen=True, slots=True)
class Move:
    """A move of the role or the epoch of one component, whose loss is not counted yet."""

    stop: Instant
    """When the old primary certainly took no more writes: end of the first failed marker, or the look that saw the move."""
    moved: When
    """`lower` is the last good look before it."""
    proven: Proven | None = None
    """T of the site that took the role, as it was proven when it did: markers are forgotten after 15 minutes, this is not."""
    in_place: bool = False
    """The epoch moved where the role is: the new one may have taken markers before it was seen."""
    earlier: tuple[Ended, ...] = ()
    """The moves before it that were not counted: their markers are judged with its own."""

    def after(self, owed: "Move | None") -> "Move":
        """The same move, of which the markers are judged together with those of the one that is still owed. Of a server that begins
        anew without end the last epochs are taken together, whose markers then date less."""
        if owed is None:
            return self
        # The new site of a role was written to only after it was seen there.
        lower = owed.moved.lower if owed.in_place else owed.moved.upper
        earlier = (*owed.earlier, Ended(Interval(lower, owed.moved.upper), owed.stop))
        if len(earlier) > EARLIER_KEPT:
            *kept, one, more = earlier
            lower, upper = min(one.moved.lower, more.moved.lower), max(one.moved.upper, more.moved.upper)
            earlier = (*kept, Ended(Interval(lower, upper), max(one.stop, more.stop)))
        return replace(self, earlier=earlier)


PHASES = (
    "last_good",
    "first_bad",
    "declared",
    "decided",
    "role_moved",
    "first_good",
    "validated",
    "stable",
    "failback_started",
    "failback_done",
)


@dataclass(frozen=True, slots=True)
class Incident:
    """An interval in which the system did not serve, or a move of its role. Instants; `end` None while it runs."""

    id: str
    system: str
    kind: Kind
    start: When
    """Its `best` is the instant of a tripwire."""
    cause: str
    end: When | None = None
    open: bool = True
    declared: bool = False
    inferred: bool = False
    """It happened while nobody looked; what is known comes from what had changed."""
    drill: str | None = None
    """The drill in which it began."""
    maintenance: str | None = None
    """The maintenance in which it began."""
    scenario: str = ""
    """What was declared beforehand; "" for what nobody declared."""
    excluded: bool = False
    """Until its drill or maintenance ended its downtime does not count, as the policy was when it began."""
    apart: float | None = None
    """Seconds of its downtime until its drill or maintenance ended; None: that is still open, or there is none."""
    from_site: str = ""
    to_site: str = ""
    phases: Mapping[str, Instant | None] = field(default_factory=dict)
    """By the names in PHASES; a phase that was not observed is absent or None, never 0."""
    rpo: Interval | None = None
    """Achieved: seconds of acknowledged writes that were lost, by all of its moves. None: not measured, or no upper bound is known."""
    rpo_source: str | None = None
    """`canary`, or `position` where of some component no acknowledged marker was left to judge by."""
    markers: MarkerCount | None = None
    """None: not counted. While a move is not counted yet, what was counted of the others, if that proves a loss."""
    at_least: float = 0.0
    """Seconds of acknowledged writes that are proven to be lost, even where no upper bound is known."""
    owed: Mapping[str, Move] = field(default_factory=dict)
    """By component: its last move, while what that lost is not counted."""
    costs: Mapping[str, Loss] = field(default_factory=dict)
    """By component: what those of its moves lost that were counted."""
    objectives: Mapping[str, float | None] = field(default_factory=dict)
    """rto and rpo in seconds, as they were when it happened."""
    split_brain: float = 0.0
    """Seconds for which two sites took writes."""
    functional: float | None = None
    """The lowest weighted share of the components that worked while it was out; None: nothing was observed."""
    blind: float = 0.0
    """Seconds of it in which nobody looked."""
    expected: float | None = None
    """The RTO estimate as it was before, in seconds."""
    component: str = ""
    """The stateful component whose role or epoch moved last; "" while none did. Such an incident never ends as a blip."""
    flags: frozenset[str] = frozenset()
    """Events of which one is enough: no_primary, stuck_switch."""
    hung: Instant | None = None
    """The most likely start if it began with a look that nobody answered; an estimate, on which no decision rests."""
    stopped: Instant | None = None
    """Until then it may have taken writes, where that is later than its start: end of the first failed look of its last relapse,
    or start of a look at a holder that may have taken some in it. None: neither."""
    written: Mapping[str, Instant] = field(default_factory=dict)
    """By component: after that instant the holder of its role took a write, because its position grew."""
    held: Instant | None = None
    """When it last seemed to go on after its end, but nobody else answered either: that may have been us."""

    @property
    def began(self) -> Interval:
        """Its start as it is told: the estimate by the tripwire, else by what hung, else the middle."""
        return self.start if self.start.best is not None else self.start._replace(best=self.hung)

    @property
    def rto(self) -> Interval | None:
        """How long it was down, in seconds; None while it runs."""
        return None if self.end is None else difference(self.began, self.end)

    @property
    def has_lost(self) -> bool:
        """Whether acknowledged writes are proven to be lost."""
        counted = self.markers is not None and self.markers.lost > 0
        return counted or self.at_least > 0 or (self.rpo is not None and self.rpo.lower > 0)


NOTHING = Interval(0.0, 0.0, 0.0)


class Unsettled(NamedTuple):
    """Downtime whose day is not told yet. Seconds, spread evenly from `start` to `end`."""

    start: Instant
    end: Instant
    down: float
    """What counts by the policy."""
    drills: float
    """In drills, counted or not."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What only grows; kept across restarts in the checkpoint."""

    incidents: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(kind, drill "true"/"false") -> declared outages, by how they ended."""
    failovers: Mapping[tuple[str, str], int] = field(default_factory=dict)
    blips: int = 0
    blip_seconds: Interval = NOTHING
    downtime: float = 0.0
    """Seconds, upper bounds of the closed incidents, less what fell into blindness and what the policy does not count."""
    drill_downtime: float = 0.0
    """The same in drills alone, counted or not."""
    maintenance_downtime: float = 0.0
    down_days: Mapping[int, float] = field(default_factory=dict)
    """The same by day (days since 1970 in UTC), of the newest 366 that have any, with what overlaps counted once."""
    drill_days: Mapping[int, float] = field(default_factory=dict)
    """The same in drills alone, counted or not."""
    down_until: Instant | None = None
    """End of the last incident that is in these days, or is still to be."""
    unsettled: tuple[Unsettled, ...] = ()
    """What was booked since the wall clock ran evenly, ascending."""
    unix_zero: When | None = None
    """The instant of Unix time 0, by the wall clock as it stands since `even_since`: without width, but after a reboot. None: nothing
    was booked yet."""
    even_since: Instant = 0.0
    """When something was booked by that clock first."""
    blind: float = 0.0
    """Seconds of finished blindness."""
    observed: float = 0.0
    """Seconds looked at up to the last blindness."""
    switch_times: tuple[float, ...] = ()
    """Seconds from declaration to service of the last five measured moves or drills."""
    estimate_error: float | None = None
    """RTO estimate before the last event minus what was measured, in seconds."""


NO_COUNTERS = Counters()

"""The read model: all that a scrape, a page or the API may see. Immutable; reading it does no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.core.contacts import CONFIRMED_FOR
from exporter.core.model import Contact, Instant, Moment, Part, System
from exporter.core.state import SystemState


class Target(NamedTuple):
    """What stands behind a part, for people and for service discovery."""

    kind: str
    address: str
    """Secrets masked."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One system: how it is configured, and what is known of it."""

    system: System
    state: SystemState
    targets: Mapping[Part, Target] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts per upper bound (seconds, ascending; the last is +Inf), not cumulative."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class HookState:
    """What became of the alerts that Alertmanager gave us for DingTalk."""

    messages: Mapping[tuple[str, str], int]
    """(index of the robot, outcome) -> messages."""
    notifications: Mapping[str, int]
    """Outcome -> requests of Alertmanager."""
    unnamed: Mapping[str, int]
    """Severity -> alerts that a delivered message only counted."""
    waiting: int
    """Alerts that wait for a message."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record of the ledger: printed in every report, because a cut tail can only be seen from outside."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class ExporterState:
    """The exporter itself."""

    vantage: str
    version: str
    started: Instant
    shard: str = "0/1"
    blind_since: Instant | None = None
    ledger_writable: bool = True
    ledger_waiting: int = 0
    """Records that wait in memory for the ledger."""
    ledger_head: Head = Head(0, "")
    reload_ok: bool = True
    reload_at: float = 0.0
    """Unix seconds of the last reload that succeeded."""
    reload_error: str = ""
    """The first errors of a reload that failed, secrets masked; empty when the last one succeeded."""
    config_hash: str = ""
    references: Mapping[str, bool] = field(default_factory=dict)
    """Reference target -> whether it answered last."""
    contacts: Sequence[Contact] = ()
    contacts_confirmed_for: float = CONFIRMED_FOR
    """Seconds."""
    grafana_url: str = ""
    """Where the boards are, without a slash at the end; empty: nobody said."""
    lateness: Histogram = Histogram((), ())
    hook: HookState | None = None
    """None while it is off."""
    faults: int = 0
    """Bugs of ours that were met while looking and survived; each is in the log."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything, as it was published last. `now` is given by whoever reads, because exposure grows by itself."""

    systems: Mapping[str, Watched]
    exporter: ExporterState


class Clocked(NamedTuple):
    """A snapshot and the moment at which it is read."""

    snapshot: Snapshot
    now: Moment

"""Drills and maintenance: what is declared about a system beforehand, and what counts as proof of its recovery.

A *drill* mutes the pages of its system until it expires, and labels the incidents that begin in it. *Maintenance* labels
them too, and mutes nothing. Neither is seen by the state machine: an outage is an outage, whatever was declared.

The records, all with the key `id` of the drill unless it says otherwise (instants are Unix seconds):

    drill_started    what `drill_json` gives: type, system, scenario, operator, reason, expected, started, expires, expired
    drill_expired    the same, and `state` (of the system), `incident` (open and of this drill, or null). It mutes no longer,
                     and stays open until it is stopped
    drill_stopped    the same, and `ended`, `by`, `outcome`, `state`, `incidents` (ids of all that began in it)
    drill_signed     `drill` (its id), `id` (of the signature), `by`, `role`, `note`, `at`
    maintenance_started, maintenance_stopped
                     the same as for drills; maintenance stops by itself when it expires (`by` is then null)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from exporter.core.interval import Interval
from exporter.core.model import Instant, Moment

INCIDENTS_KEPT = 100
"""Incidents that are listed with one drill at most; all are labelled in any case."""


class DrillType(StrEnum):
    DRILL = "drill"
    MAINTENANCE = "maintenance"


class Order(NamedTuple):
    """A drill as somebody wants it. Texts are checked by whoever takes the order."""

    scenario: str
    operator: str
    reason: str
    expected: str
    seconds: float
    """After which it expires, whatever happens."""
    type: DrillType = DrillType.DRILL


@dataclass(frozen=True, slots=True)
class Drill:
    """One that is open: it runs, or it has expired and nobody has stopped it."""

    id: str
    type: DrillType
    scenario: str
    operator: str
    reason: str
    expected: str
    started: Instant
    expires: Instant
    told: bool = False
    """Its expiry is in the ledger."""
    incidents: tuple[str, ...] = ()
    """Closed incidents that began in it."""
    site_lost: bool = False
    """A site of an active-active system was lost in it."""

    def runs(self, now: Instant) -> bool:
        return now < self.expires


class Proof(NamedTuple):
    """A measured recovery."""

    at: Instant
    """When the system served again."""
    incident: str | None
    """None: a drill in which users lost nothing, though a site was lost."""
    drill: str | None = None


class Measurement(NamedTuple):
    """The newest incident whose bounds say whether a figure kept its objective."""

    at: Instant
    """When the system served again, at the latest."""
    incident: str
    verdict: str
    """`met` or `missed`."""


def belongs(drill: Drill | None, start: Interval) -> bool:
    """Whether an incident with this start began in the drill.

    Only what was not failing before counts, as far as anybody can know: the tripwire's instant, else the first failed look,
    lies in the drill. A drill that is started when a real disaster was already seen never covers it.
    """
    if drill is None:
        return False
    began = start.best if start.best is not None else start.upper
    return drill.started <= began < drill.expires


def stamp(now: Moment, at: Instant) -> str:
    """An instant as part of a name: UTC, milliseconds."""
    return datetime.fromtimestamp(now.wall_of(at), UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"


def drill_json(system: str, drill: Drill, now: Moment) -> Mapping[str, Any]:
    """An open drill. Instants are Unix seconds."""
    return {
        "id": drill.id,
        "type": str(drill.type),
        "system": system,
        "scenario": drill.scenario,
        "operator": drill.operator,
        "reason": drill.reason,
        "expected": drill.expected,
        "started": now.wall_of(drill.started),
        "expires": now.wall_of(drill.expires),
        "expired": not drill.runs(now.mono),
    }

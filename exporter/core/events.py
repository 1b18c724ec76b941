"""The state under construction and the records that it owes, while one piece of evidence is folded in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from exporter.core.interval import Interval
from exporter.core.model import Instant, Moment, System
from exporter.core.past import Incident, Kind
from exporter.core.state import Record, Step, SystemState


@dataclass(slots=True)
class Draft:
    """Lives for one call of the fold only; what leaves the fold is the immutable `Step`."""

    system: str
    state: SystemState
    records: list[Record] = field(default_factory=list)

    def record(self, kind: str, at: Instant, sentence: str, data: Mapping[str, Any] | None = None) -> None:
        incident = self.state.incident
        told = {"incident": incident.id if incident else None, **(data or {})}
        self.records.append(Record(str(kind), self.system, at, sentence, told))

    def step(self) -> Step:
        return Step(self.state, tuple(self.records))


def reopened(state: SystemState, incident: Incident) -> Incident:
    """The same incident goes on: it had not ended, and a blindness since it seemed to is a part of it."""
    if incident.end is None:
        return incident
    hidden = max(0.0, state.trusted_since - max(state.blind_from, incident.end.upper))
    return replace(
        incident,
        end=None,
        blind=incident.blind + hidden,
        phases={**incident.phases, "first_good": None, "validated": None},
    )


def open_incident(
    system: System, state: SystemState, start: Interval, cause: str, now: Moment, expected: float | None
) -> Incident:
    """A new incident, named after its system and the instant of the first failed look (UTC, milliseconds)."""
    stamp = datetime.fromtimestamp(now.wall_of(start.upper), UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
    unseen = max(0.0, state.trusted_since - max(start.lower, state.blind_from))
    return Incident(
        id=f"{system.name}-{stamp}Z",
        system=system.name,
        kind=Kind.OUTAGE,
        start=start,
        cause=cause,
        from_site=state.believed or system.home,
        to_site=state.believed or system.home,
        phases={"last_good": start.lower, "first_bad": start.upper},
        objectives={"rto": system.objectives.rto, **{f"rpo_{k}": v for k, v in system.objectives.rpo.items()}},
        blind=unseen,
        inferred=False,
        expected=expected,
    )

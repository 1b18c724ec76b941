"""The state under construction and the records that it owes, while one piece of evidence is folded in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.core.drill import DrillType, belongs, stamp
from exporter.core.hidden import hidden
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
        incident, drill = self.state.incident, self._drill(at)
        told = {"incident": incident.id if incident else None, **({"drill": drill} if drill else {}), **(data or {})}
        self.records.append(Record(str(kind), self.system, at, sentence, told))

    def _drill(self, at: Instant) -> str | None:
        """The drill to which what happens now belongs: that of the open incident, else the one that runs."""
        incident, drill = self.state.incident, self.state.drill
        if incident is not None:
            return incident.drill
        runs = drill is not None and drill.type is DrillType.DRILL and drill.started <= at < drill.expires
        return drill.id if runs and drill is not None else None

    def step(self) -> Step:
        return Step(self.state, tuple(self.records))


def reopened(state: SystemState, incident: Incident, failed: Instant) -> Incident:
    """The same incident goes on: it had not ended, and what was hidden since it seemed to is a part of it. Until it `failed` again
    it took writes."""
    if incident.end is None:
        return incident
    return replace(
        incident,
        end=None,
        stopped=failed,
        held=None,
        blind=incident.blind + hidden(state.hidden, incident.end.upper),
        phases={**incident.phases, "first_good": None, "validated": None},
    )


def ended(state: SystemState, incident: Incident, end: Interval) -> Incident:
    """The incident, which ended then for all that is known. A look that waited through a blindness may have been answered a moment
    before that was over: what was hidden after the end is no part of the incident."""
    return replace(
        incident,
        end=end,
        blind=max(0.0, incident.blind - hidden(state.hidden, end.upper)),
        phases={**incident.phases, "first_good": end.upper},
    )


def open_incident(
    system: System, state: SystemState, start: Interval, cause: str, now: Moment, expected: float | None
) -> Incident:
    """A new incident, named after its system and the instant of the first failed look (UTC, milliseconds)."""
    incident = Incident(
        id=f"{system.name}-{stamp(now, start.upper)}",
        system=system.name,
        kind=Kind.OUTAGE,
        start=start,
        cause=cause,
        from_site=state.believed or system.home,
        to_site=state.believed or system.home,
        phases={"last_good": start.lower, "first_bad": start.upper},
        objectives={"rto": system.objectives.rto, **{f"rpo_{k}": v for k, v in system.objectives.rpo.items()}},
        blind=hidden(state.hidden, start.lower),
        inferred=False,
        expected=expected,
    )
    return _declared(system, state, incident)


def _declared(system: System, state: SystemState, incident: Incident) -> Incident:
    """The incident with the drill or the maintenance that it began in, if any, and how that is booked."""
    drill = state.drill
    if drill is None or not belongs(drill, incident.start):
        return incident
    maintenance, accounting = drill.type is DrillType.MAINTENANCE, system.accounting
    return replace(
        incident,
        drill=None if maintenance else drill.id,
        maintenance=drill.id if maintenance else None,
        scenario=drill.scenario,
        excluded=not (accounting.maintenance if maintenance else accounting.drills),
    )


def dated(state: SystemState, incident: Incident, start: Interval) -> Incident:
    """The incident with a start that is known better now; it may turn out to have begun before its drill did, or before something
    that hid it."""
    blind = incident.blind + hidden(state.hidden, start.lower, incident.start.lower)
    incident, drill = replace(incident, start=start, blind=blind), state.drill
    if drill is None or drill.id not in (incident.drill, incident.maintenance) or belongs(drill, start):
        return incident
    return replace(incident, drill=None, maintenance=None, scenario="", excluded=False)

"""Incidents as JSON: what the API serves, the ledger keeps and reports print. Instants are Unix seconds."""

from math import inf
from typing import Any

from exporter.core.interval import Interval, Verdict, verdict
from exporter.core.model import Instant, Moment
from exporter.core.past import PHASES, Incident
from exporter.core.state import SystemState


def _instants(interval: Interval | None, now: Moment) -> dict[str, float] | None:
    if interval is None:
        return None
    return {
        "lower": now.wall_of(interval.lower),
        "estimate": now.wall_of(interval.estimate),
        "upper": now.wall_of(interval.upper),
    }


def _seconds(interval: Interval | None) -> dict[str, float] | None:
    if interval is None:
        return None
    return {"lower": interval.lower, "estimate": interval.estimate, "upper": interval.upper}


def verdicts(incident: Incident, down_until: Instant | None = None) -> dict[str, str]:
    """Each objective, as it was when it happened, against the bounds; an RPO of 0 is judged by the lost markers, where each
    component that moved had any that were acknowledged. Of a loss without a known upper bound the lower one can miss the objective.

    `down_until`: of an outage that still runs, until when it is known to; an RTO that is missed already is told.
    """
    rpo = incident.objectives.get("rpo_site_loss")
    bounds = Interval(incident.at_least, inf) if incident.rpo is None else incident.rpo
    judged, markers = verdict(bounds, rpo), incident.markers
    if rpo == 0 and markers is not None:
        if markers.lost:
            judged = Verdict.MISSED
        elif markers.surviving and incident.rpo_source == "canary":
            judged = Verdict.MET
    rto = incident.rto
    if rto is None and incident.declared and down_until is not None:
        rto = Interval(max(0.0, down_until - incident.began.upper), inf)
    return {"rto": str(verdict(rto, incident.objectives.get("rto"))), "rpo": str(judged)}


def running_json(state: SystemState, now: Moment) -> dict[str, Any] | None:
    """The open incident of a system. While nobody looks it is not known to go on."""
    if state.incident is None:
        return None
    return incident_json(state.incident, now, now.mono if state.blind_since is None else state.blind_since)


def incident_json(incident: Incident, now: Moment, down_until: Instant | None = None) -> dict[str, Any]:
    """One incident, open or closed. `null` is what was not observed; nothing unobserved is 0. `down_until`: see `verdicts`."""
    phases = {name: incident.phases.get(name) for name in PHASES}
    return {
        "id": incident.id,
        "system": incident.system,
        "kind": str(incident.kind),
        "open": incident.open,
        "declared": incident.declared,
        "inferred": incident.inferred,
        "drill": incident.drill,
        "maintenance": incident.maintenance,
        "scenario": incident.scenario or None,
        "counted": not incident.excluded,
        "apart_seconds": incident.apart,
        "cause": incident.cause,
        "from_site": incident.from_site,
        "to_site": incident.to_site,
        "start": _instants(incident.began, now),
        "end": _instants(incident.end, now),
        "phases": {name: None if at is None else now.wall_of(at) for name, at in phases.items()},
        "rto": _seconds(incident.rto),
        "rpo": _seconds(incident.rpo),
        "rpo_source": incident.rpo_source,
        "markers": None if incident.markers is None else incident.markers._asdict(),
        "objectives": dict(incident.objectives),
        "verdicts": verdicts(incident, down_until),
        "split_brain_seconds": incident.split_brain,
        "functional_ratio": incident.functional,
        "blind_seconds": incident.blind,
        "expected_rto_seconds": incident.expected,
        "events": sorted(incident.flags),
    }

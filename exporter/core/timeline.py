"""Incidents and systems as JSON: what the API serves, the ledger keeps and reports print. Instants are Unix seconds."""

from typing import Any

from exporter.core.interval import Interval, verdict
from exporter.core.model import Moment
from exporter.core.readiness import readiness
from exporter.core.readings import exposure, functional_ratio, rto_clock, rto_estimate, scenarios, site_role
from exporter.core.snapshot import Watched
from exporter.core.state import PHASES, Incident


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


def verdicts(incident: Incident) -> dict[str, str]:
    """Each objective, as it was when it happened, against the bounds; an RPO of 0 is judged by the lost markers."""
    rpo = incident.objectives.get("rpo_site_loss")
    if rpo == 0 and incident.markers is not None:
        judged = "missed" if incident.markers.lost else "met"
    else:
        judged = str(verdict(incident.rpo, rpo))
    return {"rto": str(verdict(incident.rto, incident.objectives.get("rto"))), "rpo": judged}


def incident_json(incident: Incident, now: Moment) -> dict[str, Any]:
    """One incident, open or closed. `null` is what was not observed; nothing unobserved is 0."""
    phases = {name: incident.phases.get(name) for name in PHASES}
    return {
        "id": incident.id,
        "system": incident.system,
        "kind": str(incident.kind),
        "open": incident.open,
        "declared": incident.declared,
        "inferred": incident.inferred,
        "drill": incident.drill,
        "cause": incident.cause,
        "from_site": incident.from_site,
        "to_site": incident.to_site,
        "start": _instants(incident.start, now),
        "end": _instants(incident.end, now),
        "phases": {name: None if at is None else now.wall_of(at) for name, at in phases.items()},
        "rto": _seconds(incident.rto),
        "rpo": _seconds(incident.rpo),
        "rpo_source": incident.rpo_source,
        "markers": None if incident.markers is None else incident.markers._asdict(),
        "objectives": dict(incident.objectives),
        "verdicts": verdicts(incident),
        "split_brain_seconds": incident.split_brain,
        "blind_seconds": incident.blind,
        "expected_rto_seconds": incident.expected,
        "events": sorted(incident.flags),
    }


def system_json(watched: Watched, now: Moment) -> dict[str, Any]:
    """One system as it stands: everything that the page shows."""
    system, state = watched.system, watched.state
    estimate = rto_estimate(system, state, now.mono)
    return {
        "name": system.name,
        "tier": system.tier,
        "owner": system.owner,
        "home": system.home,
        "mode": system.mode,
        "state": str(state.mode),
        "since": now.wall_of(state.since) if state.since else None,
        "sentence": state.sentence,
        "serving": list(state.serving),
        "traffic": state.traffic,
        "functional_ratio": functional_ratio(system, state),
        "objectives": {
            "rto": system.objectives.rto,
            "rpo": dict(system.objectives.rpo),
            "availability": system.objectives.availability,
        },
        "rto_seconds": rto_clock(state, now.mono),
        "rto_estimate_seconds": estimate,
        "rpo": {
            name: {"seconds": value.seconds, "known": value.known}
            for name in scenarios(system)
            for value in [exposure(system, state, name, now.mono)]
        },
        "sites": [_site_json(watched, site, now) for site in system.sites],
        "recovery_points": [
            {
                "site": source.site,
                "component": source.component,
                "source": source.source,
                "at": None if source.at is None else now.wall_of(source.at),
                "refuted": source.refuted,
            }
            for source in state.sources.values()
        ],
        "incident": None if state.incident is None else incident_json(state.incident, now),
        "last": None if state.last is None else incident_json(state.last, now),
    }


def _site_json(watched: Watched, site: str, now: Moment) -> dict[str, Any]:
    system, state = watched.system, watched.state
    components = {}
    for part in sorted(system.parts):
        if part.site != site:
            continue
        seen = state.parts.get(part)
        sample = seen.sample if seen else None
        components[part.component] = {
            "up": None if seen is None or sample is None else seen.reach.count == 0,
            "reason": str(sample.reason) if sample and sample.reason else None,
            "detail": sample.detail if sample else "",
            "looked": now.wall_of(sample.started) if sample else None,
            "seconds": sample.ended - sample.started if sample else None,
            "target": watched.targets[part].address if part in watched.targets else None,
        }
    checks = readiness(system, state, site, now.mono)
    return {
        "name": site,
        "role": str(site_role(system, state, site)),
        "serving": site in state.serving,
        "ready": all(checks.values()) if checks else None,
        "checks": dict(checks),
        "components": components,
    }

"""One system as JSON, as it stands: everything that the page and the API show. Instants are Unix seconds."""

from typing import Any

from exporter.core.active import traffic_share
from exporter.core.backup import BackupFacts
from exporter.core.checks import NEVER_SEEN, backup_complaint, kpi_low, parity_at, parity_match
from exporter.core.drill import drill_json
from exporter.core.inspected import BackupState, KpiState
from exporter.core.model import ENTRY, Moment, Part
from exporter.core.proof import due, proof_state
from exporter.core.readiness import readiness
from exporter.core.readings import exposure, functional_ratio, rto_clock, rto_estimate, scenarios, site_role
from exporter.core.snapshot import Watched
from exporter.core.timeline import incident_json


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
            "drill_every": system.objectives.drill_every,
        },
        "rto_seconds": rto_clock(state, now.mono),
        "rto_estimate_seconds": estimate,
        "rpo": {name: exposure(system, state, name, now.mono)._asdict() for name in scenarios(system)},
        "traffic_share": traffic_share(system, state),
        "backups": {name: _backup_json(watched, name, now) for name in system.backups},
        "parity": {name: _parity_json(watched, name) for name in system.parity},
        "kpis": {name: _kpi_json(watched, name, now) for name in system.kpis},
        "dependencies": {
            part.component: _part_json(watched, part, now)
            for part in sorted(system.parts)
            if not part.site and part != ENTRY
        },
        "sites": [_site_json(watched, site, now) for site in system.sites],
        "recovery_points": _points(watched, now),
        "incident": None if state.incident is None else incident_json(state.incident, now),
        **_drill_json(watched, now),
        "last": None if state.last is None else incident_json(state.last, now),
    }


def _drill_json(watched: Watched, now: Moment) -> dict[str, Any]:
    """The open drill or maintenance, and what is proven of the recovery. `missed`: a later one that broke the objective."""
    system, state = watched.system, watched.state
    proof, missed, until = state.proof, state.missed, due(system, state)
    if missed is not None and proof is not None and missed.at <= proof.at:
        missed = None
    return {
        "drill": None if state.drill is None else drill_json(system.name, state.drill, now),
        "drill_last": None if state.drilled is None else now.wall_of(state.drilled),
        "drill_due": None if until is None else now.wall_of(until),
        "proof": {
            "state": proof_state(system, state, now.mono),
            "at": None if proof is None else now.wall_of(proof.at),
            "incident": None if proof is None else proof.incident,
            "drill": None if proof is None else proof.drill,
            "missed": None if missed is None else now.wall_of(missed.at),
        },
    }


def _points(watched: Watched, now: Moment) -> list[dict[str, Any]]:
    return [
        {
            "site": source.site,
            "component": source.component,
            "source": source.source,
            "at": None if source.at is None else now.wall_of(source.at),
            "refuted": source.refuted,
        }
        for source in watched.state.sources.values()
    ]


def _part_json(watched: Watched, part: Part, now: Moment) -> dict[str, Any]:
    seen = watched.state.parts.get(part)
    sample = seen.sample if seen else None
    return {
        "up": None if seen is None or sample is None else seen.reach.is_good,
        "reason": str(sample.reason) if sample and sample.reason else None,
        "detail": sample.detail if sample else "",
        "looked": now.wall_of(sample.started) if sample else None,
        "seconds": sample.ended - sample.started if sample else None,
        "target": watched.targets[part].address if part in watched.targets else None,
    }


def _backup_json(watched: Watched, name: str, now: Moment) -> dict[str, Any]:
    backup, known = watched.system.backups[name], watched.state.backups.get(name, BackupState())
    facts = known.facts or BackupFacts()
    return {
        "site": backup.site or None,
        "recovery_point": None if known.point is None else now.wall_of(known.point),
        "last_success": facts.last_success,
        "last_verified": None if known.verified is None else now.wall_of(known.verified),
        "encrypted": facts.encrypted,
        "immutable": facts.immutable,
        "versions": facts.versions,
        "size_bytes": facts.size_bytes,
        "looked": None if known.seen is None else now.wall_of(known.seen),
        "complaint": backup_complaint(backup, known, now.mono),
        "reason": None if known.reason is None else str(known.reason),
        "detail": known.detail,
        "notes": list(facts.notes),
    }


def _parity_json(watched: Watched, name: str) -> dict[str, Any]:
    check, known = watched.system.parity[name], watched.state.parity.get(name, NEVER_SEEN)
    return {
        "component": check.component,
        "match": parity_match(check, known),
        "compared_to": known.site or None,
        "sites": {
            site: {
                "match": parity_at(check, known, site),
                "difference": known.differences.get(site),
                "number": answer.number,
                "reason": None if answer.reason is None else str(answer.reason),
                "detail": answer.detail,
            }
            for site, answer in known.answers.items()
        },
    }


def _kpi_json(watched: Watched, name: str, now: Moment) -> dict[str, Any]:
    kpi, known = watched.system.kpis[name], watched.state.kpis.get(name, KpiState())
    return {
        "value": known.value,
        "normal": known.normal,
        "at_least": kpi.at_least,
        "low": kpi_low(kpi, known),
        "looked": None if known.seen is None else now.wall_of(known.seen),
        "reason": None if known.reason is None else str(known.reason),
        "detail": known.detail,
    }


def _site_json(watched: Watched, site: str, now: Moment) -> dict[str, Any]:
    system, state = watched.system, watched.state
    components: dict[str, Any] = {}
    for part in sorted(system.parts):
        if part.site != site:
            continue
        components[part.component] = _part_json(watched, part, now)
    checks = readiness(system, state, site, now.mono)
    return {
        "name": site,
        "role": str(site_role(system, state, site)),
        "serving": site in state.serving,
        "ready": all(checks.values()) if checks else None,
        "checks": dict(checks),
        "components": components,
    }

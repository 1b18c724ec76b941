"""One system as JSON, as it stands: everything that the page and the API show. Instants are Unix seconds."""

from typing import Any

from exporter.core.active import traffic_share
from exporter.core.backup import BackupFacts
from exporter.core.checks import NEVER_SEEN, backup_complaint, kpi_low, parity_at, parity_match
from exporter.core.inspected import BackupState, KpiState
from exporter.core.model import ENTRY, Moment, Part
from exporter.core.readings import decisive, tells_now
from exporter.core.snapshot import ExporterState, Watched
from exporter.core.sources import is_disproved
from exporter.core.summary import site_json, standing
from exporter.core.timeline import incident_json, running_json


def system_json(watched: Watched, now: Moment) -> dict[str, Any]:
    """One system as it stands: everything that the page shows."""
    system, state = watched.system, watched.state
    return {
        **standing(watched, now),
        "traffic": state.traffic,
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
        "incident": running_json(state, now),
        "last": None if state.last is None else incident_json(state.last, now),
    }


def _points(watched: Watched, now: Moment) -> list[dict[str, Any]]:
    decides = decisive(watched.system, watched.state)
    return [
        {
            "site": source.site,
            "component": source.component,
            "source": source.source,
            "at": None if source.at is None else now.wall_of(source.at),
            "refuted": is_disproved(source),
            "decides": source in decides,
            "lag_bytes": source.lag_bytes,
        }
        for source in watched.state.sources.values()
    ]


def _part_json(watched: Watched, part: Part, now: Moment) -> dict[str, Any]:
    seen = watched.state.parts.get(part)
    sample = seen.sample if seen else None
    return {
        "up": seen.reach.is_good if seen is not None and tells_now(watched.state, seen.reach) else None,
        "reason": str(sample.reason) if sample and sample.reason else None,
        "detail": sample.detail if sample else "",
        "looked": now.wall_of(sample.started) if sample else None,
        "seconds": sample.ended - sample.started if sample else None,
        "phases": sample.phases._asdict() if sample else None,
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
    components: dict[str, Any] = {}
    for part in sorted(watched.system.parts):
        if part.site != site:
            continue
        components[part.component] = _part_json(watched, part, now)
    return {**site_json(watched, site, now), "components": components}


def exporter_json(exporter: ExporterState, now: Moment) -> dict[str, Any]:
    """The exporter itself, as the page's header shows it. Instants are Unix seconds."""
    return {
        "vantage": exporter.vantage,
        "version": exporter.version,
        "now": now.wall,
        "blind_since": None if exporter.blind_since is None else now.wall_of(exporter.blind_since),
        "references": dict(exporter.references),
        "ledger_writable": exporter.ledger_writable,
        "ledger_waiting": exporter.ledger_waiting,
        "reload_ok": exporter.reload_ok,
        "reload_error": exporter.reload_error,
    }

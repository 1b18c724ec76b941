"""One system in short, as JSON: what a wall of hundreds of them shows, under the names of `system_json`.

Instants are Unix seconds, durations are seconds. `null` is what is not known; nothing unknown is 0.
"""

from typing import Any

from exporter.core.availability import budget, running_cost_seconds
from exporter.core.drill import drill_json
from exporter.core.model import Moment
from exporter.core.past import Incident
from exporter.core.proof import due, proof_state
from exporter.core.readiness import readiness_now
from exporter.core.readings import (
    exposure,
    functional_ratio,
    lasting_events,
    rto_clock,
    rto_estimate,
    scenarios,
    site_role,
    totals,
)
from exporter.core.snapshot import Watched
from exporter.core.timeline import incident_json

OPEN = ("id", "kind", "start", "declared", "drill")
LAST = ("id", "kind", "rto", "rpo", "verdicts", "end")


def standing(watched: Watched, now: Moment) -> dict[str, Any]:
    """How it stands: what the summary and the whole description of a system have in common."""
    system, state = watched.system, watched.state
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
        "functional_ratio": functional_ratio(system, state),
        "objectives": {
            "rto": system.objectives.rto,
            "rpo": dict(system.objectives.rpo),
            "availability": system.objectives.availability,
            "drill_every": system.objectives.drill_every,
        },
        "rto_seconds": rto_clock(state, now.mono),
        "rto_estimate_seconds": rto_estimate(system, state, now.mono),
        "rpo": {name: exposure(system, state, name, now.mono)._asdict() for name in scenarios(system)},
        "budget": budget_json(watched, now),
        "cost": cost_json(watched, now),
        "blind": state.blind_since is not None,
        "events": [str(event) for event, lasts in lasting_events(system, state).items() if lasts],
        **drills_json(watched, now),
    }


def drills_json(watched: Watched, now: Moment) -> dict[str, Any]:
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


def site_json(watched: Watched, site: str, now: Moment) -> dict[str, Any]:
    """A site: its role, whether it serves, and whether it could. `ready` is null where nothing is to be checked, or nobody knows."""
    system, state = watched.system, watched.state
    checks = readiness_now(system, state, site, now.mono)
    return {
        "name": site,
        "role": str(site_role(system, state, site)),
        "serving": site in state.serving,
        "ready": all(checks.values()) if checks else None,
        "checks": dict(checks),
    }


def summary(watched: Watched, now: Moment) -> dict[str, Any]:
    """One system in short. `incident` and `last` hold of the incidents what `OPEN` and `LAST` name.

    What did not happen anew reads the same a second later: instants are told in whole milliseconds, since the wall clock is read
    a little differently each time, and of the budget the seconds that were observed are left out.
    """
    state, told = watched.state, standing(watched, now)
    if told["budget"] is not None:
        del told["budget"]["observed_seconds"]
    return {
        **told,
        **{name: _steady(told[name]) for name in ("since", "drill", "drill_last", "drill_due", "proof")},
        "sites": [site_json(watched, site, now) for site in watched.system.sites],
        "incident": _part(state.incident, OPEN, now),
        "last": _part(state.last, LAST, now),
    }


def _part(incident: Incident | None, names: tuple[str, ...], now: Moment) -> dict[str, Any] | None:
    if incident is None:
        return None
    told = incident_json(incident, now)
    return {name: _steady(told[name]) for name in names}


def _steady(value: Any) -> Any:
    """Instants and durations in it in whole milliseconds."""
    if isinstance(value, float):
        return round(value, 3)
    return {name: _steady(part) for name, part in value.items()} if isinstance(value, dict) else value


def budget_json(watched: Watched, now: Moment) -> dict[str, Any] | None:
    """The downtime that is still allowed in a rolling year; null where no availability was promised."""
    left = budget(watched.system, watched.state, now)
    if left is None:
        return None
    return {
        "objective": left.objective,
        "window_seconds": left.window,
        "downtime_seconds": left.downtime,
        "left_seconds": left.left,
        "drill_seconds": left.drills,
        "observed_seconds": left.observed,
    }


def cost_json(watched: Watched, now: Moment) -> dict[str, Any] | None:
    """`amount`: of the outage that runs, so far, null while none runs; `total`: of all, as `dr_downtime_cost_total` tells it."""
    system, state = watched.system, watched.state
    if system.cost_per_minute is None:
        return None
    runs = state.incident is not None and state.incident.declared
    a_second = system.cost_per_minute / 60
    return {
        "currency": system.currency,
        "amount": running_cost_seconds(state, now.mono) * a_second if runs else None,
        "total": totals(state, now.mono).downtime * a_second,
    }

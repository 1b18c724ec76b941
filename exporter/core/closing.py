"""How an incident ends: as what kind, with which figures, and what it leaves in the counters."""

from dataclasses import replace

from exporter.core.active import lost_sites
from exporter.core.availability import book
from exporter.core.drill import INCIDENTS_KEPT, Drill
from exporter.core.events import Draft
from exporter.core.interval import Interval
from exporter.core.losses import given_up
from exporter.core.model import Moment, System
from exporter.core.past import MOVES, Counters, Incident, Kind
from exporter.core.proof import measured_by, missed_by, proof_of
from exporter.core.state import SystemState
from exporter.core.timeline import incident_json

SWITCHES_KEPT = 5


def close_incident(system: System, draft: Draft, now: Moment) -> None:
    """The system has been stable for long enough: the incident is over, and its figures stand."""
    incident = draft.state.incident
    assert incident is not None
    assert incident.rto is not None
    kind, site = incident.kind, draft.state.believed
    if kind is Kind.OUTAGE:
        kind = _kind(system, draft.state, incident)
    to = incident.to_site if kind in MOVES else site  # what moved may be another component than the one that leads
    closed = replace(incident, kind=kind, to_site=to, open=False, phases={**incident.phases, "stable": now.mono})
    rto = incident.rto
    if closed.apart is None and (closed.drill or closed.maintenance):
        closed = replace(closed, apart=_down(closed, rto))
    sentence = f"{kind} closed: RTO {rto.estimate:.2f} s, between {rto.lower:.2f} and {rto.upper:.2f} s"
    draft.record("incident", now.mono, sentence, incident_json(closed, now))
    counters = book(_count(draft.state.counters, closed, rto), closed, now)
    state = given_up(draft.state, closed)
    draft.state = replace(
        state,
        incident=None,
        last=closed,
        loss=closed if closed.has_lost else state.loss,
        counters=counters,
        drill=_with(state.drill, closed),
        proof=proof_of(system, closed) or state.proof,
        missed=missed_by(system, closed) or state.missed,
        measured={**state.measured, **measured_by(closed)},
    )


def _with(drill: Drill | None, closed: Incident) -> Drill | None:
    """The open drill with one more incident, if it began in it."""
    if drill is None or drill.id not in (closed.drill, closed.maintenance):
        return drill
    return replace(drill, incidents=(*drill.incidents, closed.id)[-INCIDENTS_KEPT:])


def _down(closed: Incident, rto: Interval) -> float:
    """Seconds of downtime, upper bound, less those in which nobody looked."""
    return max(0.0, rto.upper - closed.blind)


def _kind(system: System, state: SystemState, incident: Incident) -> Kind:
    """What an outage without a move of the role turned out to be."""
    if system.active_active:
        return Kind.SITE_LOST if lost_sites(state, incident.start.lower) else Kind.OUTAGE_IN_PLACE
    return Kind.OUTAGE_IN_PLACE if state.believed == incident.from_site else Kind.TRAFFIC_MOVED


def _count(counters: Counters, closed: Incident, rto: Interval) -> Counters:
    key = (str(closed.kind), "true" if closed.drill else "false")
    incidents = dict(counters.incidents)
    if closed.declared:
        incidents[key] = incidents.get(key, 0) + 1
    switches = counters.switch_times
    if closed.kind in MOVES and not closed.inferred:
        switches = (*switches, switch_time(closed, rto))[-SWITCHES_KEPT:]
    down = _down(closed, rto)
    apart = min(down, closed.apart or 0.0)
    error = closed.expected - rto.estimate if closed.expected is not None else counters.estimate_error
    return replace(
        counters,
        incidents=incidents,
        downtime=counters.downtime + down - (apart if closed.excluded else 0.0),
        drill_downtime=counters.drill_downtime + (apart if closed.drill else 0.0),
        maintenance_downtime=counters.maintenance_downtime + (apart if closed.maintenance else 0.0),
        switch_times=switches,
        estimate_error=error,
    )


def switch_time(closed: Incident, rto: Interval) -> float:
    """Seconds from the declaration to service; the whole RTO where nothing had to be declared."""
    declared = closed.phases.get("declared")
    if declared is None or closed.end is None:
        return rto.estimate
    return max(0.0, closed.end.estimate - declared)


def close_blip(draft: Draft, now: Moment) -> None:
    """It was over before it was declared: counted, timed and listed, but not an incident."""
    incident = draft.state.incident
    assert incident is not None
    assert incident.rto is not None
    blip = replace(incident, kind=Kind.BLIP, open=False, inferred=incident.blind > 0)
    rto = incident.rto
    sentence = f"blip of {rto.estimate:.2f} s, between {rto.lower:.2f} and {rto.upper:.2f} s: {incident.cause}"
    draft.record("blip", now.mono, sentence, incident_json(blip, now))
    before, counters = draft.state.counters.blip_seconds, draft.state.counters
    seconds = Interval(before.lower + rto.lower, before.upper + rto.upper, before.estimate + rto.estimate)
    draft.state = replace(
        draft.state, incident=None, counters=replace(counters, blips=counters.blips + 1, blip_seconds=seconds)
    )

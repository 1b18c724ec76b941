"""The state machine of a system: one pure function over (state, evidence, policy).

    state        evidence             next        what it means
    -----------  -------------------  ----------  ----------------------------------------------------------------------
    unknown      serving              healthy     (or recovering, when an incident is open)
    unknown      dark                 unknown     never seen to serve; otherwise suspected, or outage if it was declared
    healthy      serving              healthy     or degraded, when something that is not critical is amiss
    healthy      dark                 suspected   an incident begins: its start is dated back to the last good look
    suspected    dark                 suspected   not enough failed looks yet, or the other side still hears from it
    suspected    dark, enough         outage      declared
    suspected    serving              healthy     a blip; but recovering, if the role or epoch had moved
    outage       serving              recovering  the end is known, if it lasts
    recovering   dark                 outage      a relapse continues the same incident
    recovering   serving, stable      healthy     the incident is closed
    any          blind                unknown     nothing is declared; an open incident stays open
    any          unseen               the same    wait for the missing looks
    any          unseen for good      unknown     what is needed is looked at nowhere; an open incident stays open

Every change returns the sentence that is logged, put in the ledger and shown.
"""

from dataclasses import replace

from exporter.core.active import still_served
from exporter.core.closing import close_blip, close_incident
from exporter.core.condition import complaint
from exporter.core.events import Draft, dated, ended, open_incident, reopened
from exporter.core.interval import Interval
from exporter.core.model import Instant, Moment, Part, System
from exporter.core.past import Kind
from exporter.core.readiness import validated
from exporter.core.readings import functional_ratio, rto_estimate
from exporter.core.state import Mode, SystemState
from exporter.core.unseen import in_sight, out_of_sight
from exporter.core.verdict import NO_PART, Blind, Dark, Evidence, Serving, Unseen


def step(system: System, draft: Draft, seen: Evidence, now: Moment, heard: Instant) -> None:
    """Apply the table to one piece of evidence. `heard`: start of the newest look that anybody anywhere answered."""
    match seen:
        case Blind():
            _blinded(draft, now)
        case Unseen(looked_at=False):
            draft.state = out_of_sight(draft.state, now.mono)
            enter(draft, Mode.UNKNOWN, seen.cause, now)
        case Unseen():
            if not draft.state.sentence:
                draft.state = replace(draft.state, sentence=seen.cause)
        case Dark():
            _dark(system, draft, seen, now, heard)
            draft.state = in_sight(draft.state, now.mono)
        case Serving():
            draft.state = in_sight(draft.state, now.mono)
            _serving(system, draft, seen, now)
    _note_functions(system, draft)


def _note_functions(system: System, draft: Draft) -> None:
    """How little worked at the worst, while it was out."""
    incident = draft.state.incident
    if incident is None or incident.end is not None:
        return
    ratio = functional_ratio(system, draft.state)
    if ratio is not None and (incident.functional is None or ratio < incident.functional):
        draft.state = replace(draft.state, incident=replace(incident, functional=ratio))


def enter(draft: Draft, mode: Mode, sentence: str, now: Moment) -> None:
    """Change the mode, with its record; a new sentence alone is no record."""
    state = draft.state
    if state.mode is mode:
        if state.sentence != sentence:
            draft.state = replace(state, sentence=sentence)
        return
    draft.state = replace(state, mode=mode, since=now.mono, sentence=sentence)
    draft.record("transition", now.mono, sentence, {"from": str(state.mode), "to": str(mode)})


def _blinded(draft: Draft, now: Moment) -> None:
    state = draft.state
    if state.mode is Mode.UNKNOWN:
        return
    draft.state = replace(state, serving=())
    enter(draft, Mode.UNKNOWN, "blind: nothing that we look at answers, so nothing can be said of it", now)


def _dark(system: System, draft: Draft, seen: Dark, now: Moment, heard: Instant) -> None:
    state = draft.state
    if state.incident is None:
        if not state.seen:
            draft.state = replace(state, sentence=f"never seen to serve since we look: {seen.cause}", serving=())
            return
        expected = rto_estimate(system, state, now.mono)
        incident = replace(open_incident(system, state, seen.start, seen.cause, now, expected), hung=seen.hung)
        draft.state = replace(state, incident=incident, serving=())
        enter(draft, Mode.SUSPECTED, f"{seen.cause}; looking faster", now)
    elif state.incident.end is not None and _unheard(seen, heard):
        draft.state = replace(state, incident=replace(state.incident, held=seen.first_failed), serving=())
        enter(draft, Mode.RECOVERING, f"{seen.cause}; but nobody else answers either: is it us?", now)
    elif state.incident.declared:
        _still_out(draft, seen, now)
    else:
        _suspect(system, draft, seen, now, heard)
    _watch_switch(system, draft, seen, now)


def _still_out(draft: Draft, seen: Dark, now: Moment) -> None:
    state = draft.state
    incident = state.incident
    assert incident is not None
    if incident.end is not None:
        draft.state = replace(state, incident=reopened(state, incident, seen.start.upper), serving=())
        enter(draft, Mode.OUTAGE, f"relapsed, the same incident goes on: {seen.cause}", now)
    else:
        lower = min(incident.start.lower, seen.start.lower)
        if lower < incident.start.lower:
            incident = dated(state, incident, incident.start._replace(lower=lower))
            draft.state = replace(state, incident=replace(incident, phases={**incident.phases, "last_good": lower}))
        enter(draft, Mode.OUTAGE, state.sentence if state.mode is Mode.OUTAGE else f"still out: {seen.cause}", now)


def _suspect(system: System, draft: Draft, seen: Dark, now: Moment, heard: Instant) -> None:
    """In doubt: widen what is known of the start, and declare once the policy is satisfied."""
    state, policy = draft.state, system.policy
    incident = state.incident
    assert incident is not None
    incident = reopened(state, incident, seen.start.upper)
    lower, upper = min(incident.start.lower, seen.start.lower), min(incident.start.upper, seen.start.upper)
    best = incident.start.best if incident.start.best is not None else seen.start.best
    incident = replace(
        dated(state, incident, Interval(lower, upper, best)),
        phases={**incident.phases, "last_good": lower, "first_bad": upper},
        hung=incident.hung if incident.hung is not None else seen.hung,
    )
    enough = seen.failures >= policy.declare_after and now.mono - seen.first_failed >= policy.declare_min
    doubt = _doubt(system, state, seen, heard) if enough else None
    if not enough or doubt:
        draft.state = replace(state, incident=incident, serving=())
        enter(draft, Mode.SUSPECTED, f"{seen.cause}; {doubt or 'looking faster'}", now)
        return
    incident = replace(incident, declared=True, phases={**incident.phases, "declared": now.mono})
    draft.state = replace(state, incident=incident, serving=())
    enter(draft, Mode.OUTAGE, f"outage declared after {seen.failures} failed looks: {seen.cause}", now)


def _doubt(system: System, state: SystemState, seen: Dark, heard: Instant) -> str | None:
    """Why enough failed looks still are no proof, in words."""
    if _unheard(seen, heard):
        return "but nobody else answers either: is it us?"
    witness = _still_heard(system, state, seen) if seen.overrulable else None
    return f"but {witness} still receives from it" if witness else None


def _unheard(seen: Dark, heard: Instant) -> bool:
    """Nobody anywhere has answered since it fails: nobody knows whether that is it or us."""
    return seen.silent and heard < seen.first_failed


def _still_heard(system: System, state: SystemState, seen: Dark) -> str | None:
    """A standby whose received position grew in looks that all began after our first failed look, if there is one."""
    for (site, component, source), known in state.sources.items():
        role = state.roles.get(component)
        if source != "streaming" or role is None or site == role.site or known.grew is None:
            continue
        if known.grew.start >= seen.first_failed and known.seen is not None:
            recent = known.seen - known.grew.end <= max(1.0, 4 * system.policy.fast_interval)
            if recent and state.parts.get(Part(site, component), NO_PART).reach.is_good:
                return f"{component} at {site}"
    return None


def _watch_switch(system: System, draft: Draft, seen: Dark, now: Moment) -> None:
    """Events that a lasting outage may bring: nobody takes writes, or a switch that does not come to its end."""
    incident = draft.state.incident
    if incident is None or not incident.declared:
        return
    moved = incident.phases.get("role_moved")
    if moved is not None and now.mono - moved >= system.policy.stuck_after and "stuck_switch" not in incident.flags:
        draft.state = replace(draft.state, incident=replace(incident, flags=incident.flags | {"stuck_switch"}))
        sentence = f"stuck switch: {incident.component} moved to {incident.to_site}, but the system does not serve: {seen.cause}"
        draft.record(Kind.STUCK_SWITCH, now.mono, sentence, {"site": incident.to_site, "component": incident.component})
        return
    read_only = _all_read_only(system, draft.state)
    if read_only and "no_primary" not in incident.flags:
        draft.state = replace(draft.state, incident=replace(incident, flags=incident.flags | {"no_primary"}))
        sentence = f"no primary: {read_only} answers at every site, and is read-only everywhere"
        draft.record(Kind.NO_PRIMARY, now.mono, sentence, {"component": read_only})


def _all_read_only(system: System, state: SystemState) -> str | None:
    for component in system.components.values():
        role = state.roles.get(component.name)
        if not (component.stateful and component.critical) or (role is not None and role.left is not None):
            continue
        parts = [state.parts.get(part) for part in system.parts if part.component == component.name]
        if parts and all(p is not None and p.reach.is_good and p.serve.count > 0 for p in parts):
            return component.name
    return None


def _serving(system: System, draft: Draft, seen: Serving, now: Moment) -> None:
    state = draft.state
    if state.serving != seen.sites or state.believed not in seen.sites:
        believed = state.believed if state.believed in seen.sites or not seen.sites else seen.sites[0]
        state = replace(state, serving=seen.sites, believed=believed)
    if system.active_active and state.served != (served := still_served(system, state, seen.sites)):
        state = replace(state, served=served)
    if state.observed_since is None:
        state = replace(state, seen=True, observed_since=now.mono)
    incident = state.incident
    if incident is not None and incident.held is not None and incident.held >= state.trusted_since:
        # It failed again after its end, while nobody else answered; and we were not found to be blind: so it was it.
        incident = reopened(state, incident, incident.held)
    waits = incident is not None and incident.end is not None and incident.phases.get("validated") is None
    if incident is not None and incident.end is not None and waits and validated(system, state, incident.end.lower):
        incident = replace(incident, phases={**incident.phases, "validated": now.mono})
        state = replace(state, incident=incident)
    draft.state = state
    if incident is None:
        _calm(system, draft, now)
    elif incident.end is None:
        since = seen.since
        if since.upper <= incident.start.lower:  # nothing came back: it is served from elsewhere now
            since = Interval(since.lower, now.mono)
        end = Interval(max(since.lower, incident.start.lower), max(since.upper, incident.start.upper), since.best)
        draft.state = replace(state, incident=ended(state, incident, end))
        if incident.declared or incident.component:
            enter(
                draft,
                Mode.RECOVERING,
                f"serves again from {_named(seen)}; stable in {system.policy.stable_for:g} s",
                now,
            )
        else:
            close_blip(draft, now)
            _calm(system, draft, now)
    elif now.mono - max(incident.end.upper, state.trusted_since) >= system.policy.stable_for:
        close_incident(system, draft, now)
        _calm(system, draft, now)
    elif state.mode is not Mode.RECOVERING:
        enter(draft, Mode.RECOVERING, f"serves from {_named(seen)}; stable in {system.policy.stable_for:g} s", now)


def _named(seen: Serving) -> str:
    return " and ".join(seen.sites)


def _calm(system: System, draft: Draft, now: Moment) -> None:
    """Serving, and no incident is open."""
    trouble = complaint(system, draft.state, now.mono)
    sites = " and ".join(draft.state.serving)
    if trouble:
        enter(draft, Mode.DEGRADED, f"serves from {sites}, but {trouble}", now)
    else:
        enter(draft, Mode.HEALTHY, f"serves from {sites}", now)

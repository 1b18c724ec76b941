"""What a move of the role, or of the epoch, does to everything that is remembered."""

from collections.abc import Container
from dataclasses import replace

from exporter.core.events import Draft, open_incident, reopened
from exporter.core.interval import Interval
from exporter.core.model import Instant, Moment, Part, Sample, System
from exporter.core.past import MOVES, Incident, Kind, Loss
from exporter.core.readings import rto_estimate
from exporter.core.recovery_point import achieved
from exporter.core.state import NO_TRACK, Marker, PartState, RoleState, SourceState, Span, SystemState, Track
from exporter.core.verdict import Dark, assess, needs


def role_moved(system: System, draft: Draft, component: str, to: str, moved: Interval, now: Moment) -> None:
    """The writable role of `component` is at `to` now. Always an event with its own RTO and RPO, however short."""
    state = draft.state
    old = state.roles[component]
    incident = _incident(system, state, moved, f"the role of {component} moved from {old.site} to {to}", now)
    holder = state.parts.get(Part(old.site, component), PartState())
    failed = holder.reach.count > 0 or (holder.reach.bad is not None and holder.reach.bad.end >= incident.start.lower)
    kind = Kind.FAILBACK if to == system.home else Kind.FAILOVER if failed else Kind.SWITCHOVER
    inferred = incident.inferred or moved.lower < state.trusted_since
    phases = {**incident.phases, "role_moved": moved.upper}
    if kind is Kind.FAILBACK:
        phases |= {"failback_started": incident.start.upper, "failback_done": moved.upper}
    incident = replace(
        _uncounted(state, incident),
        kind=kind,
        inferred=inferred,
        from_site=old.site,
        to_site=to,
        component=component,
        stop=_stop(state, component, _given_up(holder, moved)),
        phases=phases,
        moved=moved,
        in_place=False,
        proven=_proven(state, component, to),
    )
    drill = "true" if incident.drill else "false"
    failovers = state.counters.failovers
    draft.state = replace(
        state,
        incident=_position_loss(state, incident),
        roles={**state.roles, component: RoleState(to, _epoch(state, component, to), moved)},
        believed=to,
        serving=(),
        counters=replace(state.counters, failovers={**failovers, (kind, drill): failovers.get((kind, drill), 0) + 1}),
    )
    draft.state = _new_stream(draft.state, component, old.site, to, incident.start.lower)
    draft.state = _new_holder(draft.state, Part(to, component), moved)
    how = " (found afterwards: it happened while nobody looked)" if inferred else ""
    sentence = f"{kind}: {component} moved from {old.site} to {to}{how}"
    draft.record(
        kind, moved.upper, sentence, {"from": old.site, "to": to, "component": component, "inferred": inferred}
    )


def epoch_moved(system: System, draft: Draft, sample: Sample, before: PartState, now: Moment) -> None:
    """The same site holds the role, but in another epoch: restored, promoted in place, or emptied by a restart."""
    state, component, site = draft.state, sample.part.component, sample.part.site
    earlier = before.serve.good.start if before.serve.good else state.trusted_since
    moved = Interval(min(earlier, sample.ended), sample.ended)
    incident = _incident(system, state, moved, f"{component} at {site} began a new epoch", now)
    inferred = incident.inferred or moved.lower < state.trusted_since
    incident = replace(incident, inferred=inferred)
    if incident.kind not in MOVES:
        phases = {**incident.phases, "role_moved": sample.ended}
        incident = replace(incident, kind=Kind.OUTAGE_IN_PLACE, component=component, phases=phases)
        incident = _emptied(state, incident, moved)
    elif incident.markers is not None and not incident.uncounted and incident.component == component:
        incident = _emptied(state, incident, moved)  # until that is counted it is the same move that settles
    draft.state = replace(
        state,
        incident=incident,
        roles={**state.roles, component: RoleState(site, sample.facts.epoch, moved)},
        serving=(),
    )
    canary = _written_since(state, component, sample)
    draft.state = _new_stream(draft.state, component, "", site, incident.start.lower, canary)
    draft.record(
        "epoch_changed",
        sample.ended,
        f"{component} at {site} began a new epoch",
        {"site": site, "component": component},
    )


def _emptied(state: SystemState, incident: Incident, moved: Interval) -> Incident:
    """The incident in which the server that has the role came back in another epoch: what it had may be gone, all or a part."""
    stop = _stop(state, incident.component, moved.upper)
    return replace(_uncounted(state, incident), stop=stop, moved=moved, in_place=True, proven=None)


def _written_since(state: SystemState, component: str, sample: Sample) -> Track:
    """The writes at a server that came back with this look, in a new epoch. One that was acknowledged, and began after all looks
    that failed, was taken by the server that serves now, though that was not known yet; an older one proves nothing."""
    serve, canary = state.parts[sample.part].serve, state.canaries.get(component)
    if canary is None or serve.recovered != Span(sample.started, sample.ended) or serve.last_bad is None:
        return NO_TRACK
    back = canary.track.recovered if canary.track.count == 0 else None
    return canary.track if back is not None and back.start > serve.last_bad else NO_TRACK


def _incident(system: System, state: SystemState, moved: Interval, cause: str, now: Moment) -> Incident:
    """The open incident, which goes on, or a new one that starts when the old site was last known to serve."""
    if state.incident is not None:
        return reopened(state, state.incident, moved.upper)
    evidence = assess(system, state)
    if isinstance(evidence, Dark):
        start, cause = evidence.start, evidence.cause
    else:
        good = [need.track.good.start for need in needs(system, state) if need.track.good is not None]
        start = Interval(min([*good, moved.lower]), moved.upper)
    return open_incident(system, state, start, cause, now, rto_estimate(system, state, now.mono))


def _given_up(holder: PartState, moved: Interval) -> Instant:
    """When the old holder was first seen without the role, if that was after the other had taken it: both took writes until then."""
    return max(moved.upper, holder.serve.bad.end) if holder.serve.count and holder.serve.bad else moved.upper


def _stop(state: SystemState, component: str, moved: Instant) -> Instant:
    """When the old primary certainly took no more writes."""
    canary = state.canaries.get(component)
    if canary is not None and canary.track.count > 0 and canary.track.bad is not None:
        return canary.track.bad.end
    return moved


def _epoch(state: SystemState, component: str, site: str) -> str | None:
    return state.parts[Part(site, component)].facts.epoch


def _proven(state: SystemState, component: str, to: str) -> Instant | None:
    """T of the site that takes the role: by markers where any was ever seen there, since a position can lie."""
    for name in ("canary", "streaming"):
        source = state.sources.get((to, component, name))
        if source is not None and source.at is not None and not source.refuted:
            return source.at
    return None


def _position_loss(state: SystemState, incident: Incident) -> Incident:
    """Without markers the loss is estimated from positions: at most all since the last proven instant."""
    if incident.component in state.canaries or incident.stop is None or incident.proven is None:
        return incident
    return _with_loss(incident, Loss(Interval(0.0, max(0.0, incident.stop - incident.proven))), "position")


def _uncounted(state: SystemState, incident: Incident) -> Incident:
    """The incident before the loss of one more move is counted. What the moves before it had cost is kept, and stands while it
    proves a loss; what this one did not lose is not known yet."""
    if unmeasured(state) is not None or (incident.rpo is None and incident.markers is None):
        return replace(incident, rpo=None, rpo_source=None)
    earlier = Loss(incident.rpo, incident.at_least, incident.markers)
    markers = incident.markers if incident.markers and incident.markers.lost else None
    return replace(incident, rpo=None, rpo_source=None, markers=markers, uncounted=True, earlier=earlier)


def _with_loss(incident: Incident, loss: Loss, source: str) -> Incident:
    """The incident with what its last move cost, and with what the earlier ones did."""
    rpo, at_least, markers = loss if incident.earlier is None else loss.after(incident.earlier)
    source_of = None if rpo is None else source
    return replace(incident, rpo=rpo, rpo_source=source_of, at_least=at_least, markers=markers, uncounted=False)


def _new_stream(
    state: SystemState, component: str, old: str, new: str, until: Instant, canary: Track = NO_TRACK
) -> SystemState:
    """Positions and markers of the old epoch prove nothing any more; the old site holds all writes until `until`. `canary`:
    what is known of writes in the new one."""
    sources = {
        key: source
        for key, source in state.sources.items()
        if source.component != component or source.site not in (old, new)
    }
    if old:
        sources[old, component, "streaming"] = SourceState(old, component, "streaming", at=until)
    canaries = dict(state.canaries)
    if component in canaries:
        canaries[component] = replace(canaries[component], track=canary)
    histories = {name: history for name, history in state.histories.items() if name != component}
    return replace(state, sources=sources, canaries=canaries, histories=histories)


def _new_holder(state: SystemState, part: Part, moved: Interval) -> SystemState:
    """Who claims the role and takes no writes yet fails from the move on: that it took none as a standby kept nobody from
    being served, and must neither date nor declare anything."""
    known = state.parts[part]
    serve = known.serve
    if not serve.count or serve.last_bad is None:
        return state
    lower, upper, _ = moved
    serve = replace(
        serve, good=Span(lower, lower), bad=Span(min(serve.last_bad, upper), upper), recovered=None, count=1
    )
    return state.with_part(part, replace(known, serve=serve))


def unmeasured(state: SystemState) -> str | None:
    """The component whose lost markers still have to be counted after a move, if any."""
    incident = state.incident
    if incident is None or not incident.component or not (incident.uncounted or incident.markers is None):
        return None
    return incident.component if incident.component in state.canaries else None


def seen_to_move(incident: Incident) -> Instant | None:
    """When the move whose loss is counted was seen; a checkpoint of an older exporter tells it by the phase alone."""
    return incident.phases.get("role_moved") if incident.moved is None else incident.moved.upper


def written_before(state: SystemState, incident: Incident) -> list[Marker]:
    """The markers that were written before the role moved: all that are remembered were on the old primary, or, where the epoch
    moved in place, at the server that came back."""
    moved = seen_to_move(incident)
    return [m for m in state.canaries[incident.component].markers if moved is None or m.sent <= moved]


def judged_by(incident: Incident, written: list[Marker], survivors: Container[int], seen: Instant) -> list[Marker]:
    """Those of `written` by which the loss is counted, by the numbers that a look found which began at `seen`.

    Where the epoch moved in place, a marker that is there and was acknowledged after the last good look in the old epoch may have
    been taken by the new one: it neither survived nor dates the last write of the old. One that is not there was lost.
    """
    moved = incident.moved
    if not incident.in_place or moved is None:
        return written
    return [
        m
        for m in written
        if (m.acked is not None and m.acked <= moved.lower)
        or (m.seq not in survivors and (m.acked is None or m.acked <= seen))
    ]


def measure_loss(draft: Draft, sample: Sample, now: Moment) -> None:
    """Count what of the old primary's markers this look found at the new site. Once for each move."""
    state = draft.state
    incident = state.incident
    if incident is None or incident.stop is None:
        return
    there = frozenset(sample.facts.markers or ())
    judged = judged_by(incident, written_before(state, incident), there, sample.started)
    loss = achieved(judged, there, incident.stop, incident.proven)
    counted = loss.markers
    assert counted is not None
    acknowledged = counted.lost + counted.surviving > 0
    draft.state = replace(state, incident=_with_loss(incident, loss, "canary" if acknowledged else "position"))
    if acknowledged:
        sentence = "{} acknowledged markers were lost, {} survived, {} were never acknowledged".format(*counted)
        if loss.rpo is None:
            sentence += f": writes of at least {loss.at_least:.1f} s; how much in all nobody can tell"
        draft.record("loss_measured", now.mono, sentence, counted._asdict())
    draft.state = _without(draft.state, incident.component, judged, there)


def _without(state: SystemState, component: str, judged: list[Marker], there: frozenset[int]) -> SystemState:
    """What is lost is lost once: of the markers that were judged only the acknowledged survivors stay in memory."""
    gone = {m.seq for m in judged if m.acked is None or m.seq not in there}
    canary = state.canaries[component]
    kept = tuple(m for m in canary.markers if m.seq not in gone)
    return replace(state, canaries={**state.canaries, component: replace(canary, markers=kept)})


def current_markers(state: SystemState, component: str) -> list[Marker]:
    """The markers of the present epoch: those before it may rightly be missing at the other sites."""
    canary, role = state.canaries.get(component), state.roles.get(component)
    if canary is None or role is None:
        return []
    since = role.moved.upper if role.moved else float("-inf")
    if not canary.markers or (canary.markers[0].site == role.site and canary.markers[0].sent > since):
        return list(canary.markers)
    return [m for m in canary.markers if m.site == role.site and m.sent > since]

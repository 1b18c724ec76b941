"""What a move of the role, or of the epoch, does to everything that is remembered."""

from bisect import bisect_right
from dataclasses import replace

from exporter.core.events import Draft, open_incident, reopened
from exporter.core.interval import Interval
from exporter.core.losses import owing, settling
from exporter.core.model import Instant, Moment, Part, Sample, System
from exporter.core.past import MOVES, Incident, Kind, Move
from exporter.core.position import LogPosition
from exporter.core.readings import rto_estimate
from exporter.core.state import NO_TRACK, Marker, PartState, RoleState, SourceState, Span, SystemState, Track
from exporter.core.verdict import Dark, assess, leading, needs


def role_moved(system: System, draft: Draft, component: str, to: str, moved: Interval, now: Moment) -> None:
    """The writable role of `component` is at `to` now. Always an event with its own RTO and RPO, however short."""
    state = draft.state
    old = state.roles[component]
    incident = _incident(system, state, moved, f"the role of {component} moved from {old.site} to {to}", now)
    holder = old.left or state.parts.get(Part(old.site, component), PartState())
    failed = holder.reach.count > 0 or (holder.reach.bad is not None and holder.reach.bad.end >= incident.start.lower)
    kind = Kind.FAILBACK if to == system.home else Kind.FAILOVER if failed else Kind.SWITCHOVER
    unseen = old.left is not None and not old.left.serve.count
    inferred = incident.inferred or moved.lower < state.trusted_since or unseen
    phases = {**incident.phases, "role_moved": moved.upper}
    if kind is Kind.FAILBACK:
        phases |= {"failback_started": incident.start.upper, "failback_done": moved.upper}
    stop, epoch = _stop(state, component, _given_up(holder, moved)), _epoch(state, component, to)
    # Another component that follows gracefully leaves it the failover of the one that failed.
    graceful = kind is Kind.SWITCHOVER and incident.kind is Kind.FAILOVER
    proven = _proven(state, component, to)
    incident = replace(
        owing(state, incident, component, Move(stop, moved, proven)),
        kind=Kind.FAILOVER if graceful else kind,
        inferred=inferred,
        from_site=old.site,
        to_site=to,
        component=component,
        phases=phases,
    )
    drill = "true" if incident.drill else "false"
    failovers = state.counters.failovers
    draft.state = replace(
        state,
        incident=incident,
        roles={**state.roles, component: RoleState(to, epoch, moved, proven, settling=epoch == old.epoch)},
        serving=(),
        counters=replace(state.counters, failovers={**failovers, (kind, drill): failovers.get((kind, drill), 0) + 1}),
    )
    draft.state = led(system, draft.state)
    draft.state = _new_stream(
        draft.state, component, old.site, to, _held_until(state, component, old, to, incident.start.lower)
    )
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
    settles = settling(state, incident, component)
    if not settles:
        stop = _stop(state, component, moved.upper)
        incident = owing(state, incident, component, Move(stop, moved, in_place=True))
    proven = state.roles[component].proven if settles else None  # it may have come back with less, or with nothing
    if incident.kind not in MOVES:
        phases = {**incident.phases, "role_moved": sample.ended}
        incident = replace(incident, kind=Kind.OUTAGE_IN_PLACE, component=component, phases=phases)
    draft.state = replace(
        state,
        incident=incident,
        roles={**state.roles, component: RoleState(site, sample.facts.epoch, moved, proven)},
        serving=(),
    )
    canary = _written_since(state, component, sample)
    draft.state = _new_stream(draft.state, component, "", site, None, canary)
    draft.record(
        "epoch_changed",
        sample.ended,
        f"{component} at {site} began a new epoch",
        {"site": site, "component": component},
    )


def led(system: System, state: SystemState) -> SystemState:
    """A role is somewhere else now: the system is believed to be served from where the leading one is."""
    leader = leading(system, state)
    return state if leader is None else replace(state, believed=state.roles[leader.name].site)


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
        tracks = [need.track for need in needs(system, state)]
        tracks += [role.left.serve for role in state.roles.values() if role.left is not None]
        good = [track.good.start for track in tracks if track.good is not None]
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
    """T of the site that takes the role: by markers where any was ever seen there, since a position can lie. None where it shows
    less now than T needs: it came to the role empty, or restored from something older."""
    for name in ("canary", "streaming"):
        source = state.sources.get((to, component, name))
        if source is not None and source.at is not None and not source.refuted:
            return None if name == "streaming" and _fell(state, source, source.at) else source.at
    return None


def _fell(state: SystemState, source: SourceState, at: Instant) -> bool:
    """Whether a site shows less than what was written before `at`. That it shows less than it had received is no fall: the end of
    that may be half a record, which a promotion drops. A server's own log file tells nothing of how far it was in that of another.
    """
    now = state.parts[Part(source.site, source.component)].facts.position
    history = state.histories.get(source.component, ())
    index = bisect_right(history, at, key=lambda entry: entry[0])
    needed = history[index - 1][1] if index else source.position
    if now is None or needed is None or isinstance(now, LogPosition):
        return False
    return now <= needed and not needed <= now


def _held_until(state: SystemState, component: str, old: RoleState, to: str, start: Instant) -> Instant | None:
    """T of the site that loses the role, which took all writes until `start`, the last good look before the incident.

    One that had itself taken the role may lack what the other wrote before, and which comes back with that: unless it was seen
    to follow since, no more is proven than when the role came. What an old primary held when it lost the role has no position.
    """
    sources = [state.sources.get((to, component, name)) for name in ("canary", "streaming")]
    followed = [one.at for one in sources if one is not None and one.position is not None and not one.refuted]
    if old.moved is None or any(at is not None and at > old.moved.upper for at in followed):
        return start
    return None if old.proven is None else min(old.proven, start)


def _new_stream(
    state: SystemState, component: str, old: str, new: str, until: Instant | None, canary: Track = NO_TRACK
) -> SystemState:
    """Positions and markers of the old epoch prove nothing any more; the old site holds all writes until `until`, if that is
    known. `canary`: what is known of writes in the new one."""
    sources = {
        key: replace(source, told=None) if source.component == component else source
        for key, source in state.sources.items()
        if source.component != component or source.site not in (old, new)
    }
    if old and until is not None:
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


def current_markers(state: SystemState, component: str) -> list[Marker]:
    """The markers of the present epoch: those before it may rightly be missing at the other sites."""
    canary, role = state.canaries.get(component), state.roles.get(component)
    if canary is None or role is None:
        return []
    since = role.moved.upper if role.moved else float("-inf")
    if not canary.markers or (canary.markers[0].site == role.site and canary.markers[0].sent > since):
        return list(canary.markers)
    return [m for m in canary.markers if m.site == role.site and m.sent > since]

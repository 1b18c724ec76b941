"""Active-active systems: several sites serve at once. Losing one is an event; an outage is what works at no site.

Their recovery points come from the canary alone, written to the serving sites in turn: what is written at one site has to be
seen at another one before the first is lost.
"""

from collections.abc import Sequence
from dataclasses import replace

from exporter.core.canary import Outcome
from exporter.core.events import Draft
from exporter.core.model import ENTRY, Component, Instant, Moment, Part, Sample, System
from exporter.core.past import Kind
from exporter.core.recovery_point import from_markers, read_above
from exporter.core.standbys import declarable
from exporter.core.state import (
    NO_TRACK,
    CanaryState,
    Marker,
    PartState,
    SourceState,
    Span,
    SystemState,
    Track,
)
from exporter.core.track import abandon, judge

TRAFFIC_KEPT = 120
"""Answers of the entry from which the share of each site is counted."""
UNSEEN = PartState()


def critical_at(system: System, site: str) -> list[Part]:
    """What has to work at a site for it to serve."""
    parts = (component.part(site) for component in system.components.values() if component.critical)
    return [part for part in parts if part.site and part in system.parts]


def serving_sites(system: System, state: SystemState) -> tuple[str, ...]:
    """The sites at which everything critical works; where none has all of it, those that have some."""
    found = {site: [works(state, part) for part in critical_at(system, site)] for site in system.sites}
    whole = tuple(site for site, told in found.items() if told and all(told))
    return whole or tuple(site for site, told in found.items() if any(told))


def written(state: SystemState, part: Part) -> Track | None:
    """The markers written to a part, judged as looks; None: none was yet."""
    canary = state.canaries.get(part.component)
    return canary.tracks.get(part.site) if canary is not None else None


def taken(state: SystemState, part: Part) -> Track | None:
    """The same as it tells of now: what was acknowledged before the part failed is no proof that it takes writes again."""
    track = written(state, part)
    return NO_TRACK if track is not None and _is_old(track, state.parts.get(part, UNSEEN)) else track


def _is_old(markers: Track, seen: PartState) -> bool:
    """No marker goes to a site that does not answer, so none fails there: the newest is that of before."""
    good, failed = markers.good, seen.serve.last_bad
    return markers.count == 0 and good is not None and failed is not None and good.start < failed


def is_fresh(state: SystemState, track: Track) -> bool:
    """It works, by what was seen since we look without a break."""
    return track.good is not None and track.count == 0 and track.good.start >= state.trusted_since


def _answers(state: SystemState, part: Part) -> bool:
    return is_fresh(state, state.parts.get(part, UNSEEN).serve)


def works(state: SystemState, part: Part) -> bool:
    """A site that answers but acknowledges no write does not serve."""
    track = taken(state, part)
    return _answers(state, part) and (track is None or is_fresh(state, track))


def lost_sites(state: SystemState, since: Instant = float("-inf")) -> list[str]:
    """Sites that are known not to serve, and were first seen to fail after `since`."""
    lost = state.lost_standbys
    return sorted({part.site for part in lost if state.lost_at.get(part.site, _failed_at(state, part)) >= since})


def _failed_at(state: SystemState, part: Part) -> Instant:
    tracks = (state.parts.get(part, UNSEEN).serve, written(state, part) or NO_TRACK)
    return min((track.bad.end for track in tracks if track.count and track.bad is not None), default=float("-inf"))


def still_served(system: System, state: SystemState, sites: tuple[str, ...]) -> tuple[str, ...]:
    """`sites` serve now; a site that served before and does not is among them until it is known to be lost."""
    doubtful = set(state.served) - set(lost_sites(state))
    return tuple(site for site in system.sites if site in sites or site in doubtful)


def follow_site(system: System, draft: Draft, part: Part, now: Moment, heard: Instant) -> None:
    """A site is lost with the first of its critical components, by the rule that declares outages; it is back with the last.

    Until then those that work again stay among what is lost, so that its return is told once and for all of them.
    """
    state, site = draft.state, part.site
    component = system.components.get(part.component)
    if component is None or not component.critical or not site:
        return
    known = site in lost_sites(state)
    tracks = (state.parts[part].serve, written(state, part) or NO_TRACK)
    failing = [track for track in tracks if declarable(system.policy, track, now, heard)]
    if known and all(works(state, one) for one in critical_at(system, site)):
        draft.state = replace(state, lost_standbys=frozenset(one for one in state.lost_standbys if one.site != site))
        draft.record(Kind.SITE_BACK, now.mono, f"{site} serves again", {"site": site})
    elif failing and part not in state.lost_standbys:
        draft.state = replace(state, lost_standbys=state.lost_standbys | {part})
        if not known:
            sentence = f"{site} is lost: {part.component} {failing[0].reason}"
            failed = _failed_at(state, part)
            draft.state = replace(draft.state, lost_at={**state.lost_at, site: failed})
            if state.drill is not None and state.drill.started <= failed and state.drill.runs(now.mono):
                draft.state = replace(draft.state, drill=replace(state.drill, site_lost=True))
            draft.record(Kind.SITE_LOST, now.mono, sentence, {"site": site, "reason": str(failing[0].reason)})


def follow_share(draft: Draft, system: System, sample: Sample) -> None:
    """Which site answered at the entry, where the entry tells it; forgotten as it stops to tell, and when it is down."""
    state, site, seen = draft.state, sample.facts.served_by, draft.state.traffic_seen
    if sample.ok:
        seen = (*seen, site)[-TRAFFIC_KEPT:] if site is not None and site in system.sites else seen[1:]
    elif state.parts[ENTRY].serve.count >= system.policy.declare_after:
        seen = ()
    if seen is not state.traffic_seen:
        draft.state = replace(state, traffic_seen=seen)


def traffic_share(system: System, state: SystemState) -> dict[str, float]:
    """Share of the entry's last answers that each site gave, 0 to 1; empty while none told."""
    seen = state.traffic_seen
    return {site: seen.count(site) / len(seen) for site in system.sites} if seen else {}


# --- recovery points


def writer(system: System, state: SystemState, component: Component) -> str | None:
    """The site to which the next marker goes: each serving one in its turn."""
    parts = [component.part(site) for site in system.sites]
    sites = [part.site for part in parts if part in system.parts and _answers(state, part)]
    return sites[state.canaries[component.name].seq % len(sites)] if sites else None


def follow_write(
    canary: CanaryState, marker: Marker, outcome: Outcome, pending: Sequence[Instant], seen: PartState, *, blind: bool
) -> CanaryState:
    """A marker was acknowledged or failed: that says something of its site, and of the system only if no site takes any.

    `seen`: the endpoint to which it was written. The first that it takes after it failed bounds when it was back.
    """
    site, track = marker.site, canary.tracks.get(marker.site, NO_TRACK)
    if not blind:
        track = replace(track, recovered=None) if _is_old(track, seen) else track
        track = judge(track, Span(marker.sent, outcome.ended), outcome.reason, outcome.detail)
        for started in pending:
            track = abandon(track, started)
    canary = replace(canary, tracks={**canary.tracks, site: track})
    return canary if outcome.reason is not None else acknowledged(canary, [marker])


def acknowledged(canary: CanaryState, markers: Sequence[Marker]) -> CanaryState:
    """These markers were acknowledged, each at its site; now, or in an earlier run that told nobody else of it."""
    highest = dict(canary.acknowledged)
    for marker in markers:
        highest[marker.site] = max(marker.seq, highest.get(marker.site, marker.seq))
    return replace(canary, acknowledged=highest)


def read_above_at(state: SystemState, part: Part) -> int | None:
    """Above which number the markers at this endpoint have to be read, so that none from another site is missed."""
    by_origin = _from_others(state, part)
    above = [read_above(_source(state, part, origin), markers) for origin, markers in by_origin.items()]
    return min(above, default=None)


def follow_canary(draft: Draft, sample: Sample, above: int | None) -> None:
    """A look at a site read the markers there: what was written elsewhere and is seen here survives the loss of elsewhere."""
    facts = sample.facts
    if not sample.ok or facts.markers is None or above is None:
        return
    state, sources = draft.state, dict(draft.state.sources)
    for origin, markers in _from_others(state, sample.part).items():
        source = from_markers(_source(state, sample.part, origin), markers, facts.markers, above, sample.started)
        sources[sample.part.site, sample.part.component, source.source] = source
    draft.state = replace(state, sources=sources)


def _from_others(state: SystemState, part: Part) -> dict[str, list[Marker]]:
    canary = state.canaries.get(part.component)
    found: dict[str, list[Marker]] = {}
    for marker in canary.markers if canary is not None else ():
        if marker.site != part.site:
            found.setdefault(marker.site, []).append(marker)
    return found


def _source(state: SystemState, part: Part, origin: str) -> SourceState:
    name = f"canary:{origin}"
    return state.sources.get((part.site, part.component, name)) or SourceState(part.site, part.component, name)


def surviving_point(system: System, state: SystemState) -> Instant | None:
    """T if the worst of the serving sites were lost now: of what was written there, the newest that another site has.

    A site that serves no more counts as long as anything that was acknowledged there is not known to be anywhere else.
    """
    oldest: Instant | None = None
    for component in system.components.values():
        for origin in system.sites if component.stateful else ():
            known = [
                source
                for source in state.sources.values()
                if source.component == component.name and source.source == f"canary:{origin}" and source.at is not None
            ]
            if not _counts(system, state, component, origin) and _settled(state, component, origin, known):
                continue
            point = max((source.at for source in known if source.at is not None), default=None)
            if point is None:
                return None
            oldest = point if oldest is None else min(oldest, point)
    return oldest


def _counts(system: System, state: SystemState, component: Component, origin: str) -> bool:
    return component.part(origin) in system.parts and origin in (state.served or system.sites)


def _settled(state: SystemState, component: Component, origin: str, known: Sequence[SourceState]) -> bool:
    """Whether all markers that were acknowledged at a site are known to be at another one; `known` is what the others have."""
    canary = state.canaries.get(component.name, CanaryState())
    if origin not in canary.acknowledged:
        # None ever was; or an exporter that kept no numbers took some, and which, nobody knows.
        return canary.tracks.get(origin, NO_TRACK).good is None
    return any(isinstance(at.position, int) and at.position >= canary.acknowledged[origin] for at in known)

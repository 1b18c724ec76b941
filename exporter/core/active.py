"""Active-active systems: several sites serve at once. Losing one is an event; an outage is what works at no site.

Their recovery points come from the canary alone, written to the serving sites in turn: what is written at one site has to be
seen at another one before the first is lost.
"""

from dataclasses import replace

from exporter.core.events import Draft
from exporter.core.model import Component, Instant, Moment, Part, Sample, System
from exporter.core.past import Kind
from exporter.core.recovery_point import from_markers, read_above
from exporter.core.standbys import declarable
from exporter.core.state import Marker, PartState, SourceState, SystemState

TRAFFIC_KEPT = 120
"""Answers of the entry from which the share of each site is counted."""
UNSEEN = PartState()


def critical_at(system: System, site: str) -> list[Part]:
    """What has to work at a site for it to serve."""
    parts = (component.part(site) for component in system.components.values() if component.critical)
    return [part for part in parts if part.site and part in system.parts]


def serving_sites(system: System, state: SystemState) -> tuple[str, ...]:
    """The sites at which everything critical works; where none has all of it, those that have some."""
    works = {site: [_works(state, part) for part in critical_at(system, site)] for site in system.sites}
    whole = tuple(site for site, told in works.items() if told and all(told))
    return whole or tuple(site for site, told in works.items() if any(told))


def _works(state: SystemState, part: Part) -> bool:
    track = state.parts.get(part, UNSEEN).serve
    return track.good is not None and track.count == 0 and track.good.start >= state.trusted_since


def lost_sites(state: SystemState) -> list[str]:
    """Sites that are known not to serve."""
    return sorted({part.site for part in state.lost_standbys})


def follow_site(system: System, draft: Draft, part: Part, now: Moment, heard: Instant) -> None:
    """A site is lost with the first of its critical components, by the rule that declares outages; it is back with the last."""
    state = draft.state
    component = system.components.get(part.component)
    if component is None or not component.critical or not part.site:
        return
    serve, lost = state.parts[part].serve, part in state.lost_standbys
    if lost and serve.is_good:
        draft.state = replace(state, lost_standbys=state.lost_standbys - {part})
        if part.site not in lost_sites(draft.state):
            draft.record(Kind.SITE_BACK, now.mono, f"{part.site} serves again", {"site": part.site})
    elif not lost and declarable(system.policy, serve, now, heard):
        known = part.site in lost_sites(state)
        draft.state = replace(state, lost_standbys=state.lost_standbys | {part})
        if not known:
            sentence = f"{part.site} is lost, the other sites serve on: {part.component} {serve.reason}"
            draft.record(Kind.SITE_LOST, now.mono, sentence, {"site": part.site, "reason": str(serve.reason)})


def follow_share(draft: Draft, system: System, sample: Sample) -> None:
    """Which site answered at the entry, where the entry tells it."""
    site = sample.facts.served_by
    if sample.ok and site in system.sites:
        draft.state = replace(draft.state, traffic_seen=(*draft.state.traffic_seen, site)[-TRAFFIC_KEPT:])


def traffic_share(system: System, state: SystemState) -> dict[str, float]:
    """Share of the entry's last answers that each site gave, 0 to 1; empty while none told."""
    seen = state.traffic_seen
    return {site: seen.count(site) / len(seen) for site in system.sites} if seen else {}


# --- recovery points


def writer(system: System, state: SystemState, component: Component) -> str | None:
    """The site to which the next marker goes: each serving one in its turn."""
    sites = [
        site for site in system.sites if component.part(site) in system.parts and _works(state, component.part(site))
    ]
    return sites[state.canaries[component.name].seq % len(sites)] if sites else None


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
    """T if the worst of the serving sites were lost now: of what was written there, the newest that another site has."""
    oldest: Instant | None = None
    origins = state.serving or system.sites
    for component in system.components.values():
        for origin in origins if component.stateful else ():
            points = [
                known.at
                for known in state.sources.values()
                if known.component == component.name and known.source == f"canary:{origin}" and known.at is not None
            ]
            if not points:
                return None
            oldest = max(points) if oldest is None else min(oldest, max(points))
    return oldest

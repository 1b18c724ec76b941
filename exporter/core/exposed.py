"""What an exposure is made of: until when writes were taken, and up to where those of a lost site are proven to be elsewhere."""

from bisect import bisect_left
from collections.abc import Collection, Iterable
from functools import lru_cache

from exporter.core.model import Instant, Part, Policy, System
from exporter.core.past import Incident
from exporter.core.state import NO_TRACK, CanaryState, PartState, SystemState, Track

UNSEEN = PartState()
NO_CANARY = CanaryState()
LONG_AGO = float("-inf")


@lru_cache(maxsize=1 << 16)
def part_at(site: str, component: str) -> Part:
    """The same part again, which costs a third of making one: these functions run for every system at every scrape."""
    return Part(site, component)


def written_until(system: System, state: SystemState, now: Instant) -> Instant:
    """Until when anything can have been acknowledged: until now, or until a declared outage stopped it.

    That is where the outage, or its last relapse, began, unless a marker was acknowledged since, or the position of a holder of the
    role grew: then writes go on until that holder fails as well, in an active-active system until each site does. While we are blind
    all of it may be over.
    """
    incident = state.incident
    if incident is None or not incident.declared or incident.end is not None or state.blind_since is not None:
        return now
    stop = until = incident.start.upper if incident.stopped is None else incident.stopped
    for component in dict.fromkeys([*incident.written, *state.canaries]):
        newest = _newest_write(state, incident, component)
        # Since the outage began: how long another component wrote on says nothing of this one.
        if newest is not None and newest >= stop:
            failed = (_failed_everywhere if system.active_active else _failed_since)(
                system, state, component, newest, now
            )
            if failed is None:
                return now
            until = max(until, failed)
    return min(now, until)


def _newest_write(state: SystemState, incident: Incident, component: str) -> Instant | None:
    """A write was acknowledged then, or later."""
    canary, grown = state.canaries.get(component), incident.written.get(component)
    markers = canary.markers if canary is not None else ()
    acked = next((marker.acked for marker in reversed(markers) if marker.acked is not None), None)
    taken = [] if canary is None else [_taken(canary, site) for site in canary.acknowledged]
    return max((at for at in (acked, grown, *taken) if at is not None), default=None)


def _taken(canary: CanaryState, site: str) -> Instant | None:
    """When the newest marker that a site of an active-active system took was acknowledged; None: it is forgotten, or none was."""
    seq = canary.acknowledged.get(site, 0)
    index = bisect_left(canary.markers, seq, key=lambda marker: marker.seq)
    found = canary.markers[index : index + 1]
    return found[0].acked if found and found[0].seq == seq else None


def _failed_since(system: System, state: SystemState, component: str, write: Instant, now: Instant) -> Instant | None:
    """When the holder of the role began to fail after this write, by as many looks or markers as declare an outage."""
    role, canary = state.roles.get(component), state.canaries.get(component)
    tracks: list[Track] = [] if canary is None else [canary.track]
    if role is not None:
        tracks.append(state.parts.get(part_at(role.site, component), UNSEEN).serve)
    return _began_to_fail(system.policy, tracks, write, now)


def _failed_everywhere(
    system: System, state: SystemState, component: str, write: Instant, now: Instant
) -> Instant | None:
    """The same of an active-active system, in which no site has the role: when the last of those began to fail that can take
    writes, each after the newest write there. None: one of them is not known to fail."""
    canary, stop = state.canaries.get(component, NO_CANARY), write
    for part in (part_at(site, component) for site in system.sites):
        if part in system.parts:
            taken = _taken(canary, part.site)
            tracks = [state.parts.get(part, UNSEEN).serve, canary.tracks.get(part.site, NO_TRACK)]
            failed = _began_to_fail(system.policy, tracks, LONG_AGO if taken is None else taken, now)
            if failed is None:
                return None
            stop = max(stop, failed)
    return stop


def _began_to_fail(policy: Policy, tracks: Iterable[Track], write: Instant, now: Instant) -> Instant | None:
    ends = [
        track.bad.end
        for track in tracks
        if track.count >= policy.declare_after and track.bad is not None and write <= track.bad.end
    ]
    return min((end for end in ends if now - end >= policy.declare_min), default=None)


def held(system: System, state: SystemState) -> dict[str, list[str]]:
    """The stateful components by the site that holds their role; one whose role nobody has seen counts where the system serves."""
    serving = state.serving[0] if state.serving else state.believed
    found: dict[str, list[str]] = {}
    for name in system.stateful:
        role = state.roles.get(name)
        found.setdefault(serving if role is None else role.site, []).append(name)
    return found or {serving: []}


def point_without(system: System, state: SystemState, lost: str, names: Collection[str]) -> Instant | None:
    """The newest T of these components without what is at the lost site: by the best other site, or by the backups. What another
    site has no part for is lost to it as well, unless it comes from elsewhere: the one furthest behind counts."""
    newest = backup_point(system, state, lost, names) if state.backups else None
    for site in system.sites:
        if site == lost:
            continue
        here = [name for name in names if part_at(site, name) in system.parts]
        point = site_point(system, state, site, names=here)
        if point is not None and len(here) < len(names):
            elsewhere = point_without(system, state, lost, [name for name in names if name not in here])
            point = None if elsewhere is None else min(point, elsewhere)
        if point is not None and (newest is None or point > newest):
            newest = point
    return newest


def backup_point(
    system: System, state: SystemState, lost: str | None = None, names: Collection[str] | None = None
) -> Instant | None:
    """T of the backups that are kept outside of the lost site: of the stateful components, or of `names`, the one furthest behind."""
    oldest: Instant | None = None
    wanted: Collection[str | None] = system.stateful if names is None else names
    for component in wanted or [None]:
        points = [
            known.point
            for name, known in state.backups.items()
            if (backup := system.backups.get(name)) is not None
            and backup.site != lost
            and (component is None or backup.component in (None, component))
            and known.point is not None
        ]
        if not points:
            return None
        oldest = max(points) if oldest is None else min(oldest, max(points))
    return oldest


def site_point(
    system: System, state: SystemState, site: str, source: str | None = None, names: Collection[str] | None = None
) -> Instant | None:
    """T of a site: of its stateful components, or of `names`, the one furthest behind; `source` None: by its best source."""
    oldest: Instant | None = None
    for component in system.components.values():
        if not component.stateful or part_at(site, component.name) not in system.parts:
            continue
        if names is not None and component.name not in names:
            continue
        points = [
            known.at
            for known in state.sources.values()
            if known.site == site
            and known.component == component.name
            and known.at is not None
            and (known.source == source if source else not known.refuted)
        ]
        if not points:
            return None
        point = max(points)
        oldest = point if oldest is None else min(oldest, point)
    return oldest

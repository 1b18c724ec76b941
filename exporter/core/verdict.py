"""From what all looks amount to, one piece of evidence: the system serves, it does not, or we cannot tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from exporter.core.active import is_fresh, serving_sites, taken, works
from exporter.core.interval import Interval
from exporter.core.model import ENTRY, Component, Instant, Part, Reason, System
from exporter.core.past import NOTHING, Incident
from exporter.core.state import NO_TRACK, PartState, SystemState, Track
from exporter.core.track import began, ended, since_needed

NO_PART = PartState()
ALWAYS = float("inf")
NEVER = float("-inf")
LOOK, WRITE = "look", "write"
"""What proves that a thing works."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Everything that is needed works at `sites`. `since`: when the last of it came back, if an incident is open."""

    sites: tuple[str, ...]
    """One, unless the system is active-active."""
    since: Interval


@dataclass(frozen=True, slots=True)
class Dark:
    """Something that is needed fails. `start`: since when the first of it does."""

    start: Interval
    hung: Instant | None
    """The most likely start, if the first that failed did so because nobody answered."""
    cause: str
    failures: int
    """Failed looks in a row of the part with the most of them."""
    first_failed: Instant
    """End of the first failed look of that part."""
    silent: bool
    """Nobody answered in any of these looks."""
    overrulable: bool
    """Only direct looks at stateful parts fail: not the entry, not the canary, which nothing overrules."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """Nothing fails, but not everything was looked at yet."""

    cause: str
    looked_at: bool = True
    """False: something that is needed is looked at nowhere, so waiting for its look is in vain."""


@dataclass(frozen=True, slots=True)
class Blind:
    """The exporter is cut off."""


Evidence: TypeAlias = Serving | Dark | Unseen | Blind


class Need(NamedTuple):
    """One thing without which the system does not serve."""

    part: Part
    canary: bool
    track: Track
    tripped: Instant | None
    direct: bool
    """A look at a stateful endpoint: the other side may know better."""

    @property
    def name(self) -> str:
        return f"canary of {self.part}" if self.canary else str(self.part)

    @property
    def key(self) -> tuple[str, str, str]:
        """As in `SystemState.needed`."""
        return (*self.part, WRITE if self.canary else LOOK)


def site_of(system: System, state: SystemState, component: Component) -> str:
    """The site at which this component has to work for the system to serve."""
    if component.stateful and component.name in state.roles:
        return state.roles[component.name].site
    return stateless_site(system, state)


def stateless_site(system: System, state: SystemState) -> str:
    """The same for what tells no role."""
    return state.traffic or _answering(system, state)


def _answering(system: System, state: SystemState) -> str:
    """The site that is believed to serve what tells no role.

    Behind an entry that answers without telling its site it is home if home works, else a site where everything does.
    Without an entry nothing proves that users went elsewhere.
    """
    leader = leading(system, state)
    if leader is not None:
        return state.roles[leader.name].site
    believed = state.believed or system.home
    if not system.has_entry or system.entry_tells_site:
        return believed
    for site in (system.home, believed, *system.sites):
        if _all_good(system, state, site):
            return site
    return believed


def leading(system: System, state: SystemState) -> Component | None:
    """The component whose role tells from where the rest is served: the first critical one that has a role, else the first. When
    another one moves alone, whatever follows no role stays where it is."""
    first = None
    for component in system.components.values():
        if component.stateful and component.name in state.roles:
            if component.critical:
                return component
            first = first or component
    return first


def _all_good(system: System, state: SystemState, site: str) -> bool:
    for component in system.components.values():
        if component.critical and not state.parts.get(component.part(site), NO_PART).serve.is_good:
            return False
    return True


def needs(system: System, state: SystemState) -> Iterator[Need]:
    """All that must work: the entry, each critical component where it is needed, and its canary."""
    return _needs(system, state, stateless_site(system, state))


def _needs(system: System, state: SystemState, stateless: str) -> Iterator[Need]:
    if system.has_entry:
        entry = state.parts.get(ENTRY, NO_PART)
        yield _need(state, ENTRY, entry.serve, entry.tripped)
    for component in system.components.values():
        if not component.critical:
            continue
        if system.active_active and not component.dependency:
            yield from _anywhere(system, state, component)
            continue
        role = state.roles.get(component.name) if component.stateful else None
        part = component.part(stateless if role is None else role.site)
        seen = state.parts.get(part, NO_PART) if role is None or role.left is None else _failing(role.left)
        yield _need(state, part, seen.serve, seen.tripped, direct=component.stateful)
        if component.canary_every is not None and not contested(state, component.name):
            canary = state.canaries.get(component.name)
            yield _need(state, part, canary.track if canary else NO_TRACK, seen.tripped, canary=True)


def _need(
    state: SystemState, part: Part, track: Track, tripped: Instant | None, *, direct: bool = False, canary: bool = False
) -> Need:
    since = state.needed.get((part.site, part.component, WRITE if canary else LOOK))
    return Need(part, canary, track if since is None else since_needed(track, since), tripped, direct)


def _anywhere(system: System, state: SystemState, component: Component) -> list[Need]:
    """What has to work at any of the sites, looks and markers: the one that came back first, or that failed last."""
    sites = _by_site(system, state, component)
    good = [needs for needs in sites if works(state, needs[0].part)]
    return min(good, key=_back) if good else max(sites, key=_failed)


def _by_site(system: System, state: SystemState, component: Component) -> list[list[Need]]:
    sites: list[list[Need]] = []
    for part in map(component.part, system.sites):
        if part in system.parts:
            seen, markers = state.parts.get(part, NO_PART), taken(state, part)
            needs = [_need(state, part, seen.serve, seen.tripped)]
            more = [] if markers is None else [_need(state, part, markers, seen.tripped, canary=True)]
            sites.append([*needs, *more])
    return sites


def _back(needs: list[Need]) -> Instant:
    return max(need.track.recovered.end if need.track.recovered else 0.0 for need in needs)


def _failed(needs: list[Need]) -> Instant:
    """One that was not looked at yet may work: it counts as the last to fail. One that answers again and took no write since then
    fails since it did not answer."""
    seen = needs[0].track.bad
    failing = [(need.track.good, need.track.bad.end) for need in needs if need.track.count and need.track.bad]
    since = [end for _, end in failing]
    if seen is not None and any(good is not None and good.start < seen.end for good, _ in failing):
        since.append(seen.end)
    return min(since, default=ALWAYS)


def contested(state: SystemState, component: str) -> bool:
    """Two sites claim its role, so no marker is written and none is missed."""
    return component in state.contests


def assess(system: System, state: SystemState) -> Evidence:
    """What all the looks so far say of the system. Bounds as in `exporter.core.track`; the worst part decides."""
    if state.blind_since is not None:
        return Blind()
    site = stateless_site(system, state)
    wanted = list(_needs(system, state, site))
    failing = [need for need in wanted if need.track.count > 0 and _fails(system, need)]
    if failing:
        return _dark(state, failing)
    for need in wanted:
        if not is_fresh(state, need.track):
            # Traffic that was seen at a site once may be back at the next look.
            if need.part not in system.parts and state.traffic == state.traffic_settled:
                return Unseen(f"{need.part} is needed, and nobody looks at it: give it a probe", looked_at=False)
            return Unseen(f"{need.name} was not seen to work yet")
    if not wanted:
        return Unseen("no component is critical and there is no entry, so nothing says whether it serves")
    sites = serving_sites(system, state) if system.active_active else (_serving_site(system, state, site),)
    return Serving(sites, NOTHING if state.incident is None else _restored(system, state, state.incident, wanted))


def _failing(left: PartState) -> PartState:
    """What is known of an endpoint at which nobody looks any more: that it worked proves nothing now."""
    return left if left.serve.count else NO_PART


def _fails(system: System, need: Need) -> bool:
    """Of what failed last: whether it does now. What nobody looks at any more does if as many looks failed as declare an outage."""
    return need.part in system.parts or need.track.count >= system.policy.declare_after


def _serving_site(system: System, state: SystemState, stateless: str) -> str:
    leader = leading(system, state)
    return state.roles[leader.name].site if leader is not None and leader.critical else stateless


def _dark(state: SystemState, failing: list[Need]) -> Dark:
    worst = max(failing, key=lambda need: need.track.count)
    lower = _worked_until(state, failing)
    upper = min(need.track.bad.end for need in failing if need.track.bad)
    trips = [need.tripped for need in failing if need.tripped is not None and lower < need.tripped <= upper]
    first = min(failing, key=lambda need: need.track.bad.end if need.track.bad else upper)
    return Dark(
        start=Interval(min(lower, upper), upper, min(trips) if trips else None),
        hung=began(first.track, lower),
        cause=f"{first.name}: {first.track.reason}" + (f" ({first.track.detail})" if first.track.detail else ""),
        failures=worst.track.count,
        first_failed=worst.track.bad.end if worst.track.bad else upper,
        silent=all(need.track.silent for need in failing),
        overrulable=all(need.direct and need.track.reason is not Reason.READ_ONLY for need in failing),
    )


def _worked_until(state: SystemState, failing: list[Need]) -> Instant:
    """Until when all that fails worked. Once an outage is declared only what had begun before it was first seen tells more of
    its start: a look that hung may have been the first to meet it. What was asked later met an outage that was known."""
    incident = state.incident
    if incident is not None and incident.declared:
        known, begun = incident.start.lower, incident.start.upper
        failing = [need for need in failing if need.track.bad is not None and need.track.bad.start <= begun]
    else:
        known = ALWAYS
    return min([known, *(need.track.good.start if need.track.good else _needed_since(state, need) for need in failing)])


def _needed_since(state: SystemState, need: Need) -> Instant:
    """Since when something could have failed that was never seen to work: after a move, not before the role was there."""
    role = state.roles.get(need.part.component)
    moved = role.moved.lower if role is not None and role.moved is not None else state.trusted_since
    return max(moved, state.trusted_since)


def _restored(system: System, state: SystemState, incident: Incident, wanted: list[Need]) -> Interval:
    """When the last needed part came back: only runs that belong to the open incident count."""
    lower = upper = floor = incident.start.lower
    mine = [need for need in wanted if need.track.recovered is not None and need.track.recovered.end > floor]
    for need in mine:
        assert need.track.recovered is not None
        upper = max(upper, need.track.recovered.end)
        failed = _failed_until(system, state, need)
        if failed <= need.track.recovered.end:
            lower = max(lower, failed)
    likely = [at for at in (ended(need.track, lower) for need in mine) if at is not None]
    return Interval(lower, upper, max(likely, default=None))


def _failed_until(system: System, state: SystemState, need: Need) -> Instant:
    """Start of the last look that failed. Of what works at any site, of the site where it is the oldest: another one than the
    one that was heard first may have come back before, and answer later."""
    component = system.components.get(need.part.component)
    if component is None or component.dependency or not system.active_active:
        return _last_bad(need)
    return min(max(map(_last_bad, needs)) for needs in _by_site(system, state, component))


def _last_bad(need: Need) -> Instant:
    return NEVER if need.track.last_bad is None else need.track.last_bad

"""Since when each thing has to work: what failed before it was needed harmed nobody, and dates or declares no outage.

What begins to be needed does so between the last good looks at all that was needed until then (everything worked) and the end of
the look that told; by a reload at once. The part that takes the writable role is dated by its move: see `exporter.core.moves`.
"""

from collections.abc import Mapping

from exporter.core.active import written
from exporter.core.events import Draft
from exporter.core.model import Component, Instant, Part, System
from exporter.core.state import NO_TRACK, Needed, PartState, Span, SystemState, Track
from exporter.core.verdict import LOOK, WRITE, needs, stateless_site

Key = tuple[str, str, str]
"""As in `SystemState.needed`."""


def with_canary(system: System) -> list[str]:
    """The components that have one."""
    return [component.name for component in system.components.values() if component.canary_every is not None]


def needed_anew(system: System, state: SystemState, now: Instant) -> Mapping[Key, Needed | None]:
    """What has to work under a configuration that counts from now on. What had to before goes on; of a state in which nothing is
    told of it, nothing is new."""
    before = state.needed
    return {
        key: before.get(key) if key in before or not before else Needed(now, now, _track(system, state, key).count)
        for key in _keys(system, state)
    }


def follow_needs(system: System, draft: Draft, before: SystemState, seen: Span) -> None:
    """Note what has to work from this look or marker on and did not have to until then. `before`: all that was known without it."""
    state = draft.state
    if system.active_active or (state.roles is before.roles and _is_noted(system, state)):
        return
    keys = _keys(system, state)
    worked = [_worked(_track(system, before, key), since) for key, since in state.needed.items()]
    lower = min([seen.start, *(until for until in worked if until is not None)])
    after: dict[Key, Needed | None] = {}
    for key in keys:
        if key in state.needed or not state.seen or _moved_here(before, state, key):
            after[key] = state.needed.get(key)
        else:
            after[key] = Needed(lower, seen.end, _track(system, state, key).count)
    draft.state = state.but(needed=after)


def _is_noted(system: System, state: SystemState) -> bool:
    """Whether what tells no role is needed where it was: they all are at the same site, so the first one tells."""
    for name, component in system.components.items():
        if component.critical and not component.dependency and not (component.stateful and name in state.roles):
            return (stateless_site(system, state), name, LOOK) in state.needed
    return True


def _keys(system: System, state: SystemState) -> list[Key]:
    """A canary that two sites contest is needed again when one has won: it counts as needed meanwhile."""
    if system.active_active:
        return [key for component in system.components.values() for key in _anywhere(system, component)]
    return [need.key for need in needs(system, state.but(contests={}) if state.contests else state)]


def _anywhere(system: System, component: Component) -> list[Key]:
    parts = {component.part(site): None for site in system.sites} if component.critical else {}
    kinds = (LOOK,) if component.canary_every is None else (LOOK, WRITE)
    return [(*part, kind) for part in parts if part in system.parts for kind in kinds]


def _track(system: System, state: SystemState, key: Key) -> Track:
    site, component, kind = key
    part = Part(site, component)
    if kind == LOOK:
        return state.parts.get(part, PartState()).serve
    if system.active_active:
        return written(state, part) or NO_TRACK
    canary = state.canaries.get(component)
    return canary.track if canary is not None else NO_TRACK


def _worked(track: Track, since: Needed | None) -> Instant | None:
    """Until when it is known not to have kept anybody from being served; None: never."""
    known = [track.good.start] if track.good is not None else []
    return max([*known, since.lower] if since is not None else known, default=None)


def _moved_here(before: SystemState, state: SystemState, key: Key) -> bool:
    """The writable role came to this part just now."""
    role = state.roles.get(key[1])
    return role is not None and role.moved is not None and role is not before.roles.get(key[1])

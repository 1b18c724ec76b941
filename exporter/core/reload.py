"""What a reload leaves of what is known: what is no longer watched is forgotten, what is new is needed from now on."""

from dataclasses import replace

from exporter.core.events import Draft
from exporter.core.losses import without_canaries
from exporter.core.model import Moment, Part, System
from exporter.core.needed import needed_anew, with_canary
from exporter.core.roles import end_contest
from exporter.core.state import CanaryState, Contest, PartState, RoleState, SystemState
from exporter.core.verdict import leading


def follow_reload(system: System, draft: Draft, now: Moment) -> None:
    """As `reconfigure`; a split brain that nobody could tell to be over any more is over with the reload."""
    kept = _kept(system, draft.state)
    for component in [component for component in draft.state.contests if component not in kept]:
        end_contest(draft, component, now)
    draft.state = reconfigure(system, draft.state, now)


def reconfigure(system: System, state: SystemState, now: Moment) -> SystemState:
    """The same knowledge under another configuration: what is no longer watched is forgotten, the rest goes on."""
    told = system.has_entry and system.entry_tells_site
    # Rows of a canary that is put back may still stand at the sites: its new ones must not be taken for them.
    canaries = {
        name: state.canaries.get(name) or CanaryState(seq=state.numbered.get(name, 0)) for name in with_canary(system)
    }
    after = replace(
        state,
        parts={part: known for part, known in state.parts.items() if part in system.parts},
        roles={n: _looked_at(system, state, n, r) for n, r in state.roles.items() if _may_hold(system, n, r)},
        histories={} if system.active_active else state.histories,
        canaries={name: _watched(system, name, canary) for name, canary in canaries.items()},
        numbered={
            **state.numbered,
            **{name: known.seq for name, known in state.canaries.items() if name not in canaries},
        },
        sources={k: s for k, s in state.sources.items() if s.site in system.sites and s.component in system.components},
        backups={name: known for name, known in state.backups.items() if name in system.backups},
        parity={name: known for name, known in state.parity.items() if name in system.parity},
        kpis={name: known for name, known in state.kpis.items() if name in system.kpis},
        serving=tuple(site for site in state.serving if site in system.sites),
        served=tuple(site for site in state.served if site in system.sites),
        traffic=state.traffic if told and state.traffic in system.sites else None,
        traffic_settled=state.traffic_settled if told and state.traffic_settled in system.sites else None,
        traffic_seen=tuple(site for site in state.traffic_seen if site in system.sites),
        lost_standbys=frozenset(part for part in state.lost_standbys if _may_be_lost(system, part)),
        contests=_kept(system, state),
        assessed=False,
    )
    after = after.but(believed=_believed(system, after))
    if after.incident is not None:
        after = replace(after, incident=without_canaries(after.incident, after.canaries))
    return after.but(needed=needed_anew(system, after, now.mono))


def _may_hold(system: System, component: str, role: RoleState) -> bool:
    """Whether a role may still be where it was seen; in an active-active system none is anywhere."""
    return not system.active_active and component in system.stateful and role.site in system.sites


def _looked_at(system: System, state: SystemState, component: str, role: RoleState) -> RoleState:
    """The role with what was known of its endpoint, if nobody looks there any more: it stays there until another site claims it."""
    part = Part(role.site, component)
    if part in system.parts:
        return role if role.left is None else replace(role, left=None)
    return replace(role, left=role.left or state.parts.get(part, PartState()))


def _believed(system: System, state: SystemState) -> str:
    """From where it is believed to be served: as before, unless only looks at that site told, and something critical is not looked
    at there any more."""
    site = state.believed
    if site not in system.sites:
        return system.home
    critical = [component.part(site) for component in system.components.values() if component.critical]
    told = system.active_active or leading(system, state) is not None
    return site if told or all(part in system.parts for part in critical) else system.home


def _watched(system: System, component: str, canary: CanaryState) -> CanaryState:
    """What markers told of a site that is taken out tells nothing of it if it is ever put back; what was acknowledged there, and is
    not known to be elsewhere, stays exposed then."""
    kept = system.parts if system.active_active else ()
    return replace(canary, tracks={site: t for site, t in canary.tracks.items() if Part(site, component) in kept})


def _may_be_lost(system: System, part: Part) -> bool:
    """Whether it is still such a part whose loss is told, so that its return can be told too."""
    component = system.components.get(part.component) if part in system.parts else None
    return component is not None and (component.critical if system.active_active else component.stateful)


def _kept(system: System, state: SystemState) -> dict[str, Contest]:
    """A split brain that was told goes on until it is told to be over; a mere suspicion is proven anew. Where all sites may take
    writes there is none."""
    roles = {name for name, role in state.roles.items() if _may_hold(system, name, role)}
    return {
        name: contest
        for name, contest in state.contests.items()
        if contest.declared and name in roles and Part(contest.claimant, name) in system.parts
    }

"""Whether a standby could take over now: one verdict a check, each from what was seen, none from what was assumed."""

from collections.abc import Mapping

from exporter.core.checks import NEVER_SEEN, backup_complaint, parity_at
from exporter.core.exposed import held, site_point, written_until
from exporter.core.model import Component, Instant, System
from exporter.core.readings import SITE_LOSS, part_of, tells_now, time_to_apply
from exporter.core.roles import claims
from exporter.core.state import PartState, SystemState


def readiness_now(system: System, state: SystemState, site: str, now: Instant) -> Mapping[str, bool]:
    """`readiness` for those who ask how it is now: empty while we are blind, and after that, or a restart, until all was looked at
    again that its checks rest on. A part of them could pass where the rest did not."""
    if state.blind_since is not None or site in state.serving or site == state.believed:
        return {}
    for component in system.components.values():
        if component.dependency or not (component.critical or component.permissions):
            continue
        seen = state.parts.get(part_of(component, site))
        if seen is not None and seen.reach.is_known and not tells_now(state, seen.reach):
            return {}
    return readiness(system, state, site, now)


def readiness(system: System, state: SystemState, site: str, now: Instant) -> Mapping[str, bool]:
    """The checks of a standby by what was seen last; empty for a site that serves, and for one that was not looked at yet.

    `reachable`, `replicating`, `rpo` (inside the objective), `backlog` (can be applied inside the RTO), `permissions` (who
    logs in may also work), `parity:NAME`, `backup:NAME`. A check that nothing there can tell is not in it.
    """
    if site in state.serving or site == state.believed:
        return {}
    critical: list[Component] = []
    reachable = True
    for component in system.components.values():
        part = part_of(component, site)
        if not component.critical or component.dependency or part not in system.parts:
            continue
        seen = state.parts.get(part)
        if seen is None or seen.sample is None:
            return {}
        critical.append(component)
        reachable = reachable and seen.reach.is_good
    if not critical:
        return {}
    checks = {"reachable": reachable}
    here = held(system, state).get(site, [])  # what it holds itself it need not follow
    stateful = [component for component in critical if component.stateful and component.name not in here]
    if stateful and not system.active_active:
        checks.update(_replication(system, state, site, stateful, now))
    checks.update(_permissions(system, state, site))
    checks.update(_inspections(system, state, site, now))
    return checks


def _replication(
    system: System, state: SystemState, site: str, stateful: list[Component], now: Instant
) -> dict[str, bool]:
    checks = {"replicating": all(_replicating(state, site, component) for component in stateful)}
    objective = system.objectives.rpo.get(SITE_LOSS)
    if objective is not None:
        names = [name for holder, theirs in held(system, state).items() if holder != site for name in theirs]
        point = site_point(system, state, site, names=names)
        allowed = max(objective, 2 * system.policy.interval)
        checks["rpo"] = point is not None and written_until(system, state, now) - point <= allowed
    in_time = _applies_in_time(state, site, system.objectives.rto)
    if in_time is not None:
        checks["backlog"] = in_time
    return checks


def _replicating(state: SystemState, site: str, component: Component) -> bool:
    """Whether it follows: it answers, claims no role of its own, and told what of this stream of writes it has."""
    seen = state.parts[part_of(component, site)]
    if not seen.reach.is_good or seen.facts.connected is False or claims(seen.facts):
        return False
    proven = False
    for source in state.sources.values():
        if source.site == site and source.component == component.name:
            if source.refuted:
                return False
            # What an old primary held when it lost the role has no position: nobody has seen it follow since.
            proven = proven or (source.at is not None and source.position is not None)
    return proven


def _applies_in_time(state: SystemState, site: str, objective: float | None) -> bool | None:
    """Whether all that the site has received can be applied inside the RTO; None where no backlog or no RTO is told."""
    told: list[bool] = []
    for source in state.sources.values():
        if source.site != site or source.backlog is None:
            continue
        seconds = time_to_apply(source)
        if seconds is None and source.at is not None and source.applied_at is not None:
            seconds = source.at - source.applied_at  # it took that long to write; nothing better is known yet
        told.append(objective is not None and seconds is not None and seconds <= objective)
    return all(told) if told and objective is not None else None


def _permissions(system: System, state: SystemState, site: str) -> dict[str, bool]:
    """Critical or not: users who log in at the other site and then may do nothing have not been helped."""
    told = []
    for component in system.components.values():
        seen = state.parts.get(part_of(component, site)) if component.permissions and not component.dependency else None
        if seen is not None and seen.sample is not None:
            told.append(seen.reach.is_good)
    return {"permissions": all(told)} if told else {}


def validated(system: System, state: SystemState, since: Instant) -> bool:
    """Whether permissions and parity were seen to hold since the system serves again; False where nothing tells of them.

    Parity holds with whoever answers; where nobody else does, it is not known to.
    """
    told = []
    for component in system.components.values():
        part = part_of(component, state.believed)
        if component.permissions and part in system.parts:
            reach = state.parts.get(part, PartState()).reach
            told.append(reach.is_good and reach.good is not None and reach.good.start >= since)
    for name, check in system.parity.items():
        known = state.parity.get(name, NEVER_SEEN)
        fresh = known.site == state.believed and bool(known.reference) and known.reference[-1].at >= since
        alike = [parity_at(check, known, site) for site in check.sites]
        told.append(fresh and True in alike and False not in alike)
    return bool(told) and all(told)


def _inspections(system: System, state: SystemState, site: str, now: Instant) -> dict[str, bool]:
    checks = {}
    for name, check in system.parity.items():
        if site in check.sites and name in state.parity:
            checks[f"parity:{name}"] = parity_at(check, state.parity[name], site) is True
    for name, backup in system.backups.items():
        if backup.site == site and name in state.backups:
            checks[f"backup:{name}"] = backup_complaint(backup, state.backups[name], now) is None
    return checks

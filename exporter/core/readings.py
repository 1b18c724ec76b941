"""What is derived from "how long ago" or from several parts at once: computed when it is read, never stored."""

from collections.abc import Mapping
from typing import NamedTuple

from exporter.core.model import Component, Instant, Part, Role, System
from exporter.core.state import SourceState, SystemState

SITE_LOSS = "site_loss"
DATA_CORRUPTION = "data_corruption"


class Exposure(NamedTuple):
    """The live RPO of one scenario: seconds of writes that would be lost now; `known` False: counted from our start."""

    seconds: float
    known: bool


class Totals(NamedTuple):
    """Seconds, growing."""

    observed: float
    downtime: float
    blind: float


def scenarios(system: System) -> tuple[str, ...]:
    """The scenarios for which an exposure is told: site loss where there is data to lose, the others by objective."""
    named = dict.fromkeys(system.objectives.rpo)
    if any(component.stateful for component in system.components.values()):
        named = {SITE_LOSS: None, **named}
    return tuple(named)


def exposure(system: System, state: SystemState, scenario: str, now: Instant) -> Exposure:
    """now - max T over the sites and sources that survive the scenario, in seconds.

    In a declared outage nothing more can be acknowledged, so it stops at the outage's start.high. What was never proven
    counts from when we began to look. Only sources that keep versions survive `data_corruption`.
    """
    until = now
    incident = state.incident
    if incident is not None and incident.declared and incident.end is None and not _somebody_writes(state):
        until = min(now, incident.start.upper)
    point = recovery_point(system, state, scenario)
    if point is None:
        return Exposure(max(0.0, now - state.watched_since), known=False)
    return Exposure(max(0.0, until - point), known=True)


def _somebody_writes(state: SystemState) -> bool:
    """Whether any marker was acknowledged since the incident began: then writes go on, and so does the exposure."""
    start = state.incident.start.upper if state.incident else 0.0
    return any(
        marker.acked is not None and marker.acked > start
        for canary in state.canaries.values()
        for marker in canary.markers[-1:]
    )


def recovery_point(system: System, state: SystemState, scenario: str) -> Instant | None:
    """The newest T that survives the scenario; None if none was ever proven."""
    if scenario != SITE_LOSS:
        return None
    lost = state.serving or ((state.believed,) if state.believed else ())
    points = [site_point(system, state, site) for site in system.sites if site not in lost]
    return max((point for point in points if point is not None), default=None)


def site_point(system: System, state: SystemState, site: str, source: str | None = None) -> Instant | None:
    """T of a site: of its stateful components the one that is furthest behind; `source` None: by its best source."""
    oldest: Instant | None = None
    for component in system.components.values():
        if not component.stateful or Part(site, component.name) not in system.parts:
            continue
        point = max(
            (
                known.at
                for known in state.sources.values()
                if known.site == site
                and known.component == component.name
                and known.at is not None
                and (known.source == source if source else not known.refuted)
            ),
            default=None,
        )
        if point is None:
            return None
        oldest = point if oldest is None else min(oldest, point)
    return oldest


def rto_clock(state: SystemState, now: Instant) -> float:
    """Seconds since the last good look before the running outage; 0 while the system serves (or is merely suspected)."""
    incident = state.incident
    if incident is None or not incident.declared or incident.end is not None:
        return 0.0
    return max(0.0, now - incident.start.lower)


def rto_estimate(system: System, state: SystemState, now: Instant) -> float | None:
    """Detection (policy) + switch (worst of the last five measured, else configured) + backlog / apply rate, seconds.

    None when any of them is unknown: no estimate is made up from nothing.
    """
    policy = system.policy
    declare = max(policy.declare_min, (policy.declare_after - 1) * policy.fast_interval)
    detection = policy.interval + policy.fast_timeout + declare
    switch = max(state.counters.switch_times, default=system.switch_time)
    backlogs = [
        time_to_apply(source)
        for source in state.sources.values()
        if source.source == "streaming" and source.site not in state.serving and source.seen is not None
    ]
    if switch is None or any(seconds is None for seconds in backlogs):
        return None
    return detection + switch + max((seconds for seconds in backlogs if seconds is not None), default=0.0)


def time_to_apply(source: SourceState) -> float | None:
    """Seconds that a standby needs to apply what it has received; None when unknown."""
    if source.backlog is None:
        return 0.0 if source.applied_at is None else None
    if source.backlog == 0:
        return 0.0
    return source.backlog / source.apply_rate if source.apply_rate else None


def functional_ratio(system: System, state: SystemState) -> float | None:
    """Weighted share of the components that work where the system serves (or served last); None: nothing seen yet."""
    total = works = 0.0
    for component in system.components.values():
        site = state.roles[component.name].site if component.name in state.roles else state.believed or system.home
        seen = state.parts.get(Part(site, component.name))
        if seen is None or seen.sample is None:
            continue
        total += component.weight
        if seen.serve.count == 0:
            works += component.weight
    return works / total if total else None


def site_role(system: System, state: SystemState, site: str) -> Role:
    """The role that the first stateful component of the site told in its newest look, if that look succeeded."""
    for component in system.components.values():
        seen = state.parts.get(Part(site, component.name)) if component.stateful else None
        if seen is not None and seen.sample is not None and seen.sample.ok:
            if seen.facts.role is not None:
                return seen.facts.role
            return (
                Role.UNKNOWN if seen.facts.writable is None else Role.PRIMARY if seen.facts.writable else Role.STANDBY
            )
    return Role.UNKNOWN


def writable_sites(system: System, state: SystemState) -> int | None:
    """How many sites take writes by their newest look; None where no component tells. The worst component counts."""
    counts: list[int] = []
    for component in system.components.values():
        if component.stateful:
            parts = [state.parts.get(Part(site, component.name)) for site in system.sites]
            if any(part is not None and part.sample is not None for part in parts):
                counts.append(
                    sum(part is not None and part.sample is not None and part.serve.count == 0 for part in parts)
                )
    if not counts:
        return None
    return max(counts) if max(counts) > 1 else min(counts)


def readiness(system: System, state: SystemState, site: str, now: Instant) -> Mapping[str, bool]:
    """The checks of a standby; empty for a site that serves, and for one that was not looked at yet."""
    if site in state.serving or site == state.believed:
        return {}
    wanted = [c for c in system.components.values() if c.critical and Part(site, c.name) in system.parts]
    seen = [state.parts.get(Part(site, component.name)) for component in wanted]
    if not wanted or any(part is None or part.sample is None for part in seen):
        return {}
    reachable = all(part is not None and part.reach.count == 0 for part in seen)
    stateful = [component for component in wanted if component.stateful]
    if not stateful:
        return {"reachable": reachable}
    point = site_point(system, state, site)
    objective = system.objectives.rpo.get(SITE_LOSS)
    checks = {"reachable": reachable, "replicating": reachable and _replicating(state, site, stateful)}
    if objective is not None:
        checks["rpo"] = point is not None and now - point <= max(objective, 2 * system.policy.interval)
    if system.objectives.rto is not None:
        checks["backlog"] = _applies_in_time(state, site, system.objectives.rto)
    return checks


def _replicating(state: SystemState, site: str, stateful: list[Component]) -> bool:
    for component in stateful:
        facts = state.parts[Part(site, component.name)].facts
        sources = [s for s in state.sources.values() if (s.site, s.component) == (site, component.name)]
        if facts.connected is False or any(s.refuted for s in sources) or all(s.at is None for s in sources):
            return False
    return True


def _applies_in_time(state: SystemState, site: str, objective: float) -> bool:
    for source in state.sources.values():
        if source.site != site or source.source != "streaming":
            continue
        seconds = time_to_apply(source)
        if seconds is None and source.at is not None and source.applied_at is not None:
            seconds = source.at - source.applied_at  # it took that long to write; nothing better is known yet
        if seconds is None or seconds > objective:
            return False
    return True


def totals(state: SystemState, now: Instant) -> Totals:
    """Observed, down and blind seconds since the first look ever, across restarts. Down never exceeds what was observed."""
    counters, incident = state.counters, state.incident
    observed = counters.observed + (max(0.0, now - state.observed_since) if state.observed_since is not None else 0.0)
    blind = counters.blind + (max(0.0, now - state.blind_since) if state.blind_since is not None else 0.0)
    downtime = counters.downtime
    if incident is not None and incident.declared:
        until = incident.end.upper if incident.end else (state.blind_since or now)
        downtime += max(0.0, until - incident.start.lower - incident.blind)
    return Totals(observed, downtime, blind)

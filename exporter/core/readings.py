"""What is derived from "how long ago" or from several parts at once: computed when it is read, never stored."""

from typing import NamedTuple

from exporter.core.active import surviving_point
from exporter.core.exposed import backup_point, held, part_at, point_without, written_until
from exporter.core.model import Component, Instant, Part, Role, System
from exporter.core.past import Incident, Kind
from exporter.core.state import SourceState, SystemState, Track

SITE_LOSS = "site_loss"
DATA_CORRUPTION = "data_corruption"
SETTLED = 10.0
"""Seconds. Blindness, restorations and deaths of the exporter are found late and dated back; totals wait for that, because
a counter that falls looks to Prometheus like one that began anew."""


class Exposure(NamedTuple):
    """The live RPO of one scenario: seconds of writes that would be lost now; `known` False: counted from our start."""

    seconds: float
    known: bool


class Totals(NamedTuple):
    """Seconds, growing."""

    observed: float
    downtime: float
    """What counts by the policy."""
    blind: float
    drills: float = 0.0
    """Downtime in drills, counted or not."""
    maintenance: float = 0.0


def part_of(component: Component, site: str) -> Part:
    """As `Component.part`, quickly."""
    return part_at("" if component.dependency else site, component.name)


def scenarios(system: System) -> tuple[str, ...]:
    """The scenarios for which an exposure is told: site loss where there is data to lose, data corruption where
    there are backups, any by objective."""
    named = dict.fromkeys(system.objectives.rpo)
    if system.stateful:
        named = {SITE_LOSS: None, **named}
    if system.backups:
        named[DATA_CORRUPTION] = None
    return tuple(named)


def exposure(system: System, state: SystemState, scenario: str, now: Instant) -> Exposure:
    """now - max T over the sites and sources that survive the scenario, in seconds.

    In a declared outage it stops at the outage's start.high, and goes on if writes do (`written_until`). What was never proven
    counts from when we began to look, and what vanished with the last backup from its T. Only sources that keep versions survive `data_corruption`.
    """
    point = recovery_point(system, state, scenario)
    if point is None:
        gone = [known.gone for known in state.backups.values() if known.gone is not None]
        return Exposure(max(0.0, now - min([state.watched_since, *gone])), known=False)
    return Exposure(max(0.0, written_until(system, state, now) - point), known=True)


def recovery_point(system: System, state: SystemState, scenario: str) -> Instant | None:
    """The newest T that survives the scenario; None if none was ever proven.

    Roles may be at several sites: the worst of these to lose counts, and with it only what is held there is in question.
    """
    if scenario != SITE_LOSS:
        return backup_point(system, state) if scenario == DATA_CORRUPTION else None
    if system.active_active:
        return surviving_point(system, state)
    oldest: Instant | None = None
    for site, names in held(system, state).items():
        point = point_without(system, state, site, names)
        if point is None:
            return None
        oldest = point if oldest is None else min(oldest, point)
    return oldest


def decisive(system: System, state: SystemState) -> list[SourceState]:
    """The sources whose T is the recovery point of `site_loss`; none where that is a backup's, or nothing was ever proven.

    What is at the holder of the role is lost with it. In an active-active system a source tells of what another site wrote.
    """
    point = recovery_point(system, state, SITE_LOSS)
    holders = {name: site for site, names in held(system, state).items() for name in names}
    return [
        source
        for source in state.sources.values()
        if source.at is not None
        and source.at == point
        and not source.refuted
        and (system.active_active or source.site != holders.get(source.component))
    ]


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
    if switch is None:
        return None
    slowest = 0.0
    for source in state.sources.values():
        if source.source == "streaming" and source.site not in state.serving and source.seen is not None:
            seconds = time_to_apply(source)
            if seconds is None:
                return None
            slowest = max(slowest, seconds)
    return detection + switch + slowest


def time_to_apply(source: SourceState) -> float | None:
    """Seconds that a standby needs to apply what it has received; None when unknown, as for one that tells no backlog."""
    if not source.backlog:
        return source.backlog
    return source.backlog / source.apply_rate if source.apply_rate else None


def tells_now(state: SystemState, track: Track) -> bool:
    """Whether its newest look says something of now: while we are blind none does, and after that, a standstill or a restart only one
    that began since. Until then it is what we believe, not what we know."""
    if state.blind_since is not None:
        return False
    good, since = track.good, state.trusted_since
    return (good is not None and good.start >= since) or (
        track.count > 0 and track.last_bad is not None and track.last_bad >= since
    )


def functional_ratio(system: System, state: SystemState) -> float | None:
    """Weighted share of the components that work where the system serves (or served last); None: nothing seen yet, or one of them
    was not looked at again since we were blind or away.

    In an active-active system a component works if it does at any site.
    """
    total = works = 0.0
    for component in system.components.values():
        role = state.roles.get(component.name)
        site = role.site if role is not None else state.believed or system.home
        sites = system.sites if system.active_active else (site,)
        seen = [state.parts.get(part_of(component, site)) for site in sites]
        known = [one.serve for one in seen if one is not None and one.serve.is_known]
        if known:
            total += component.weight
            told = [track for track in known if tells_now(state, track)]
            if any(track.is_good for track in told):
                works += component.weight
            elif len(told) < len(known):
                return None
    return works / total if total else None


def site_role(system: System, state: SystemState, site: str) -> Role:
    """The role that the first stateful component of the site told in its newest look, if that look succeeded and tells of now."""
    if state.blind_since is not None:
        return Role.UNKNOWN
    for component in system.components.values():
        seen = state.parts.get(part_at(site, component.name)) if component.stateful else None
        newest = seen.sample if seen is not None else None
        if seen is not None and newest is not None and newest.reason is None and newest.started >= state.trusted_since:
            if seen.facts.role is not None:
                return seen.facts.role
            return (
                Role.UNKNOWN if seen.facts.writable is None else Role.PRIMARY if seen.facts.writable else Role.STANDBY
            )
    return Role.UNKNOWN


def writable_sites(system: System, state: SystemState) -> int | None:
    """How many sites take writes by their newest look; None where no component tells, or one was not looked at again since we were
    blind or away. A split brain that was declared stands until somebody sees its end, and so does its number.
    """
    lasts = any(contest.declared for contest in state.contests.values())
    return _writable_sites(system, state) if lasts or _writable_now(system, state) else None


def _writable_now(system: System, state: SystemState) -> bool:
    """Whether every look that counts there tells of now."""
    parts = [state.parts.get(part_at(site, name)) for name in system.stateful for site in system.sites]
    return all(tells_now(state, part.serve) for part in parts if part is not None and part.serve.is_known)


def _writable_sites(system: System, state: SystemState) -> int | None:
    """By all that was seen last. The worst component counts: the one at most sites where two are a split brain, the one at fewest
    where they should be."""
    counts: list[int] = []
    for component in system.components.values():
        if component.stateful:
            parts = [state.parts.get(part_at(site, component.name)) for site in system.sites]
            seen = [part.serve.is_good for part in parts if part is not None and part.serve.is_known]
            if seen:
                counts.append(sum(seen))
    if not counts:
        return None
    return max(counts) if max(counts) > 1 and not system.active_active else min(counts)


def writable_expected(system: System) -> int | None:
    """How many sites should take writes: one, in an active-active system as many as have the component that is at fewest."""
    if not system.stateful:
        return None
    if not system.active_active:
        return 1
    counts = [sum(part_at(site, name) in system.parts for site in system.sites) for name in system.stateful]
    return min([count for count in counts if count], default=len(system.sites))


def lasting_events(system: System, state: SystemState) -> dict[Kind, bool]:
    """The events that go on until somebody ends them, and whether each does now: what is graced in the exporter needs no
    patience in an alert rule."""
    incident = state.incident
    flags = incident.flags if incident is not None and incident.end is None else frozenset()
    return {
        Kind.SPLIT_BRAIN: any(contest.declared for contest in state.contests.values()),
        Kind.NO_PRIMARY: Kind.NO_PRIMARY in flags and _writable_sites(system, state) == 0,
        Kind.STUCK_SWITCH: Kind.STUCK_SWITCH in flags,
    }


def totals(state: SystemState, now: Instant) -> Totals:
    """Observed, down and blind seconds since the first look ever, across restarts. Down never exceeds what was observed.

    What still runs is told as it stood `SETTLED` seconds ago.
    """
    counters, settled = state.counters, now - SETTLED
    observed, blind = observed_until(state, settled), counters.blind
    if state.blind_since is not None:
        blind += max(0.0, settled - state.blind_since)
    incident, running = state.incident, running_downtime(state, settled)
    counted, drills, maintenance = declared_beforehand(incident, running)
    return Totals(
        observed,
        min(counters.downtime + counted, observed),
        blind,
        min(counters.drill_downtime + drills, observed),
        min(counters.maintenance_downtime + maintenance, observed),
    )


def declared_beforehand(incident: Incident | None, running: float) -> tuple[float, float, float]:
    """Of the seconds of an open outage: those that count by the policy, those in its drill, those in its maintenance."""
    if incident is None or not (incident.drill or incident.maintenance):
        return running, 0.0, 0.0
    apart = running if incident.apart is None else min(running, incident.apart)
    counted = running - (apart if incident.excluded else 0.0)
    return (counted, apart, 0.0) if incident.drill else (counted, 0.0, apart)


def observed_until(state: SystemState, until: Instant) -> float:
    """Seconds looked at and not blind, since the first look ever."""
    running = 0.0 if state.observed_since is None else max(0.0, until - state.observed_since)
    return state.counters.observed + running


def running_downtime(state: SystemState, until: Instant) -> float:
    """Seconds of the open outage: what came before the last blindness in it, and what ran since."""
    incident = state.incident
    return down_until(state, incident, until) if incident is not None and incident.declared else 0.0


def down_until(state: SystemState, incident: Incident, until: Instant) -> float:
    """The same of the open incident, declared or not."""
    start = incident.start.lower
    if incident.end is not None:
        until = min(until, incident.end.upper)
    elif state.blind_since is not None:
        until = state.blind_since
    since = max(start, state.trusted_since if incident.end is None else min(state.trusted_since, incident.end.upper))
    return max(0.0, since - start - incident.blind) + max(0.0, until - since)

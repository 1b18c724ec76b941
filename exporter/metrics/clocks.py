"""What grows by itself: exposure, the outage clock, readiness, lag. Computed anew at every scrape."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from exporter.catalogue import metrics as m
from exporter.core.inspected import BackupState
from exporter.core.model import Instant, Part, System
from exporter.core.readiness import readiness_now
from exporter.core.readings import Totals, exposure, rto_clock, rto_estimate, scenarios, tells_now, totals
from exporter.core.sources import is_disproved
from exporter.core.state import SourceState, SystemState
from exporter.metrics.lines import INSTANT, SECONDS, Block, Value, line, series
from exporter.metrics.section import Row, Section

STREAMING = "streaming"
_NO_BACKUP = BackupState()

Key: TypeAlias = tuple[str, str, str]
"""(site, component, source)."""


class Clocks(Section):
    """The two numbers, readiness and the sums that grow with time."""

    metrics = (
        m.RPO,
        m.RPO_KNOWN,
        m.RTO,
        m.RTO_ESTIMATE,
        m.SITE_READY,
        m.READINESS_CHECK,
        m.OBSERVED,
        m.DOWNTIME,
        m.BLIND,
        m.DOWNTIME_COST,
        m.DRILL_DOWNTIME,
        m.MAINTENANCE_DOWNTIME,
    )

    def __init__(self, systems: Sequence[System]) -> None:
        super().__init__(systems)
        self._scenarios = [scenarios(system) for system in systems]
        exposed = [
            (system.name, scenario)
            for system, named in zip(systems, self._scenarios, strict=True)
            for scenario in named
        ]
        self._rpo = Block((series(m.RPO, *labels) for labels in exposed), SECONDS)
        self._known = Block(series(m.RPO_KNOWN, *labels) for labels in exposed)
        self._rto, self._estimate, self._observed, self._downtime, self._blind, self._drills, self._maintenance = (
            Block((series(metric, system.name) for system in systems), SECONDS)
            for metric in (
                m.RTO, m.RTO_ESTIMATE, m.OBSERVED, m.DOWNTIME, m.BLIND, m.DRILL_DOWNTIME, m.MAINTENANCE_DOWNTIME
            )
        )  # fmt: skip
        self._cost = Block((series(m.DOWNTIME_COST, system.name, system.currency) for system in systems), SECONDS)
        self._sites = [(system.name, site) for system in systems for site in system.sites]
        self._ready = Block(series(m.SITE_READY, *labels) for labels in self._sites)
        self._checked: list[Mapping[str, bool]] = []
        self._checks = b""

    def row(self, states: Sequence[SystemState], now: Instant, offset: float) -> Row:
        pairs = list(zip(self.systems, states, strict=True))
        exposures = [
            exposure(system, state, scenario, now)
            for (system, state), named in zip(pairs, self._scenarios, strict=True)
            for scenario in named
        ]
        checks = [readiness_now(system, state, site, now) for system, state in pairs for site in system.sites]
        if checks != self._checked:
            self._checked, self._checks = checks, self._check_lines(checks)
        sums = [totals(state, now) for state in states]
        return (
            self._rpo.fill([seconds for seconds, _ in exposures]),
            self._known.fill([known for _, known in exposures]),
            self._rto.fill([rto_clock(state, now) for state in states]),
            self._estimate.fill([rto_estimate(system, state, now) for system, state in pairs]),
            self._ready.fill([all(each.values()) if each else None for each in checks]),
            self._checks,
            self._observed.fill([each.observed for each in sums]),
            self._downtime.fill([each.downtime for each in sums]),
            self._blind.fill([each.blind for each in sums]),
            self._cost.fill([_cost(system, each) for system, each in zip(self.systems, sums, strict=True)]),
            self._drills.fill([each.drills for each in sums]),
            self._maintenance.fill([each.maintenance for each in sums]),
        )

    def _check_lines(self, checks: list[Mapping[str, bool]]) -> bytes:
        return b"".join(
            line(m.READINESS_CHECK, *labels, check, value=int(passed))
            for labels, each in zip(self._sites, checks, strict=True)
            for check, passed in each.items()
        )


def _cost(system: System, sums: Totals) -> Value:
    """Downtime in money; not known when no price of a minute is configured."""
    return None if system.cost_per_minute is None else sums.downtime / 60 * system.cost_per_minute


@dataclass(frozen=True, slots=True)
class _Layout:
    """The blocks for one set of sources."""

    keys: list[tuple[Key, ...]]
    """Per system."""
    groups: list[tuple[int, tuple[Key, ...]]]
    """For each system and (site, source): the system's place, and the keys of its components."""
    links: list[tuple[int, tuple[Part, ...]]]
    """For each group, the endpoints that can tell whether their replication is connected."""
    at: Block
    refuted: Block
    connected: Block
    lag_bytes: Block
    lag: Block


def _layout(systems: Sequence[System], keys: list[tuple[Key, ...]]) -> _Layout:
    grouped: dict[tuple[int, str, str], list[Key]] = {}
    for place, own in enumerate(keys):
        for key in own:
            grouped.setdefault((place, key[0], key[2]), []).append(key)
    labels = [(systems[place].name, site, source) for place, site, source in grouped]
    stages = [(*each, stage) for each in labels for stage in ("transport", "apply")]
    return _Layout(
        keys=keys,
        groups=[(place, tuple(members)) for (place, _, _), members in grouped.items()],
        links=[
            (place, tuple(Part(site, component) for site, component, source in members if source == STREAMING))
            for (place, _, _), members in grouped.items()
        ],
        at=Block((series(m.RECOVERY_POINT, *each) for each in labels), INSTANT),
        refuted=Block(series(m.SOURCE_REFUTED, *each) for each in labels),
        connected=Block(series(m.REPLICATION_CONNECTED, *each) for each in labels),
        lag_bytes=Block(series(m.REPLICATION_LAG_BYTES, *each) for each in labels),
        lag=Block((series(m.REPLICATION_LAG, *each) for each in stages), SECONDS),
    )


class Recovery(Section):
    """Recovery points: per site and source the worst of its components, because a site is lost with all of them; and those
    of the backups, under their names and where they are kept."""

    metrics = (
        m.RECOVERY_POINT,
        m.SOURCE_REFUTED,
        m.REPLICATION_CONNECTED,
        m.REPLICATION_LAG_BYTES,
        m.REPLICATION_LAG,
    )

    def __init__(self, systems: Sequence[System]) -> None:
        super().__init__(systems)
        self._layout = _layout(systems, [])
        self._backups = [(place, name) for place, system in enumerate(systems) for name in system.backups]
        self._points = Block(
            (
                series(m.RECOVERY_POINT, system.name, backup.site, name)
                for system in systems
                for name, backup in system.backups.items()
            ),
            INSTANT,
        )

    def row(self, states: Sequence[SystemState], now: Instant, offset: float) -> Row:
        keys = [tuple(state.sources) for state in states]
        if keys != self._layout.keys:
            self._layout = _layout(self.systems, keys)
        layout = self._layout
        worst = [_worst([states[place].sources[key] for key in members]) for place, members in layout.groups]
        lags: list[Value] = []
        for source in worst:
            at, applied = source.at, source.applied_at
            lags.append(None if at is None else now - at)
            lags.append(None if at is None or applied is None else max(0.0, at - applied))
        kept = [states[place].backups.get(name, _NO_BACKUP).point for place, name in self._backups]
        points = self._points.fill([None if point is None else point + offset for point in kept])
        return (
            layout.at.fill([None if source.at is None else source.at + offset for source in worst]) + points,
            layout.refuted.fill([is_disproved(source) for source in worst]),
            layout.connected.fill([_connected(states[place], parts) for place, parts in layout.links]),
            layout.lag_bytes.fill([source.lag_bytes for source in worst]),
            layout.lag.fill(lags),
        )


def _worst(group: list[SourceState]) -> SourceState:
    """One source as bad as all of them; what one of them does not know is not known."""
    if len(group) == 1:
        return group[0]
    at = _known([source.at for source in group])
    lag_bytes = _known([source.lag_bytes for source in group])
    applied = _known([source.applied_at for source in group])
    behind = max((a - b for a, b in zip(at, applied, strict=True)), default=0.0) if at and applied else None
    return replace(
        group[0],
        at=min(at) if at else None,
        applied_at=min(at) - behind if behind is not None else None,
        refuted=any(map(is_disproved, group)),
        lag_bytes=max(lag_bytes) if lag_bytes else None,
    )


def _known(values: list[Value]) -> list[float]:
    """All of them, or none if one is not known."""
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


def _connected(state: SystemState, parts: Iterable[Part]) -> bool | None:
    """Whether all links are up. Facts of an endpoint that no longer answers, or that nobody could ask lately, are old: then nobody knows."""
    links = []
    for part in parts:
        seen = state.parts.get(part)
        if seen is None or seen.reach.count or not tells_now(state, seen.reach) or seen.facts.connected is None:
            return None
        links.append(seen.facts.connected)
    return all(links) if links else None

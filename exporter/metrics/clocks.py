"""What grows by itself: exposure, the outage clock, readiness, lag. Computed anew at every scrape."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from exporter.catalogue import metrics as m
from exporter.core.model import Instant, Part, System
from exporter.core.readings import exposure, readiness, rto_clock, rto_estimate, scenarios, totals
from exporter.core.state import SourceState, SystemState
from exporter.metrics.lines import INSTANT, SECONDS, Block, Value, line, series, template
from exporter.metrics.section import Row, Section

STREAMING = "streaming"


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
    )

    def __init__(self, system: System) -> None:
        name = system.name
        self._system = system
        self._scenarios = scenarios(system)
        self._rpo = Block((series(m.RPO, name, scenario) for scenario in self._scenarios), SECONDS)
        self._known = Block(series(m.RPO_KNOWN, name, scenario) for scenario in self._scenarios)
        self._estimate = Block((series(m.RTO_ESTIMATE, name),), SECONDS)
        self._rto, self._observed, self._downtime, self._blind = (
            template(series(metric, name), SECONDS) for metric in (m.RTO, m.OBSERVED, m.DOWNTIME, m.BLIND)
        )
        self._cost = template(series(m.DOWNTIME_COST, name, system.currency), SECONDS)
        self._ready = Block(series(m.SITE_READY, name, site) for site in system.sites)
        self._checked: list[Mapping[str, bool]] = []
        self._checks = b""

    def row(self, state: SystemState, now: Instant, offset: float) -> Row:
        system = self._system
        exposures = [exposure(system, state, scenario, now) for scenario in self._scenarios]
        checks = [readiness(system, state, site, now) for site in system.sites]
        if checks != self._checked:
            self._checked, self._checks = checks, self._check_lines(checks)
        observed, downtime, blind = totals(state, now)
        per_minute = system.cost_per_minute
        return (
            self._rpo.fill([seconds for seconds, _ in exposures]),
            self._known.fill([known for _, known in exposures]),
            self._rto % rto_clock(state, now),
            self._estimate.fill([rto_estimate(system, state, now)]),
            self._ready.fill([all(each.values()) if each else None for each in checks]),
            self._checks,
            self._observed % observed,
            self._downtime % downtime,
            self._blind % blind,
            b"" if per_minute is None else self._cost % (downtime / 60 * per_minute),
        )

    def _check_lines(self, checks: list[Mapping[str, bool]]) -> bytes:
        return b"".join(
            line(m.READINESS_CHECK, self._system.name, site, check, value=int(passed))
            for site, each in zip(self._system.sites, checks, strict=True)
            for check, passed in each.items()
        )


@dataclass(frozen=True, slots=True)
class _Layout:
    """The blocks for one set of sources. `groups`: per (site, source), the components' keys."""

    keys: tuple[tuple[str, str, str], ...]
    groups: tuple[tuple[tuple[str, str, str], ...], ...]
    links: tuple[tuple[Part, ...], ...]
    """Per group, the endpoints that can tell whether their replication is connected."""
    at: Block
    refuted: Block
    connected: Block
    lag_bytes: Block
    lag: Block


def _layout(system: str, keys: tuple[tuple[str, str, str], ...]) -> _Layout:
    grouped: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for key in keys:
        site, _component, source = key
        grouped.setdefault((site, source), []).append(key)
    stages = [(*group, stage) for group in grouped for stage in ("transport", "apply")]
    return _Layout(
        keys=keys,
        groups=tuple(map(tuple, grouped.values())),
        links=tuple(
            tuple(Part(site, component) for site, component, source in members if source == STREAMING)
            for members in grouped.values()
        ),
        at=Block((series(m.RECOVERY_POINT, system, *group) for group in grouped), INSTANT),
        refuted=Block(series(m.SOURCE_REFUTED, system, *group) for group in grouped),
        connected=Block(series(m.REPLICATION_CONNECTED, system, *group) for group in grouped),
        lag_bytes=Block(series(m.REPLICATION_LAG_BYTES, system, *group) for group in grouped),
        lag=Block((series(m.REPLICATION_LAG, system, *stage) for stage in stages), SECONDS),
    )


class Recovery(Section):
    """Recovery points: per site and source the worst of its components, because a site is lost with all of them."""

    metrics = (
        m.RECOVERY_POINT,
        m.SOURCE_REFUTED,
        m.REPLICATION_CONNECTED,
        m.REPLICATION_LAG_BYTES,
        m.REPLICATION_LAG,
    )
    _nothing: Row = (b"",) * len(metrics)

    def __init__(self, system: System) -> None:
        self._name = system.name
        self._layout = _layout(system.name, ())

    def row(self, state: SystemState, now: Instant, offset: float) -> Row:
        sources = state.sources
        if not sources:
            return self._nothing
        keys = tuple(sources)
        if keys != self._layout.keys:
            self._layout = _layout(self._name, keys)
        layout = self._layout
        worst = [
            sources[group[0]] if len(group) == 1 else _worst([sources[key] for key in group]) for group in layout.groups
        ]
        lags: list[Value] = []
        for source in worst:
            at, applied = source.at, source.applied_at
            lags.append(None if at is None else now - at)
            lags.append(None if at is None or applied is None else max(0.0, at - applied))
        return (
            layout.at.fill([None if source.at is None else source.at + offset for source in worst]),
            layout.refuted.fill([source.refuted for source in worst]),
            layout.connected.fill([_connected(state, parts) for parts in layout.links]),
            layout.lag_bytes.fill([source.lag_bytes for source in worst]),
            layout.lag.fill(lags),
        )


def _worst(group: list[SourceState]) -> SourceState:
    """One source as bad as all of them; what one of them does not know is not known."""
    at = _known([source.at for source in group])
    lag_bytes = _known([source.lag_bytes for source in group])
    applied = _known([source.applied_at for source in group])
    behind = max((a - b for a, b in zip(at, applied, strict=True)), default=0.0) if at and applied else None
    return replace(
        group[0],
        at=min(at) if at else None,
        applied_at=min(at) - behind if behind is not None else None,
        refuted=any(source.refuted for source in group),
        lag_bytes=max(lag_bytes) if lag_bytes else None,
    )


def _known(values: list[Value]) -> list[float]:
    """All of them, or none if one is not known."""
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


def _connected(state: SystemState, parts: Iterable[Part]) -> bool | None:
    """Whether all links are up. Facts of an endpoint that no longer answers are old: then nobody knows."""
    links = []
    for part in parts:
        seen = state.parts.get(part)
        if seen is None or seen.reach.count or seen.facts.connected is None:
            return None
        links.append(seen.facts.connected)
    return all(links) if links else None

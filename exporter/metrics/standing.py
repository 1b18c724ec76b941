"""Where systems stand and what the looks at their parts brought: everything that changes with a look, not with time."""

from collections.abc import Mapping, Sequence

from exporter.catalogue import metrics as m
from exporter.core.model import ENTRY, NO_PHASES, Phases, Reason, Role, System
from exporter.core.past import Kind
from exporter.core.readings import (
    functional_ratio,
    lasting_events,
    site_role,
    tells_now,
    writable_expected,
    writable_sites,
)
from exporter.core.state import CanaryState, Mode, PartState, SystemState
from exporter.metrics.lines import INSTANT, NUMBER, SECONDS, Block, StateSet, Value, line, series
from exporter.metrics.section import Row, Section, Settled

LASTING = (Kind.SPLIT_BRAIN, Kind.NO_PRIMARY, Kind.STUCK_SWITCH)
_UNSEEN = PartState()
_NO_CANARY = CanaryState()


class Promised(Section):
    """What the configuration says: never changes while the system objects are the same."""

    metrics = (
        m.SYSTEM_INFO,
        m.RTO_OBJECTIVE,
        m.RPO_OBJECTIVE,
        m.AVAILABILITY_OBJECTIVE,
        m.DRILL_OBJECTIVE,
        m.WRITABLE_EXPECTED,
        m.BACKUP_INTERVAL_OBJECTIVE,
        m.BACKUP_VERIFY_OBJECTIVE,
        m.BACKUP_VERSIONS_OBJECTIVE,
        m.KPI_OBJECTIVE,
    )

    def __init__(self, systems: Sequence[System]) -> None:
        super().__init__(systems)
        rows = [self._promises(system) for system in systems]
        self._row = tuple(b"".join(column) for column in zip(*rows, strict=True))

    @staticmethod
    def _promises(system: System) -> Row:
        name, goals = system.name, system.objectives

        def known(metric: m.Metric, value: float | None, *labels: str) -> bytes:
            return b"" if value is None else line(metric, name, *labels, value=value)

        backups = system.backups.items()

        return (
            line(m.SYSTEM_INFO, name, system.tier, system.owner, system.home, value=1),
            known(m.RTO_OBJECTIVE, goals.rto),
            b"".join(line(m.RPO_OBJECTIVE, name, scenario, value=value) for scenario, value in goals.rpo.items()),
            known(m.AVAILABILITY_OBJECTIVE, goals.availability),
            known(m.DRILL_OBJECTIVE, goals.drill_every),
            known(m.WRITABLE_EXPECTED, writable_expected(system)),
            b"".join(known(m.BACKUP_INTERVAL_OBJECTIVE, backup.every, which) for which, backup in backups),
            b"".join(known(m.BACKUP_VERIFY_OBJECTIVE, backup.verify_every, which) for which, backup in backups),
            b"".join(known(m.BACKUP_VERSIONS_OBJECTIVE, backup.versions, which) for which, backup in backups),
            b"".join(known(m.KPI_OBJECTIVE, kpi.at_least, which) for which, kpi in system.kpis.items()),
        )

    def row(self, states: Sequence[SystemState], now: float, offset: float) -> Row:
        return self._row


class Standing(Settled):
    """State, roles, and which components work."""

    metrics = (
        m.STATE,
        m.SERVING_SITE,
        m.SITE_ROLE,
        m.WRITABLE_SITES,
        m.EVENT_ACTIVE,
        m.FUNCTIONAL_RATIO,
        m.COMPONENT_UP,
        m.CANARY_WRITES,
        m.CANARY_FAILURES,
    )

    def __init__(self, systems: Sequence[System]) -> None:
        super().__init__(systems)
        self._modes = [StateSet(m.STATE, system.name, states=Mode) for system in systems]
        self._serving = Block(series(m.SERVING_SITE, system.name, site) for system in systems for site in system.sites)
        self._roles = [
            [(site, StateSet(m.SITE_ROLE, system.name, site, states=Role)) for site in system.sites]
            if system.stateful
            else []
            for system in systems
        ]
        self._writable = Block(series(m.WRITABLE_SITES, system.name) for system in systems)
        self._events = Block(
            series(m.EVENT_ACTIVE, system.name, event) for system in systems if system.stateful for event in LASTING
        )
        self._ratio = Block((series(m.FUNCTIONAL_RATIO, system.name) for system in systems), NUMBER)
        self._bound = [sorted(part for part in system.parts if part != ENTRY) for system in systems]
        self._up = Block(
            series(m.COMPONENT_UP, system.name, *part)
            for system, parts in zip(systems, self._bound, strict=True)
            for part in parts
        )
        self._canaries = [
            [component.name for component in system.components.values() if component.canary_every is not None]
            for system in systems
        ]
        self._writes, self._failures = (
            Block(
                series(metric, system.name, canary)
                for system, canaries in zip(systems, self._canaries, strict=True)
                for canary in canaries
            )
            for metric in (m.CANARY_WRITES, m.CANARY_FAILURES)
        )

    def make(self, states: Sequence[SystemState], offset: float) -> Row:
        pairs = list(zip(self.systems, states, strict=True))
        up: list[Value] = [
            part.reach.is_good if tells_now(state, part.reach) else None
            for state, bound in zip(states, self._bound, strict=True)
            for part in (state.parts.get(name, _UNSEEN) for name in bound)
        ]
        canaries = [
            state.canaries.get(name, _NO_CANARY)
            for state, names in zip(states, self._canaries, strict=True)
            for name in names
        ]
        roles = [
            sets[site_role(system, state, site)]
            for (system, state), sites in zip(pairs, self._roles, strict=True)
            for site, sets in sites
        ]
        return (
            b"".join([modes[state.mode] for modes, state in zip(self._modes, states, strict=True)]),
            self._serving.fill([site in state.serving for system, state in pairs for site in system.sites]),
            b"".join(roles),
            self._writable.fill([writable_sites(system, state) for system, state in pairs]),
            self._events.fill(
                [
                    lasting[event]
                    for system, state in pairs
                    if system.stateful
                    for lasting in (lasting_events(system, state),)
                    for event in LASTING
                ]
            ),
            self._ratio.fill([functional_ratio(system, state) for system, state in pairs]),
            self._up.fill(up),
            self._writes.fill([canary.writes for canary in canaries]),
            self._failures.fill([canary.failed for canary in canaries]),
        )


class Looks(Settled):
    """The newest finished look at each part, and how many there were."""

    metrics = (
        m.PROBE_SUCCESS,
        m.PROBE_LAST_RUN,
        m.PROBE_DURATION,
        m.PROBE_ATTEMPTS,
        m.PROBE_FAILURES,
        m.PROBE_TLS_EXPIRY,
    )

    def __init__(self, systems: Sequence[System]) -> None:
        super().__init__(systems)
        self._parts = [sorted(system.parts) for system in systems]
        self._labels = [(system.name, *part) for system in systems for part in sorted(system.parts)]
        self._success = Block(series(m.PROBE_SUCCESS, *labels) for labels in self._labels)
        self._last_run = Block((series(m.PROBE_LAST_RUN, *labels) for labels in self._labels), INSTANT)
        self._duration = Block(
            (series(m.PROBE_DURATION, *labels, phase) for labels in self._labels for phase in Phases._fields), SECONDS
        )
        self._attempts = Block(series(m.PROBE_ATTEMPTS, *labels) for labels in self._labels)
        self._expiry = Block((series(m.PROBE_TLS_EXPIRY, *labels) for labels in self._labels), INSTANT)
        self._counted: list[Mapping[Reason, int]] = []
        self._failures = b""

    def make(self, states: Sequence[SystemState], offset: float) -> Row:
        parts = [
            state.parts.get(part, _UNSEEN) for state, wanted in zip(states, self._parts, strict=True) for part in wanted
        ]
        samples = [part.sample for part in parts]
        failures = [part.failures for part in parts]
        if failures != self._counted:
            self._counted, self._failures = failures, self._failure_lines(failures)
        return (
            self._success.fill([None if s is None else s.reason is None for s in samples]),
            self._last_run.fill([None if s is None else s.started + offset for s in samples]),
            self._duration.fill([phase for s in samples for phase in (NO_PHASES if s is None else s.phases)]),
            self._attempts.fill([part.attempts for part in parts]),
            self._failures,
            self._expiry.fill([part.facts.tls_not_after for part in parts]),
        )

    def _failure_lines(self, failures: list[Mapping[Reason, int]]) -> bytes:
        """Only reasons that occurred: all of them at every part would be most of the series."""
        return b"".join(
            line(m.PROBE_FAILURES, *labels, reason, value=count)
            for labels, counts in zip(self._labels, failures, strict=True)
            for reason, count in counts.items()
        )

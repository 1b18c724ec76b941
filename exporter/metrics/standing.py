"""Where a system stands and what the looks at its parts brought: everything that changes with a look, not with time."""

from collections.abc import Mapping

from exporter.catalogue import metrics as m
from exporter.core.model import NO_PHASES, Phases, Reason, Role, System
from exporter.core.readings import functional_ratio, site_role, writable_sites
from exporter.core.state import CanaryState, Mode, PartState, SystemState
from exporter.metrics.lines import INSTANT, NUMBER, SECONDS, Block, line, series, state_set
from exporter.metrics.section import Row, Section, Settled

_UNSEEN = PartState()
_NO_CANARY = CanaryState()


def is_stateful(system: System) -> bool:
    """Whether the system has a component whose endpoints tell a role."""
    return any(component.stateful for component in system.components.values())


class Promised(Section):
    """What the configuration says: never changes while the system object is the same."""

    metrics = (
        m.SYSTEM_INFO,
        m.RTO_OBJECTIVE,
        m.RPO_OBJECTIVE,
        m.AVAILABILITY_OBJECTIVE,
        m.DRILL_OBJECTIVE,
        m.WRITABLE_EXPECTED,
    )

    def __init__(self, system: System) -> None:
        name, goals = system.name, system.objectives
        expected = len(system.sites) if system.mode == "active-active" else 1
        single = (
            (m.RTO_OBJECTIVE, goals.rto),
            (m.AVAILABILITY_OBJECTIVE, goals.availability),
            (m.DRILL_OBJECTIVE, goals.drill_every),
            (m.WRITABLE_EXPECTED, expected if is_stateful(system) else None),
        )
        texts = {metric: b"" if value is None else line(metric, name, value=value) for metric, value in single}
        texts[m.SYSTEM_INFO] = line(m.SYSTEM_INFO, name, system.tier, system.owner, system.home, value=1)
        texts[m.RPO_OBJECTIVE] = b"".join(
            line(m.RPO_OBJECTIVE, name, scenario, value=value) for scenario, value in goals.rpo.items()
        )
        self._row = tuple(texts[metric] for metric in self.metrics)

    def row(self, state: SystemState, now: float, offset: float) -> Row:
        return self._row


class Standing(Settled):
    """State, roles, and which components work."""

    metrics = (
        m.STATE,
        m.SERVING_SITE,
        m.SITE_ROLE,
        m.WRITABLE_SITES,
        m.FUNCTIONAL_RATIO,
        m.COMPONENT_UP,
        m.CANARY_WRITES,
        m.CANARY_FAILURES,
    )

    def __init__(self, system: System) -> None:
        name = system.name
        self._system = system
        self._modes = state_set(m.STATE, name, states=Mode)
        self._serving = Block(series(m.SERVING_SITE, name, site) for site in system.sites)
        role_sites = system.sites if is_stateful(system) else ()
        self._roles = [(site, state_set(m.SITE_ROLE, name, site, states=Role)) for site in role_sites]
        self._writable = Block((series(m.WRITABLE_SITES, name),))
        self._ratio = Block((series(m.FUNCTIONAL_RATIO, name),), NUMBER)
        self._bound = sorted(part for part in system.parts if part.site)
        self._up = Block(series(m.COMPONENT_UP, name, *part) for part in self._bound)
        self._canaries = [c.name for c in system.components.values() if c.canary_every is not None]
        self._writes = Block(series(m.CANARY_WRITES, name, canary) for canary in self._canaries)
        self._failures = Block(series(m.CANARY_FAILURES, name, canary) for canary in self._canaries)

    def make(self, state: SystemState, offset: float) -> Row:
        system, seen = self._system, state.parts.get
        parts = [seen(part, _UNSEEN) for part in self._bound]
        canaries = [state.canaries.get(name, _NO_CANARY) for name in self._canaries]
        return (
            self._modes[state.mode],
            self._serving.fill([site in state.serving for site in system.sites]),
            b"".join([sets[site_role(system, state, site)] for site, sets in self._roles]),
            self._writable.fill([writable_sites(system, state)]) if self._roles else b"",
            self._ratio.fill([functional_ratio(system, state)]),
            self._up.fill([None if part.sample is None else not part.reach.count for part in parts]),
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

    def __init__(self, system: System) -> None:
        name = system.name
        self._name = name
        self._parts = sorted(system.parts)
        self._success = Block(series(m.PROBE_SUCCESS, name, *part) for part in self._parts)
        self._last_run = Block((series(m.PROBE_LAST_RUN, name, *part) for part in self._parts), INSTANT)
        self._duration = Block(
            (series(m.PROBE_DURATION, name, *part, phase) for part in self._parts for phase in Phases._fields), SECONDS
        )
        self._attempts = Block(series(m.PROBE_ATTEMPTS, name, *part) for part in self._parts)
        self._expiry = Block((series(m.PROBE_TLS_EXPIRY, name, *part) for part in self._parts), INSTANT)
        self._counted: list[Mapping[Reason, int]] = []
        self._failures = b""

    def make(self, state: SystemState, offset: float) -> Row:
        seen = state.parts.get
        parts = [seen(part, _UNSEEN) for part in self._parts]
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
            line(m.PROBE_FAILURES, self._name, *part, reason, value=count)
            for part, counts in zip(self._parts, failures, strict=True)
            for reason, count in counts.items()
        )

"""What happened so far: the counters, and the newest closed incident or move. Changes only with an incident."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import inf

from exporter.catalogue import metrics as m
from exporter.core.interval import Interval, Verdict
from exporter.core.model import Instant, System
from exporter.core.past import MOVES, PHASES, Incident, Kind, MarkerCount
from exporter.core.state import SystemState
from exporter.core.timeline import verdicts
from exporter.metrics.lines import INSTANT, SECONDS, Block, StateSet, Value, line, series
from exporter.metrics.section import Row, Section

BOUNDS = ("lower", "estimate", "upper")


class Past(Section):
    """Made again only when a counter, a role or the newest incident of one of its systems changed."""

    metrics = (
        m.INCIDENTS,
        m.FAILOVERS,
        m.BLIPS,
        m.BLIP_SECONDS,
        m.LAST_FAILOVER,
        m.LAST_START,
        m.LAST_END,
        m.LAST_RTO,
        m.LAST_RPO,
        m.LAST_DRILL,
        m.LAST_PHASE,
        m.LAST_VERDICT,
        m.CANARY_MARKERS,
        m.LAST_LOSS,
        m.LAST_LOSS_END,
        m.LAST_LOSS_DRILL,
    )

    def __init__(self, systems: Sequence[System]) -> None:
        super().__init__(systems)
        self._each = [_PastOf(system) for system in systems]
        self._made_from: list[object] = []
        self._row: Row = ()

    def row(self, states: Sequence[SystemState], now: Instant, offset: float) -> Row:
        made_from: list[object] = [offset]
        for state in states:
            made_from += (state.counters, state.last, state.loss, state.roles)
        if made_from != self._made_from:
            rows = [past.row(state, offset) for past, state in zip(self._each, states, strict=True)]
            self._row = tuple([b"".join(column) for column in zip(*rows, strict=True)])
            self._made_from = made_from
        return self._row


class _PastOf:
    """One system's lines."""

    def __init__(self, system: System) -> None:
        name = system.name
        self._name = name
        # increase() cannot see a counter that begins at 1, so what is to be expected begins at 0.
        self._no_incidents, self._no_failovers = _none_of(_ends(system)), _none_of(tuple(sorted(MOVES)))
        self._blips = Block((series(m.BLIPS, name),))
        self._blip_seconds = Block((series(m.BLIP_SECONDS, name, bound) for bound in BOUNDS), SECONDS)
        self._failover = Block((series(m.LAST_FAILOVER, name),), INSTANT)
        self._last: _LastOf | None = None
        self._loss: _LossOf | None = None

    def row(self, state: SystemState, offset: float) -> Row:
        if self._last is None and state.last is not None:
            self._last = _LastOf(self._name)  # not before: most systems never have an incident
        last = (b"",) * 8 if self._last is None or state.last is None else self._last.row(state.last, offset)
        if self._loss is None and state.loss is not None:
            self._loss = _LossOf(self._name)
        loss = (b"",) * 3 if self._loss is None or state.loss is None else self._loss.row(state.loss, offset)
        return (*self._counts(state), self._moved(state, offset), *last, *loss)

    def _counts(self, state: SystemState) -> Row:
        counters = state.counters
        return (
            self._kinds(m.INCIDENTS, {**_zeros(self._no_incidents, state), **counters.incidents}),
            self._kinds(m.FAILOVERS, {**_zeros(self._no_failovers, state), **counters.failovers}),
            self._blips.fill([counters.blips]),
            self._blip_seconds.fill(_bounds(counters.blip_seconds)),
        )

    def _kinds(self, metric: m.Metric, counts: Mapping[tuple[str, str], int]) -> bytes:
        return b"".join(line(metric, self._name, *labels, value=count) for labels, count in counts.items())

    def _moved(self, state: SystemState, offset: float) -> bytes:
        moves = [role.moved.estimate for role in state.roles.values() if role.moved is not None]
        return self._failover.fill([max(moves) + offset]) if moves else b""


class _LastOf:
    """The lines of one system's newest incident."""

    def __init__(self, name: str) -> None:
        self._rto, self._rpo = (
            Block((series(metric, name, bound) for bound in BOUNDS), SECONDS) for metric in (m.LAST_RTO, m.LAST_RPO)
        )
        self._start, self._end = (Block((series(metric, name),), INSTANT) for metric in (m.LAST_START, m.LAST_END))
        self._drill = Block((series(m.LAST_DRILL, name),))
        self._phases = Block((series(m.LAST_PHASE, name, phase) for phase in PHASES), SECONDS)
        self._verdicts = {goal: StateSet(m.LAST_VERDICT, name, goal, states=Verdict) for goal in ("rto", "rpo")}
        self._markers = Block(series(m.CANARY_MARKERS, name, kind) for kind in MarkerCount._fields)

    def row(self, last: Incident, offset: float) -> Row:
        end, begin = last.end, last.start.lower
        reached = [last.phases.get(phase) for phase in PHASES]
        return (
            self._start.fill([last.began.estimate + offset]),
            self._end.fill([None if end is None else end.estimate + offset]),
            self._rto.fill(_bounds(last.rto)),
            self._rpo.fill(_bounds(last.rpo)),
            self._drill.fill([last.drill is not None]),
            self._phases.fill([None if at is None else max(0.0, at - begin) for at in reached]),
            b"".join([self._verdicts[goal][value] for goal, value in verdicts(last).items()]),
            self._markers.fill(list(last.markers or (None, None, None))),
        )


class _LossOf:
    """The lines of the newest incident of one system that lost acknowledged writes."""

    def __init__(self, name: str) -> None:
        self._lost = Block((series(m.LAST_LOSS, name, bound) for bound in BOUNDS), SECONDS)
        self._end = Block((series(m.LAST_LOSS_END, name),), INSTANT)
        self._drill = Block((series(m.LAST_LOSS_DRILL, name),))

    def row(self, loss: Incident, offset: float) -> Row:
        end = None if loss.end is None else loss.end.estimate + offset
        # Without an RPO markers prove the loss, and nothing bounds it.
        lost = [loss.at_least, None, inf] if loss.rpo is None else _bounds(loss.rpo)
        return (self._lost.fill(lost), self._end.fill([end]), self._drill.fill([loss.drill is not None]))


@lru_cache
def _none_of(kinds: tuple[Kind, ...]) -> Mapping[str, Mapping[tuple[str, str], int]]:
    """The same object for all systems that have the same kinds."""
    return {drill: {(str(kind), drill): 0 for kind in kinds} for drill in ("false", "true")}


def _zeros(none: Mapping[str, Mapping[tuple[str, str], int]], state: SystemState) -> Mapping[tuple[str, str], int]:
    """What has not happened yet; in drills too from the first one on, because increase() needs the 0 before the 1."""
    rehearsed = state.drill is not None or state.drilled is not None
    return {**none["false"], **none["true"]} if rehearsed else none["false"]


def _ends(system: System) -> tuple[Kind, ...]:
    """How an outage of this system can end."""
    if system.active_active:
        return (Kind.OUTAGE_IN_PLACE, Kind.SITE_LOST)
    if len(system.sites) == 1:
        return (Kind.OUTAGE_IN_PLACE,)
    return (Kind.OUTAGE_IN_PLACE, Kind.TRAFFIC_MOVED, *(sorted(MOVES) if system.stateful else ()))


def _bounds(value: Interval | None) -> list[Value]:
    return [None] * 3 if value is None else [value.lower, value.estimate, value.upper]

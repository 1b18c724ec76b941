"""Drills: whether one runs, the last one, and when the next is due."""

from collections.abc import Sequence

from exporter.catalogue import metrics as m
from exporter.core.drilling import left_open, maintained, mutes
from exporter.core.model import Instant, System
from exporter.core.proof import due
from exporter.core.state import SystemState
from exporter.metrics.lines import WHOLE, Block, series
from exporter.metrics.section import Row, Section


class Drills(Section):
    """A drill expires by itself, so whether it mutes is asked anew at every scrape."""

    metrics = (m.DRILL_ACTIVE, m.DRILL_EXPIRED, m.MAINTENANCE_ACTIVE, m.DRILL_LAST, m.DRILL_DUE)

    def __init__(self, systems: Sequence[System]) -> None:
        super().__init__(systems)
        self._active, self._expired, self._maintained = (
            Block(series(metric, system.name) for system in systems)
            for metric in (m.DRILL_ACTIVE, m.DRILL_EXPIRED, m.MAINTENANCE_ACTIVE)
        )
        self._last, self._due = (
            Block((series(metric, system.name) for system in systems), WHOLE) for metric in (m.DRILL_LAST, m.DRILL_DUE)
        )

    def row(self, states: Sequence[SystemState], now: Instant, offset: float) -> Row:
        dues = [due(system, state) for system, state in zip(self.systems, states, strict=True)]
        return (
            self._active.fill([mutes(state, now) for state in states]),
            self._expired.fill([left_open(state, now) for state in states]),
            self._maintained.fill([maintained(state, now) for state in states]),
            self._last.fill([None if state.drilled is None else state.drilled + offset for state in states]),
            self._due.fill([None if at is None else at + offset for at in dues]),
        )

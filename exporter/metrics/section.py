"""What a section is: some families of one system that depend on the same things, and so are made together."""

from typing import ClassVar, TypeAlias

from exporter.catalogue.metrics import Metric
from exporter.core.model import Instant
from exporter.core.state import SystemState

Row: TypeAlias = tuple[bytes, ...]
"""For each family of the section, in its order, the lines of one system; an empty one where it has none."""


class Section:
    """Made once for a configured system; `row` is called at every scrape."""

    metrics: ClassVar[tuple[Metric, ...]]

    def row(self, state: SystemState, now: Instant, offset: float) -> Row:
        """`offset` turns an instant into Unix seconds."""
        raise NotImplementedError


class Settled(Section):
    """A section that depends on the state alone, not on now: made again only when the state is another object."""

    _state: SystemState | None = None
    _offset = 0.0
    _row: Row = ()

    def row(self, state: SystemState, now: Instant, offset: float) -> Row:
        if state is not self._state or offset != self._offset:
            self._row = self.make(state, offset)
            self._state, self._offset = state, offset
        return self._row

    def make(self, state: SystemState, offset: float) -> Row:
        raise NotImplementedError

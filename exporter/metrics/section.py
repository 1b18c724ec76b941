"""What a section is: some families that depend on the same things, and so are made together for a few systems."""

from collections.abc import Sequence
from operator import is_
from typing import ClassVar, TypeAlias

from exporter.catalogue.metrics import Metric
from exporter.core.model import Instant, System
from exporter.core.state import SystemState

Row: TypeAlias = tuple[bytes, ...]
"""For each family of the section, in its order, the lines of all its systems; an empty one where there are none."""


class Section:
    """Made once for a group of configured systems; `row` is called at every scrape."""

    metrics: ClassVar[tuple[Metric, ...]]

    def __init__(self, systems: Sequence[System]) -> None:
        self.systems = systems

    def row(self, states: Sequence[SystemState], now: Instant, offset: float) -> Row:
        """`states` stand in the order of the systems; `offset` turns an instant into Unix seconds."""
        raise NotImplementedError


class Settled(Section):
    """A section that depends on the states alone, not on now: made again only when one is another object."""

    _states: Sequence[SystemState] = ()
    _offset = 0.0
    _row: Row = ()

    def row(self, states: Sequence[SystemState], now: Instant, offset: float) -> Row:
        same = len(states) == len(self._states) and all(map(is_, states, self._states))
        if not same or offset != self._offset:
            self._row = self.make(states, offset)
            self._states, self._offset = states, offset
        return self._row

    def make(self, states: Sequence[SystemState], offset: float) -> Row:
        raise NotImplementedError

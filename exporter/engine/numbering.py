"""Sees to it that no marker gets a number that is at a site already. The rules are `exporter.core.numbers`."""

import logging

from exporter.core import numbers
from exporter.core.model import Sample
from exporter.core.state import Marker, SystemState
from exporter.engine.eye import Eye
from exporter.probes.kind import Ask

_LOG = logging.getLogger(__name__)


def to_read(eye: Eye, state: SystemState, above: int | None) -> int | None:
    """Above which number a look that begins now has to read the markers; `above`: for what it may prove."""
    return above if eye.numbered else numbers.to_read(state, eye.part.component, above)


def read(eye: Eye, state: SystemState, sample: Sample, ask: Ask) -> SystemState:
    """A look ended. Where the markers cannot be read, ours go there all the same, above what is known."""
    if eye.numbered or not sample.ok or ask.markers_after is None:
        return state
    eye.numbered = True
    return numbers.found(state, eye.part.component, sample.facts.markers or ())


def passed_over(eye: Eye, state: SystemState, marker: Marker) -> SystemState:
    """Its number was taken: the next marker waits until the numbers there are read."""
    _LOG.warning("marker %d of %s is there already; is another exporter called the same?", marker.seq, eye.part)
    eye.numbered = False
    return numbers.taken(state, eye.part.component, marker)

"""Our own trouble: out of files, a password that cannot be read, a bug. It says nothing of whom we look at.

Such looks are counted and not judged (`exporter.core.looks`), so what was known stays as it was. That must not last: where they
hide something that a system needs, nobody knows how that system is, and it is blind until a look at it tells again.
"""

from collections.abc import Iterator

from exporter.core import watching
from exporter.core.model import Instant, Moment, Part, Reason, Sample, System
from exporter.core.state import Step, SystemState
from exporter.core.verdict import needs


class Trouble:
    """Of one system."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._failed: dict[Part, int] = {}
        """Looks in a row that failed by our trouble."""
        self._told: dict[Part, Instant] = {}
        """End of the last look at a part that has trouble now, or had some, which told of the part."""
        self._hides: Part | None = None

    def told(self, state: SystemState, sample: Sample, now: Moment) -> Iterator[Step]:
        """What a look that ended makes of it; `state` is the one after that look."""
        part = sample.part
        if sample.reason is not Reason.INTERNAL:
            if self._failed.pop(part, None) is not None:
                self._told.pop(part, None)
            if self._hides == part:
                self._hides = None
                yield watching.sighted(self._system, state, Moment(sample.started, now.wall_of(sample.started)))
            return
        self._told.setdefault(part, _known(state, part, sample.started))
        self._failed[part] = self._failed.get(part, 0) + 1
        if self._failed[part] < self._system.policy.declare_after or state.blind_since is not None:
            return
        if any(need.part == part for need in needs(self._system, state)):
            self._hides = part
            why = f"the exporter cannot look at {part}: {sample.detail}"
            yield watching.blinded(self._system, state, self._told[part], now, why)


def _known(state: SystemState, part: Part, otherwise: Instant) -> Instant:
    """Until when the looks told of this part, before the trouble began."""
    seen = state.parts.get(part)
    spans = [] if seen is None else [span for span in (seen.reach.good, seen.reach.bad) if span is not None]
    return min(otherwise, max((span.end for span in spans), default=otherwise))

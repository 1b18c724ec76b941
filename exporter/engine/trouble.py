"""Our own trouble: out of files, a password that cannot be read, a bug. It says nothing of whom we look at.

Such looks are counted and not judged (`exporter.core.looks`), so what was known stays as it was. That must not last: where they
hide something that a system needs, nobody knows how that system is, and it is blind until a look at it tells again.

An active-active system needs each component at one of its sites: trouble at one hides nothing while another site is seen to have
it. Once none is, the system is blind since the last instant at which one was, and until one is again.

Trouble that is over tells nothing while nobody anywhere answers: the system stays blind, with all others, until somebody does.
"""

from collections.abc import Iterator
from math import inf, nextafter

from exporter.core import watching
from exporter.core.active import written
from exporter.core.model import Instant, Moment, Part, Reason, Sample, System
from exporter.core.state import NO_TRACK, PartState, Step, SystemState
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

    def told(self, state: SystemState, sample: Sample, now: Moment, *, cut_off: bool = False) -> Iterator[Step]:
        """What a look that ended makes of it; `state` is the one after that look. `cut_off`: the exporter is blind to everything."""
        part = sample.part
        if sample.reason is not Reason.INTERNAL:
            if self._failed.pop(part, None) is not None:
                self._told.pop(part, None)
            if self._hides is not None and (self._hides == part or self._is_back(state, self._hides)):
                self._hides = None
                if cut_off:
                    return  # whoever hears again first ends the blindness of all
                yield watching.sighted(self._system, state, Moment(sample.started, now.wall_of(sample.started)))
            return
        self._told.setdefault(part, _known(state, part, sample.started))
        self._failed[part] = self._failed.get(part, 0) + 1
        if self._failed[part] < self._system.policy.declare_after or state.blind_since is not None:
            return
        if self._is_missed(state, part):
            self._hides = part
            why = f"the exporter cannot look at {part}: {sample.detail}"
            # Until then it was observed elsewhere.
            since = max([self._told[part], *(_worked(state, other) for other in self._elsewhere(part))])
            yield watching.blinded(self._system, state, since, now, why)

    def _is_missed(self, state: SystemState, part: Part) -> bool:
        """Whether nothing else that is seen tells of what is hidden."""
        component = self._system.components.get(part.component)
        if self._system.active_active and part.site and component is not None and component.critical:
            return not any(self._is_seen(state, other, state.trusted_since) for other in self._elsewhere(part))
        return any(need.part == part for need in needs(self._system, state))

    def _is_back(self, state: SystemState, hidden: Part) -> bool:
        """Whether another site was seen to work since we are blind: what was good before is not, if silence is forgotten."""
        since = state.trusted_since if state.blind_since is None else state.blind_since
        return any(self._is_seen(state, other, nextafter(since, inf)) for other in self._elsewhere(hidden))

    def _is_seen(self, state: SystemState, part: Part, since: Instant) -> bool:
        """Whether a part works by looks since then. While we are blind no marker is written, so a single one that failed before
        is not held against it: as many as declare an outage are."""
        enough = self._system.policy.declare_after
        looks, markers = state.parts.get(part, PartState()).serve, written(state, part) or NO_TRACK
        works = looks.good is not None and looks.count == 0 and looks.good.start >= since and markers.count < enough
        return works and self._failed.get(part, 0) < enough

    def _elsewhere(self, part: Part) -> list[Part]:
        """The same component at the other sites of an active-active system."""
        if not (self._system.active_active and part.site):
            return []
        others = [Part(site, part.component) for site in self._system.sites if site != part.site]
        return [other for other in others if other in self._system.parts]


def _known(state: SystemState, part: Part, otherwise: Instant) -> Instant:
    """Until when the looks told of this part, before the trouble began."""
    seen = state.parts.get(part)
    spans = [] if seen is None else [span for span in (seen.reach.good, seen.reach.bad) if span is not None]
    return min(otherwise, max((span.end for span in spans), default=otherwise))


def _worked(state: SystemState, part: Part) -> Instant:
    """The last instant at which a part was seen to work, as far as looks and markers tell."""
    tracks = [state.parts.get(part, PartState()).serve, *filter(None, [written(state, part)])]
    return min(-inf if track.good is None else track.good.end for track in tracks)

"""The numbers of canary markers. A number that was given twice would pass off an earlier marker's row for a later one, and be no
proof of anything; so each run goes on far above what it knows of, and above what it finds at a site before it writes there.

    the exporter was away       above all that it can have given since the ledger was written last, and some more
    higher ones are at a site   above these: the ledger is a new one, or another exporter has our name
    one is there already        above it; its marker was never written, and tells nothing of the site
    there are impossible ones   as if they were not there: whoever answers could else lead us to where no number is left
"""

from collections.abc import Iterable
from dataclasses import replace
from math import ceil

from exporter.core.state import CanaryState, Marker, SystemState

SKIPPED = 100_000
"""Numbers that are left out at least: more than one look can read, and than are sent in 15 minutes."""
MOST_A_SECOND = 250
"""Of one canary: every 10 ms, as often in haste, and witnesses. Numbers have 63 bits: at this rate, for a thousand million years."""
NUMBERS = 2**63
"""Markers have numbers 0 <= n < NUMBERS, which the ledger and every database hold. Others are no markers of anybody."""
HIGHEST = NUMBERS // 2
"""We go above what is at a site only if it is below this, and have half of all numbers left then."""


def possible(there: Iterable[object]) -> tuple[int, ...]:
    """Of what a site answers that which can be numbers of markers, in the same order."""
    return tuple([seq for seq in there if type(seq) is int and 0 <= seq < NUMBERS])


def after_absence(state: SystemState, away: float) -> SystemState:
    """Nobody knows what was numbered in the last `away` seconds: the newest may not have come into the ledger before the death,
    and none did while its disk was full."""
    skipped = SKIPPED + ceil(max(0.0, away) * MOST_A_SECOND)
    return replace(
        state,
        canaries={name: replace(canary, seq=_skipped(canary.seq, skipped)) for name, canary in state.canaries.items()},
        numbered={name: _skipped(seq, skipped) for name, seq in state.numbered.items()},
    )


def to_read(state: SystemState, component: str, above: int | None) -> int | None:
    """Above which number the markers at a site have to be read before ours go there; `above`: for what is to be proven."""
    canary = state.canaries.get(component)
    if canary is None:
        return above
    return canary.seq if above is None else min(above, canary.seq)


def found(state: SystemState, component: str, there: Iterable[int]) -> SystemState:
    """These are at a site. A look may have read the oldest of them only."""
    canary = state.canaries.get(component)
    highest = max((seq for seq in there if seq < HIGHEST), default=0)
    if canary is None or highest <= canary.seq:
        return state
    return _with(state, component, replace(canary, seq=highest + SKIPPED))


def taken(state: SystemState, component: str, marker: Marker) -> SystemState:
    """The site has a marker of this number: not this one. Whoever saw it there has proven nothing."""
    canary = state.canaries[component]
    kept = tuple(one for one in canary.markers if one.seq != marker.seq)
    canary = replace(canary, markers=kept, seq=max(canary.seq, marker.seq + SKIPPED))
    believed = {
        key: replace(source, at=None, applied_at=None, position=None)
        for key, source in state.sources.items()
        if source.component == component and source.source.startswith("canary") and source.position == marker.seq
    }
    return replace(_with(state, component, canary), sources={**state.sources, **believed})


def _skipped(seq: int, more: int) -> int:
    """Anew where numbers would end: an older exporter may have gone above an impossible one."""
    return seq + more if seq + more < NUMBERS else more


def _with(state: SystemState, component: str, canary: CanaryState) -> SystemState:
    return replace(state, canaries={**state.canaries, component: canary})

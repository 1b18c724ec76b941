"""The canary of one component: numbered markers, what became of them, and 15 minutes of memory."""

from dataclasses import replace
from typing import NamedTuple

from exporter.core.model import Instant, Reason
from exporter.core.state import CanaryState, Marker, Span
from exporter.core.track import judge

KEPT = 900.0
"""Seconds for which markers are remembered, and for which they stay at the site."""


def sent(canary: CanaryState, site: str, now: Instant) -> tuple[CanaryState, Marker]:
    """A new marker is on its way to `site`."""
    marker = Marker(canary.seq + 1, site, now, None)
    kept = canary.markers
    if kept and kept[0].sent < now - KEPT:
        kept = tuple(old for old in kept if old.sent >= now - KEPT)
    return replace(canary, seq=marker.seq, markers=(*kept, marker)), marker


class Outcome(NamedTuple):
    """What became of a marker: acknowledged at `ended` (`reason` None), or given up."""

    ended: Instant
    reason: Reason | None = None
    detail: str = ""


def finished(canary: CanaryState, seq: int, outcome: Outcome, *, counts: bool) -> CanaryState:
    """A marker was acknowledged or failed. `counts`: the site it went to still has the role."""
    ended, reason, detail = outcome
    index = next((i for i in range(len(canary.markers) - 1, -1, -1) if canary.markers[i].seq == seq), None)
    if index is None:
        return canary
    marker = canary.markers[index]
    span = Span(marker.sent, ended)
    track = judge(canary.track, span, reason, detail) if counts else canary.track
    if reason is not None:
        return replace(canary, track=track, writes=canary.writes + 1, failed=canary.failed + 1)
    markers = (*canary.markers[:index], marker._replace(acked=ended), *canary.markers[index + 1 :])
    return replace(canary, track=track, markers=markers, writes=canary.writes + 1)

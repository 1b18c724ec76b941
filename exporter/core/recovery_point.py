"""Recovery points: up to which instant every acknowledged write is proven to be at a site.

Positions, canary markers and backups all yield the same thing, an instant T of our own clock. Live RPO = now - max T.
"""

from bisect import bisect_right
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TypeAlias

from exporter.core.interval import Interval
from exporter.core.model import Facts, Instant, Position
from exporter.core.past import Ended, Loss, MarkerCount
from exporter.core.position import GtidSet, gap, gap_bytes, overruns
from exporter.core.state import Marker, SourceState, Span

History: TypeAlias = tuple[tuple[Instant, Position], ...]
HISTORY_LENGTH = 1800
"""Half an hour of looks at 1 s; older ones are thinned, which can only make T older."""


ACKNOWLEDGED_WITHIN = 30.0
"""Seconds after which a marker that nobody acknowledged never will be."""


def remember(history: History, instant: Instant, position: Position) -> History:
    """The history with one more (instant before the query was sent, position at the serving site).

    Of one position only the newest instant is kept: an idle primary keeps proving "now". A position that is not behind the
    last one belongs to another stream of writes, and the history starts anew.
    """
    if not history:
        return ((instant, position),)
    last_instant, last = history[-1]
    if instant <= last_instant:
        return history
    if not last <= position:
        return ((instant, position),)
    if position <= last:
        return history[:-1] + ((instant, position),)  # noqa: RUF005 - a star makes a list first: twice as long, at every look
    if len(history) >= HISTORY_LENGTH:
        half = len(history) // 2
        history = history[:half:2] + history[half:]
    return history + ((instant, position),)  # noqa: RUF005 - as above


def proven(history: History, position: Position) -> Instant | None:
    """The newest instant whose position `position` covers: all that was acknowledged before it is there. O(log n)."""
    index = bisect_right(history, False, key=lambda entry: not entry[1] <= position)
    return history[index - 1][0] if index else None


def from_position(
    source: SourceState, history: History, facts: Facts, seen: Instant, told: Instant | None = None
) -> SourceState:
    """A standby told its position in a look from `seen` to `told`: what that proves. Falls when the standby fell back; never
    rises without proof."""
    position = facts.position
    if position is None:
        return replace(source, seen=seen)
    at = proven(history, position)
    held = source.position is not None and source.position <= position
    if held and source.at is not None:
        at = source.at if at is None else max(at, source.at)
    applied_at = None if facts.applied is None else proven(history, facts.applied)
    if applied_at is None and held and _still_applied(source, facts):
        applied_at = source.applied_at
    if source.ahead is not None:
        at = applied_at = None
    received = position if facts.received is None else facts.received
    backlog = gap(facts.applied, received)
    return SourceState(
        source.site,
        source.component,
        source.source,
        at,
        applied_at,
        seen,
        source.refuted,
        gap_bytes(position, history[-1][1]) if history else source.lag_bytes,
        position,
        backlog,
        facts.applied,
        received,
        _grew(source, received, seen),
        _apply_rate(source, facts, backlog, seen),
        told,
        source.ahead,
    )


def held_against(source: SourceState, history: History, started: Instant) -> SourceState:
    """A look at the primary began then and is the newest in `history`: a standby that had told more before cannot follow it.

    Only a look that began after the standby's had ended tells, as both go on meanwhile. One that is ahead proves nothing until it
    tells another position that a later look does not find ahead: the primary may grow past one that stands still.
    """
    if source.told is None or source.position is None or started <= source.told:
        return source
    # MariaDB's own log of a new primary may end long before what it received as a standby, until it writes.
    unwritten = len(history) < 2 and isinstance(source.position, GtidSet)
    if unwritten or source.position == source.ahead:
        return source
    if overruns(source.position, history[-1][1]):
        return replace(source, at=None, applied_at=None, ahead=source.position)
    return source if source.ahead is None else replace(source, ahead=None)


def _grew(source: SourceState, received: Position, seen: Instant) -> Span | None:
    before = source.received
    if before is None or source.seen is None or received <= before or not before <= received:
        return source.grew
    return Span(source.seen, seen)


def _still_applied(source: SourceState, facts: Facts) -> bool:
    return source.backlog == 0 and facts.applied is not None and gap(facts.applied, facts.position) == 0


def _apply_rate(source: SourceState, facts: Facts, backlog: float | None, seen: Instant) -> float | None:
    """Units applied a second between two looks while there was something to apply; else as measured before."""
    if backlog is None or not source.backlog or source.seen is None:
        return source.apply_rate
    applied = gap(source.applied, facts.applied)
    elapsed = seen - source.seen
    return applied / elapsed if applied and elapsed > 0 else source.apply_rate


def read_above(source: SourceState, markers: Sequence[Marker]) -> int:
    """Above which number the markers at a standby have to be read: the last one that was seen must be seen again, and so must
    the one before a marker that was passed over because nobody had acknowledged it yet."""
    if not (isinstance(source.position, int) and markers and source.position >= markers[0].seq):
        return markers[0].seq - 1 if markers else 0
    above, seen = source.position - 1, source.seen
    if seen is None:
        return above
    for index in range(_first_above(markers, source.position) - 1, -1, -1):
        marker = markers[index]
        if marker.sent < seen - ACKNOWLEDGED_WITHIN:
            break
        if marker.acked is None or marker.acked > seen:
            above = min(above, markers[max(0, index - 1)].seq - 1)  # numbers have gaps, as after a restart
    return max(above, markers[0].seq - 1)


def from_markers(
    source: SourceState, markers: Sequence[Marker], visible: Iterable[int], above: int, seen: Instant
) -> SourceState:
    """Markers above `above` were looked for at a standby: T is the sending of the newest one before the first hole."""
    there = frozenset(visible)
    newest: Marker | None = None
    for marker in markers[_first_above(markers, above) :]:
        if marker.seq in there:
            newest = marker
        elif marker.acked is not None and marker.acked <= seen:
            break
    if newest is None:
        lost = (
            isinstance(source.position, int)
            and above < source.position
            and any(m.seq == source.position for m in markers)
        )
        return replace(source, seen=seen, at=None, position=None) if lost else replace(source, seen=seen)
    return replace(source, seen=seen, at=newest.sent, applied_at=newest.sent, position=newest.seq)


def refutes(markers: Sequence[Marker], visible: Iterable[int], above: int, claimed: Instant | None) -> bool | None:
    """Whether a marker that was acknowledged before `claimed` (applied up to there, says the position) is not there. None: no
    such marker is remembered any more, or none was sent yet: that tells neither."""
    if claimed is None:
        return None
    there = frozenset(visible)
    judged = [
        marker.seq in there
        for marker in markers[_first_above(markers, above) :]
        if marker.acked is not None and marker.acked <= claimed
    ]
    return not all(judged) if judged else None


def _first_above(markers: Sequence[Marker], above: int) -> int:
    return bisect_right(markers, above, key=lambda marker: marker.seq)


Acknowledged: TypeAlias = tuple[int, Instant, Instant]
"""(number, sent, acknowledged) of a marker."""


def achieved(
    markers: Sequence[Marker],
    survivors: Iterable[int],
    stop: Instant,
    point: Instant | None,
    earlier: Sequence[Ended] = (),
) -> Loss:
    """The achieved RPO of a move, from the markers written before it and the numbers found at the new site.

    s is the newest acknowledged marker before which every acknowledged one survived, L the newest acknowledged one, and
    `stop` the instant after which the old primary took no more:

        nothing lost: [0, stop - sent(L)]          lost: [sent(L) - acked(s+1), stop - sent(s)]

    When L was acknowledged we know only from when we read it, which may be long after, also of the old primary's death.
    Markers reach back 15 minutes. Where not even the oldest survived, or none is left that was acknowledged, the upper bound
    counts from `point`, T of the new site as it was proven before the move. Without one, or with one that the lost
    marker disproves, there is none: the oldest marker that happens to be remembered proves nothing about what is older.

    `earlier`: epochs that ended before, whose markers are among these. What survived lies between what they lost then, so only
    an unbroken run of lost markers of one epoch is proven; and of each may be lost what it took after its last marker.
    """
    there = frozenset(survivors)
    acknowledged = [(m.seq, m.sent, m.acked) for m in markers if m.acked is not None]
    alive = sum(seq in there for seq, _, _ in acknowledged)
    count = MarkerCount(len(acknowledged) - alive, alive, len(markers) - len(acknowledged))
    if not acknowledged:
        known = point is not None and _unmarked((), point, earlier) is not None
        bounds = Interval(0.0, max(0.0, stop - point)) if known and point is not None else None
        return Loss(bounds, 0.0, count, by_position=True)
    hole = next((i for i, (seq, _, _) in enumerate(acknowledged) if seq not in there), len(acknowledged))
    lower = _proven_lost(acknowledged, there, hole, earlier)
    written = point
    if hole > 0:
        _, point, written = acknowledged[hole - 1]
    elif point is not None and point > acknowledged[0][2]:
        point = None
    if point is None or written is None or (more := _unmarked(acknowledged, written, earlier)) is None:
        return Loss(None, lower, count)
    return Loss(Interval(lower, max(lower, max(0.0, stop - point) + more)), lower, count)


def _proven_lost(
    acknowledged: Sequence[Acknowledged], there: Container[int], hole: int, earlier: Sequence[Ended]
) -> float:
    """Seconds of acknowledged writes that are lost for sure, from the marker at `hole` on."""
    if not earlier:
        return max(0.0, acknowledged[-1][1] - acknowledged[hole][2]) if hole < len(acknowledged) else 0.0

    def epoch(marker: Acknowledged) -> int | None:
        """Of a lost marker; None of one that survived, or of which nobody knows in which it was written."""
        seq, sent, acked = marker
        doubtful = any(moved.lower < acked and sent <= moved.upper for moved, _ in earlier)
        return None if doubtful or seq in there else sum(moved.upper < sent for moved, _ in earlier)

    runs = [list(run) for known, run in groupby(acknowledged, epoch) if known is not None]
    return max([0.0, *(run[-1][1] - run[0][2] for run in runs)])


def _unmarked(acknowledged: Sequence[Acknowledged], written: Instant, earlier: Sequence[Ended]) -> float | None:
    """Seconds for which epochs that ended before `written` may have taken writes after their last marker. None: of one of them
    none is remembered."""
    longest: dict[Instant, float] = {}
    for moved, stop in earlier:
        if moved.lower < written:
            last = max((sent for _, sent, acked in acknowledged if acked <= moved.lower), default=None)
            if last is None:
                return None
            longest[last] = max(longest.get(last, 0.0), stop - last)
    return sum(longest.values())

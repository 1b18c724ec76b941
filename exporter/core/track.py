"""The looks at one part, folded into what they prove. Looks may overlap; they are ordered by their start.

A good look proves "it served at some instant between start and end", a bad one "it did not". So for a run of bad looks

    it went down in ( start of the last good look before, earliest end of a bad look ]
    it came back in ( start of the last bad look, end of the first good look after ]

How likely the instants between are depends on how the looks failed. Who refuses a look was down when it began. One that
nobody answers says more: it had begun before the part went down or just after, or it would have been answered; and until its
end the part was not back. So the middle is taken of

    ( start of the last good look before, start of the first bad look ]
    ( end of the last bad look, end of the first good look after ]

and where that good look hung as well it waited in vain until it was answered. That is an estimate and no bound: a connection
that was lost in the fault may stay unanswered when the next one is served.
"""

from dataclasses import replace

from exporter.core.model import SILENT, Instant, Reason
from exporter.core.state import Needed, Span, Track


def judge(track: Track, span: Span, reason: Reason | None, detail: str = "") -> Track:
    """The track after one more finished look; `reason` None: it was good."""
    return _good(track, span) if reason is None else _bad(track, span, reason, detail)


def _good(track: Track, span: Span) -> Track:
    if track.good is not None and span.start <= track.good.start:
        return track
    if track.count == 0:
        return Track(span, track.bad, track.last_bad, track.recovered or span, waited=track.waited)
    if track.last_bad is not None and span.start < track.last_bad:
        return track  # it began before the newest bad look did: whether it worked before or after that, nobody knows
    return Track(span, track.bad, track.last_bad, span, waited=_waited(track, span))


def _waited(track: Track, span: Span) -> Instant | None:
    """Until when somebody waited in vain, now that this look was answered.

    It waited too, but for what an answer took before all this, if it is more likely that it hung than that it was slow: it is
    late by more than the time in which nobody waited.
    """
    if track.waited is None or track.good is None:
        return track.waited
    usual = track.good.end - track.good.start
    late = span.end - span.start - usual
    return max(track.waited, span.end - usual) if late > max(0.0, span.start - track.waited) else track.waited


def _bad(track: Track, span: Span, reason: Reason, detail: str) -> Track:
    if track.good is not None and span.start < track.good.start:
        return abandon(track, span.start)
    silent = reason in SILENT
    waited, denied = (span.end, None) if silent else (None, span.start)
    if track.count == 0 or track.bad is None:
        return Track(track.good, span, span.start, None, 1, reason, detail, silent, denied, waited)
    bad = Span(min(track.bad.start, span.start), min(track.bad.end, span.end))
    newest = track.last_bad is None or span.start >= track.last_bad
    return Track(
        track.good,
        bad,
        span.start if newest else track.last_bad,
        None,
        track.count + 1,
        reason if newest else track.reason,
        detail if newest else track.detail,
        track.silent and silent,
        _later(track.denied, denied),
        _later(track.waited, waited),
    )


def _later(one: Instant | None, other: Instant | None) -> Instant | None:
    return one if other is None else other if one is None else max(one, other)


def abandon(track: Track, start: Instant) -> Track:
    """A look that is no longer awaited, because one that started later went well.

    It declares nothing; but while it hung the part did not answer it, so the restoration is later than its start.
    """
    if track.recovered is None or track.last_bad is None or not track.last_bad < start < track.recovered.start:
        return track
    return replace(track, last_bad=start)


def since_needed(track: Track, needed: Needed | None) -> Track:
    """The track as it dates and declares an outage: what fails since before it was needed fails from then on."""
    if needed is None or not track.count or (track.good is not None and track.good.start > needed.lower):
        return track
    good = Span(needed.lower, needed.lower)
    if not needed.failures:
        return replace(track, good=good)
    count = max(1, track.count - needed.failures + 1)
    return replace(track, good=good, bad=Span(needed.upper, needed.upper), count=count)


def began(track: Track, lower: Instant) -> Instant | None:
    """When the run of bad looks most likely began, if nobody answered in it and it went well until `lower`."""
    if not track.silent or track.bad is None:
        return None
    return (lower + max(lower, track.bad.start)) / 2


def ended(track: Track, lower: Instant) -> Instant | None:
    """When the run of bad looks most likely ended, if somebody waited in vain for longer than until `lower`."""
    if track.recovered is None or track.waited is None or track.waited <= lower:
        return None
    return (min(track.waited, track.recovered.end) + track.recovered.end) / 2


def forget_silence(track: Track, since: Instant) -> Track:
    """The track without a run in which nobody answered, because we are blind since `since`.

    Its looks declare nothing any more. One that had ended in vain before still bounds the restoration, which is dated by
    the next good look. Of a run in which somebody answered, only what nobody did since then is forgotten.
    """
    if track.count and not track.silent:
        if track.waited is None or track.waited <= since:
            return track
        return replace(track, last_bad=track.denied, waited=None)
    if not track.count:
        return track
    heard = track.bad is not None and track.bad.end <= since
    return Track(track.good, track.bad, track.bad.start) if heard and track.bad else Track(track.good)

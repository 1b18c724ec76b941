"""When nobody could look: blindness and absences, as far back as an incident may turn out to have begun.

Several may follow each other without a look that anybody answered: then all of them lie between the last good look and the first
failed one, and none of them is downtime.
"""

from math import inf

from exporter.core.model import Instant
from exporter.core.state import Span

KEPT = 8


def with_hidden(spans: tuple[Span, ...], since: Instant, until: Instant) -> tuple[Span, ...]:
    """The spans, ascending and disjoint, with one more.

    Of too many the two that are nearest to each other become one, which begins as the first and lasts as long as both. So hidden
    time is only ever told too early: for an incident that began before it the sum is exact, for one that began in the midst of
    it too little is hidden and too much is down, never the reverse.
    """
    since = max(since, spans[-1].end) if spans else since
    if until <= since:
        return spans
    spans = (*spans, Span(since, until))
    if len(spans) <= KEPT:
        return spans
    at = min(range(KEPT), key=lambda place: spans[place + 1].start - spans[place].end)
    one, more = spans[at], spans[at + 1]
    return (*spans[:at], Span(one.start, one.end + more.end - more.start), *spans[at + 2 :])


def hidden(spans: tuple[Span, ...], since: Instant, until: Instant = inf) -> float:
    """Seconds of them between the two instants."""
    return sum(max(0.0, min(span.end, until) - max(span.start, since)) for span in spans)

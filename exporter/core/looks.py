"""What one look makes of its endpoint: counters, facts, and the two tracks by which it is judged."""

from collections.abc import Sequence
from dataclasses import replace

from exporter.core.model import NO_FACTS, Instant, Reason, Role, Sample, System
from exporter.core.state import PartState, Span, Track
from exporter.core.track import abandon, judge


def counted(before: PartState, sample: Sample) -> PartState:
    """Only the counters and the newest sample move: while we are blind silence proves nothing."""
    return _after(before, sample, before.reach, before.serve)


def judged(system: System, before: PartState, sample: Sample, pending: Sequence[Instant]) -> PartState:
    """The endpoint after one more look; `pending` are the starts of looks that are no longer awaited because of it."""
    span = Span(sample.started, sample.ended)
    reach = judge(before.reach, span, sample.reason, sample.detail)
    reason, detail = _serves(system, sample)
    same = before.serve is before.reach and reason is sample.reason  # always, for what tells no role
    serve = reach if same else judge(before.serve, span, reason, detail)
    for started in pending:
        reach, serve = (abandon(reach, started),) * 2 if same else (abandon(reach, started), abandon(serve, started))
    after = _after(before, sample, reach, serve)
    if sample.ok and sample.facts is not NO_FACTS and (before.facts_at is None or sample.started >= before.facts_at):
        return replace(after, facts=sample.facts, facts_at=sample.started)
    return after


def _after(before: PartState, sample: Sample, reach: Track, serve: Track) -> PartState:
    failures = before.failures
    if sample.reason is not None:
        failures = {**failures, sample.reason: failures.get(sample.reason, 0) + 1}
    return PartState(
        sample if before.sample is None or sample.started >= before.sample.started else before.sample,
        before.facts,
        before.facts_at,
        reach,
        serve,
        before.tripped,
        before.attempts + 1,
        failures,
    )


def _serves(system: System, sample: Sample) -> tuple[Reason | None, str]:
    """Whether users could be served by what this look saw: a site that only reads has not recovered."""
    if sample.reason is not None:
        return sample.reason, sample.detail
    component = system.components.get(sample.part.component) if sample.part.site else None
    if component is not None and component.stateful:
        if sample.facts.role is Role.STANDBY:
            return Reason.READ_ONLY, "it is a standby"
        if sample.facts.writable is False:
            return Reason.READ_ONLY, "it takes no writes"
    return None, ""

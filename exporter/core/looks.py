"""What one look makes of its endpoint: counters, facts, and the two tracks by which it is judged."""

from collections.abc import Sequence
from dataclasses import replace

from exporter.core.model import NO_FACTS, SILENT, Facts, Instant, Reason, Role, Sample, System
from exporter.core.state import CALM, PartState, Span, SystemState, Track
from exporter.core.track import abandon, judge


def counted(before: PartState, sample: Sample) -> PartState:
    """Only the counters and the newest sample move: while we are blind silence proves nothing."""
    return _after(before, sample, before.reach, before.serve)


def counted_anew(known: PartState) -> PartState:
    """As after a restart: without its counters; two tracks that are the same are one again, so that they are judged once."""
    serve = known.reach if known.serve == known.reach else known.serve
    return replace(known, attempts=0, failures={}, serve=serve)


def judged(system: System, before: PartState, sample: Sample, pending: Sequence[Instant]) -> PartState:
    """The endpoint after one more look; `pending` are the starts of looks that are no longer awaited because of it."""
    span = Span(sample.started, sample.ended)
    reach = judge(before.reach, span, sample.reason, sample.detail)
    reason, detail = _serves(system, sample)
    same = before.serve is before.reach and reason is sample.reason  # always, for what tells no role
    serve = reach if same else judge(before.serve, span, reason, detail)
    for started in pending:
        reach, serve = (abandon(reach, started),) * 2 if same else (abandon(reach, started), abandon(serve, started))
    return _after(before, sample, reach, serve, told=sample.ok and sample.facts is not NO_FACTS)


def outdated(known: PartState, sample: Sample) -> bool:
    """Whether a look went well and tells of an earlier instant than what is known of its endpoint: it was answered late, after one
    that began later. It still proves that the endpoint worked, but neither who holds a role nor what is there by now."""
    return sample.ok and known.facts_at is not None and sample.started < known.facts_at


def proves_nothing(state: SystemState, reason: Reason | None, started: Instant) -> bool:
    """Whether a failure tells of us: our own trouble, silence in blindness, and whatever became of a look that began before its end."""
    if reason is None or reason is Reason.INTERNAL:
        return reason is not None
    return reason in SILENT if state.blind_since is not None else started < state.trusted_since


def awaited(state: SystemState, pending: Sequence[Instant]) -> list[Instant]:
    """Of these starts of looks that are no longer awaited those that tell of the endpoint: what hung while we were cut off,
    or had begun before that ended, would have hung at any."""
    return [started for started in pending if not proves_nothing(state, Reason.TIMEOUT, started)]


def changes_nothing(
    system: System, state: SystemState, before: PartState, sample: Sample, pending: Sequence[Instant]
) -> bool:
    """Whether what was assessed before a look holds after it, because it only says once more what was known.

    So for a good look after a good one, in a calm active-standby system in which nothing tells a role and no check gets older.
    `before` is what was known of the endpoint. It says no in case of doubt: that is only dearer.
    """
    good = before.serve.good
    return (
        state.assessed
        and state.mode in CALM
        and sample.reason is None
        and not system.active_active
        and before.serve.count == 0
        and good is not None
        and good.start >= state.trusted_since
        and before.serve is before.reach
        and state.incident is None
        and not state.contests
        and state.blind_since is None
        and not (pending or state.roles or state.sources or state.backups or state.parity or state.kpis)
        and _tells_nothing_new(before.facts, sample.facts)
    )


def _tells_nothing_new(before: Facts, now: Facts) -> bool:
    """Facts that only describe (when the certificate expires) change no verdict."""
    return now is NO_FACTS or (
        now == before and now.role is None and now.writable is None and now.served_by is None and now.markers is None
    )


def _after(before: PartState, sample: Sample, reach: Track, serve: Track, *, told: bool = False) -> PartState:
    """`told`: its facts count, unless those of a look that started later are known."""
    failures = before.failures
    newer = told and (before.facts_at is None or sample.started >= before.facts_at)
    if sample.reason is not None:
        failures = {**failures, sample.reason: failures.get(sample.reason, 0) + 1}
    return PartState(
        sample if before.sample is None or sample.started >= before.sample.started else before.sample,
        sample.facts if newer else before.facts,
        sample.started if newer else before.facts_at,
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

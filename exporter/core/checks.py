"""What is asked now and then beside the looks, folded in: backups, parity of the sites, business figures. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from exporter.core.backup import BackupFacts
from exporter.core.events import Draft
from exporter.core.inspected import Answer, BackupState, KpiState, ParityState
from exporter.core.model import SILENT, Backup, Instant, Kpi, Moment, Parity, Sample, System
from exporter.core.state import Step, SystemState

LATE = 1.25
"""A backup is late once it is older than this many times its interval: a nightly one may take its hours."""
NEVER_SEEN = ParityState()
_NOTHING = BackupFacts()


# --- backups


def backup_inspected(state: SystemState, name: str, sample: Sample, facts: BackupFacts | None, now: Moment) -> Step:
    """One look at a backup. One that fails proves nothing new; one that goes well may also tell that a backup is gone."""
    known = state.backups.get(name, BackupState())
    if facts is None:
        known = replace(known, reason=sample.reason, detail=sample.detail)
    else:
        told, seen = known.facts or _NOTHING, sample.started
        point = _instant(facts.point, told.point, known.point, seen, now)
        verified = _instant(facts.last_verified, told.last_verified, known.verified, seen, now)
        known = BackupState(
            facts,
            point,
            _instant(facts.last_success, told.last_success, known.succeeded, seen, now),
            known.verified if verified is None else max(verified, known.verified or verified),
            seen,
            gone=None if point is not None else known.gone if known.point is None else known.point,
        )
    return Step(replace(state, backups={**state.backups, name: known}))


def restore_verified(system: System, state: SystemState, name: str, now: Moment) -> Step:
    """Whoever restores from the backup reports that what came out was right."""
    known = replace(state.backups.get(name, BackupState()), verified=now.mono)
    draft = Draft(system.name, replace(state, backups={**state.backups, name: known}))
    draft.record("restore_verified", now.mono, f"a restore from the backup {name} was verified", {"backup": name})
    return draft.step()


def _instant(
    wall: float | None, told: float | None, before: Instant | None, seen: Instant, now: Moment
) -> Instant | None:
    """Unix seconds on our monotonic clock, never later than the look that told it first.

    `told` and `before`: the same by the look before. What told the same again is not younger for it, though one of the two
    wall clocks be ahead or be set.
    """
    if wall is None:
        return None
    instant = seen - max(0.0, now.wall_of(seen) - wall)
    return min(instant, before) if before is not None and wall == told else instant


def backup_complaint(backup: Backup, known: BackupState | None, now: Instant) -> str | None:
    """What is amiss with a backup, in words; None when all that was promised of it is proven."""
    if known is None or known.facts is None:
        return "was never seen" if known is None or not known.detail else f"was never seen: {known.detail}"
    if known.reason is not None:
        return f"could not be inspected: {known.detail or known.reason}"
    if known.point is None:
        return "has no usable version"
    if backup.every is not None and (known.succeeded is None or now - known.succeeded > LATE * backup.every):
        return "is late"
    if backup.versions is not None and (known.facts.versions is None or known.facts.versions < backup.versions):
        return f"has {known.facts.versions or 'no known'} versions of {backup.versions}"
    if backup.verify_every is not None and (known.verified is None or now - known.verified > backup.verify_every):
        return "was not restored in time to see that it is good"
    return None


# --- parity


def parity_answered(
    system: System, state: SystemState, name: str, site: str, answers: Mapping[str, Answer], now: Moment
) -> Step:
    """One round of a question that all sites have to answer alike; `site` is the one that serves, and was asked first.

    A standby may be behind by `delay`: its answer is compared to all that the serving site gave within that time, and it
    counts as different once it has differed for that long. Until then what was proven before goes on.
    """
    check, before = system.parity[name], state.parity.get(name, NEVER_SEEN)
    if before.site != site:  # compared to another one, nothing is proven yet
        before = ParityState(before.answers, lost=before.lost)
    reference = answers.get(site)
    recent: tuple[Answer, ...] = ()
    if reference is not None:
        recent = tuple(old for old in before.reference if reference.at - old.at <= check.delay)
        recent = (*recent, reference) if reference.reason is None else recent
    differences: dict[str, float] = {}
    differs: dict[str, Instant] = {}
    alike = {other: False for other, proven in before.alike.items() if not proven}
    for other, answer in answers.items():
        if other == site or not recent or answer.reason in SILENT:
            continue
        if answer.reason is None:
            differences[other] = min(answer.differs_from(old) for old in recent)
        if answer.reason is None and any(_alike(check, answer, old) for old in recent):
            alike[other] = True
            continue
        differs[other] = since = before.differs.get(other, answer.at)
        if answer.at - since >= check.delay:
            alike[other] = False
        elif other in before.alike:
            alike[other] = before.alike[other]
    after = ParityState({**before.answers, **answers}, site, recent, differences, differs, alike, before.lost)
    draft = Draft(system.name, state)
    after = _tell_parity(draft, check, after, now)
    draft.state = replace(state, parity={**state.parity, name: after})
    return draft.step()


def _alike(check: Parity, answer: Answer, other: Answer) -> bool:
    allowed = check.tolerance * abs(other.number or 0.0) if check.relative else check.tolerance
    return answer.differs_from(other) <= (allowed if answer.number is not None and other.number is not None else 0.0)


def parity_at(check: Parity, known: ParityState, site: str) -> bool | None:
    """Whether a site answers as the serving one does; None: it was not compared, or has not differed for long enough."""
    compared = site in check.sites and (site in known.differences or site in known.differs)
    return known.alike.get(site) if compared else None


def parity_match(check: Parity, known: ParityState | None) -> bool | None:
    """Whether all sites answer alike; None: not all could be compared, and none is known to differ."""
    if known is None:
        return None
    told = [parity_at(check, known, site) for site in check.sites if site != known.site]
    if False in told:
        return False
    return None if not told or None in told else True


def _tell_parity(draft: Draft, check: Parity, after: ParityState, now: Moment) -> ParityState:
    """A loss is told once, however often nobody answers before it is restored."""
    match = parity_match(check, after)
    if match is False and not after.lost:
        sites = [site for site in check.sites if parity_at(check, after, site) is False]
        sentence = f"parity {check.name}: {', '.join(sites)} answers otherwise than {after.site}"
        draft.record("parity_lost", now.mono, sentence, {"check": check.name, "sites": sites})
    elif match and after.lost:
        draft.record("parity_restored", now.mono, f"parity {check.name}: all sites answer alike", {"check": check.name})
    return after if match is None else replace(after, lost=not match)


# --- business figures


def kpi_answered(
    system: System,
    state: SystemState,
    name: str,
    sample: Sample,
    value: float | None,
    last_week: float | None,
    now: Moment,
) -> Step:
    """One business figure; `last_week`: what it was then, which is its normal unless one is configured."""
    kpi, before = system.kpis[name], state.kpis.get(name, KpiState())
    normal = kpi.normal if kpi.normal is not None else last_week
    after = KpiState(value, normal, sample.started, sample.reason, sample.detail)
    draft, low = Draft(system.name, state), kpi_low(kpi, after)
    if low and not before.low:
        draft.record("kpi_low", now.mono, kpi_sentence(kpi, after), {"kpi": name, "value": value, "normal": normal})
    elif low is False and before.low:
        draft.record("kpi_recovered", now.mono, f"{name} is {value:g} again", {"kpi": name, "value": value})
    after = replace(after, low=before.low if low is None else low)
    draft.state = replace(state, kpis={**state.kpis, name: after})
    return draft.step()


def kpi_low(kpi: Kpi, known: KpiState | None) -> bool | None:
    """Whether a figure is below the promised share of its normal; None: unknown, or nothing was promised."""
    if known is None or known.value is None or known.normal is None or kpi.at_least is None:
        return None
    return known.value < kpi.at_least * known.normal


def kpi_sentence(kpi: Kpi, known: KpiState) -> str:
    return f"{kpi.name} is {known.value:g}, below {kpi.at_least:.0%} of its normal {known.normal:g}"

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


# --- backups


def backup_inspected(state: SystemState, name: str, sample: Sample, facts: BackupFacts | None, now: Moment) -> Step:
    """One look at a backup. One that fails proves nothing new; one that goes well may also tell that a backup is gone."""
    known = state.backups.get(name, BackupState())
    if facts is None:
        known = replace(known, reason=sample.reason, detail=sample.detail)
    else:
        verified = _instant(facts.last_verified, sample.started, now)
        known = BackupState(
            facts,
            _instant(facts.point, sample.started, now),
            _instant(facts.last_success, sample.started, now),
            known.verified if verified is None else max(verified, known.verified or verified),
            sample.started,
        )
    return Step(replace(state, backups={**state.backups, name: known}))


def restore_verified(system: System, state: SystemState, name: str, now: Moment) -> Step:
    """Whoever restores from the backup reports that what came out was right."""
    known = replace(state.backups.get(name, BackupState()), verified=now.mono)
    draft = Draft(system.name, replace(state, backups={**state.backups, name: known}))
    draft.record("restore_verified", now.mono, f"a restore from the backup {name} was verified", {"backup": name})
    return draft.step()


def _instant(wall: float | None, seen: Instant, now: Moment) -> Instant | None:
    """Unix seconds on our monotonic clock; never later than the look that told, whatever the other clock says."""
    return None if wall is None else seen - max(0.0, now.wall_of(seen) - wall)


def backup_complaint(backup: Backup, known: BackupState | None, now: Instant) -> str | None:
    """What is amiss with a backup, in words; None when all that was promised of it is proven."""
    if known is None or known.facts is None:
        return "was never seen" if known is None or not known.detail else f"was never seen: {known.detail}"
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
    counts as different once it has differed for that long.
    """
    check, before = system.parity[name], state.parity.get(name, NEVER_SEEN)
    reference = answers.get(site)
    recent: tuple[Answer, ...] = ()
    if reference is not None:
        kept = before.reference if before.site == site else ()
        recent = tuple(old for old in kept if reference.at - old.at <= check.delay)
        recent = (*recent, reference) if reference.reason is None else recent
    differences: dict[str, float] = {}
    differs: dict[str, Instant] = {}
    for other, answer in answers.items():
        if other == site or not recent or answer.reason in SILENT:
            continue
        if answer.reason is None:
            differences[other] = min(answer.differs_from(old) for old in recent)
        if answer.reason is not None or not any(_alike(check, answer, old) for old in recent):
            differs[other] = before.differs.get(other, answer.at) if before.site == site else answer.at
    after = ParityState({**before.answers, **answers}, site, recent, differences, differs)
    draft = Draft(system.name, replace(state, parity={**state.parity, name: after}))
    _tell_parity(draft, check, before, after, now)
    return draft.step()


def _alike(check: Parity, answer: Answer, other: Answer) -> bool:
    allowed = check.tolerance * abs(other.number or 0.0) if check.relative else check.tolerance
    return answer.differs_from(other) <= (allowed if answer.number is not None and other.number is not None else 0.0)


def parity_at(check: Parity, known: ParityState, site: str) -> bool | None:
    """Whether a site answers as the serving one does; None: it was not compared."""
    answer, since = known.answers.get(site), known.differs.get(site)
    if answer is None or site == known.site:
        return None
    if since is not None:
        return answer.at - since < check.delay
    return True if site in known.differences else None


def parity_match(check: Parity, known: ParityState | None) -> bool | None:
    """Whether all sites answer alike; None: not all could be compared, and none is known to differ."""
    if known is None:
        return None
    told = [parity_at(check, known, site) for site in check.sites if site != known.site]
    if False in told:
        return False
    return None if not told or None in told else True


def _tell_parity(draft: Draft, check: Parity, before: ParityState, after: ParityState, now: Moment) -> None:
    was, is_now = parity_match(check, before), parity_match(check, after)
    if is_now is False and was is not False:
        sites = [site for site in check.sites if parity_at(check, after, site) is False]
        sentence = f"parity {check.name}: {', '.join(sites)} answers otherwise than {after.site}"
        draft.record("parity_lost", now.mono, sentence, {"check": check.name, "sites": sites})
    elif is_now and was is False:
        draft.record("parity_restored", now.mono, f"parity {check.name}: all sites answer alike", {"check": check.name})


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
    draft = Draft(system.name, replace(state, kpis={**state.kpis, name: after}))
    was, low = kpi_low(kpi, before), kpi_low(kpi, after)
    if low and not was:
        draft.record("kpi_low", now.mono, kpi_sentence(kpi, after), {"kpi": name, "value": value, "normal": normal})
    elif was and low is False:
        draft.record("kpi_recovered", now.mono, f"{name} is {value:g} again", {"kpi": name, "value": value})
    return draft.step()


def kpi_low(kpi: Kpi, known: KpiState | None) -> bool | None:
    """Whether a figure is below the promised share of its normal; None: unknown, or nothing was promised."""
    if known is None or known.value is None or known.normal is None or kpi.at_least is None:
        return None
    return known.value < kpi.at_least * known.normal


def kpi_sentence(kpi: Kpi, known: KpiState) -> str:
    return f"{kpi.name} is {known.value:g}, below {kpi.at_least:.0%} of its normal {known.normal:g}"

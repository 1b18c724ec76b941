"""The resilience checklist of one system: what is proven, stale, missing or failed. Never a number: each line can be argued with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from exporter.core.happening import Event
from exporter.core.history import History

CONFIRM_EVERY = 92 * 86_400.0
"""Seconds within which deputies have to be confirmed again: a quarter."""
LOOKED_AT = 7 * 86_400.0
"""Seconds for which what was seen of a standby still says something after the exporter has gone."""


class Standing(StrEnum):
    PROVEN = "proven"
    STALE = "stale"
    MISSING = "missing"
    FAILED = "failed"


class Check(NamedTuple):
    """One line. `reason` is a key of the words, `details` what it is about, `at` the instant of the proof."""

    name: str
    standing: Standing
    reason: str
    details: tuple[str, ...] = ()
    at: float | None = None


class Subject(NamedTuple):
    """What is judged: a system as it stood at `at` (Unix seconds)."""

    history: History
    at: float
    contacts: Sequence[Mapping[str, Any]] = ()
    """As they are configured: name, who, deputies, confirmed (Unix seconds or None)."""
    backups: Sequence[str] = ()
    """The names of those that are configured."""

    @property
    def objectives(self) -> Mapping[str, float | None]:
        found: Mapping[str, float | None] = self.history.terms_at(self.at).get("objectives", {})
        return found

    @property
    def standing(self) -> Mapping[str, Any] | None:
        """Readiness and backups as they were told last; None: never."""
        told = [data for since, data in self.history.standings if since <= self.at]
        return told[-1] if told else None

    @property
    def gone(self) -> bool:
        """Nobody has looked for so long that what was seen last says nothing about now."""
        return self.at - self.history.known_until > LOOKED_AT


def checklist(subject: Subject) -> list[Check]:
    """All lines, in the order in which a team would work them off."""
    return [
        _objective_set(subject),
        _measured(subject, "rto"),
        _measured(subject, "rpo"),
        _drilled(subject),
        _standby_ready(subject),
        _backup_verified(subject),
        _permissions_checked(subject),
        _deputies_confirmed(subject),
    ]


def _objective_set(subject: Subject) -> Check:
    wanted = ("rto", "rpo_site_loss", "availability", "drill_every")
    lacking = tuple(name for name in wanted if subject.objectives.get(name) is None)
    if lacking:
        return Check("objective_set", Standing.MISSING, "objectives_lacking", lacking)
    return Check("objective_set", Standing.PROVEN, "objectives_set")


def _measured(subject: Subject, which: str) -> Check:
    """Whether the newest event or drill that measured it kept the objective, by its bounds, within `drill_every`."""
    name = f"{which}_measured"
    objective = subject.objectives.get("rto" if which == "rto" else "rpo_site_loss")
    if objective is None:
        return Check(name, Standing.MISSING, "no_objective")
    newest = next(
        (e for e in reversed(list(_measuring(subject, which))) if e.data["verdicts"][which] != "not_proven"), None
    )
    if newest is None:
        return Check(name, Standing.MISSING, "never_measured")
    verdict, at = newest.data["verdicts"][which], newest.end
    if verdict == "missed":
        return Check(name, Standing.FAILED, "measured_missed", (newest.id,), at)
    every = subject.objectives.get("drill_every")
    if every is not None and at is not None and subject.at - at > every:
        return Check(name, Standing.STALE, "measured_long_ago", (newest.id,), at)
    return Check(name, Standing.PROVEN, "measured_met", (newest.id,), at)


def _measuring(subject: Subject, which: str) -> Iterator[Event]:
    for event in subject.history.events:
        closed = event.end is not None and event.end <= subject.at and not event.data.get("inferred")
        if closed and event.data["verdicts"][which] != "no_objective" and event.data.get(which) is not None:
            yield event


def _drilled(subject: Subject) -> Check:
    every = subject.objectives.get("drill_every")
    known = subject.history.declared.values()
    drills = [d for d in known if d.is_drill and d.stopped and d.until <= subject.at]
    if not drills:
        return Check("drilled_in_time", Standing.MISSING, "never_drilled")
    last = max(drills, key=lambda drill: drill.until)
    if every is None:
        return Check("drilled_in_time", Standing.MISSING, "no_drill_interval", (last.id,), last.until)
    if subject.at - last.until > every:
        return Check("drilled_in_time", Standing.STALE, "drill_overdue", (last.id,), last.until)
    return Check("drilled_in_time", Standing.PROVEN, "drilled", (last.id,), last.until)


def _standby_ready(subject: Subject) -> Check:
    told = subject.standing
    sites: Mapping[str, Mapping[str, bool]] = {} if told is None else told.get("sites", {})
    if not sites:
        return Check("standby_ready", Standing.MISSING, "no_standby_seen")
    ready = tuple(site for site, checks in sites.items() if all(checks.values()))
    if subject.gone:
        return Check("standby_ready", Standing.STALE, "not_looked_at", at=subject.history.known_until)
    if ready:
        return Check("standby_ready", Standing.PROVEN, "ready_sites", ready)
    failing = tuple(f"{site}: {name}" for site, checks in sites.items() for name, good in checks.items() if not good)
    return Check("standby_ready", Standing.FAILED, "not_ready", failing)


def _backup_verified(subject: Subject) -> Check:
    told = subject.standing
    backups: Mapping[str, Mapping[str, Any]] = {} if told is None else told.get("backups", {})
    if not subject.backups and not backups:
        return Check("backup_verified", Standing.MISSING, "no_backup")
    unseen = tuple(name for name in subject.backups if name not in backups)
    if unseen:
        return Check("backup_verified", Standing.MISSING, "backup_unseen", unseen)
    amiss = {name: found for name, found in backups.items() if found.get("complaint")}
    failed = tuple(f"{name}: {found['complaint']}" for name, found in amiss.items() if not found.get("unverified"))
    if failed:
        return Check("backup_verified", Standing.FAILED, "backup_amiss", failed)
    if amiss:
        return Check("backup_verified", Standing.STALE, "restore_overdue", tuple(amiss))
    never = tuple(name for name, found in backups.items() if not found.get("verified"))
    if never:
        return Check("backup_verified", Standing.MISSING, "restore_never_verified", never)
    if subject.gone:
        return Check("backup_verified", Standing.STALE, "not_looked_at", at=subject.history.known_until)
    return Check("backup_verified", Standing.PROVEN, "backups_good", tuple(backups))


def _permissions_checked(subject: Subject) -> Check:
    told = subject.standing
    sites: Mapping[str, Mapping[str, bool]] = {} if told is None else told.get("sites", {})
    found = {
        f"{site}: {name}": good
        for site, checks in sites.items()
        for name, good in checks.items()
        if name == "permissions" or name.startswith("parity:")
    }
    if not found:
        return Check("permissions_checked", Standing.MISSING, "no_permission_check")
    bad = tuple(name for name, good in found.items() if not good)
    if bad:
        return Check("permissions_checked", Standing.FAILED, "permissions_differ", bad)
    if subject.gone:
        return Check("permissions_checked", Standing.STALE, "not_looked_at", at=subject.history.known_until)
    return Check("permissions_checked", Standing.PROVEN, "permissions_hold", tuple(found))


def _deputies_confirmed(subject: Subject) -> Check:
    name = "deputies_confirmed"
    if not subject.contacts:
        return Check(name, Standing.MISSING, "no_contacts")

    def those(which: Callable[[Mapping[str, Any]], bool]) -> tuple[str, ...]:
        return tuple(str(contact["name"]) for contact in subject.contacts if which(contact))

    alone = those(lambda contact: not contact.get("deputies"))
    if alone:
        return Check(name, Standing.MISSING, "no_deputy", alone)
    never = those(lambda contact: contact.get("confirmed") is None)
    if never:
        return Check(name, Standing.MISSING, "never_confirmed", never)
    stale = those(lambda contact: subject.at - float(contact["confirmed"]) > CONFIRM_EVERY)
    oldest = min(float(contact["confirmed"]) for contact in subject.contacts)
    if stale:
        return Check(name, Standing.STALE, "confirmed_long_ago", stale, oldest)
    return Check(name, Standing.PROVEN, "confirmed", those(lambda contact: True), oldest)

"""The resilience checklist of one system: what is proven, stale, missing or failed. Never a number: each line can be argued with."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from exporter.core.contacts import CONFIRMED_FOR, is_stale
from exporter.core.model import Contact

LOOKED_AT = 7 * 86_400.0
"""Seconds for which what was seen of a standby still says something after the exporter has gone."""


class Standing(StrEnum):
    PROVEN = "proven"
    STALE = "stale"
    MISSING = "missing"
    FAILED = "failed"


CHECKS = (
    "objective_set", "rto_measured", "rpo_measured", "drilled_in_time", "standby_ready", "backup_verified",
    "permissions_checked", "deputies_confirmed",
)  # fmt: skip
"""The names of the lines, in the order in which a team would work them off."""


class Why(StrEnum):
    """Why a line stands as it does; every language has words for each."""

    OBJECTIVES_LACKING = "objectives_lacking"
    OBJECTIVES_SET = "objectives_set"
    NO_OBJECTIVE = "no_objective"
    NEVER_MEASURED = "never_measured"
    MEASURED_MISSED = "measured_missed"
    MEASURED_LONG_AGO = "measured_long_ago"
    MEASURED_MET = "measured_met"
    NEVER_DRILLED = "never_drilled"
    NO_DRILL_INTERVAL = "no_drill_interval"
    DRILL_OVERDUE = "drill_overdue"
    DRILLED = "drilled"
    NO_STANDBY_SEEN = "no_standby_seen"
    NOT_LOOKED_AT = "not_looked_at"
    READY_SITES = "ready_sites"
    NOT_READY = "not_ready"
    NO_BACKUP = "no_backup"
    BACKUP_UNSEEN = "backup_unseen"
    BACKUP_AMISS = "backup_amiss"
    RESTORE_OVERDUE = "restore_overdue"
    RESTORE_NEVER_VERIFIED = "restore_never_verified"
    BACKUPS_GOOD = "backups_good"
    NO_PERMISSION_CHECK = "no_permission_check"
    PERMISSIONS_DIFFER = "permissions_differ"
    PERMISSIONS_HOLD = "permissions_hold"
    NO_CONTACTS = "no_contacts"
    NO_DEPUTY = "no_deputy"
    NEVER_CONFIRMED = "never_confirmed"
    CONFIRMED_LONG_AGO = "confirmed_long_ago"
    CONFIRMED = "confirmed"


class Check(NamedTuple):
    """One line. `details` is what it is about, `at` the instant of the proof."""

    name: str
    standing: Standing
    reason: Why
    details: tuple[str, ...] = ()
    at: float | None = None


class Measured(NamedTuple):
    """The newest incident that measured a figure, and what its bounds proved of the objective: `met` or `missed`."""

    incident: str
    verdict: str
    at: float


class Drilled(NamedTuple):
    """The drill that was stopped last. `id` None: it is not at hand."""

    id: str | None
    at: float


class Subject(NamedTuple):
    """What is judged: a system as it stood at `at`. Instants are Unix seconds, durations seconds."""

    at: float
    objectives: Mapping[str, float | None]
    """rto, rpo_site_loss, availability, drill_every."""
    measured: Mapping[str, Measured]
    """By rto and rpo."""
    drilled: Drilled | None
    standing: Mapping[str, Any] | None
    """Readiness and backups as `exporter.core.standing` tells them; None: never told."""
    looked: float
    """Until when anybody looked."""
    contacts: Sequence[Contact] = ()
    backups: Sequence[str] = ()
    """The names of those that are configured."""
    confirmed_for: float = CONFIRMED_FOR
    """For how long a confirmed contact counts as right."""

    @property
    def gone(self) -> bool:
        """Nobody has looked for so long that what was seen last says nothing about now."""
        return self.at - self.looked > LOOKED_AT


def checklist(subject: Subject) -> list[Check]:
    """All lines, in the order of `CHECKS`."""
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


def checklist_json(subject: Subject) -> list[dict[str, Any]]:
    """Each line with its standing, why, and the instant of its proof (Unix seconds)."""
    return [
        {"check": c.name, "standing": str(c.standing), "reason": str(c.reason), "details": list(c.details), "at": c.at}
        for c in checklist(subject)
    ]


def _objective_set(subject: Subject) -> Check:
    wanted = ("rto", "rpo_site_loss", "availability", "drill_every")
    lacking = tuple(name for name in wanted if subject.objectives.get(name) is None)
    if lacking:
        return Check("objective_set", Standing.MISSING, Why.OBJECTIVES_LACKING, lacking)
    return Check("objective_set", Standing.PROVEN, Why.OBJECTIVES_SET)


def _measured(subject: Subject, which: str) -> Check:
    """Whether the newest event or drill that measured it kept the objective, by its bounds, within `drill_every`."""
    name = f"{which}_measured"
    if subject.objectives.get("rto" if which == "rto" else "rpo_site_loss") is None:
        return Check(name, Standing.MISSING, Why.NO_OBJECTIVE)
    newest = subject.measured.get(which)
    if newest is None:
        return Check(name, Standing.MISSING, Why.NEVER_MEASURED)
    about = (newest.incident,)
    if newest.verdict == "missed":
        return Check(name, Standing.FAILED, Why.MEASURED_MISSED, about, newest.at)
    every = subject.objectives.get("drill_every")
    if every is not None and subject.at - newest.at > every:
        return Check(name, Standing.STALE, Why.MEASURED_LONG_AGO, about, newest.at)
    return Check(name, Standing.PROVEN, Why.MEASURED_MET, about, newest.at)


def _drilled(subject: Subject) -> Check:
    name, every, last = "drilled_in_time", subject.objectives.get("drill_every"), subject.drilled
    if last is None:
        return Check(name, Standing.MISSING, Why.NEVER_DRILLED)
    about = () if last.id is None else (last.id,)
    if every is None:
        return Check(name, Standing.MISSING, Why.NO_DRILL_INTERVAL, about, last.at)
    if subject.at - last.at > every:
        return Check(name, Standing.STALE, Why.DRILL_OVERDUE, about, last.at)
    return Check(name, Standing.PROVEN, Why.DRILLED, about, last.at)


def _standby_ready(subject: Subject) -> Check:
    told = subject.standing
    sites: Mapping[str, Mapping[str, bool]] = {} if told is None else told.get("sites", {})
    if not sites:
        return Check("standby_ready", Standing.MISSING, Why.NO_STANDBY_SEEN)
    ready = tuple(site for site, checks in sites.items() if all(checks.values()))
    if subject.gone:
        return Check("standby_ready", Standing.STALE, Why.NOT_LOOKED_AT, at=subject.looked)
    if ready:
        return Check("standby_ready", Standing.PROVEN, Why.READY_SITES, ready)
    failing = tuple(f"{site}: {name}" for site, checks in sites.items() for name, good in checks.items() if not good)
    return Check("standby_ready", Standing.FAILED, Why.NOT_READY, failing)


def _backup_verified(subject: Subject) -> Check:
    told = subject.standing
    backups: Mapping[str, Mapping[str, Any]] = {} if told is None else told.get("backups", {})
    if not subject.backups and not backups:
        return Check("backup_verified", Standing.MISSING, Why.NO_BACKUP)
    unseen = tuple(name for name in subject.backups if name not in backups)
    if unseen:
        return Check("backup_verified", Standing.MISSING, Why.BACKUP_UNSEEN, unseen)
    amiss = {name: found for name, found in backups.items() if found.get("complaint")}
    failed = tuple(f"{name}: {found['complaint']}" for name, found in amiss.items() if not found.get("unverified"))
    if failed:
        return Check("backup_verified", Standing.FAILED, Why.BACKUP_AMISS, failed)
    if amiss:
        return Check("backup_verified", Standing.STALE, Why.RESTORE_OVERDUE, tuple(amiss))
    never = tuple(name for name, found in backups.items() if not found.get("verified"))
    if never:
        return Check("backup_verified", Standing.MISSING, Why.RESTORE_NEVER_VERIFIED, never)
    if subject.gone:
        return Check("backup_verified", Standing.STALE, Why.NOT_LOOKED_AT, at=subject.looked)
    return Check("backup_verified", Standing.PROVEN, Why.BACKUPS_GOOD, tuple(backups))


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
        return Check("permissions_checked", Standing.MISSING, Why.NO_PERMISSION_CHECK)
    bad = tuple(name for name, good in found.items() if not good)
    if bad:
        return Check("permissions_checked", Standing.FAILED, Why.PERMISSIONS_DIFFER, bad)
    if subject.gone:
        return Check("permissions_checked", Standing.STALE, Why.NOT_LOOKED_AT, at=subject.looked)
    return Check("permissions_checked", Standing.PROVEN, Why.PERMISSIONS_HOLD, tuple(found))


def _deputies_confirmed(subject: Subject) -> Check:
    name = "deputies_confirmed"
    if not subject.contacts:
        return Check(name, Standing.MISSING, Why.NO_CONTACTS)

    def those(which: Callable[[Contact], bool]) -> tuple[str, ...]:
        return tuple(contact.name for contact in subject.contacts if which(contact))

    alone = those(lambda contact: not contact.deputies)
    if alone:
        return Check(name, Standing.MISSING, Why.NO_DEPUTY, alone)
    never = those(lambda contact: contact.confirmed is None)
    if never:
        return Check(name, Standing.MISSING, Why.NEVER_CONFIRMED, never)
    stale = those(lambda contact: is_stale(contact, subject.at, subject.confirmed_for))
    oldest = min(contact.confirmed for contact in subject.contacts if contact.confirmed is not None)
    if stale:
        return Check(name, Standing.STALE, Why.CONFIRMED_LONG_AGO, stale, oldest)
    return Check(name, Standing.PROVEN, Why.CONFIRMED, those(lambda contact: True), oldest)

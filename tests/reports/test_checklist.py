"""The checklist: each line with the reason for which it stands there."""

from collections.abc import Sequence
from dataclasses import replace

from exporter.core.checklist import CHECKS, Subject, checklist
from exporter.core.contacts import CONFIRMED_FOR
from exporter.core.history import History, past
from exporter.core.model import Contact
from exporter.core.subject import subject_then
from tests.reports.annals import OBJECTIVES, Annals, utc

START, NOW = utc("2026-01-01T00:00:00"), utc("2026-09-01T00:00:00")
DAY = 86_400.0
CONTACT = Contact("lead", "Ann", ("Bob",), NOW - 10 * DAY)
RPO = {"lower": 0.0, "estimate": 0.1, "upper": 0.3}
READY = {"reachable": True, "replicating": True, "permissions": True}


def history(annals: Annals, until: float = NOW) -> History:
    return past(annals.evidence(until)).systems["orders"]


def subject(
    of: History,
    at: float = NOW,
    contacts: Sequence[Contact] = (),
    backups: Sequence[str] = (),
    confirmed_for: float = CONFIRMED_FOR,
) -> Subject:
    return subject_then(of, at, contacts, backups, confirmed_for)


def lines(subject: Subject) -> dict[str, tuple[str, str]]:
    return {line.name: (str(line.standing), line.reason) for line in checklist(subject)}


def complete() -> Annals:
    """A system of which everything is proven."""
    annals = Annals()
    annals.watch(START)
    annals.standing(START + 60, sg=READY)
    drill = annals.drill(NOW - 30 * DAY, NOW - 30 * DAY + 900)
    annals.outage(NOW - 30 * DAY + 60, NOW - 30 * DAY + 100, drill=drill, rpo=RPO)
    return annals


def test_everything_can_be_proven() -> None:
    """And nothing is added up: eight lines, each by itself."""
    told = lines(subject(history(complete()), NOW, [CONTACT], ["nightly"]))
    assert tuple(told) == CHECKS
    assert {standing for standing, _ in told.values()} == {"proven"}


def test_nothing_is_proven_by_nothing() -> None:
    """A system that was only looked at has its objectives, and else nothing."""
    annals = Annals()
    annals.watch(START)
    told = lines(subject(history(annals), NOW))
    assert told.pop("objective_set") == ("proven", "objectives_set")
    assert {standing for standing, _ in told.values()} == {"missing"}


def test_what_was_proven_goes_stale() -> None:
    """A drill of 91 days ago, contacts of more than half a year ago, an exporter that is gone for a week."""
    annals = complete()
    later = NOW + 61 * DAY
    told = lines(subject(history(annals, NOW), later, [replace(CONTACT, confirmed=NOW - 130 * DAY)], ["nightly"]))
    stale = {name for name, (standing, _) in told.items() if standing == "stale"}
    assert stale == {
        "rto_measured", "rpo_measured", "drilled_in_time", "standby_ready", "backup_verified", "permissions_checked",
        "deputies_confirmed",
    }  # fmt: skip


def test_what_nobody_looked_at_goes_stale_though_somebody_looks_later() -> None:
    """The exporter was dead, or blind, for the last three weeks before `at`; what was seen after it says nothing of then."""
    gone, back = NOW - 21 * DAY, NOW + 2 * DAY
    absent, blind, running = complete(), complete(), complete()
    absent.add(back, "absence", "orders", {"from_unix": gone, "to_unix": back})
    blind.blind(gone, back)
    running.add(gone, "blind_began", "orders", {"since_unix": gone})
    for annals in (absent, blind, running):
        of = history(annals, back + DAY)
        told = subject(of, NOW, backups=["nightly"])
        assert told.looked == gone
        for name in ("standby_ready", "backup_verified", "permissions_checked"):
            assert lines(told)[name] == ("stale", "not_looked_at")
        assert lines(subject(of, gone + DAY))["standby_ready"] == ("proven", "ready_sites"), "a day ago is not long ago"
    assert lines(subject(history(absent, back + DAY), back + 1))["standby_ready"] == ("proven", "ready_sites")


def test_what_failed_is_said_to_have_failed() -> None:
    """The newest measurement counts, not the best one; a standby that fails a check is not ready."""
    annals = complete()
    annals.outage(NOW - DAY, NOW - DAY + 600, rpo={"lower": 6.0, "estimate": 7.0, "upper": 8.0})
    annals.standing(NOW - 3600, sg={"reachable": True, "rpo": False, "permissions": False})
    annals.entries[-1].data["backups"]["nightly"] |= {"complaint": "is late", "unverified": False}
    told = lines(subject(history(annals), NOW, [CONTACT], ["nightly"]))
    failed = {name: reason for name, (standing, reason) in told.items() if standing == "failed"}
    assert failed == {
        "rto_measured": "measured_missed", "rpo_measured": "measured_missed", "standby_ready": "not_ready",
        "backup_verified": "backup_amiss", "permissions_checked": "permissions_differ",
    }  # fmt: skip


def test_a_restore_that_was_never_verified_is_missing_and_a_late_one_stale() -> None:
    """A backup that was never restored is a hope."""
    annals = complete()
    annals.standing(NOW - 3600, sg=READY)
    annals.entries[-1].data["backups"]["nightly"] |= {"verified": False}
    assert lines(subject(history(annals), NOW, [], ["nightly"]))["backup_verified"] == (
        "missing",
        "restore_never_verified",
    )
    annals.entries[-1].data["backups"]["nightly"] |= {"complaint": "was not restored in time", "unverified": True}
    assert lines(subject(history(annals), NOW, [], ["nightly"]))["backup_verified"] == ("stale", "restore_overdue")
    assert lines(subject(history(annals), NOW, [], ["weekly"]))["backup_verified"] == ("missing", "backup_unseen")


def test_deputies_have_to_be_there_and_confirmed() -> None:
    """One contact without is enough."""
    told = history(complete())
    for contact, expected in (
        (replace(CONTACT, deputies=()), ("missing", "no_deputy")),
        (replace(CONTACT, confirmed=None), ("missing", "never_confirmed")),
        (replace(CONTACT, confirmed=NOW - CONFIRMED_FOR - 1), ("stale", "confirmed_long_ago")),
    ):
        assert lines(subject(told, NOW, [CONTACT, contact]))["deputies_confirmed"] == expected


def test_how_long_a_confirmation_holds_is_configured() -> None:
    """A quarter, where somebody wants a quarter."""
    told, contacts = history(complete()), [replace(CONTACT, confirmed=NOW - 100 * DAY)]
    assert lines(subject(told, NOW, contacts))["deputies_confirmed"] == ("proven", "confirmed")
    assert lines(subject(told, NOW, contacts, confirmed_for=92 * DAY))["deputies_confirmed"][0] == "stale"


def test_lacking_objectives_are_named() -> None:
    """Which ones, so that somebody can set them."""
    annals = Annals()
    annals.watch(START, objectives={**OBJECTIVES, "availability": None})
    (first, *_) = checklist(subject(history(annals), NOW))
    assert (str(first.standing), first.details) == ("missing", ("availability",))

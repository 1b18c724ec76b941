"""Stories of the exporters themselves: they die, are cut off, and cannot do what they should."""

from collections.abc import Iterator, Mapping

from exporter.catalogue import alerts as a
from exporter.catalogue import metrics as m
from exporter.catalogue.alerts import Alert, Severity
from tests.rules.cases import BILLING, CHAT, DAY, GOOD, ORDERS
from tests.rules.several import AT_A, AT_B, LATER, PAGE, WARN, all_blind, check, goes_blind, one_cut_off, watched
from tests.rules.story import UP, Said, Series, Story, after, always, series, told_by


def exporters() -> Iterator[Story]:
    yield from (one_cut_off(), all_blind(), killed_alone(), killed_beside(), never_there(), watchdog())
    yield from (
        killed_elsewhere(),
        lost_beside_a_dead_one(),
        starts_late(),
        dead_before(),
        _owing(a.EXPORTER_BLIND, "The exporter a is cut off and does not vote.", {series(m.EXPORTER_BLIND): (0, 0, 1)}, AT_A),
        _owing(
            a.LEDGER_NOT_WRITABLE, "The exporter a cannot write evidence; 7 records wait in memory.",
            {series(m.LEDGER_WRITABLE): (1, 1, 0), series(m.LEDGER_WAITING): (0, 7, 7)}, AT_A, wait=12,
        ),
        _owing(
            a.RELOAD_FAILED, "The exporter a refused the newest configuration; the one in use is 1m 30s old.",
            {series(m.RELOAD_OK): (1, 1, 0), series(m.RELOAD_AT): (0, 0, 0)}, AT_A, wait=12,
        ),
    )  # fmt: skip


_DRILLS = {series(m.DRILL_ACTIVE, instance=at).of(system): always(1) for at in "ab" for system in (ORDERS, BILLING)}


def contact_stale() -> Story:
    at = {"contact": "DR commander"}
    return _owing(
        a.CONTACT_STALE, "DR commander was last confirmed 181d 0h 1m 30s ago.",
        {series(m.CONTACT_CONFIRMED, **at): (0, -179 * DAY, -181 * DAY)}, at, board="overview",
    )  # fmt: skip


def _owing(
    alert: Alert,
    says: str,
    values: Mapping[Series, tuple[float, float, float]],
    labels: Mapping[str, str],
    *,
    wait: int = 0,
    board: str = "exporter",
) -> Story:
    """What is not about a system: nearly amiss at first, then amiss; drills run all the time and change nothing."""
    at = GOOD + wait
    story = watched(alert.name, "a", "b", steps=at + 20)
    story.tell(_DRILLS)
    story.tell({one: after(GOOD, near, bad) for one, (_, near, bad) in values.items()})
    story.silence("a", at + 2, at + 3)
    story.silence("a", at + 6)
    if alert is a.CONTACT_STALE:
        story.silence("b", at + 6)
    fires = {**labels, **WARN}
    check(story, "silent: it is nearly so", GOOD - 1, alert)
    if wait:
        check(story, "silent: not for long enough", at - 1, alert)
    check(story, "fires", at, alert, fires)
    check(story, "own drill: it is part of none", at, alert, fires)
    check(story, "other drill: it is part of none", at, alert, fires)
    check(story, "lost scrape: at it", at + 2, alert, fires)
    check(story, "lost scrape: after it", at + 3, alert, fires)
    check(story, "death: it does not resolve with the exporter", story.steps, alert, fires)
    story.said.append(Said(at, alert.name, [(fires, _annotations(alert, says, board))]))
    return story


def _annotations(alert: Alert, says: str, board: str = "exporter") -> dict[str, str]:
    return {
        "summary": alert.summary,
        "description": says,
        "runbook_url": f"http://localhost:9720/runbooks/{alert.name}",
        "dashboard_url": f"http://localhost:3000/d/dr-{board}",
    }


def killed_alone() -> Story:
    story = watched(a.EXPORTER_DOWN.name, "a", "b", steps=GOOD + 4 * LATER)
    story.tell(_DRILLS)
    death = GOOD + 4
    story.silence("a", GOOD, GOOD + 1)
    for vantage in ("a", "b"):
        story.silence(vantage, death)
    fires = tuple({**at, **PAGE} for at in (AT_A, AT_B))
    check(story, "lost scrape: it is no death", GOOD, a.EXPORTER_DOWN)
    check(story, "silent: it may be a lost scrape", death + 1, a.EXPORTER_DOWN)
    check(story, "fires", death + 12, a.EXPORTER_DOWN, *fires)
    check(story, "own drill: it is part of none", death + 12, a.EXPORTER_DOWN, *fires)
    check(story, "other drill: it is part of none", death + 12, a.EXPORTER_DOWN, *fires)
    check(story, "death: it goes on", story.steps, a.EXPORTER_DOWN, *fires)
    says = "The exporter {} has not been scraped for a minute, and 2 systems are watched by nobody."
    story.said.append(
        Said(
            death + 12,
            a.EXPORTER_DOWN.name,
            [(labels, _annotations(a.EXPORTER_DOWN, says.format(labels["instance"]))) for labels in fires],
        )
    )
    return story


def killed_beside() -> Story:
    story = watched("one of two exporters is killed", "a", "b")
    story.silence("a", GOOD)
    fires = {**AT_A, **WARN}
    check(story, "told for working hours", GOOD + 12, a.EXPORTER_DOWN, fires)
    check(story, "and nothing else", GOOD + 12, a.OUTAGE)
    says = "The exporter a has not been scraped for a minute. Other exporters still watch its systems."
    story.said.append(Said(GOOD + 12, a.EXPORTER_DOWN.name, [(fires, _annotations(a.EXPORTER_DOWN, says))]))
    return story


def killed_elsewhere() -> Story:
    """One is cut off beside another that sees, while a third that watched a system of its own dies."""
    story = Story("one is cut off, and another's system is watched by nobody", GOOD + 2 * LATER, told_by("c", (CHAT,)))
    for vantage in ("a", "b"):
        story.tell(told_by(vantage, (ORDERS,)))
    goes_blind(story, "b", GOOD, ORDERS)
    story.silence("c", GOOD)
    check(story, "its own system is seen, so it wakes nobody", story.steps, a.EXPORTER_BLIND, {**AT_B, **WARN})
    dead = {"instance": "c", "job": "rto-rpo", **PAGE}
    check(story, "the one that is missed pages", story.steps, a.EXPORTER_DOWN, dead)
    return story


def lost_beside_a_dead_one() -> Story:
    """`c` is dead, `b` is cut off, and of `a`, which sees, single scrapes are lost."""
    story = Story("a lost scrape of the last one that sees", GOOD + 2 * LATER, told_by("c", (CHAT,)))
    for vantage in ("a", "b"):
        story.tell(told_by(vantage, (ORDERS, CHAT)))
    goes_blind(story, "b", GOOD)
    story.silence("c", GOOD)
    for lost in (GOOD + LATER, GOOD + LATER + 8):
        story.silence("a", lost, lost + 1)
        check(story, "nobody is woken for the one that is cut off", lost, a.EXPORTER_BLIND, {**AT_B, **WARN})
        dead = {"instance": "c", "job": "rto-rpo", **WARN}
        check(story, "nor for the one that is dead", lost, a.EXPORTER_DOWN, dead)
    return story


def starts_late() -> Story:
    """Prometheus knew its address before it served."""
    story = Story("an exporter that is not there yet", 30, told_by("a", (ORDERS,)))
    story.tell({UP._replace(instance="z"): always(0)})
    check(story, "it may be starting", 11, a.EXPORTER_DOWN)
    fires = {"instance": "z", "job": "rto-rpo", **WARN}
    check(story, "for a minute", 13, a.EXPORTER_DOWN, fires)
    says = "The exporter z has not been scraped for a minute. It is not known whether others watch all of its systems."
    story.said.append(Said(13, a.EXPORTER_DOWN.name, [(fires, _annotations(a.EXPORTER_DOWN, says))]))
    return story


def dead_before() -> Story:
    """Prometheus starts, and knows the address of the only exporter, which is dead; or it was away longer than it looks back."""
    story = Story("a Prometheus that starts while the only exporter is dead", 30)
    story.tell({UP: always(0)})
    fires = {**AT_A, **PAGE}
    check(story, "it may be starting", 11, a.EXPORTER_DOWN)
    check(story, "for a minute", 13, a.EXPORTER_DOWN, fires)
    check(story, "it goes on", story.steps, a.EXPORTER_DOWN, fires)
    says = "The exporter a has not been scraped for a minute, and no other tells of any system: nothing is measured at all."
    story.said.append(Said(13, a.EXPORTER_DOWN.name, [(fires, _annotations(a.EXPORTER_DOWN, says))]))
    return story


def never_there() -> Story:
    story = Story("no exporter was ever scraped", 20)
    story.tell({Series("up", (("service", "other"),), "z"): always(1)})
    check(story, "not before Prometheus has run for a minute", 11, a.EXPORTER_DOWN)
    check(story, "nothing is measured", 13, a.EXPORTER_DOWN, PAGE)
    return story


def watchdog() -> Story:
    story = watched(a.WATCHDOG.name, "a", steps=GOOD)
    story.tell(_DRILLS)
    story.silence("a", 4, 5)
    story.silence("a", 8)
    fires = {"severity": str(Severity.INFO), "drill": "false"}
    check(story, "fires", 0, a.WATCHDOG, fires)
    check(story, "silent: it never is, that is its purpose", 1, a.WATCHDOG, fires)
    check(story, "own drill: it is part of none", 2, a.WATCHDOG, fires)
    check(story, "other drill: it is part of none", 2, a.WATCHDOG, fires)
    check(story, "lost scrape: what is scraped does not matter", 4, a.WATCHDOG, fires)
    check(story, "death: what is scraped does not matter", GOOD, a.WATCHDOG, fires)
    return story

"""Stories of what nobody can tell any more, and of exporters that do not tell the same."""

from collections.abc import Iterator

from dashboards.recorded import PARITY_HELD
from exporter.catalogue import alerts as a
from exporter.catalogue import metrics as m
from tests.rules.cases import CHAT, GOOD, ORDERS
from tests.rules.several import OUT, WARN, check, goes_blind, watched
from tests.rules.story import Story, Told, always, growing, series, told_by


def _between(since: int, until: int, value: float) -> Told:
    return lambda step: value if since <= step < until else 0.0


def restarted_in_a_breach() -> Story:
    """It comes back without its ledger: it looks, and does not know whether either system ever served."""
    story = watched("the exporter forgets in an outage", "a", steps=GOOD + 72)
    doubt, over = GOOD + 12, GOOD + 48
    for system, lasts in ((ORDERS, 91.0), (CHAT, 46.0)):
        story.tell(
            {
                series(m.STATE, state="outage").of(system): _between(GOOD, doubt, 1.0),
                series(m.STATE, state="unknown").of(system): _between(doubt, over, 1.0),
                series(m.RTO).of(system): _between(GOOD, doubt, lasts),
                series(m.RTO_OBJECTIVE).of(system): always(90),
            }
        )
    at_risk = {"system": CHAT, **WARN}
    check(story, "told", GOOD, a.RTO_BREACH, OUT)
    check(story, "and of the other one", GOOD, a.RTO_AT_RISK, at_risk)
    check(story, "what nobody knows is not over", over - 1, a.OUTAGE, OUT, {**OUT, "system": CHAT})
    check(story, "nor kept within the objective", over - 1, a.RTO_BREACH, OUT)
    check(story, "nor any less at risk", over - 1, a.RTO_AT_RISK, at_risk)
    for alert in (a.OUTAGE, a.RTO_BREACH, a.RTO_AT_RISK):
        check(story, "it is over when somebody sees it serve", story.steps, alert)
    return story


def differs_and_falls_silent() -> Story:
    """The site that differed answers no more; of chat it comes back, and is alike."""
    silent, back = GOOD + 8, GOOD + 40
    story = watched("a site differs, and then nobody can compare", "a", steps=silent + PARITY_HELD // 15 + 12)
    asked = series(m.PARITY_MATCH, check="grants")
    story.tell({asked.of(ORDERS): lambda step: 1 if step < GOOD else 0 if step < silent else None})
    story.tell(
        {asked.of(CHAT): lambda step: 1 if step < GOOD or step >= back else 0 if step < silent else None},
    )
    differs = {"system": ORDERS, "check": "grants", **WARN}
    both = (differs, {**differs, "system": CHAT})
    check(story, "told", silent - 1, a.PARITY_MISMATCH, *both)
    check(story, "that nobody can compare does not make them alike", back - 1, a.PARITY_MISMATCH, *both)
    check(story, "that they are seen to be alike does", back + 6, a.PARITY_MISMATCH, differs)
    check(story, "it is held for hours", silent + PARITY_HELD // 15 - 4, a.PARITY_MISMATCH, differs)
    check(story, "not for ever: it may be asked no longer", story.steps, a.PARITY_MISMATCH)
    return story


def canary_of_one_cut_off() -> Story:
    """What it sends reaches nobody, which says nothing of the system."""
    story = watched("two vantages with a canary, one cut off", "a", "b")
    goes_blind(story, "b", GOOD)
    for vantage, failed in (("a", always(0)), ("b", lambda step: 7.0 * max(step - GOOD + 1, 0))):
        labels = {"component": "database", "instance": vantage}
        story.tell({series(m.CANARY_WRITES, **labels).of(ORDERS): growing(15)})
        story.tell({series(m.CANARY_FAILURES, **labels).of(ORDERS): failed})
    check(story, "the other one's writes are acknowledged", story.steps, a.CANARY_FAILING)
    return story


def stricter_figure() -> Story:
    """On its way to the exporters, one of which was told already."""
    story = watched("a business figure's objective is made stricter", "a", "b", steps=GOOD + 12)
    for vantage, objective in (("a", 0.88), ("b", 0.95)):
        told = {m.KPI_VALUE: 1080, m.KPI_NORMAL: 1200, m.KPI_OBJECTIVE: objective}
        story.tell(
            {series(one, kpi="sales", instance=vantage).of(ORDERS): always(value) for one, value in told.items()}
        )
    check(story, "the strictest counts", story.steps, a.KPI_BELOW_NORMAL, {"system": ORDERS, "kpi": "sales", **WARN})
    return story


def stricter_availability() -> Story:
    """Half the rate that the old objective allows is five times that of the new one: enough for both windows after three fifths of
    the half of each that is the least that counts."""
    story = Story("an availability objective is made stricter", 460)
    for vantage, objective in (("a", 0.999), ("b", 0.9999)):
        story.tell(told_by(vantage, (ORDERS,)))
        story.tell(
            {
                series(m.AVAILABILITY_OBJECTIVE, instance=vantage).of(ORDERS): always(objective),
                series(m.OBSERVED, instance=vantage).of(ORDERS): growing(60),
                series(m.DOWNTIME, instance=vantage).of(ORDERS): growing(0.03),
            }
        )
    fires = tuple({"system": ORDERS, "window": window, **WARN} for window in ("1d", "3d"))
    check(story, "the strictest counts", story.steps, a.BUDGET_BURN, *fires)
    return story


def standing() -> Iterator[Story]:
    """Of the group that is evaluated every 15 s."""
    yield from (differs_and_falls_silent(), canary_of_one_cut_off(), stricter_figure())


def now() -> Iterator[Story]:
    """Of the group that is evaluated every 5 s."""
    yield restarted_in_a_breach()

"""Stories of what nobody can tell any more, and of exporters that do not tell the same."""

from collections.abc import Iterator

from exporter.catalogue import alerts as a
from exporter.catalogue import metrics as m
from tests.rules.cases import CHAT, GOOD, ORDERS
from tests.rules.several import OUT, WARN, check, watched
from tests.rules.story import Story, series


def restarted_in_a_breach() -> Story:
    """It comes back without its ledger: it looks, and does not know whether either system ever served."""
    story = watched("the exporter forgets in an outage", "a", steps=GOOD + 72)
    doubt, over = GOOD + 12, GOOD + 48
    for system, lasts in ((ORDERS, 91.0), (CHAT, 46.0)):
        story.tell(
            {
                series(m.STATE, state="outage").of(system): lambda step: float(GOOD <= step < doubt),
                series(m.STATE, state="unknown").of(system): lambda step: float(doubt <= step < over),
                series(m.RTO).of(system): lambda step, lasts=lasts: lasts if GOOD <= step < doubt else 0.0,
                series(m.RTO_OBJECTIVE).of(system): lambda _: 90.0,
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


def now() -> Iterator[Story]:
    """Of the group that is evaluated every 5 s."""
    yield restarted_in_a_breach()

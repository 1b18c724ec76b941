"""Stories of vantages of which one was away when something happened: it goes on telling of what it saw last."""

from collections.abc import Iterator

from exporter.catalogue import alerts as a
from exporter.catalogue import metrics as m
from tests.rules.cases import DAY, GOOD, ORDERS
from tests.rules.several import OUT, check, watched
from tests.rules.story import Said, Story, after, always, series

DRILL = {**OUT, "drill": "true"}
LONG_AGO = -100 * DAY


def _told_of_loss(story: Story, vantage: str, since: int, lost: float, end: float, drill: float) -> None:
    told = {
        series(m.LAST_LOSS, bound="upper", instance=vantage): lost,
        series(m.LAST_LOSS_END, instance=vantage): end,
        series(m.LAST_LOSS_DRILL, instance=vantage): drill,
    }
    story.tell({one.of(ORDERS): after(since, None, value) for one, value in told.items()})


def loss_that_one_missed() -> Story:
    """The number and the drill are those of the newest loss, not the highest of any."""
    story = watched("a lost much in a drill long ago, and was away when b measured a real loss", "a", "b")
    _told_of_loss(story, "a", 0, 3600, LONG_AGO, 1)
    _told_of_loss(story, "b", GOOD, 2, 5 * GOOD, 0)
    check(story, "the drill is over long since", GOOD - 1, a.LOSS_MEASURED)
    check(story, "the newest one is none of a drill", GOOD, a.LOSS_MEASURED, OUT)
    notes = {
        "summary": f"{ORDERS}: {a.LOSS_MEASURED.summary}",
        "description": f"A move of {ORDERS} lost acknowledged writes: up to 2s.",
        "runbook_url": f"http://localhost:9720/runbooks/{a.LOSS_MEASURED.name}",
        "dashboard_url": f"http://localhost:3000/d/dr-failovers?var-system={ORDERS}",
    }
    story.said.append(Said(story.steps, a.LOSS_MEASURED.name, [(OUT, notes)]))
    return story


def loss_that_both_saw() -> Story:
    """Each dates the end by its own looks: the drill that only one of them was told of is that of both."""
    story = watched("a and b measured the same loss, of which only a knows the drill", "a", "b")
    _told_of_loss(story, "a", GOOD, 3, 5 * GOOD, 1)
    _told_of_loss(story, "b", GOOD, 3, 5 * GOOD + 20, 0)
    check(story, "a drill's, though b tells of a later end", story.steps, a.LOSS_MEASURED, DRILL)
    return story


def failover_that_one_missed() -> Story:
    story = watched("the newest event of a is a drill long ago, and that of b a real failover now", "a", "b")
    for vantage, since, end, drill in (("a", 0, LONG_AGO, 1.0), ("b", GOOD, 5 * GOOD + 1.0, 0.0)):
        told = {series(m.LAST_FAILOVER): end - 1, series(m.LAST_END): end, series(m.LAST_DRILL): drill}
        story.tell({one._replace(instance=vantage).of(ORDERS): after(since, None, told[one]) for one in told})
    story.tell({series(m.DRILL_ACTIVE, instance="b").of(ORDERS): always(0)})
    real = {"system": ORDERS, "severity": "info", "drill": "false"}
    check(story, "it is real", story.steps, a.FAILOVER, real)
    return story


def apart() -> Iterator[Story]:
    yield from (loss_that_one_missed(), loss_that_both_saw(), failover_that_one_missed())

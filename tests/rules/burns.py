"""Stories of budgets of which only a part of the window was seen."""

from exporter.catalogue import alerts as a
from exporter.catalogue import metrics as m
from tests.rules.cases import ORDERS
from tests.rules.several import OUT, check
from tests.rules.story import Story, Told, always, growing, series, told_by


def _seen(name: str, steps: int, down: Told) -> Story:
    story = Story(name, steps, told_by("a", (ORDERS,)))
    story.tell(
        {
            series(m.AVAILABILITY_OBJECTIVE).of(ORDERS): always(0.999),
            series(m.OBSERVED).of(ORDERS): growing(60),
            series(m.DOWNTIME).of(ORDERS): down,
        }
    )
    return story


def fresh() -> Story:
    """Of three days 259 s may be down: twelve of them in the first minutes are no burn, whatever their share of those is."""
    story = _seen("twelve seconds of downtime in the first ten minutes", 20, lambda step: 12.0 * (step >= 5))
    for step in range(story.steps + 1):
        check(story, "no window burns", step, a.BUDGET_BURN)
    return story


def half_away() -> Story:
    """The half that was seen burns at 21 times the rate, 10 times that of the whole hour."""
    since, back = 10, 40
    story = _seen("an exporter that was away for half of the hour", 70, lambda step: 1.25 * max(0, step - back))
    story.silence("a", since, back)
    check(story, "only what was seen counts", story.steps, a.BUDGET_BURN, {**OUT, "window": "1h"})
    return story

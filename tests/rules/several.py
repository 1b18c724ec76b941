"""Stories of several vantages, of the exporters themselves, and of what a single case cannot tell."""

from collections.abc import Iterator, Mapping

from exporter.catalogue import alerts as a
from exporter.catalogue import metrics as m
from exporter.catalogue.alerts import Alert
from tests.rules.cases import CHAT, GOOD, ORDERS
from tests.rules.story import Check, Series, Story, after, always, growing, series, told_by

PAGE, WARN = {"severity": "critical", "drill": "false"}, {"severity": "warning", "drill": "false"}
AT_A, AT_B = {"instance": "a", "job": "rto-rpo"}, {"instance": "b", "job": "rto-rpo"}
OUT = {"system": ORDERS, **PAGE}
LATER = 30
"""Steps of 5 s: longer than any bridge."""


def watched(name: str, *vantages: str, steps: int = GOOD + 2 * LATER) -> Story:
    """Two systems that are well, and their objectives."""
    story = Story(name, steps)
    for vantage in vantages:
        story.tell(told_by(vantage, (ORDERS, CHAT)))
        story.tell({series(m.RTO, instance=vantage).of(ORDERS): always(0)})
    return story


def _goes_down(story: Story, vantage: str, since: int) -> None:
    story.tell(
        {
            series(m.STATE, state="outage", instance=vantage).of(ORDERS): after(since, 0, 1),
            series(m.RTO, instance=vantage).of(ORDERS): after(since, 0, 4, 5),
        }
    )


def goes_blind(story: Story, vantage: str, since: int, *systems: str) -> None:
    """As an exporter does: it declares nothing, and knows no state."""
    story.tell({series(m.EXPORTER_BLIND, instance=vantage): after(since, 0, 1)})
    for system in systems or (ORDERS, CHAT):
        story.tell({series(m.STATE, state="unknown", instance=vantage).of(system): after(since, 0, 1)})


def check(story: Story, shows: str, step: int, alert: Alert, *fires: Mapping[str, str]) -> None:
    story.checks.append(Check(shows, step, alert.name, fires))


def both_see_it() -> Story:
    story = watched("two vantages, one outage", "a", "b")
    _goes_down(story, "a", GOOD)
    _goes_down(story, "b", GOOD + 1)
    check(story, "one of two is not most", GOOD, a.OUTAGE)
    check(story, "one page, not two", GOOD + 1, a.OUTAGE, OUT)
    check(story, "they agree", story.steps, a.VANTAGES_DISAGREE)
    return story


def two_of_three_see_it() -> Story:
    story = watched("three vantages, two see an outage", "a", "b", "c")
    _goes_down(story, "a", GOOD)
    _goes_down(story, "c", GOOD)
    check(story, "two of three are most", GOOD, a.OUTAGE, OUT)
    return story


def one_cut_off() -> Story:
    """The one that is cut off held the outage that it last saw; it does not vote."""
    story = watched("two vantages, one cut off", "a", "b")
    _goes_down(story, "a", GOOD)
    goes_blind(story, "a", GOOD + 1)
    for step in (GOOD, GOOD + 1, story.steps):
        check(story, "the other one sees that all is well: no page", step, a.OUTAGE)
    check(story, "told for working hours", GOOD + 1, a.EXPORTER_BLIND, {**AT_A, **WARN})
    check(story, "and never more, while somebody sees", story.steps, a.EXPORTER_BLIND, {**AT_A, **WARN})
    return story


def blind_one_does_not_hide_it() -> Story:
    story = watched("two vantages, one blind while the other sees an outage", "a", "b")
    goes_blind(story, "b", 6)
    _goes_down(story, "a", GOOD)
    check(story, "the only one that sees is most", GOOD, a.OUTAGE, OUT)
    return story


def newcomer_does_not_hide_it() -> Story:
    """The second one has never seen the system serve: no firewall lets it through, or its ledger is empty."""
    story = watched("two vantages, one knows nothing of the system", "a", "b")
    _goes_down(story, "a", GOOD)
    story.tell({series(m.STATE, state="unknown", instance="b").of(ORDERS): always(1)})
    for vantage, event in (("a", 1), ("b", 0)):
        story.tell(
            {
                series(m.RTO_OBJECTIVE, instance=vantage).of(ORDERS): always(60),
                series(m.EVENT_ACTIVE, event="stuck_switch", instance=vantage).of(ORDERS): after(GOOD, 0, event),
            }
        )
    check(story, "the only one that knows is most", GOOD, a.OUTAGE, OUT)
    check(story, "of the event as well", GOOD, a.STUCK_SWITCH, OUT)
    check(story, "and of how long it lasts", story.steps, a.RTO_BREACH, OUT)
    return story


def loss_before_another_incident() -> Story:
    """What comes after it is told of as the newest incident; the loss goes on being told."""
    story = watched("a loss, and then another incident that lost nothing", "a")
    story.tell(
        {
            series(m.LAST_LOSS, bound="upper").of(ORDERS): after(GOOD, None, 3),
            series(m.LAST_LOSS_END).of(ORDERS): after(GOOD, None, 5 * GOOD),
            series(m.LAST_LOSS_DRILL).of(ORDERS): after(GOOD, None, 0),
            series(m.LAST_END).of(ORDERS): after(GOOD + 6, 5 * GOOD, 5 * GOOD + 30),
            series(m.LAST_DRILL).of(ORDERS): after(GOOD + 6, 0, 1),
        }
    )
    check(story, "nothing was lost yet", GOOD - 1, a.LOSS_MEASURED)
    check(story, "it pages", GOOD, a.LOSS_MEASURED, OUT)
    check(story, "and is not undone by the next incident, nor muted by its drill", story.steps, a.LOSS_MEASURED, OUT)
    return story


def all_blind() -> Story:
    story = watched("all vantages blind", "a", "b")
    for vantage in ("a", "b"):
        goes_blind(story, vantage, GOOD)
    blind = tuple({**at, **WARN} for at in (AT_A, AT_B))
    pages = tuple({**at, **PAGE} for at in (AT_A, AT_B))
    check(story, "a moment of blindness wakes nobody", GOOD + 1, a.EXPORTER_BLIND, *blind)
    check(story, "a minute of it does", story.steps, a.EXPORTER_BLIND, *pages)
    check(story, "no outage is told", story.steps, a.OUTAGE)
    return story


def blind_in_an_outage() -> Story:
    story = watched("blind in the middle of an outage", "a")
    _goes_down(story, "a", GOOD)
    goes_blind(story, "a", GOOD + 6)
    check(story, "it was told", GOOD + 5, a.OUTAGE, OUT)
    check(story, "what nobody can see is not over", story.steps, a.OUTAGE, OUT)
    return story


def over_and_back() -> Story:
    story = watched("an outage that ends while the exporter is dead", "a")
    end, back = GOOD + 12, GOOD + 40
    story.tell(
        {
            series(m.STATE, state="outage", instance="a").of(ORDERS): lambda step: float(GOOD <= step < end),
            series(m.RTO, instance="a").of(ORDERS): lambda step: 5.0 * (step - GOOD) if GOOD <= step < end else 0.0,
        }
    )
    story.silence("a", GOOD + 4, back)
    check(story, "it goes on while nobody can tell", back - 1, a.OUTAGE, OUT)
    check(story, "it ends when somebody tells that it is over", back + 14, a.OUTAGE)
    return story


def removed() -> Story:
    story = watched("a system in an outage is removed from the configuration", "a")
    _goes_down(story, "a", GOOD)
    story.forget(ORDERS, GOOD + 12)
    check(story, "it was told", GOOD + 11, a.OUTAGE, OUT)
    check(story, "nobody is silent, so nobody holds it up", GOOD + 27, a.OUTAGE)
    return story


def drill_is_forgotten() -> Story:
    """Fail safe: what nobody says to be a drill is none."""
    story = watched("the exporter dies in a drill", "a")
    _goes_down(story, "a", GOOD)
    story.tell({series(m.DRILL_ACTIVE, instance="a").of(ORDERS): always(1)})
    story.silence("a", GOOD + 6)
    check(story, "muted, as it is a drill", GOOD, a.OUTAGE, {**OUT, "drill": "true"})
    check(story, "nobody vouches for the drill any more, so it pages", story.steps, a.OUTAGE, OUT)
    return story


def drill_expires() -> Story:
    story = watched("a drill expires with the system down", "a")
    _goes_down(story, "a", GOOD)
    over = GOOD + 24
    active, expired = (series(metric, instance="a").of(ORDERS) for metric in (m.DRILL_ACTIVE, m.DRILL_EXPIRED))
    story.tell({active: after(over, 1, 0), expired: after(over, 0, 1)})
    check(story, "muted before", over - 1, a.OUTAGE, {**OUT, "drill": "true"})
    story.checks.append(Check("the outage pages at once", over, a.OUTAGE.name, (OUT,), {"drill": "false"}))
    check(story, "and so does the drill", over, a.DRILL_EXPIRED, OUT)
    return story


def blind_and_exposed() -> Story:
    story = watched("blind, while the exposure grows because nobody can look", "a")
    exposed = {"scenario": "site_loss", "instance": "a"}
    story.tell(
        {
            series(m.RPO, **exposed).of(ORDERS): after(GOOD, 1, 5, 5),
            series(m.RPO_KNOWN, **exposed).of(ORDERS): always(1),
            series(m.RPO_OBJECTIVE, **exposed).of(ORDERS): always(10),
        }
    )
    goes_blind(story, "a", GOOD)
    check(story, "that we are blind is told, not that writes are exposed", story.steps, a.RPO_BREACH)
    return story


def objective_of_zero() -> Story:
    story = watched("an RPO objective of 0", "a")
    exposed = {"scenario": "site_loss", "instance": "a"}
    story.tell(
        {
            series(m.RPO, **exposed).of(ORDERS): always(0.4),
            series(m.RPO_KNOWN, **exposed).of(ORDERS): always(1),
            series(m.RPO_OBJECTIVE, **exposed).of(ORDERS): always(0),
        }
    )
    for alert in (a.RPO_BREACH, a.RPO_AT_RISK, a.RPO_UNKNOWN):
        check(story, "judged by lost writes, not by an exposure that can never be 0", story.steps, alert)
    return story


def well() -> Story:
    """Everything that an exporter tells of a healthy system."""
    story = watched("all is well", "a", "b", steps=GOOD + 6)
    for vantage in ("a", "b"):
        for system in (ORDERS, CHAT):
            told: dict[Series, float] = {
                series(m.RTO, instance=vantage): 0,
                series(m.RTO_OBJECTIVE, instance=vantage): 90,
                series(m.RPO, scenario="site_loss", instance=vantage): 0.8,
                series(m.RPO_KNOWN, scenario="site_loss", instance=vantage): 1,
                series(m.RPO_OBJECTIVE, scenario="site_loss", instance=vantage): 5,
                series(m.WRITABLE_SITES, instance=vantage): 1,
                series(m.WRITABLE_EXPECTED, instance=vantage): 1,
                series(m.EVENT_ACTIVE, event="split_brain", instance=vantage): 0,
                series(m.DRILL_ACTIVE, instance=vantage): 0,
                series(m.DRILL_EXPIRED, instance=vantage): 0,
            }
            story.tell({one.of(system): always(value) for one, value in told.items()})
    nothing = {"alertname!": a.WATCHDOG.name}
    story.checks.append(Check("nothing fires", story.steps, "", (), nothing))
    return story


def slow_burn() -> Story:
    """Nearly three times as fast as allowed, all the time: half of three days is the least that counts."""
    story = Story("nearly three times the rate that the objective allows", 770, told_by("a", (ORDERS,)))
    story.tell(
        {
            series(m.AVAILABILITY_OBJECTIVE).of(ORDERS): always(0.999),
            series(m.OBSERVED).of(ORDERS): growing(60),
            series(m.DOWNTIME).of(ORDERS): growing(0.171875),
        }
    )
    check(story, "only over the longest window", story.steps, a.BUDGET_BURN, {"system": ORDERS, "window": "3d", **WARN})
    return story


def one_burns() -> Story:
    story = Story("only one of two vantages saw downtime", 30)
    for vantage, rate in (("a", 30), ("b", 0)):
        story.tell(told_by(vantage, (ORDERS,)))
        story.tell(
            {
                series(m.AVAILABILITY_OBJECTIVE, instance=vantage).of(ORDERS): always(0.999),
                series(m.OBSERVED, instance=vantage).of(ORDERS): growing(60),
                series(m.DOWNTIME, instance=vantage).of(ORDERS): growing(rate),
            }
        )
    check(story, "one of two is not most", 30, a.BUDGET_BURN)
    return story


def burnt_by_an_outage() -> Story:
    """Three minutes: enough for every window. Of chat they were part of a drill, which is over."""
    story = Story("an outage that was told, and a drill that is over", 20, told_by("a", (ORDERS, CHAT)))
    for system in (ORDERS, CHAT):
        story.tell(
            {
                series(m.STATE, state="outage").of(system): lambda step: float(GOOD <= step < GOOD + 3),
                series(m.RTO).of(system): lambda step: 30.0 if GOOD <= step < GOOD + 3 else 0.0,
                series(m.AVAILABILITY_OBJECTIVE).of(system): always(0.999),
                series(m.OBSERVED).of(system): growing(60),
                series(m.DOWNTIME).of(system): lambda step: 60.0 * min(max(step - GOOD + 1, 0), 3),
            }
        )
    story.tell({series(m.DRILL_ACTIVE).of(CHAT): after(GOOD + 3, 1, 0)})
    check(story, "told as an outage", GOOD + 1, a.OUTAGE, OUT, {**OUT, "system": CHAT, "drill": "true"})
    for step in range(GOOD, story.steps):
        story.checks.append(Check("no second page", step, a.BUDGET_BURN.name, (), {"severity": "critical"}))
    spent = tuple({"system": name, "window": "3d", **WARN} for name in (ORDERS, CHAT))
    told = Check("that the budget is spent is told for working hours", 12, a.BUDGET_BURN.name, spent, {"window": "3d"})
    story.checks.append(told)
    return story


def burnt_by_a_long_outage() -> Story:
    """Half an hour after six good ones. Of chat it was part of a drill that counts, and is over."""
    down, up = 6 * 60, 6 * 60 + 30
    story = Story("a long outage that was told, and a long drill", up + 60, told_by("a", (ORDERS, CHAT)))
    for system in (ORDERS, CHAT):
        story.tell(
            {
                series(m.STATE, state="outage").of(system): lambda step: float(down <= step < up),
                series(m.RTO).of(system): lambda step: 60.0 * (step - down + 1) if down <= step < up else 0.0,
                series(m.AVAILABILITY_OBJECTIVE).of(system): always(0.999),
                series(m.OBSERVED).of(system): growing(60),
                # Totals are told late: by the next scrape.
                series(m.DOWNTIME).of(system): lambda step: 60.0 * min(max(step - down, 0), up - down),
            }
        )
    story.tell({series(m.DRILL_ACTIVE).of(CHAT): after(up + 1, 1, 0)})
    check(story, "told as an outage", up - 1, a.OUTAGE, OUT, {**OUT, "system": CHAT, "drill": "true"})
    for step in (*range(down, up, 5), *range(up, story.steps)):
        story.checks.append(Check("no second page", step, a.BUDGET_BURN.name, (), {"severity": "critical"}))
    return story


def failover_of_a_drill() -> Story:
    """The role moved and the drill was stopped; the next one moves without a drill."""
    story = watched("a failover in a drill that is over", "a", steps=GOOD + 20)
    real = GOOD + 10
    moved, ended = (series(metric).of(ORDERS) for metric in (m.LAST_FAILOVER, m.LAST_END))
    story.tell(
        {
            moved: after(real, 10, 5 * real),
            ended: after(real + 2, 11, 5 * real + 1),
            series(m.LAST_DRILL).of(ORDERS): after(real + 2, 1, 0),
            series(m.DRILL_ACTIVE).of(ORDERS): after(4, 1, 0),
        }
    )
    mine = {"system": ORDERS, "severity": "info"}
    for step in (3, 4, real - 1):
        check(story, "it was a drill's, while it runs and afterwards", step, a.FAILOVER, {**mine, "drill": "true"})
    check(story, "this one is real", real + 2, a.FAILOVER, {**mine, "drill": "false"})
    return story


def now() -> Iterator[Story]:
    yield from (well(), both_see_it(), two_of_three_see_it(), blind_one_does_not_hide_it(), blind_in_an_outage())
    yield from (
        over_and_back(),
        removed(),
        drill_is_forgotten(),
        drill_expires(),
        failover_of_a_drill(),
        objective_of_zero(),
        blind_and_exposed(),
        newcomer_does_not_hide_it(),
        loss_before_another_incident(),
    )

"""Every query of every board is asked of a real Prometheus that scraped the real exporter through a real failover."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from dashboards.build import PROVISIONED, files
from dashboards.scope import scope_of
from exporter.catalogue import metrics as m
from exporter.plans import read_config
from tests.dashboards.conftest import BUILT, GENERIC
from tests.dashboards.questions import Question, questions
from tests.dashboards.stage import CHAT, ORDERS, SCRAPE, Stage, stage
from tests.servers import postgres_missing, until
from tests.servers.prometheus import Series, prometheus_missing

MISSING = postgres_missing() or prometheus_missing()
pytestmark = [
    pytest.mark.alone,
    pytest.mark.postgres,
    pytest.mark.prometheus,
    pytest.mark.skipif(bool(MISSING), reason=MISSING or "the servers are there"),
]

PHASES = ("before", "during", "after")
FILLED = {
    "__interval": "5s",
    "__rate_interval": f"{4 * SCRAPE}s",
    "__range": "60s",
    "job": ".+",
    "instance": ".+",
    "system": f"{ORDERS}|{CHAT}",
    "shown": f"{ORDERS}|{CHAT}",
}

FIRST_KNOWN = {
    "during": (m.PROBE_FAILURES,),
    "after": (
        m.LAST_FAILOVER, m.LAST_START, m.LAST_END, m.LAST_RTO, m.LAST_RPO, m.LAST_PHASE, m.LAST_VERDICT, m.CANARY_MARKERS,
        m.LAST_LOSS, m.LAST_LOSS_END,
    ),
}  # fmt: skip
"""What is absent until something happened: a look failed, an incident was closed."""


@dataclass
class Played:
    """What each phase answered, and what the exporter itself told at the end."""

    answers: dict[str, dict[Question, list[Series]]] = field(default_factory=dict)
    tailored: list[Question] = field(default_factory=list)
    incident: dict[str, Any] = field(default_factory=dict)

    def ask(self, phase: str, on: Stage) -> None:
        self.answers[phase] = {
            question: _asked(question, on) for name in GENERIC for question in questions(BUILT[name])
        }

    def value(self, phase: str, name: str, **labels: str) -> float | None:
        """The newest value of one series of `board / panel / query`; None if there is none."""
        series = next(found for question, found in self.answers[phase].items() if str(question) == name)
        values = [one.value for one in series if labels.items() <= one.labels.items()]
        return values[0] if values else None


def _asked(question: Question, on: Stage) -> list[Series]:
    """The series that have a number somewhere in what the board shows."""
    expr, now = question.filled(FILLED), time.time()
    if question.instant:
        found = on.prometheus.query(expr)
    else:  # the last step is now: what was scraped a moment ago counts
        found = on.prometheus.query_range(expr, now - SCRAPE * int((now - on.began) / SCRAPE), now, SCRAPE)
    return [series for series in found if any(not math.isnan(value) for _, value in series.values)]


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    """One failover: all is well, the link is cut, the primary is killed, the standby takes over without the last writes."""
    play = Played()
    with stage() as on:
        config = read_config(on.exporter.config, allow_exec=False).config
        built = files(scope_of(config))
        assert [name for name in built if name.startswith(PROVISIONED)] == GENERIC
        on.wait_healthy()
        on.drill(ORDERS, ended=True)
        on.drill(CHAT)
        counted = f"min(rate({m.OBSERVED.name}[{4 * SCRAPE}s])) > 0"
        until(lambda: on.values(counted), "what was observed is counted and scraped", within=60, step=0.2)
        running = f"sum({m.DRILL_ACTIVE.name}) == 1 and on() {m.DRILL_LAST.name}"
        until(lambda: on.values(running), "the drills are scraped", within=60, step=0.2)
        play.ask("before", on)
        written = f'sum({m.CANARY_WRITES.name}{{system="{ORDERS}"}})'
        (before,) = on.values(written)
        on.pair.link.cut()
        until(lambda: on.values(f"{written} > {before + 3}"), "markers that will be lost", within=60, step=0.2)
        on.pair.kill()
        until(lambda: on.values(f'{m.STATE.name}{{state="outage"}} == 1'), "the outage is scraped", within=60, step=0.2)
        failed = f"rate({m.PROBE_FAILURES.name}[{4 * SCRAPE}s]) > 0"
        until(lambda: on.values(failed), "the failed looks are scraped", within=60, step=0.2)
        play.ask("during", on)
        on.pair.promote()
        play.incident = on.exporter.wait_closed(0)
        closed = f'{m.LAST_RTO.name}{{bound="upper"}}'
        until(lambda: on.values(closed), "the end is scraped", within=60, step=0.2)
        down = f'{m.DOWNTIME.name}{{system="{ORDERS}"}} > 0'
        until(lambda: on.values(down), "the downtime is counted and scraped", within=60, step=0.2)
        play.ask("after", on)
    yield play


def known(question: Question, phase: str) -> bool:
    """Whether its metrics can be there in this phase."""
    later = PHASES[PHASES.index(phase) + 1 :]
    absent = {metric.name for then in later for metric in FIRST_KNOWN.get(then, ())}
    return not any(f"{name}{{" in question.expr for name in absent)


@pytest.mark.parametrize("phase", PHASES)
def test_every_query_returns_data(played: Played, phase: str) -> None:
    """Before, during and after the failover; a query without data is named, with its board and panel."""
    empty = [str(question) for question, found in played.answers[phase].items() if not found and known(question, phase)]
    assert empty == []


def test_the_boards_tell_what_the_exporter_tells(played: Played) -> None:
    """The wall shows one outage while it lasts, none before and after; and the bounds are those of the incident."""
    assert [played.value(phase, "dr-overview / In outage / A") for phase in PHASES] == [0, 1, 0]
    assert [played.value(phase, "dr-overview / Systems / A") for phase in PHASES] == [2, 2, 2]
    state = "dr-overview / Systems, worst first / A"
    assert played.value("before", state, system=ORDERS) == 1
    assert played.value("during", state, system=ORDERS) == 6
    assert played.value("during", state, system=CHAT) == 1
    serving = "dr-overview / Systems, worst first / B"
    assert played.value("before", serving, system=ORDERS, site="hk") is not None
    assert played.value("during", serving, system=ORDERS, site="nowhere") is not None
    assert played.value("after", serving, system=ORDERS, site="sg") is not None
    assert played.value("after", serving, system=CHAT, site="several") is not None
    rto = played.incident["rto"]
    assert played.value("after", "dr-failovers / The newest event of each system / C") == pytest.approx(rto["lower"])
    assert played.value("after", "dr-failovers / The newest event of each system / D") == pytest.approx(rto["upper"])
    assert played.value("after", "dr-failovers / The newest event of each system / F") == 1  # met
    lost, table = played.incident["rpo"], "dr-failovers / The newest loss of each system"
    assert lost["lower"] > 0
    assert played.value("after", f"{table} / B") == pytest.approx(lost["lower"])
    assert played.value("after", f"{table} / C") == pytest.approx(lost["upper"])
    cost = played.value("after", "dr-failovers / The newest event of each system / N", currency="USD")
    assert cost == pytest.approx(rto["upper"] / 60 * 26000, rel=0.01)


def test_no_outage_falls_between_two_steps(played: Played) -> None:
    """The wall's timeline still shows the outage of some seconds after it is over."""
    series = next(
        found for question, found in played.answers["after"].items() if str(question) == "dr-overview / States / A"
    )
    ranks = {value for one in series if one.labels["system"] == ORDERS for _, value in one.values}
    assert 6 in ranks

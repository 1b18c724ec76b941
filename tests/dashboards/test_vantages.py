"""Several exporters that watch the same systems: what the boards make of it, by Prometheus's own unit tests."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dashboards import marks, measures
from dashboards.frame import ONE
from dashboards.promql import grown
from dashboards.sla import unavailable
from exporter.catalogue import metrics as m
from tests.dashboards.questions import filled
from tests.servers.prometheus import prometheus_missing

pytestmark = [
    pytest.mark.prometheus,
    pytest.mark.skipif(bool(prometheus_missing()), reason=prometheus_missing() or "Prometheus is there"),
]

FILLED = {"job": ".+", "instance": ".+", "system": ".+", "__range": "1h"}
SITE_LOSS = {"scenario": "site_loss"}


def series(metric: m.Metric, values: str, instance: str = "a", **labels: str) -> dict[str, str]:
    all_labels = {"job": "rto-rpo", "instance": instance, "system": "orders", **labels}
    inner = ",".join(f'{name}="{value}"' for name, value in all_labels.items())
    return {"series": f"{metric.name}{{{inner}}}", "values": values}


def blind(instance: str, value: int) -> dict[str, str]:
    return {"series": f'{m.EXPORTER_BLIND.name}{{job="rto-rpo",instance="{instance}"}}', "values": f"{value}x120"}


def states(instance: str, now: str) -> list[dict[str, str]]:
    """The whole state set of one exporter."""
    names = ("healthy", "degraded", "unknown", "recovering", "suspected", "outage")
    return [series(m.STATE, f"{int(name == now)}x120", instance, state=name) for name in names]


def judged(tmp_path: Path, told: list[dict[str, str]], expr: str, *expected: tuple[str, float]) -> None:
    """That the expression gives exactly these (labels, value) after an hour."""
    rules, tests = tmp_path / "rules.yml", tmp_path / "tests.yml"
    rules.write_text("groups: []", encoding="utf-8")
    test: dict[str, Any] = {
        "interval": "30s",
        "input_series": told,
        "promql_expr_test": [
            {
                "expr": filled(expr, FILLED),
                "eval_time": "60m",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in expected],
            }
        ],
    }
    tests.write_text(json.dumps({"rule_files": [str(rules)], "tests": [test]}), encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", tests], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


ORDERS = '{system="orders"}'


def test_the_worst_that_is_seen_counts(tmp_path: Path) -> None:
    """One exporter sees an outage and one does not: the wall shows the outage."""
    told = [*states("a", "healthy"), *states("b", "outage"), blind("a", 0), blind("b", 0)]
    judged(tmp_path, told, measures.state(), (ORDERS, 6))


def test_one_that_is_cut_off_does_not_count(tmp_path: Path) -> None:
    """Its states are unknown and its exposures grow, but only because it is blind."""
    told = [*states("a", "healthy"), *states("b", "unknown"), blind("a", 0), blind("b", 1)]
    judged(tmp_path, told, measures.state(), (ORDERS, 1))
    told = [
        series(m.RPO, "2x120", "a", **SITE_LOSS),
        series(m.RPO, "0+30x120", "b", **SITE_LOSS),
        blind("a", 0),
        blind("b", 1),
    ]
    judged(tmp_path, told, measures.rpo(measures.SITE_LOSS), (ORDERS, 2))


def test_when_all_are_blind_nothing_vanishes(tmp_path: Path) -> None:
    """The state is unknown, and the exposure keeps growing instead of being absent."""
    told = [*states("a", "unknown"), blind("a", 1), series(m.RPO, "0+30x120", "a", **SITE_LOSS)]
    judged(tmp_path, told, measures.state(), (ORDERS, 3))
    judged(tmp_path, told, measures.rpo(measures.SITE_LOSS), (ORDERS, 3600))


def test_no_exporter_is_not_zero(tmp_path: Path) -> None:
    """Without anything that tells, a count is absent, never 0."""
    judged(tmp_path, [], f"sum({measures.state()} == bool 6)")


def test_a_system_is_served_somewhere_nowhere_or_at_several_sites(tmp_path: Path) -> None:
    """Each system stands in the table once, whatever its mode."""
    told = [
        blind("a", 0),
        series(m.SERVING_SITE, "1x120", site="hk"),
        series(m.SERVING_SITE, "0x120", site="sg"),
        series(m.SERVING_SITE, "1x120", system="chat", site="hk"),
        series(m.SERVING_SITE, "1x120", system="chat", site="sg"),
        series(m.SERVING_SITE, "0x120", system="mail", site="hk"),
    ]
    judged(
        tmp_path,
        told,
        measures.serving(),
        ('{system="orders",site="hk"}', 1),
        ('{system="chat",site="several"}', 2),
        ('{system="mail",site="nowhere"}', 0),
    )


@pytest.mark.parametrize(("seen", "cut_off", "expected"), [(1, 0, 1), (0, 1, 0), (None, 0, 0), (None, 1, 1)], ids=str)
def test_a_standby_is_ready_if_those_that_see_say_so(
    seen: int | None, cut_off: int, expected: int, tmp_path: Path
) -> None:
    """Whatever the one says that is cut off, unless nobody else is left."""
    told = [series(m.SITE_READY, f"{cut_off}x120", "b", site="sg"), blind("a", int(seen is None)), blind("b", 1)]
    if seen is not None:
        told.append(series(m.SITE_READY, f"{seen}x120", "a", site="sg"))
    judged(tmp_path, told, measures.ready(), (ORDERS, expected))


def test_an_objective_of_zero_has_no_share(tmp_path: Path) -> None:
    """Division by it would paint a synchronous system red for ever; it is judged by the count of lost markers."""
    told = [
        blind("a", 0),
        series(m.RPO, "2x120", **SITE_LOSS),
        series(m.RPO_OBJECTIVE, "0x120", **SITE_LOSS),
        series(m.RPO, "4x120", system="chat", **SITE_LOSS),
        series(m.RPO_OBJECTIVE, "5x120", system="chat", **SITE_LOSS),
    ]
    judged(tmp_path, told, measures.rpo_share(measures.SITE_LOSS), ('{system="chat"}', 0.8))


def test_a_window_longer_than_the_memory_counts_everything(tmp_path: Path) -> None:
    """What Prometheus does not remember is all held against the year; what it remembers is not."""
    told = [series(m.DOWNTIME, "7+0.5x120"), series(m.OBSERVED, "100+30x120")]
    judged(tmp_path, told, grown(m.DOWNTIME, "365d"), ('{instance="a",job="rto-rpo",system="orders"}', 67))
    judged(tmp_path, told, grown(m.DOWNTIME, "30m"), ('{instance="a",job="rto-rpo",system="orders"}', 30))
    judged(tmp_path, told, unavailable("30m"), (ORDERS, 30 / 1800))


def test_an_exporter_that_was_away_when_the_window_began(tmp_path: Path) -> None:
    """What it had counted before it went away is not held against the window."""
    told = [series(m.DOWNTIME, "7+0.5x40 stale _x24 30+0.5x54")]
    judged(tmp_path, told, grown(m.DOWNTIME, "30m"), ('{instance="a",job="rto-rpo",system="orders"}', 57 - 27))


AWAY_SINCE = [(m.LAST_END, -9000000), (m.LAST_START, -9003600), (m.LAST_LOSS_END, -9000000)]
THERE = [(m.LAST_END, 1000), (m.LAST_START, 990), (m.LAST_LOSS_END, 1000)]


def ended(instance: str, ends: list[tuple[m.Metric, int]], seconds: int, verdict: str) -> list[dict[str, str]]:
    """An event as one exporter tells of it: how long it was down, which is also what it lost."""
    told = [series(metric, f"{value}x120", instance) for metric, value in ends]
    told += [series(metric, f"{seconds}x120", instance, bound="upper") for metric in (m.LAST_RTO, m.LAST_LOSS)]
    verdicts = ("met", "missed", "not_proven", "no_objective")
    told += [
        series(m.LAST_VERDICT, f"{int(each == verdict)}x120", instance, objective="rto", verdict=each)
        for each in verdicts
    ]
    return told


def test_the_figures_of_an_event_are_of_one_event(tmp_path: Path) -> None:
    """One exporter was away in the newest event and still tells of an older and worse one, which counts for nothing."""
    told = [*ended("a", AWAY_SINCE, 3600, "missed"), *ended("b", THERE, 10, "met")]
    judged(tmp_path, told, measures.last(m.LAST_START, ONE), (ORDERS, 990))
    judged(tmp_path, told, measures.last(m.LAST_RTO, ONE, 'bound="upper"'), (ORDERS, 10))
    judged(tmp_path, told, measures.verdict("rto", ONE), (ORDERS, marks.VERDICTS["met"]))
    judged(tmp_path, told, measures.last_loss(m.LAST_LOSS, ONE, 'bound="upper"'), (ORDERS, 10))


def test_of_an_event_that_both_saw_the_worse_figure_counts(tmp_path: Path) -> None:
    """Though one dates its end some seconds earlier, by its own looks."""
    told = [*ended("a", [(m.LAST_END, 980)], 12, "missed"), *ended("b", THERE, 10, "met")]
    judged(tmp_path, told, measures.last(m.LAST_RTO, ONE, 'bound="upper"'), (ORDERS, 12))
    judged(tmp_path, told, measures.verdict("rto", ONE), (ORDERS, marks.VERDICTS["missed"]))

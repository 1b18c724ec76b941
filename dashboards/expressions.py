"""Small words of PromQL, so that the rules read like what they mean."""

import json
from enum import StrEnum

from exporter.catalogue import metrics as m
from exporter.catalogue.metrics import Metric

BRIDGE = "1m"
"""For how long a value that was scraped still counts where one lost scrape must not matter: scrape every 15 s, or faster."""
MEMORY = "6h"
"""How long an exporter that has vanished is missed; after that it is taken for removed."""
SAME_VANTAGE = "on (job, instance)"
SAME_EVENT = 60
"""Seconds by which two vantages may tell the end of the same event apart: each dates it by its own looks."""


class Worse(StrEnum):
    """Which way is bad; its value takes the better of two."""

    HIGH = "min"
    LOW = "max"


def select(metric: Metric, **labels: str) -> str:
    """The series of a metric whose labels have exactly these values."""
    unknown = set(labels) - set(metric.labels)
    if unknown:
        raise ValueError(f"{metric.name} has no label {', '.join(sorted(unknown))}")
    matchers = ", ".join(f"{label}={quote(value)}" for label, value in labels.items())
    return f"{metric.name}{{{matchers}}}" if matchers else metric.name


def quote(text: str) -> str:
    """A string as PromQL writes it: its escapes are those of JSON, as long as everything else stands for itself."""
    return json.dumps(text, ensure_ascii=False)


def indented(text: str) -> str:
    """The lines of an expression, two columns to the right."""
    return "\n".join(f"  {line}" for line in text.splitlines())


def recent(series: str, window: str = BRIDGE) -> str:
    """The newest value of the window: a lost scrape does not matter. Never for what a dead exporter must not vote on."""
    return f"last_over_time({series}[{window}])"


def seeing(expr: str) -> str:
    """Only of vantages that are not blind."""
    return f"({expr} unless {SAME_VANTAGE} {m.EXPORTER_BLIND.name} == 1)"


def share(expr: str, by: str) -> str:
    """Of something that is 1 or 0, the share of the vantages that say 1: above a half most of them do."""
    return f"avg by ({by}) ({expr})"


def most(expr: str, by: str, worse: Worse) -> str:
    """Of a quantity, what most vantages hold it to be at least (or at most): the median, and of two the better one,
    because one of two is not most."""
    return (
        f"quantile by ({by}) (0.5, {expr})\n"
        f"  and on ({by}) count by ({by}) ({expr}) > 2\n"
        f"or on ({by}) {worse} by ({by}) ({expr})"
    )


def best(metric: str, by: str) -> str:
    """Of facts that only get newer, the newest that any vantage tells."""
    return f"max by ({by}) ({metric})"


def strictest(objective: Metric) -> str:
    """How to aggregate an objective: most are limits, of which the smallest counts, and some are what there must be at least."""
    at_least = (m.AVAILABILITY_OBJECTIVE, m.KPI_OBJECTIVE, m.BACKUP_VERSIONS_OBJECTIVE)
    return "max" if objective in at_least else "min"


def newest(end: Metric) -> str:
    """The vantages whose event is the newest of its system, by its end: one that was away still tells of an older one.
    What else is told of an event counts from these only, lest the number of one event gets the drill of another."""
    return f"{end.name} > on (system) group_left () ({best(end.name, 'system')} - {SAME_EVENT})"


def promised(metric: Metric, by: str) -> str:
    """An objective; the strictest one while the vantages are configured differently."""
    return f"{strictest(metric)} by ({by}) ({recent(metric.name)})"

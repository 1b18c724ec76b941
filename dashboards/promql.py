"""Queries, written from the catalogue: no metric's name is typed here, and a label that it does not have is refused.

Several exporters may watch the same systems. A number of a system is taken over all of them: the worst that an exporter
tells which is not cut off itself; if all of them are, the worst that any of them tells.
"""

import re
from collections.abc import Mapping

from dashboards.expressions import strictest
from exporter.catalogue import metrics as m
from exporter.catalogue.metrics import Metric, Type

SCOPE = 'job=~"$job",instance=~"$instance"'
"""What every selector asks for besides, so that one exporter can be looked at alone."""
EXPORTER = "job, instance"
DAY = 86400
YEAR = 365 * DAY
AWAY = "3d"
"""For how long an exporter may have been away when a window began: a weekend. The samples of so long are read, so no longer."""

_LABEL = re.compile(r'([a-z_]+)(=|!=|=~|!~)".*"')


def is_(label: str, value: str) -> str:
    """The matcher of one value."""
    return f'{label}="{value}"'


def select(metric: Metric, *matchers: str, part: str = "") -> str:
    """The series of a metric, like `dr_state{…,state="outage"}`; `part` is a histogram's bucket, sum or count.

    Raises ValueError for a matcher that is none, or that names a label which the metric does not have.
    """
    for matcher in matchers:
        found = _LABEL.fullmatch(matcher)
        if found is None or found[1] not in metric.labels:
            raise ValueError(f"{metric.name} has the labels {metric.labels}, which {matcher!r} does not match")
    if bool(part) != (metric.type is Type.HISTOGRAM):
        raise ValueError(f"{metric.name} is a {metric.type}: a part can be had of a histogram, and of nothing else")
    return f"{metric.name}{part and '_' + part}{{{','.join([SCOPE, *matchers])}}}"


def worst(series: str, by: str = "system", how: str = "max") -> str:
    """One value for each `by`, over the exporters that see; over all of them if none does."""
    blind = f"{select(m.EXPORTER_BLIND)} == 1"
    return f"({how} by ({by}) (({series}) unless on ({EXPORTER}) {blind}) or {how} by ({by}) ({series}))"


def worst_rank(ranks: str, by: str = "system", how: str = "max") -> str:
    """What `worst` gives, of whole numbers from 0 to 99: half as dear, for they are read once instead of twice.

    Those that count less, of exporters that are cut off, are moved out of the others' way by 100, and back in the end.
    """
    blind = f"max by ({EXPORTER}) ({select(m.EXPORTER_BLIND)})"
    moved = f"(1 - {blind})" if how == "max" else blind
    return f"({how} by ({by}) ({ranks} + on ({EXPORTER}) group_left () 100 * {moved}) % 100)"


def promised(metric: Metric, *matchers: str, by: str = "system") -> str:
    """An objective: all exporters are told the same, and the strictest counts while a change is on its way to them."""
    return f"{strictest(metric)} by ({by}) ({select(metric, *matchers)})"


def ranked(states: str, label: str, ranks: Mapping[str, int]) -> str:
    """Of a state set, or what became of it, the series that are 1, with the rank of their state as value."""
    each = (f'label_replace(vector({rank}), "{label}", "{state}", "", "")' for state, rank in ranks.items())
    return f"({states} == 1) * on ({label}) group_left () ({' or '.join(each)})"


def share(value: str, objective: str, by: str = "system") -> str:
    """How much of its objective is used up: 1 is the objective itself. An objective of 0 has no share."""
    return f"{value} / on ({by}) ({objective} > 0)"


def grown(counter: Metric, window: str, *matchers: str) -> str:
    """By how much a counter grew in the window, per exporter, from a few samples instead of millions.

    `increase` would read a year of samples; it heals resets, but these counters go on after a restart. If the exporter was
    away when the window began, it grew from what was told last before that. Where Prometheus does not remember that far, it
    is all that the exporter ever counted. Neither is ever less than what fell into the window.
    """
    series = select(counter, *matchers)
    before = f"last_over_time({series}[{AWAY}] offset {window})"
    return f"clamp_min({series} - ({before} or {series} * 0), 0)"


def cases(series: str, label: str, otherwise: Mapping[str, str]) -> str:
    """`series`, and beside it each of the other vectors with its key as the value of `label`."""
    others = (f'label_replace({vector}, "{label}", "{value}", "", "")' for value, vector in otherwise.items())
    return " or ".join([series, *others])

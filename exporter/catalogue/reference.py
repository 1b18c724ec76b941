"""The reference tables of the README, made from the catalogue so that they cannot go stale unseen."""

from collections.abc import Iterable

from exporter.catalogue.alerts import ALERTS, InDrill
from exporter.catalogue.metrics import METRICS, Metric


def metrics_table(metrics: Iterable[Metric] = METRICS.values()) -> str:
    """One markdown row a metric, ending in a newline."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    rows += [f"| `{m.name}` | {m.type} | {', '.join(m.labels)} | {m.help} |" for m in metrics]
    return "\n".join(rows) + "\n"


def alerts_table() -> str:
    """One markdown row an alert, ending in a newline."""
    rows = ["| alert | severity | in its own drill | what it says |", "|---|---|---|---|"]
    rows += [
        f"| [`{alert.name}`](exporter/runbooks/{alert.runbook}) | {' or '.join(alert.severities)} |"
        f" {'does not page' if alert.in_drill is InDrill.MUTED else 'pages'} | {alert.summary} |"
        for alert in ALERTS.values()
    ]
    return "\n".join(rows) + "\n"

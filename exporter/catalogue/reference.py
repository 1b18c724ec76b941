"""The reference table of the README, made from the catalogue so that it cannot go stale unseen."""

from collections.abc import Iterable

from exporter.catalogue.metrics import METRICS, Metric


def metrics_table(metrics: Iterable[Metric] = METRICS.values()) -> str:
    """One markdown row a metric, ending in a newline."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    rows += [f"| `{m.name}` | {m.type} | {', '.join(m.labels)} | {m.help} |" for m in metrics]
    return "\n".join(rows) + "\n"

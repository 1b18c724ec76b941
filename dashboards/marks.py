"""What a value looks like: a word or a symbol beside every colour, and colours that the colour-blind can tell apart.

The colours are those of Okabe and Ito (2008); the symbols are those of the exporter's own page.
"""

from typing import Any

from grafanalib.core import Threshold

GOOD, WATCH, BAD = "#009E73", "#E69F00", "#D55E00"
NEWS, BLIND, QUIET = "#56B4E9", "#CC79A7", "#8C8C8C"
FIRST, SECOND, THIRD = "#0072B2", "#E69F00", "#CC79A7"
"""Lines of a graph with few of them."""

STATES = {"healthy": 1, "degraded": 2, "unknown": 3, "recovering": 4, "suspected": 5, "outage": 6}
"""State -> rank, worst highest: the order of the exporter's own page."""
ROLES = {"standby": 1, "unknown": 2, "primary": 3}
VERDICTS = {"no_objective": 0, "met": 1, "not_proven": 2, "missed": 3}

AT_RISK = 0.8
"""Share of its objective from which on a number is at risk; at 1 the promise is broken."""


def words(*marks: tuple[float | str, str, str]) -> list[dict[str, Any]]:
    """A value mapping of (value, what stands there instead, colour)."""
    options = {str(value): {"text": text, "color": color, "index": n} for n, (value, text, color) in enumerate(marks)}
    return [{"type": "value", "options": options}]


def between(low: float | None, high: float | None, text: str | None, color: str) -> list[dict[str, Any]]:
    """A value mapping of a range, both ends included; without a text the number itself stands there."""
    result = {"color": color, "index": 0} | ({} if text is None else {"text": text})
    return [{"type": "range", "options": {"from": low, "to": high, "result": result}}]


STATE = words(
    (1, "✓ healthy", GOOD),
    (2, "! degraded", WATCH),
    (3, "– unknown", BLIND),
    (4, "↻ recovering", NEWS),
    (5, "? suspected", WATCH),
    (6, "✕ OUTAGE", BAD),
)
ROLE = words((1, "standby", NEWS), (2, "– unknown", BLIND), (3, "▲ primary", FIRST))
VERDICT = words((0, "– no objective", QUIET), (1, "✓ met", GOOD), (2, "? not proven", WATCH), (3, "✕ missed", BAD))
READY = words((0, "✕ not ready", BAD), (1, "✓ ready", GOOD))
PASSED = words((0, "✕ fails", BAD), (1, "✓ passes", GOOD))
YES = words((0, "✕ no", BAD), (1, "✓ yes", GOOD))
UP = words((0, "✕ down", BAD), (1, "✓ up", GOOD))
SERVES = words((0, "– no", QUIET), (1, "▲ serves", FIRST))
CONNECTED = words((0, "✕ cut", BAD), (1, "✓ connected", GOOD))
REFUTED = words((0, "✓ believed", GOOD), (1, "✕ REFUTED", BAD))
KNOWN = words((0, "✕ never", BAD), (1, "✓ proven", GOOD))
SEES = words((0, "✓ sees", GOOD), (1, "✕ BLIND", BLIND))
RUNS = words((0, "– no", QUIET), (1, "▶ running", NEWS))
EXPIRED = words((0, "✓ no", GOOD), (1, "✕ EXPIRED", BAD))
OVERDUE = between(None, 0, "✕ overdue", BAD)
NONE_IS_GOOD = words((0, "✓ 0", GOOD)) + between(1, None, None, BAD)
NONE_IS_BEST = words((0, "✓ 0", GOOD)) + between(1, None, None, WATCH)
FEW = words((0, "✕ 0", BAD))

USED_UP = [Threshold(GOOD, 0, 0.0), Threshold(WATCH, 1, AT_RISK), Threshold(BAD, 2, 1.0)]
"""Colours of a share of an objective. Only shares have thresholds: an objective differs by system."""
KEPT = [Threshold(BAD, 0, 0.0), Threshold(GOOD, 1, 1.0)]
"""Colours of a share that should be at least 1."""
PLAIN = [Threshold(QUIET, 0, 0.0)]

"""Charts as inline SVG: they print, they scale, and they need nothing from anywhere, not even the page's style."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from exporter.reports.teller import Teller

WIDTH = 720.0
ROW = 22.0
MOST = 30
"""Rows of one chart; the tables have all."""
_LABEL = 210.0
"""Units at the left for names."""
_VALUE = 160.0
_DECADES = (0.001, 0.01, 0.1, 1.0, 10.0)


_INK, _SOFT, _LINE = "#16202b", "#5b6775", "#d5dbe2"
_COLOURS = {"good": "#14724a", "bad": "#b3261e", "warn": "#96600a", "allowed": "#e3e8ee", "beyond": "#fbe9e7"}
_TEXTS = {
    "": Markup('font-size="11" fill="{}"').format(_INK),
    "name": Markup('font-size="10.5" font-weight="bold" fill="{}"').format(_INK),
    "tick": Markup('font-size="10" fill="{}"').format(_SOFT),
    "num": Markup('font-size="10.5" fill="{}"').format(_SOFT),
}
_LINES = {
    "grid": Markup('stroke="{}" stroke-width="1"').format(_LINE),
    "axis": Markup('stroke="{}" stroke-width="1"').format(_SOFT),
    "limit": Markup('stroke="{}" stroke-width="1.5" stroke-dasharray="4 3"').format(_COLOURS["bad"]),
} | {
    f"{name} {colour}": Markup('stroke="{}" stroke-width="{}"').format(_COLOURS[colour], width)
    for name, width in (("bar", 5), ("cap", 2))
    for colour in ("good", "bad", "warn")
}


class Bar(NamedTuple):
    """One row of a budget chart. `share` is spent / allowed; above 1 the budget is gone."""

    name: str
    share: float
    told: str


class Range(NamedTuple):
    """One row of an interval chart: shares of the objective, and the verdict that colours it."""

    name: str
    lower: float
    upper: float
    verdict: str
    told: str


def _svg(height: float, label: str, parts: Sequence[Markup]) -> Markup:
    head = Markup('<svg class="chart" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">').format(
        WIDTH, height, label
    )
    return head + Markup("").join(parts) + Markup("</svg>")


def _text(x: float, y: float, text: str, css: str = "", anchor: str = "start") -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" {} text-anchor="{}">{}</text>').format(x, y, _TEXTS[css], anchor, text)


def _rect(x: float, y: float, width: float, height: float, css: str) -> Markup:
    return Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}"/>').format(
        x, y, max(0.0, width), height, _COLOURS[css]
    )


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> Markup:
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" {}/>').format(x1, y1, x2, y2, _LINES[css])


def _short(name: str, most: int = 36) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def budget_bars(bars: Sequence[Bar], label: str) -> Markup:
    """Spent against allowed, the worst first; the line is where the budget is gone."""
    rows = sorted(bars, key=lambda bar: -bar.share)[:MOST]
    if not rows:
        return Markup("")
    scale = max(1.25, min(2.0, max(bar.share for bar in rows) * 1.05))
    room = WIDTH - _LABEL - _VALUE
    x_full, parts = _LABEL + room / scale, []
    for i, bar in enumerate(rows):
        y = i * ROW + 4
        css = "bad" if bar.share > 1 else "warn" if bar.share > 0.8 else "good"
        parts += [
            _text(_LABEL - 8, y + 12, _short(bar.name), anchor="end"),
            _rect(_LABEL, y, room / scale, 16, "allowed"),
            _rect(_LABEL, y + 3, min(bar.share, scale) * room / scale, 10, css),
            _text(WIDTH, y + 12, bar.told, "num", "end"),
        ]
    height = len(rows) * ROW + 18
    parts += [_line(x_full, 0, x_full, height - 14, "limit"), _text(x_full, height - 3, "100 %", "tick", "middle")]
    return _svg(height, label, parts)


def interval_rows(rows: Sequence[Range], label: str) -> Markup:
    """Error bars on a logarithmic axis of the share of the objective, the highest upper bound first."""
    rows = sorted(rows, key=lambda row: -row.upper)[:MOST]
    if not rows:
        return Markup("")
    room = WIDTH - _LABEL - _VALUE
    low, high = math.log10(_DECADES[0]), math.log10(_DECADES[-1])

    def x(share: float) -> float:
        place = (math.log10(max(share, _DECADES[0])) - low) / (high - low)
        return _LABEL + room * min(1.0, place)

    bottom = len(rows) * ROW + 4
    parts = [_rect(x(1), 0, _LABEL + room - x(1), bottom, "beyond")]
    for decade in _DECADES:
        css = "limit" if decade == 1 else "grid"
        parts += [_line(x(decade), 0, x(decade), bottom, css)]
        parts += [_text(x(decade), bottom + 12, f"{decade * 100:g} %", "tick", "middle")]
    for i, row in enumerate(rows):
        y, css = i * ROW + 12, {"met": "good", "missed": "bad"}.get(row.verdict, "warn")
        left, right = x(row.lower), x(row.upper)
        parts += [
            _text(_LABEL - 8, y + 4, _short(row.name), anchor="end"),
            _line(left, y, max(right, left + 1), y, f"bar {css}"),
            _line(left, y - 5, left, y + 5, f"cap {css}"),
            _line(right, y - 5, right, y + 5, f"cap {css}"),
            _text(WIDTH, y + 4, row.told, "num", "end"),
        ]
    return _svg(bottom + 16, label, parts)


def drill_trend(trend: Sequence[Mapping[str, Any]], teller: Teller) -> Markup:
    """One upright error bar a drill, oldest at the left, and the objective as it was at each."""
    drills = [one for one in trend if one["rto"] is not None][-12:]
    if not drills:
        return Markup("")
    tops = [max(one["rto"]["upper"], one["objective_rto"] or 0.0) for one in drills]
    top, height, base = max([*tops, 1e-3]) * 1.15, 170.0, 140.0
    step = (WIDTH - 90) / len(drills)

    def y(seconds: float) -> float:
        return float(base - seconds / top * (base - 10))

    parts = [_line(80, base, WIDTH, base, "axis"), _line(80, 6, 80, base, "axis")]
    for share in (0.5, 1.0):
        tick = top / 1.15 * share
        parts += [
            _line(80, y(tick), WIDTH, y(tick), "grid"),
            _text(74, y(tick) + 4, teller.duration(tick), "tick", "end"),
        ]
    for i, one in enumerate(drills):
        x, rto, objective = 80 + step * (i + 0.5), one["rto"], one["objective_rto"]
        bad = objective is not None and rto["upper"] > objective
        css = "bad" if bad else "good"
        parts += [
            _line(x, y(rto["lower"]), x, min(y(rto["upper"]), y(rto["lower"]) - 1), f"bar {css}"),
            _line(x - 6, y(rto["lower"]), x + 6, y(rto["lower"]), f"cap {css}"),
            _line(x - 6, y(rto["upper"]), x + 6, y(rto["upper"]), f"cap {css}"),
            _text(x, base + 14, teller.day(one["at"]), "tick", "middle"),
            _text(x + 9, y(rto["upper"]) + 4, teller.bounds(rto)[1], "num"),
        ]
        if objective is not None:
            parts.append(_line(x - step / 2, y(objective), x + step / 2, y(objective), "limit"))
    return _svg(height, teller.word("chart.drills"), parts)


def timeline(phases: Mapping[str, float | None], teller: Teller) -> Markup:
    """The phases that were observed, in their order, at even steps: an outage of hours has milliseconds in it."""
    known = sorted(((at, name) for name, at in phases.items() if at is not None), key=lambda one: one[0])
    if len(known) < 2:
        return Markup("")
    start, step, y = known[0][0], (WIDTH - 110) / (len(known) - 1), 44.0
    down = {"first_bad", "declared", "decided", "role_moved"}
    parts = []
    for i, (at, name) in enumerate(known):
        x = 55 + step * i
        if i + 1 < len(known):
            nxt = known[i + 1]
            css = "bad" if name in down or (name == "last_good" and nxt[1] == "first_bad") else "good"
            parts += [_line(x, y, x + step, y, f"bar {'warn' if name == 'last_good' else css}")]
            parts += [_text(x + step / 2, y - 8, teller.duration(nxt[0] - at), "tick", "middle")]
    for i, (at, name) in enumerate(known):
        x = 55 + step * i
        parts += [
            Markup('<circle cx="{:.1f}" cy="{:.1f}" r="5" fill="#fff" stroke="#17497c" stroke-width="3"/>').format(x, y)
        ]
        lift = 0 if i % 2 == 0 else 26
        parts += [
            _text(x, y + 22 + lift, teller.named("phase", name), "name", "middle"),
            _text(x, y + 34 + lift, f"+{teller.duration(at - start)}", "tick", "middle"),
        ]
    return _svg(112, teller.word("chart.timeline"), parts)

"""The kinds of panels that the boards are made of. Each says what it shows, in which unit, and what stands there if nothing is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from grafanalib.core import BarChart, Stat, StateTimeline, Target, Threshold, TimeSeries

from dashboards import marks
from dashboards.scope import Feature, Scope

NOT_KNOWN = "not known"
INTERVAL = "5s"
"""Shortest step of a graph: what the exporter is scraped with at best."""

Mappings = Sequence[Mapping[str, Any]]
Links = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Placed:
    """A panel and its size on a board that is 24 wide."""

    panel: Any
    width: int
    height: int
    needs: Feature | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One query of a graph or a state timeline. `objective`: a promise, drawn dashed and grey."""

    legend: str
    expr: str
    color: str = ""
    objective: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """How a value is shown; the unit is one of Grafana's."""

    unit: str = "none"
    mappings: Mappings = ()
    thresholds: Sequence[Threshold] = field(default_factory=lambda: marks.PLAIN)
    decimals: int | None = None
    no_value: str = NOT_KNOWN


NUMBER = Look("none", decimals=0)
SECONDS = Look("s", decimals=1)
USED_UP = Look("percentunit", thresholds=marks.USED_UP, decimals=0)


def word(mappings: Mappings, no_value: str = NOT_KNOWN) -> Look:
    """A state: a word in its colour."""
    return Look("none", mappings, no_value=no_value)


def _targets(lines: Sequence[Line], *, instant: bool = False) -> list[Target]:
    """The queries, called A, B, C, …; instant ones come as tables."""
    form = "table" if instant else "time_series"
    return [
        Target(expr=line.expr, legendFormat=line.legend, refId=ref, instant=instant, format=form)
        for ref, line in zip(ascii_uppercase, lines, strict=False)
    ]


def _extra(look: Look, **options: Any) -> dict[str, Any]:
    """What every panel has and grafanalib has no argument for in all of its classes."""
    defaults = {"noValue": look.no_value, "unit": look.unit, "decimals": look.decimals}
    return {"fieldConfig": {"defaults": defaults}, "options": options}


def stat(
    title: str,
    description: str,
    expr: str,
    look: Look = NUMBER,
    *,
    width: int = 3,
    height: int = 4,
    label: str = "",
    needs: Feature | None = None,
) -> Placed:
    """One value, big; or, if `label` is given, the value of that label."""
    panel = Stat(
        title=title,
        description=description,
        targets=_targets([Line("", expr)], instant=True),
        mappings=list(look.mappings),
        thresholds=list(look.thresholds),
        color={"mode": "thresholds"},
        colorMode="value",
        graphMode="none",
        reduceCalc="lastNotNull",
        fields=f"/^{label}$/" if label else "",
        textMode="value",
        extraJson=_extra(look, percentChangeColorMode="standard", showPercentChange=False, wideLayout=True),
    )
    return Placed(panel, width, height, needs)


def graph(
    title: str,
    description: str,
    lines: Sequence[Line],
    look: Look = SECONDS,
    *,
    width: int = 12,
    height: int = 8,
    steps: bool = False,
    needs: Feature | None = None,
) -> Placed:
    """Lines over time. `steps`: a value stays as it is until the next one."""
    panel = TimeSeries(
        title=title,
        description=description,
        targets=_targets(lines),
        thresholds=list(look.thresholds),
        lineInterpolation="stepAfter" if steps else "linear",
        lineWidth=2,
        fillOpacity=0 if steps else 8,
        showPoints="never",
        legendDisplayMode="table",
        legendCalcs=["lastNotNull", "max"],
        tooltipMode="multi",
        tooltipSort="desc",
        axisSoftMin=0,
        interval=INTERVAL,
        overrides=[_painted(ref, line) for ref, line in zip(ascii_uppercase, lines, strict=False) if _is_painted(line)],
        extraJson=_extra(look, legend={"showLegend": True}),
    )
    return Placed(panel, width, height, needs)


def _is_painted(line: Line) -> bool:
    return line.objective or bool(line.color)


def _painted(ref: str, line: Line) -> dict[str, Any]:
    color = {"mode": "fixed", "fixedColor": marks.QUIET if line.objective else line.color}
    properties: list[dict[str, Any]] = [{"id": "color", "value": color}]
    if line.objective:
        properties += [
            {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [10, 10]}},
            {"id": "custom.fillOpacity", "value": 0},
        ]
    return {"matcher": {"id": "byFrameRefID", "options": ref}, "properties": properties}


def timeline(
    title: str,
    description: str,
    lines: Sequence[Line],
    look: Look,
    *,
    width: int = 12,
    height: int = 6,
    steps: int | None = None,
    needs: Feature | None = None,
) -> Placed:
    """States over time, a row for each series, in so many steps at most; None: one a pixel."""
    panel = StateTimeline(
        title=title,
        description=description,
        targets=_targets(lines),
        mappings=list(look.mappings),
        thresholds=list(look.thresholds),
        interval=INTERVAL,
        maxDataPoints=steps,
        legendDisplayMode="hidden",
        extraJson=_extra(look, legend={"showLegend": False, "calcs": []}, tooltip={"sort": "none"}, perPage=25),
    )
    return Placed(panel, width, height, needs)


def bars(
    title: str,
    description: str,
    expr: str,
    label: str,
    look: Look = SECONDS,
    *,
    width: int = 12,
    height: int = 8,
    needs: Feature | None = None,
) -> Placed:
    """A bar for each series of an instant query, named by its label, the smallest on top."""
    hidden = {"Time": True}
    panel = BarChart(
        title=title,
        description=description,
        targets=_targets([Line("", f"sort({expr})")], instant=True),
        orientation="horizontal",
        showValue="always",
        showLegend=False,
        colorMode="fixed",
        fixedColor=marks.FIRST,
        thresholdSteps=list(look.thresholds),
        transformations=[
            {"id": "organize", "options": {"excludeByName": hidden, "indexByName": {}, "renameByName": {}}},
            {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": "Value"}]}},
        ],
        extraJson=_extra(look, xField=label, fullHighlight=False, xTickLabelMaxLength=0),
    )
    return Placed(panel, width, height, needs)


def parts_of(scope: Scope, *placed: Placed) -> list[Placed]:
    """Those of the panels that can ever show something."""
    return [each for each in placed if scope.has(each.needs)]

"""Mends what grafanalib 0.7.1 writes, in this one place: it is not maintained, and today's Grafana reads much of it wrongly.

| grafanalib | what it does to a board | here |
|---|---|---|
| `schemaVersion` 12 | Grafana migrates from 2016 and drops the panels' thresholds | 41 |
| `Threshold(index=0)` | its value is the text "null": the colour from -infinity on is lost | `null` |
| `BarGauge` | its options are those from before Grafana 7 and are ignored | `options` of today |
| `Table` | `mappings` (and `color`) at the panel's root are ignored | in `fieldConfig` |
| `Target` | `step: 10, intervalFactor: 2` halve the resolution | dropped; `range` says what `instant` means |
| `Panel.maxDataPoints` 100 | graphs of a hundred points | dropped: one a pixel |
| `Template` | `refresh: 1`: a new system is missing until the page is loaded again | 2, at every change of the time |
| data sources as text, or missing | fail Grafana's own schema | `{type, uid}` of the variable |
| `null` and properties of old versions | fail Grafana's own schema | dropped |
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from grafanalib._gen import DashboardEncoder

SCHEMA_VERSION = 41
COARSE = 100
"""grafanalib's own maxDataPoints: whoever wants that many says 99 or 101."""
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
ON_TIME_RANGE = 2

Json = dict[str, Any]

_PANEL = [
    "datasource",
    "description",
    "fieldConfig",
    "gridPos",
    "id",
    "interval",
    "links",
    "maxDataPoints",
    "maxPerRow",
    "options",
    "repeat",
    "repeatDirection",
    "targets",
    "timeFrom",
    "timeShift",
    "title",
    "transformations",
    "transparent",
    "type",
]
_ROW = ["collapsed", "gridPos", "id", "panels", "title", "type"]
_TARGET = ["datasource", "expr", "format", "hide", "instant", "interval", "legendFormat", "range", "refId"]
_VARIABLE = {
    "datasource": [
        "current",
        "hide",
        "includeAll",
        "label",
        "multi",
        "name",
        "options",
        "query",
        "refresh",
        "regex",
        "type",
    ],
    "query": [
        "allValue",
        "current",
        "datasource",
        "definition",
        "hide",
        "includeAll",
        "label",
        "multi",
        "name",
        "options",
        "query",
        "refresh",
        "regex",
        "sort",
        "type",
    ],
    "textbox": ["current", "hide", "label", "name", "options", "query", "type"],
    "constant": ["current", "hide", "label", "name", "options", "query", "type"],
}
_BOARD = [
    "annotations",
    "description",
    "editable",
    "graphTooltip",
    "links",
    "panels",
    "refresh",
    "schemaVersion",
    "tags",
    "templating",
    "time",
    "timepicker",
    "timezone",
    "title",
    "uid",
]


def normalise(board: Any) -> Json:
    """What Grafana should read of grafanalib's `Dashboard`: plain data, without a `null` that means nothing."""
    raw = json.loads(json.dumps(board, cls=DashboardEncoder))
    raw["schemaVersion"] = max(SCHEMA_VERSION, raw["schemaVersion"])
    raw["panels"] = [_panel(panel) for panel in raw["panels"]]
    raw["annotations"]["list"] = [
        {**each, "datasource": _source(each.get("datasource"))} for each in raw["annotations"]["list"]
    ]
    raw["templating"]["list"] = [_variable(each) for each in raw["templating"]["list"]]
    raw["links"] = [_only(link, link) for link in raw["links"]]
    raw["timepicker"] = _only(raw["timepicker"], ("hidden", "nowDelay", "refresh_intervals"))
    return _only(raw, _BOARD)


def _only(of: Mapping[str, Any], names: Any) -> Json:
    return {name: of[name] for name in names if of.get(name) is not None}


def _source(source: Any) -> Json:
    """A data source as an object; whatever is named as text, or not at all, is the one that the user chose."""
    return dict(source) if isinstance(source, Mapping) else dict(DATA_SOURCE)


def _panel(panel: Json) -> Json:
    if panel["type"] == "row":
        return {**_only(panel, _ROW), "panels": [_panel(inner) for inner in panel["panels"]]}
    panel = _MENDED.get(panel["type"], dict)(panel)
    if panel.get("maxDataPoints") == COARSE:
        del panel["maxDataPoints"]
    panel["datasource"] = _source(panel.get("datasource"))
    panel["targets"] = [_target(target) for target in panel["targets"]]
    panel["fieldConfig"] = _field_config(panel["fieldConfig"])
    panel["options"] = _without_null(panel.get("options", {}))
    return _only(panel, _PANEL)


def _target(target: Json) -> Json:
    instant = bool(target.get("instant"))
    mended = _only({**target, "datasource": _source(target.get("datasource")), "range": not instant}, _TARGET)
    return {name: value for name, value in mended.items() if value != "" and (name, value) != ("hide", False)}


def _field_config(config: Json) -> Json:
    defaults = _without_null(config.get("defaults", {}))
    steps = config.get("defaults", {}).get("thresholds", {}).get("steps") or []
    defaults["thresholds"] = {"mode": "absolute", "steps": [_step(step) for step in steps]}
    overrides = [
        {**each, "properties": [_property(one) for one in each["properties"]]} for each in config.get("overrides", [])
    ]
    return {"defaults": defaults, "overrides": overrides}


def _property(one: Json) -> Json:
    if one["id"] != "thresholds":
        return one
    return {**one, "value": {**one["value"], "steps": [_step(step) for step in one["value"]["steps"]]}}


def _step(step: Json) -> Json:
    """A threshold; the first one begins at -infinity, which is written as null."""
    return {"color": step["color"], "value": None if step["value"] in ("null", None) else step["value"]}


def _without_null(value: Any) -> Any:
    """Nothing is said by a null but in a threshold, or at the open end of a range."""
    if isinstance(value, dict):
        if "from" in value and "to" in value:
            return value
        return {name: _without_null(inner) for name, inner in value.items() if inner is not None}
    return [_without_null(inner) for inner in value] if isinstance(value, list) else value


def _variable(variable: Json) -> Json:
    kind = variable["type"]
    mended = _only(variable, _VARIABLE[kind])
    default = variable["current"].get("value")
    several = variable["includeAll"] and default == "$__all"
    mended["current"] = {"text": "All" if several else default or "", "value": default or ""}
    if kind == "query":
        mended |= {
            "datasource": _source(variable["datasource"]),
            "refresh": ON_TIME_RANGE,
        }
    if kind in ("textbox", "constant"):
        mended["options"] = [{**mended["current"], "selected": True}]
    return mended


def _bar_gauge(panel: Json) -> Json:
    """From `fieldOptions` of before Grafana 7 to `reduceOptions` and `fieldConfig`."""
    old = panel["options"]
    told = old["fieldOptions"]
    defaults = {
        **panel["fieldConfig"]["defaults"],
        **{name: told["defaults"].get(name) for name in ("decimals", "max", "min", "unit", "links")},
        "displayName": told["defaults"].get("title"),
        "mappings": told["mappings"],
        "thresholds": {"mode": "absolute", "steps": told["thresholds"]},
    }
    options = {
        "displayMode": old["displayMode"],
        "orientation": old["orientation"],
        "reduceOptions": {"calcs": told["calcs"], "values": bool(told["values"]), "fields": ""},
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
        "maxVizHeight": 300,
        "minVizHeight": 16,
        "minVizWidth": 8,
        "namePlacement": "auto",
        "showUnfilled": True,
        "sizing": "auto",
        "valueMode": "color",
    }
    fields = {"defaults": defaults, "overrides": panel["fieldConfig"].get("overrides", [])}
    return {**panel, "options": options, "fieldConfig": fields}


def _table(panel: Json) -> Json:
    """`mappings` and `color` belong to the fields; a cell's `displayMode` is now part of its options."""
    fields = panel["fieldConfig"]
    defaults = {"color": panel.get("color"), "mappings": panel.get("mappings") or [], **fields["defaults"]}
    custom = dict(defaults.get("custom", {}))
    mode = custom.pop("displayMode", "auto")
    defaults["custom"] = {"cellOptions": {"type": mode}, "inspect": False, **custom}
    return {**panel, "fieldConfig": {**fields, "defaults": defaults}}


def _time_series(panel: Json) -> Json:
    """An empty `stacking` is none, and a linear scale has no base."""
    custom = dict(panel["fieldConfig"]["defaults"]["custom"])
    if not custom.get("stacking"):
        custom["stacking"] = {"group": "A", "mode": "none"}
    if custom.get("scaleDistribution", {}).get("type") == "linear":
        custom["scaleDistribution"] = {"type": "linear"}
    fields = panel["fieldConfig"]
    return {**panel, "fieldConfig": {**fields, "defaults": {**fields["defaults"], "custom": custom}}}


def _bar_chart(panel: Json) -> Json:
    """`none` is no colour: only a fixed colour is named."""
    fields = panel["fieldConfig"]
    color = dict(fields["defaults"]["color"])
    if color.get("mode") != "fixed":
        color.pop("fixedColor", None)
    return {**panel, "fieldConfig": {**fields, "defaults": {**fields["defaults"], "color": color}}}


_MENDED: Mapping[str, Callable[[Json], Json]] = {
    "bargauge": _bar_gauge,
    "barchart": _bar_chart,
    "table": _table,
    "timeseries": _time_series,
}

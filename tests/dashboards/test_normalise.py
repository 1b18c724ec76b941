"""Each fault of grafanalib, as grafanalib itself writes it, and that it is mended."""

from typing import Any

from grafanalib.core import (
    BarChart,
    BarGauge,
    Dashboard,
    RowPanel,
    Stat,
    StateTimeline,
    Table,
    Target,
    Template,
    Templating,
    Threshold,
    TimeSeries,
)

from dashboards.normalise import DATA_SOURCE, normalise
from tests.dashboards.test_schema import faults, judge

THRESHOLDS = [Threshold("green", 0, 0.0), Threshold("red", 1, 0.8)]
STEPS = [{"color": "green", "value": None}, {"color": "red", "value": 0.8}]


def mended(panel: Any) -> dict[str, Any]:
    """One panel as it stands on a normalised board, which is valid."""
    board = normalise(Dashboard(title="a board", panels=[panel]).auto_panel_ids())
    assert faults("dashboard", board) == []
    found: dict[str, Any] = board["panels"][0]
    return found


def test_the_schema_is_one_of_today() -> None:
    """With grafanalib's 12, Grafana would migrate the board from 2016 and drop its thresholds."""
    raw = Dashboard(title="a board")
    assert raw.to_json_data()["schemaVersion"] == 12
    assert normalise(raw)["schemaVersion"] >= 39


def test_the_first_threshold_begins_at_minus_infinity() -> None:
    """grafanalib writes the text "null", which is no number."""
    assert THRESHOLDS[0].to_json_data()["value"] == "null"
    assert (
        mended(Stat(title="a stat", thresholds=THRESHOLDS))["fieldConfig"]["defaults"]["thresholds"]["steps"] == STEPS
    )


def test_thresholds_of_a_column_are_mended_too() -> None:
    """Those in an override are as wrong as those of a panel."""
    column = {
        "matcher": {"id": "byName", "options": "RPO"},
        "properties": [{"id": "thresholds", "value": {"mode": "absolute", "steps": THRESHOLDS}}],
    }
    override = mended(Table(title="a table", overrides=[column]))["fieldConfig"]["overrides"][0]
    assert override["properties"][0]["value"]["steps"] == STEPS


def test_a_bar_gauge_has_the_options_of_today() -> None:
    """What stood in `fieldOptions` before Grafana 7 stands where it is read now."""
    panel = mended(BarGauge(title="a gauge", format="s", max=10, thresholds=THRESHOLDS, calc="last"))
    assert "fieldOptions" not in panel["options"]
    assert panel["options"]["reduceOptions"] == {"calcs": ["last"], "values": False, "fields": ""}
    assert panel["fieldConfig"]["defaults"]["unit"] == "s"
    assert panel["fieldConfig"]["defaults"]["max"] == 10
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"] == STEPS
    assert faults("bargauge-options", panel["options"]) == []


def test_a_table_keeps_its_mappings() -> None:
    """They belong to the fields, not to the panel."""
    mapping = {"type": "value", "options": {"1": {"text": "one", "index": 0}}}
    raw = Table(title="a table", mappings=[mapping], displayMode="color-text")
    assert raw.to_json_data()["mappings"] == [mapping]
    panel = mended(raw)
    assert "mappings" not in panel
    assert panel["fieldConfig"]["defaults"]["mappings"] == [mapping]
    assert panel["fieldConfig"]["defaults"]["custom"]["cellOptions"] == {"type": "color-text"}


def test_a_query_keeps_its_resolution() -> None:
    """`step: 10, intervalFactor: 2` would halve it; instead it says whether it asks for a range or an instant."""
    raw = Target(expr="up", refId="A")
    assert (raw.to_json_data()["step"], raw.to_json_data()["intervalFactor"]) == (10, 2)
    panel = mended(TimeSeries(title="a graph", targets=[raw, Target(expr="up", refId="B", instant=True)]))
    assert panel["targets"] == [
        {
            "datasource": DATA_SOURCE,
            "expr": "up",
            "format": "time_series",
            "instant": False,
            "range": True,
            "refId": "A",
        },
        {
            "datasource": DATA_SOURCE,
            "expr": "up",
            "format": "time_series",
            "instant": True,
            "range": False,
            "refId": "B",
        },
    ]


def test_a_graph_has_a_point_a_pixel() -> None:
    """grafanalib asks for a hundred points, unless another number is given."""
    assert TimeSeries(title="a graph").to_json_data()["maxDataPoints"] == 100
    assert "maxDataPoints" not in mended(TimeSeries(title="a graph"))
    assert mended(StateTimeline(title="states", maxDataPoints=180))["maxDataPoints"] == 180


def test_variables_follow_the_time() -> None:
    """With `refresh: 1` a new system is missing until the page is loaded again."""
    raw = Template(name="system", query="label_values(dr_system_info, system)", dataSource="$datasource")
    assert raw.to_json_data()["refresh"] == 1
    board = normalise(Dashboard(title="a board", templating=Templating(list=[raw])))
    assert faults("dashboard", board) == []
    assert board["templating"]["list"][0]["refresh"] == 2
    assert board["templating"]["list"][0]["datasource"] == DATA_SOURCE


def test_data_sources_are_objects() -> None:
    """As text, or left out, they fail Grafana's schema; one that is an object stays as it is."""
    assert mended(Stat(title="a stat", dataSource="Prometheus", thresholds=[]))["datasource"] == DATA_SOURCE
    other = {"type": "prometheus", "uid": "another"}
    assert mended(Stat(title="a stat", dataSource=other, thresholds=[]))["datasource"] == other


def test_every_kind_of_panel_becomes_valid() -> None:
    """As grafanalib makes it, with nothing but a title; a row with a panel inside, too."""
    made = [TimeSeries(title="t"), StateTimeline(title="t"), Table(title="t"), BarChart(title="t"), BarGauge(title="t")]
    for panel in made:
        assert mended(panel)["type"]
    row = mended(RowPanel(title="a row", collapsed=True, panels=[TimeSeries(title="t", thresholds=THRESHOLDS)]))
    assert row["panels"][0]["fieldConfig"]["defaults"]["thresholds"]["steps"] == STEPS
    assert judge("timeseries-custom") is not None
    assert faults("timeseries-custom", row["panels"][0]["fieldConfig"]["defaults"]["custom"]) == []

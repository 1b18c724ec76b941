"""Every board is valid by the schema that Grafana itself publishes; `schema/README.md` says where it comes from."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.dashboards.questions import Json, panels

SCHEMAS = Path(__file__).parent / "schema"
QUERY_OF_A_MARK = {"expr", "step", "tagKeys", "textFormat", "titleFormat", "useValueForTime"}
"""What Prometheus's annotations have. The schema knows those of Grafana's own store alone, and says that this is to be done."""


@cache
def judge(name: str) -> jsonschema.Draft7Validator | None:
    """The validator; None where Grafana has no schema of that kind."""
    path = SCHEMAS / f"{name}.json"
    return jsonschema.Draft7Validator(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def faults(name: str, value: Any) -> list[str]:
    validator = judge(name)
    assert validator is not None, f"there is no schema {name}"
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]


def without_own(board: Json) -> Json:
    """The board without what only the import page and the data source read."""
    marks = [{key: each[key] for key in each.keys() - QUERY_OF_A_MARK} for each in board["annotations"]["list"]]
    return {key: value for key, value in board.items() if not key.startswith("__")} | {"annotations": {"list": marks}}


def test_the_board_is_valid(board: Json) -> None:
    """As Grafana's provisioning reads it."""
    assert faults("dashboard", without_own(board)) == []


def test_the_imported_board_is_valid(imported: Json) -> None:
    """As Grafana's import page reads it, but for the questions that this page asks first."""
    assert faults("dashboard", without_own(imported)) == []


def test_the_panels_are_valid(board: Json) -> None:
    """The options and fields of each panel are what its kind has."""
    for panel in panels(board):
        kind = panel["type"].replace("-", "")
        assert faults(f"{kind}-options", panel["options"]) == [], panel["title"]
        if judge(f"{kind}-custom") is not None:
            custom = panel["fieldConfig"]["defaults"].get("custom", {})
            assert faults(f"{kind}-custom", custom) == [], panel["title"]
            assert faults(f"{kind}-custom", custom | _overridden(panel)) == [], panel["title"]


def _overridden(panel: Json) -> Json:
    """What overrides set below `custom`."""
    properties = [one for each in panel["fieldConfig"]["overrides"] for one in each["properties"]]
    return {one["id"].removeprefix("custom."): one["value"] for one in properties if one["id"].startswith("custom.")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dashboard", {"schemaVersion": 41, "panels": [{"type": "stat", "datasource": "Prometheus"}]}),
        ("dashboard", {"schemaVersion": 41, "rows": []}),
        ("stat-options", {"fieldOptions": {}}),
        ("table-custom", {"displayMode": "auto", "cellOptions": {"type": "rainbow"}}),
    ],
)
def test_the_schema_judges(name: str, value: Json) -> None:
    """What Grafana would not read is refused, so that a valid board means something."""
    assert faults(name, value)

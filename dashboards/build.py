"""The files: each board as it is provisioned, and as grafana.com imports it."""

import json
from typing import Any

from dashboards.boards import boards
from dashboards.frame import ADDRESS_VARIABLE, dashboard
from dashboards.normalise import normalise
from dashboards.scope import Scope

PROVISIONED, IMPORT = "provisioned", "import"
GRAFANA = "11.0.0"
"""The oldest Grafana that reads this schema."""

_SOURCE_INPUT, _ADDRESS_INPUT = "DS_PROMETHEUS", "VAR_EXPORTER_URL"
_NAMES = {
    "barchart": "Bar chart",
    "bargauge": "Bar gauge",
    "stat": "Stat",
    "state-timeline": "State timeline",
    "table": "Table",
    "timeseries": "Time series",
}


def files(scope: Scope) -> dict[str, str]:
    """Path below the target folder -> text. The same for the same scope, byte by byte."""
    built = {board.uid: normalise(dashboard(board, scope)) for board in boards(scope)}
    provisioned = {f"{PROVISIONED}/{uid}.json": _text(each) for uid, each in built.items()}
    return provisioned | {f"{IMPORT}/{uid}.json": _text(importable(each, scope)) for uid, each in built.items()}


def importable(board: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """The same board for the import page, which asks for the data source and for the exporter's address."""
    variables = [_asked(variable) for variable in board["templating"]["list"]]
    kinds = sorted({panel["type"] for panel in board["panels"]} - {"row"})
    panels = [{"type": "panel", "id": kind, "name": _NAMES[kind], "version": ""} for kind in kinds]
    return {
        "__inputs": [
            {
                "name": _SOURCE_INPUT,
                "label": "Prometheus",
                "description": "The Prometheus that scrapes the exporter",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            },
            {
                "name": _ADDRESS_INPUT,
                "label": "Address of the exporter",
                "description": "Under which people reach its page, for the links",
                "type": "constant",
                "value": scope.address,
            },
        ],
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": GRAFANA},
            {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
            *panels,
        ],
        **board,
        "templating": {"list": variables},
    }


def _asked(variable: dict[str, Any]) -> dict[str, Any]:
    """A variable whose value the import page asks for; any other as it is."""
    if variable["type"] == "datasource":
        given = f"${{{_SOURCE_INPUT}}}"
        return {**variable, "current": {"text": given, "value": given}}
    if variable["name"] == ADDRESS_VARIABLE:
        given = f"${{{_ADDRESS_INPUT}}}"
        current = {"text": given, "value": given}
        return {
            **variable,
            "type": "constant",
            "hide": 2,
            "query": given,
            "current": current,
            "options": [{**current, "selected": False}],
        }
    return variable


def _text(board: dict[str, Any]) -> str:
    return json.dumps(board, indent=1, ensure_ascii=False) + "\n"

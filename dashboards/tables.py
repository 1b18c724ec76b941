"""Tables: one query a column, joined on the labels that they have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from grafanalib.core import Table, TableSortByField, Target

from dashboards import marks
from dashboards.panels import NOT_KNOWN, NUMBER, Links, Look, Placed
from dashboards.scope import Feature, Scope


@dataclass(frozen=True, slots=True)
class Label:
    """A column with the value of a label that all queries share."""

    name: str
    header: str
    links: Links = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column with the value of its query, or of a label that only this query has."""

    header: str
    expr: str
    look: Look = NUMBER
    label: str = ""
    needs: Feature | None = None


def table(
    scope: Scope,
    title: str,
    description: str,
    labels: Sequence[Label],
    columns: Sequence[Column],
    *,
    sort: str,
    descending: bool = True,
    width: int = 24,
    height: int = 8,
    needs: Feature | None = None,
) -> Placed:
    """A row for each set of `labels`, sorted by the column with the header `sort`. Instant queries only."""
    shown = [column for column in columns if scope.has(column.needs)]
    by_ref = list(zip(ascii_uppercase, shown, strict=False))
    first = sort if sort in [column.header for column in shown] else labels[0].header
    panel = Table(
        title=title,
        description=description,
        targets=[
            Target(expr=column.expr, refId=ref, instant=True, format="table", legendFormat="") for ref, column in by_ref
        ],
        transformations=[{"id": "merge", "options": {}}, _organized(labels, by_ref)],
        thresholds=list(marks.PLAIN),
        sortBy=[TableSortByField(displayName=first, desc=descending)],
        overrides=[*map(_linked, labels), *map(_shown, shown)],
        extraJson={
            "fieldConfig": {"defaults": {"noValue": NOT_KNOWN, "unit": "none", "custom": _cell("auto")}},
            "options": {"frameIndex": 0, "cellHeight": "sm", "enablePagination": False},
        },
    )
    return Placed(panel, width, height, needs)


def _cell(kind: str) -> dict[str, Any]:
    return {"cellOptions": {"type": kind}, "filterable": True, "inspect": False}


def _organized(labels: Sequence[Label], by_ref: Sequence[tuple[str, Column]]) -> dict[str, Any]:
    """Names and order of the columns. A single query's value is called Value, one of several Value #A, Value #B, …"""
    names = {label.name: label.header for label in labels}
    hidden = {"Time": True}
    for ref, column in by_ref:
        value = f"Value #{ref}" if len(by_ref) > 1 else "Value"
        names[column.label or value] = column.header
        if column.label:
            hidden[value] = True
    order = {name: place for place, name in enumerate(names)}
    return {"id": "organize", "options": {"excludeByName": hidden, "indexByName": order, "renameByName": names}}


def _linked(label: Label) -> dict[str, Any]:
    properties = [{"id": "links", "value": list(label.links)}] if label.links else []
    return {"matcher": {"id": "byName", "options": label.header}, "properties": properties}


def _shown(column: Column) -> dict[str, Any]:
    look = column.look
    properties: list[dict[str, Any]] = [
        {"id": "unit", "value": look.unit},
        {"id": "noValue", "value": look.no_value},
    ]
    if look.decimals is not None:
        properties.append({"id": "decimals", "value": look.decimals})
    if look.mappings:
        properties.append({"id": "mappings", "value": list(look.mappings)})
    if look.thresholds is not marks.PLAIN:
        properties.append({"id": "thresholds", "value": {"mode": "absolute", "steps": list(look.thresholds)}})
    if look.mappings or look.thresholds is not marks.PLAIN:
        properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
    return {"matcher": {"id": "byName", "options": column.header}, "properties": properties}

"""Every query of every board, with Grafana's variables filled in as Grafana would."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True)
class Question:
    """One query and where it stands."""

    board: str
    panel: str
    ref: str
    expr: str
    instant: bool

    def __str__(self) -> str:
        return f"{self.board} / {self.panel} / {self.ref}"

    def filled(self, values: Mapping[str, str]) -> str:
        return filled(self.expr, values)


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables; raises KeyError for one that nobody sets."""
    return _VARIABLE.sub(lambda found: values[found[1] or found[2]], text)


def panels(board: Json) -> list[Json]:
    """All but the titles of the sections."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def questions(board: Json) -> Iterator[Question]:
    """Those of panels and annotations, and what the variables are asked."""
    for panel in panels(board):
        for target in panel["targets"]:
            yield Question(board["uid"], panel["title"], target["refId"], target["expr"], target["instant"])
    for mark in board["annotations"]["list"]:
        yield Question(board["uid"], "annotations", mark["name"], mark["expr"], instant=False)
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield Question(board["uid"], "variables", variable["name"], asked_for(variable["query"]), instant=True)


def asked_for(query: str) -> str:
    """The PromQL behind a variable's query; raises ValueError for what is neither of the two functions that we use."""
    if found := re.fullmatch(r"label_values\((.+), (\w+)\)", query):
        return f"group by ({found[2]}) ({found[1]})"
    if found := re.fullmatch(r"query_result\((.+)\)", query):
        return found[1]
    raise ValueError(f"{query} is no query of a variable")

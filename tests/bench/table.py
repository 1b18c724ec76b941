"""The results as Markdown, from the JSON that the bench wrote: `python -m tests.bench.table` prints all of it.

The README has what is promised (`promised`), docs/performance.md all that was measured (`everything`); `make reference`
writes both, and a test fails when they are not what the JSON says.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PARTS = {
    "outages": "How wrong a measured outage is",
    "looks": "A look",
    "scale": "Thousands of endpoints",
    "scrape": "A scrape",
    "streams": "A thousand browsers",
    "start": "Start",
    "boards": "Boards",
}
"""In the order of the tables; the name is that of `--only`."""
DISTURBED = 0.1
"""Cores of strangers from which on they are mentioned."""


def promised() -> str:
    """What is promised, for the README."""
    lines = ["| | median | least .. most | promised | |", "|---|---|---|---|---|"]
    rows = [row for part in PARTS if (found := _result(part)) for row in found["rows"] if row["limit"] is not None]
    lines += [f"| {row['name']} | {_value(row)} | {_spread(row)} | {_limit(row)} | {_verdict(row)} |" for row in rows]
    return "\n".join([*lines, "", *_machines()])


def everything() -> str:
    """All rows with what stands behind them, part by part."""
    lines: list[str] = []
    for part, title in PARTS.items():
        if found := _result(part):
            lines += [f"**{title}** (`python -m tests.bench --only {part}`)", ""]
            lines += ["| | median | least .. most | promised | | |", "|---|---|---|---|---|---|"]
            for row in found["rows"]:
                cells = (row["name"], _value(row), _spread(row), _limit(row), _verdict(row), row["words"])
                lines.append(f"| {' | '.join(cells)} |")
            lines.append("")
    return "\n".join([*lines, *_machines()])


def _result(part: str) -> dict[str, Any] | None:
    """None: this part was not measured."""
    file = RESULTS / f"{part}.json"
    if not file.exists():
        return None
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _machines() -> Iterator[str]:
    """On what it was measured, and by whom it was disturbed; parts of the same day on the same machine in one sentence."""
    same: dict[str, list[str]] = {}
    for part in PARTS:
        if found := _result(part):
            of = found["machine"]
            where = (
                f"{of['cores']} cores of {of['cpu']}, {of['memory_gb']} GB, Linux {of['kernel']}, Python {of['python']}"
            )
            same.setdefault(f"{where}, {of['at'][:10]}", []).append(f"{part}{_strangers(of)}")
    for where, parts in same.items():
        yield f"Measured on {where}: {', '.join(parts)}."


def _strangers(machine: dict[str, Any]) -> str:
    cores = machine.get("cores_of_strangers", 0.0)
    return f" (while others took up to {cores:.1f} cores)" if cores > DISTURBED else ""


def _value(row: dict[str, Any]) -> str:
    return f"{row['median']:.3g} {row['unit']}".strip()


def _spread(row: dict[str, Any]) -> str:
    least, most = min(row["rounds"]), max(row["rounds"])
    return "" if least == most else f"{least:.3g} .. {most:.3g}"


def _limit(row: dict[str, Any]) -> str:
    return "" if row["limit"] is None else f"{row['limit']:g} {row['unit']}".strip()


def _verdict(row: dict[str, Any]) -> str:
    return "" if row["limit"] is None else "met" if row["met"] else "**missed**"


if __name__ == "__main__":
    print(everything())

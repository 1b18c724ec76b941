"""Drills in words, for a terminal. What is printed was written by people, so nothing in it may move the cursor."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from exporter.ledger.commands import printable
from exporter.settings import format_duration
from exporter.table import aligned

Json = Mapping[str, Any]
HEAD = ("system", "state", "drill", "by", "until", "last drill", "next due", "proof")


def moment(seconds: float | None) -> str:
    """Unix seconds as people read them, in UTC; `-` for what is not known."""
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def day(seconds: float | None) -> str:
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def fields(*pairs: tuple[str, object]) -> str:
    """One line a field, those without a value left out."""
    shown = [(name, printable(str(value))) for name, value in pairs if value not in (None, "", [])]
    width = max((len(name) for name, _ in shown), default=0)
    return "\n".join(f"  {name.ljust(width)}  {value}" for name, value in shown)


def condition(drill: Json | None) -> str:
    """Whether one is open, in one word."""
    if drill is None:
        return "-"
    if drill["type"] == "maintenance":
        return "maintenance"
    return "EXPIRED" if drill["expired"] else "running"


def overview(systems: Sequence[Json]) -> str:
    """One row a system: those with an open drill first, then those that are due next."""
    ordered = sorted(systems, key=lambda one: (one["drill"] is None, one["drill_due"] or float("inf"), one["name"]))
    rows = [HEAD, *(_row(one) for one in ordered)]
    return aligned([[printable(cell) for cell in row] for row in rows])


def _row(system: Json) -> tuple[str, ...]:
    drill, proof = system["drill"], system["proof"]
    return (
        system["name"],
        system["state"],
        condition(drill),
        "-" if drill is None else drill["operator"],
        "-" if drill is None else moment(drill["expires"]),
        day(system["drill_last"]),
        day(system["drill_due"]),
        proof["state"] + (", and missed since" if proof["missed"] is not None else ""),
    )


def details(drill: Json, incidents: Sequence[Json] = ()) -> str:
    """Everything about one drill, with what was measured in it."""
    ended = drill["ended"]
    lasted = None if ended is None else format_duration(max(1.0, round(ended - drill["started"])))
    facts = fields(
        ("id", drill["id"]),
        ("scenario", drill["scenario"]),
        ("operator", drill["operator"]),
        ("reason", drill["reason"]),
        ("expected", drill["expected"]),
        ("started", moment(drill["started"])),
        ("expires", moment(drill["expires"]) if ended is None else None),
        ("stopped", None if ended is None else f"{moment(ended)}, by {drill['by'] or 'itself'}, after {lasted}"),
        ("outcome", drill["outcome"]),
        *(("measured", measured(one)) for one in incidents),
        ("measured", None if incidents else ", ".join(drill["incidents"]) or "nothing yet"),
        *(("signed", _signature(one)) for one in drill["signatures"]),
    )
    head = "stopped" if ended is not None else "left open past its expiry" if drill["expired"] else "runs"
    return f"{printable(drill['system'])}: {drill['type']} {head}\n{facts}"


def measured(incident: Json) -> str:
    """An incident in one line: what it was, its two numbers with their bounds, and what that makes of the objectives."""
    if incident["rto"] is None:
        return f"{incident['id']}: still down"
    numbers = []
    for name in ("rto", "rpo"):
        bounds, judged = incident[name], incident["verdicts"][name].replace("_", " ")
        if bounds is not None:
            numbers.append(f"{name.upper()} {bounds['lower']:.2f} to {bounds['upper']:.2f} s, {judged}")
    counts = incident["markers"]
    if counts is not None:
        numbers.append(f"{counts['lost']} acknowledged markers lost, {counts['surviving']} survived")
    return f"{incident['id']}: {incident['kind']}, {'; '.join(numbers)}"


def _signature(told: Json) -> str:
    role, note = f" as {told['role']}" if told["role"] else "", f": {told['note']}" if told["note"] else ""
    return f"{moment(told['at'])}, by {told['by']}{role}{note}"


def begun(drill: Json) -> str:
    """What whoever has just started a drill should know."""
    system, until = printable(drill["system"]), moment(drill["expires"])
    if drill["type"] == "maintenance":
        effect = f"It ends by itself at {until}. Nothing is muted: {system} pages as always."
    else:
        effect = (
            f"Pages of {system} are muted until {until}, unless an outage passes its RTO objective. "
            f"Other systems page as always."
        )
    return f"{details(drill)}\n{effect}\nEnd it with: rto-rpo-exporter drill stop {drill['id']}"


def marked(incident: Json) -> str:
    """An incident's marks, newest last."""
    judged = incident["classification"]
    lines = [f"{printable(incident['id'])}: {incident['kind']}" + (f", {_classified(judged)}" if judged else "")]
    for told in incident["marks"] or []:
        known = ("text", "under", "owner", "due", "done", "role", "as", "reason")
        more = "; ".join(f"{key} {told[key]}" if key != "text" else told[key] for key in known if told.get(key))
        lines.append(printable(f"  {moment(told['at'])}  {told['kind']}  {told['by']}" + (f"  {more}" if more else "")))
        if told["kind"] == "action" and not told["done"]:
            lines.append(f"    close it with --done {printable(told['id'])}")
    return "\n".join(lines)


def _classified(judged: Json) -> str:
    if judged["by"] is None:
        return str(judged["original"])
    return f"was {judged['original']}, is taken for {judged['effective']}"

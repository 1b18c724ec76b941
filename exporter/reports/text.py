"""Reports as Markdown and CSV, from the same JSON as the page."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from exporter.reports.html import title, told
from exporter.reports.teller import Teller

EVENT_COLUMNS = (
    "id", "system", "tier", "kind", "drill", "counted", "classification", "start_lower", "start_upper", "end_lower", "end_upper",
    "rto_lower", "rto_upper", "rto_objective", "rto_verdict", "rpo_lower", "rpo_upper", "rpo_objective", "rpo_verdict",
    "markers_lost", "markers_surviving", "markers_indeterminate", "downtime_upper", "cost_upper", "currency", "record",
)  # fmt: skip


def as_csv(report: Mapping[str, Any]) -> str:
    """One line an event: Unix seconds and seconds; an empty cell is what was not observed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(EVENT_COLUMNS)
    events = [report["incident"]] if report["kind"] == "incident" else report["events"]
    for event in events:
        writer.writerow(_cell(value) for value in _row(event))
    return out.getvalue()


def _row(event: Mapping[str, Any]) -> list[Any]:
    def bounds(found: Mapping[str, Any] | None) -> list[Any]:
        return [None, None] if found is None else [found["lower"], found["upper"]]

    markers, cost, down = event["markers"] or {}, event["cost"] or {}, event["downtime_seconds"] or {}
    objectives, verdicts = event["objectives"], event["verdicts"]
    return [
        event["id"], event["system"], event["tier"], event["kind"], event["drill"], event["counted"],
        event["classification"]["effective"], *bounds(event["start"]), *bounds(event["end"]),
        *bounds(event["rto"]), objectives.get("rto"), verdicts["rto"],
        *bounds(event["rpo"]), objectives.get("rpo_site_loss"), verdicts["rpo"],
        *(markers.get(name) for name in ("lost", "surviving", "indeterminate")),
        down.get("upper"), cost.get("upper"), cost.get("currency"), event["n"],
    ]  # fmt: skip


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets a quote before it."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def markdown(report: Mapping[str, Any], teller: Teller) -> str:
    """The same tables as on the page, without its charts."""
    body = {"period": _period, "incident": _incident, "drill": _drill}[report["kind"]](report, teller)
    head = f"{report['ledger']['head']['number']}:{report['ledger']['head']['hash']}"
    lines = [
        f"# {teller.word('title.' + report['kind'])} {_safe(title(report))}",
        f"{teller.word('label.made')}: {teller.instant(report['made'])}. {teller.word('label.timezone')}: {report['timezone']}.",
        *body,
        f"## {teller.word('section.rule')}",
        *(
            f"- {teller.word('rule.' + name)}"
            for name in ("observed", "downtime", "drills", "reclassified", "budget", "cost")
        ),
        f"## {teller.word('section.evidence')}",
        teller.word("note.evidence", head=head),
        f"- {teller.word('label.ledger_head')}: `{head}`",
        f"- {teller.word('label.config_hash')}: `{report['config_hash'] or teller.unknown}`",
        f"- {teller.word('label.tool')}: {report['tool']['name']} {report['tool']['version']}",
    ]
    return _joined(lines)


def _joined(lines: Iterable[str]) -> str:
    """An empty line between blocks; rows of a table and points of a list stay together."""
    out: list[str] = []
    for line in lines:
        if out and not (line[:1] == out[-1][:1] and line[:1] in ("|", "-")):
            out.append("")
        out.append(line)
    return "\n".join(out) + "\n"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(_safe(cell) for cell in row)} |" for row in rows),
    ]


def _safe(text: str) -> str:
    """Nothing that came from elsewhere becomes a table's border, a tag or a link."""
    told = " ".join(str(text).split())
    return "".join(f"\\{char}" if char in "\\|`*_[]<>#" else char for char in told)


def _period(report: Mapping[str, Any], t: Teller) -> list[str]:
    window = report["period"]
    lines = [
        f"{t.word('label.period')}: {t.instant(window['from'])} – {t.instant(window['to'])}. "
        f"{t.word('label.known_until')}: {t.instant(window['known_until'])}.",
        f"## {t.word('section.summary')}",
        *(
            f"- {t.word('summary.' + name, **report['summary'][name])}"
            for name in ("availability", "rto", "rpo", "checklist")
        ),
        f"## {t.word('section.systems')}",
        *_systems(report["systems"], t),
        f"## {t.word('section.events')}",
        *(_events(report["events"], t) if report["events"] else [t.word("note.events_none")]),
        f"## {t.word('section.drills')}",
        *(_drills(report["drills"], t) if report["drills"] else [t.word("note.drills_none")]),
        f"## {t.word('section.checklist')}",
    ]
    for system in report["systems"]:
        lines += [f"### {_safe(system['name'])}", *_checklist(system["checklist"], t)]
    return lines


def _systems(systems: Iterable[Mapping[str, Any]], t: Teller) -> list[str]:
    names = (
        "system",
        "availability",
        "availability_reclassified",
        "objective",
        "downtime",
        "budget_left",
        "unobserved",
        "verdict",
    )

    def row(system: Mapping[str, Any]) -> list[str]:
        a = system["availability"]
        left = t.word("value.none") if a["budget_left_seconds"] is None else t.duration(a["budget_left_seconds"])
        down = t.interval(a["downtime_seconds"]) if a["observed_seconds"] else t.unknown
        return [
            system["name"], t.percent(a["ratio"]), t.percent(a["ratio_reclassified"]), told(t, "availability", a["objective"]),
            down, left, t.duration(a["unobserved_seconds"]), t.signed("verdict", a["verdict"]),
        ]  # fmt: skip

    return _table([t.word(f"label.{name}") for name in names], map(row, systems))


def _events(events: Iterable[Mapping[str, Any]], t: Teller) -> list[str]:
    names = ("event", "kind", "start", "rto", "verdict", "rpo", "verdict", "markers_short", "classification", "cost")

    def row(event: Mapping[str, Any]) -> list[str]:
        markers, verdicts = event["markers"], event["verdicts"]
        counts = (
            t.unknown
            if markers is None
            else " / ".join(str(markers[n]) for n in ("lost", "surviving", "indeterminate"))
        )
        rto = t.word("value.running") if event["rto"] is None else t.interval(event["rto"])
        return [
            event["id"], t.named("kind", event["kind"]), t.instant(event["start"]["estimate"]), rto,
            t.signed("verdict", verdicts["rto"]), t.interval(event["rpo"]), t.signed("verdict", verdicts["rpo"]), counts,
            t.named("class", event["classification"]["effective"]), t.money(event["cost"]),
        ]  # fmt: skip

    return _table([t.word(f"label.{name}") for name in names], map(row, events))


def _drills(drills: Iterable[Mapping[str, Any]], t: Teller) -> list[str]:
    names = ("drill", "scenario", "operator", "start", "end", "rto", "outcome", "signatures")
    texts: Sequence[Callable[[Mapping[str, Any]], str]] = (
        lambda d: d["id"],
        lambda d: t.named("scenario", d["scenario"] or t.unknown),
        lambda d: d["operator"] or t.unknown,
        lambda d: t.instant(d["started"]),
        lambda d: t.instant(d["ended"]) if d["ended"] else t.word("value.running"),
        lambda d: t.interval(d["rto"]),
        lambda d: d["outcome"] or t.unknown,
        lambda d: ", ".join(str(one["by"]) for one in d["signatures"]) or t.word("value.none"),
    )
    return _table([t.word(f"label.{name}") for name in names], ([tell(d) for tell in texts] for d in drills))


def _checklist(lines: Iterable[Mapping[str, Any]], t: Teller) -> list[str]:
    def row(line: Mapping[str, Any]) -> list[str]:
        details = ", ".join(t.named("objective", one) for one in line["details"])
        return [
            t.word(f"check.{line['check']}"),
            t.signed("standing", line["standing"]),
            t.word(f"reason.{line['reason']}", details=details),
        ]

    return _table([t.word(f"label.{name}") for name in ("check", "standing", "why")], map(row, lines))


def _event(event: Mapping[str, Any], t: Teller) -> list[str]:
    start = event["start"]["lower"]
    rows = (
        [t.word(f"phase.{name}"), t.instant(at), "" if at is None else t.duration(at - start)]
        for name, at in event["phases"].items()
    )
    return [
        f"{t.word('label.cause')}: {_safe(event['cause'])}",
        *_events([event], t),
        f"### {t.word('section.timeline')}",
        *_table([t.word(f"label.{name}") for name in ("phase", "at", "since_start")], rows),
        *([f"### {t.word('label.marks')}"] if event["marks"] else []),
        *(f"- {t.instant(mark['at'])}: {_safe(mark['sentence'])}" for mark in event["marks"]),
    ]


def _records(report: Mapping[str, Any], t: Teller) -> list[str]:
    rows = ([str(one["n"]), t.instant(one["at"]), one["kind"], one["sentence"]] for one in report["records"])
    names = ("record", "at", "kind", "sentence")
    return [f"## {t.word('section.records')}", *_table([t.word(f"label.{name}") for name in names], rows)]


def _incident(report: Mapping[str, Any], t: Teller) -> list[str]:
    return [*_event(report["incident"], t), *_records(report, t)]


def _drill(report: Mapping[str, Any], t: Teller) -> list[str]:
    lines = _drills([report["drill"]], t)
    for event in report["events"]:
        lines += [f"## {_safe(event['id'])}", *_event(event, t)]
    return [*lines, *_records(report, t)]

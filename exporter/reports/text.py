"""Reports as Markdown and CSV, from the same JSON as the page."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from exporter.reports import text_tables as tables
from exporter.reports.html import title, told
from exporter.reports.teller import Teller
from exporter.reports.text_tables import safe

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
    first = report["ledger"]["first_record"]
    lines = [
        f"# {teller.word('title.' + report['kind'])} {safe(title(report))}",
        f"{teller.word('label.made')}: {teller.instant(report['made'])}. {teller.word('label.timezone')}: {report['timezone']}.",
        *body,
        f"## {teller.word('section.rule')}",
        *(
            f"- {teller.word('rule.' + name)}"
            for name in ("observed", "downtime", "drills", "reclassified", "budget", "cost")
        ),
        f"- {teller.word('note.interval')}",
        f"## {teller.word('section.evidence')}",
        teller.word("note.evidence", head=head),
        *([teller.word("note.removed", first=first)] if first > 1 else []),
        f"- {teller.word('label.ledger_head')}: `{head}`",
        f"- {teller.word('label.config_hash')}: `{report['config_hash'] or teller.unknown}`",
        f"- {teller.word('label.tool')}: {report['tool']['name']} {report['tool']['version']}",
        *(_annex(report["annex"], teller) if "annex" in report else []),
    ]
    return _joined(lines)


def _annex(found: Iterable[Mapping[str, Any]], t: Teller) -> list[str]:
    return [f"## {t.word('section.annex')}", t.word("note.annex"), *tables.annex(found, t)]


def _joined(lines: Iterable[str]) -> str:
    """An empty line between blocks; rows of a table and points of a list stay together."""
    out: list[str] = []
    for line in lines:
        if out and not (line[:1] == out[-1][:1] and line[:1] in ("|", "-")):
            out.append("")
        out.append(line)
    return "\n".join(out) + "\n"


def _period(report: Mapping[str, Any], t: Teller) -> list[str]:
    window, overdue = report["period"], report["summary"]["drills_overdue"]
    return [
        f"{t.word('label.period')}: {t.instant(window['from'])} – {t.instant(window['to'])}. "
        f"{t.word('label.known_until')}: {t.instant(window['known_until'])}.",
        f"## {t.word('section.summary')}",
        *(
            f"- {t.word('summary.' + name, **report['summary'][name])}"
            for name in ("availability", "rto", "rpo", "checklist")
        ),
        "- "
        + (t.word("summary.overdue", systems=safe(", ".join(overdue))) if overdue else t.word("summary.none_overdue")),
        *_unknown(report, t),
        f"## {t.word('section.systems')}",
        *tables.systems(report["systems"], t),
        f"## {t.word('section.events')}",
        *(tables.events(report["events"], t) if report["events"] else [t.word("note.events_none")]),
        f"## {t.word('section.split_brains')}",
        *(
            tables.split_brains(report["split_brains"], t)
            if report["split_brains"]
            else [t.word("note.split_brains_none")]
        ),
        f"## {t.word('section.drills')}",
        *(tables.drills(report["drills"], t) if report["drills"] else [t.word("note.drills_none")]),
        f"## {t.word('section.contacts')}",
        *(tables.contacts(report["contacts"], t) if report["contacts"] else [t.word("note.contacts_none")]),
        f"## {t.word('section.details')}",
        *(line for system in report["systems"] for line in _system(system, t)),
    ]


def _unknown(report: Mapping[str, Any], t: Teller) -> list[str]:
    """What nobody can know of the time, or could not write down."""
    until, end = report["period"]["known_until"], report["period"]["to"]
    lines = [t.word("note.unwatched_end", at=t.instant(until))] if until and until < end else []
    if report["gaps"]:
        lines.append(f"**{t.word('note.gaps')}**")
    lines += [
        f"- {t.instant(gap['from_unix'])} – {t.instant(gap['to_unix'])}: {safe(gap['sentence'])}"
        for gap in report["gaps"]
    ]
    return lines


def _system(system: Mapping[str, Any], t: Teller) -> list[str]:
    ready, backups = system["readiness"], system["backups"]
    return [
        f"### {safe(system['name'])}",
        *tables.facts(_about(system, t)),
        *_objective_changes(system, t),
        f"#### {t.word('section.checklist')}",
        *tables.checklist(system["checklist"], t),
        f"#### {t.word('section.budgets')}",
        *tables.budgets(system["budgets"], t),
        f"#### {t.word('section.readiness')}",
        *(tables.readiness(ready, t) if ready else [t.word("note.readiness_none")]),
        f"#### {t.word('section.backups')}",
        *(tables.backups(backups, t) if backups else [t.word("note.backups_none")]),
    ]


def _about(system: Mapping[str, Any], t: Teller) -> Iterator[tuple[str, str]]:
    account, blips = system["availability"], system["blips"]
    for name in ("tier", "owner", "home"):
        yield t.word(f"label.{name}"), system[name] or t.unknown
    yield t.word("label.sites"), ", ".join(system["sites"] or ()) or t.unknown
    for name, value in (system["objectives"] or {}).items():
        yield f"{t.word('label.objective')}, {t.named('objective', name)}", told(t, name, value)
    yield t.word("label.observed"), t.duration(account["observed_seconds"])
    for name in ("drill", "maintenance", "reclassified"):
        if account[f"{name}_seconds"]:
            yield t.word(f"label.{name}_time"), t.duration(account[f"{name}_seconds"])
    if system["markers"]:
        yield t.word("label.markers"), tables.counts(system["markers"], t)
    if system["cost_per_minute"]:
        yield t.word("label.cost"), t.money(system["cost"])
    if system["savings"]:
        yield f"{t.word('label.savings')} ({t.duration(system['baseline_rto'])})", t.money(system["savings"])
    if blips["count"]:
        yield t.word("label.blips"), f"{blips['count']}: {t.interval(blips['seconds'])}"


def _objective_changes(system: Mapping[str, Any], t: Teller) -> list[str]:
    lines = [f"#### {t.word('section.objective_changes')}"] if system["objective_changes"] else []
    for change in system["objective_changes"]:
        before, after = change["from"], change["to"]
        changed = (
            f"{t.named('objective', name)} {told(t, name, before.get(name))} → {told(t, name, value)}"
            for name, value in after.items()
            if before.get(name) != value
        )
        lines.append(f"- {t.instant(change['at'])}: {safe(', '.join(changed))}")
    return lines


def _event(event: Mapping[str, Any], t: Teller) -> list[str]:
    start = event["start"]["lower"]
    rows = (
        [t.word(f"phase.{name}"), t.instant(at), "" if at is None else t.duration(at - start)]
        for name, at in event["phases"].items()
    )
    return [
        f"{t.word('label.cause')}: {safe(event['cause'])}",
        *tables.events([event], t),
        *tables.facts(_measured(event, t)),
        f"### {t.word('section.timeline')}",
        *tables.table([t.word(f"label.{name}") for name in ("phase", "at", "since_start")], rows),
        *([f"### {t.word('label.marks')}"] if event["marks"] else []),
        *(f"- {t.instant(mark['at'])}: {safe(mark['sentence'])}" for mark in event["marks"]),
    ]


def _measured(event: Mapping[str, Any], t: Teller) -> Iterator[tuple[str, str]]:
    yield t.word("label.downtime_counted"), t.interval(event["downtime_seconds"])
    if event["savings"]:
        yield (
            f"{t.word('label.savings')} ({t.duration(event['savings']['baseline_rto_seconds'])})",
            t.money(event["savings"]),
        )
    for name, key in (
        ("expected_rto", "expected_rto_seconds"),
        ("estimate_error", "estimate_error_seconds"),
        ("split_brain", "split_brain_seconds"),
        ("blind", "blind_seconds"),
    ):
        yield t.word(f"label.{name}"), t.duration(event[key])
    yield t.word("label.functional_ratio"), t.percent(event["functional_ratio"])


def _records(report: Mapping[str, Any], t: Teller) -> list[str]:
    rows = ([str(one["n"]), t.instant(one["at"]), one["kind"], one["sentence"]] for one in report["records"])
    names = ("record", "at", "kind", "sentence")
    return [f"## {t.word('section.records')}", *tables.table([t.word(f"label.{name}") for name in names], rows)]


def _incident(report: Mapping[str, Any], t: Teller) -> list[str]:
    return [*_event(report["incident"], t), *_records(report, t)]


def _drill(report: Mapping[str, Any], t: Teller) -> list[str]:
    lines = tables.drills([report["drill"]], t)
    for event in report["events"]:
        lines += [f"## {safe(event['id'])}", *_event(event, t)]
    return [*lines, *_records(report, t)]

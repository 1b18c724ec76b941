"""The period report as plain JSON: the one thing from which all its formats are printed.

Instants are Unix seconds and durations seconds; `null` is what was not observed or not configured, never 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exporter.core.accounting import Span
from exporter.core.checklist import Standing
from exporter.core.evidence import Evidence
from exporter.core.history import History, past, within
from exporter.reports.annex import ANNEX
from exporter.reports.events import Book, drill_json, event_json, split_brains
from exporter.reports.request import Request
from exporter.reports.roll import roll_at
from exporter.reports.system import system_json

SCHEMA = "rto-rpo-exporter/report/1"


def book_of(evidence: Evidence, config: Mapping[str, Any]) -> Book:
    """The ledger, told by system, with the configurations that it kept."""
    return Book(past(evidence), {kept.hash: kept for kept in evidence.configs}, config)


def period_report(evidence: Evidence, request: Request) -> dict[str, Any]:
    """The whole report. Raises ValueError if a system was asked for that the ledger does not know."""
    book = book_of(evidence, request.config)
    window = request.period.window
    chosen = _chosen(book, request)
    until = min(window.end, max(book.past.known_until, window.start))
    roll = roll_at(book, min(window.end, request.made))
    systems = [system_json(book, history, request, roll, until) for history in chosen]
    events = [
        event_json(book, history, event)
        for history in chosen
        for event in within(history.events, window, history.known_until)
    ]
    drills = [
        drill_json(history, drill)
        for history in chosen
        for drill in history.declared.values()
        if drill.data and drill.start < window.end and drill.until >= window.start
    ]
    return {
        **heading("period", evidence, book, request),
        "period": {
            "name": request.period.name,
            "kind": request.period.kind,
            "from": window.start,
            "to": window.end,
            "known_until": book.past.known_until or None,
        },
        "summary": _summary(systems, events),
        "systems": systems,
        "events": sorted(events, key=lambda event: (event["start"]["lower"], event["id"])),
        "split_brains": sorted(
            (told for history in chosen for told in split_brains(history, window)),
            key=lambda one: (one["start"], one["system"]),
        ),
        "drills": sorted(drills, key=lambda drill: (drill["started"], drill["id"])),
        "contacts": roll.judged(),
        "gaps": [{"n": gap.n, "at": gap.at, "sentence": gap.sentence, **gap.data} for gap in book.past.gaps],
        "annex": ANNEX,
    }


def heading(kind: str, evidence: Evidence, book: Book, request: Request) -> dict[str, Any]:
    """What every report says of itself, so that it can be checked by somebody else later."""
    loads = [entry for entry in book.past.loads if entry.at <= request.period.window.end]
    return {
        "schema": SCHEMA,
        "kind": kind,
        "made": request.made,
        "timezone": str(request.zone),
        "tool": {"name": "rto-rpo-exporter", "version": request.version},
        "ledger": {
            "head": {"number": evidence.head.number, "hash": evidence.head.hash},
            "first_record": evidence.first,
        },
        "config_hash": str(loads[-1].data["hash"]) if loads else request.config_hash,
        "vantages": sorted({str(entry.data["vantage"]) for entry in loads if entry.data.get("vantage")}),
        "rule": {
            "downtime": "upper_bound_of_each_incident_inside_window_and_observed_time",
            "overlapping": "counted_once",
            "observed": "watched_and_not_blind",
            "drills": "booked_apart_counted_as_configured",
            "maintenance": "booked_apart_counted_as_configured",
            "reclassified": "shown_both_ways",
            "blips": "listed_not_booked",
            "budget": "one_minus_objective_times_calendar_length",
        },
    }


def _chosen(book: Book, request: Request) -> list[History]:
    unknown = [name for name in request.systems if name not in book.past.systems]
    if unknown:
        known = ", ".join(book.past.systems) or "none"
        raise ValueError(f"the ledger knows no system {unknown[0]!r}; it knows {known}")
    window = request.period.window
    return [
        history
        for name, history in book.past.systems.items()
        if (name in request.systems) or (not request.systems and _touches(history, window))
    ]


def _touches(history: History, window: Span) -> bool:
    begun = min(
        [*(since for since, _ in history.terms), *(span.start for span in history.watched)], default=window.start
    )
    return begun < window.end and history.known_until >= window.start


def _summary(systems: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts only: what a board reads first, and then asks about."""
    real = [event for event in events if event["classification"]["original"] == "real"]

    def count(told: Iterable[str]) -> dict[str, int]:
        found = list(told)
        return {name: found.count(name) for name in ("met", "missed", "not_proven", "no_objective")}

    lines = [line for system in systems for line in system["checklist"]]
    return {
        "systems": len(systems),
        "availability": count(system["availability"]["verdict"] for system in systems),
        "events": len(real),
        "drills": len({event["drill"] for event in events if event["drill"]}),
        "rto": count(event["verdicts"]["rto"] for event in real),
        "rpo": count(event["verdicts"]["rpo"] for event in real),
        "checklist": {str(one): sum(line["standing"] == one for line in lines) for one in Standing},
        "drills_overdue": [
            system["name"]
            for system in systems
            for line in system["checklist"]
            if line["check"] == "drilled_in_time" and line["standing"] != "proven"
        ],
    }

"""The report of one incident and of one drill, as plain JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

from exporter.core.accounting import Span
from exporter.core.evidence import Entry, Evidence
from exporter.core.happening import Event
from exporter.core.history import History
from exporter.reports.build import book_of, heading
from exporter.reports.events import Book, drill_json, event_json
from exporter.reports.period import Period
from exporter.reports.request import Request
from exporter.reports.roll import roll_at

AROUND = 60.0
"""Seconds before and after, of which the records are told too."""


def incident_report(evidence: Evidence, wanted: str, request: Request) -> dict[str, Any]:
    """One incident. Raises ValueError if no incident of the ledger has this id."""
    book = book_of(evidence, request.config)
    for history in book.past.systems.values():
        for event in history.events:
            if event.id == wanted:
                return _incident(book, evidence, history, event, request)
    raise ValueError(f"the ledger knows no incident {wanted!r}; /api/v1/incidents and `report --format csv` list them")


def drill_report(evidence: Evidence, wanted: str, request: Request) -> dict[str, Any]:
    """One drill or maintenance. Raises ValueError if none in the ledger has this id."""
    book = book_of(evidence, request.config)
    for history in book.past.systems.values():
        drill = history.declared.get(wanted)
        if drill is not None and drill.data:
            until = drill.until if drill.stopped else history.known_until
            events = [event for event in history.events if event.declared == wanted]
            return {
                **heading("drill", evidence, book, _about(request, drill.start, until)),
                "drill": drill_json(history, drill),
                "events": [event_json(book, history, event) for event in events],
                "objectives": history.terms_at(drill.start).get("objectives"),
                "contacts": roll_at(book, drill.start).told(),
                "records": _records(evidence.entries, history.name, drill.start, until),
            }
    raise ValueError(f"the ledger knows no drill {wanted!r}; a report of its period lists them")


def _incident(book: Book, evidence: Evidence, history: History, event: Event, request: Request) -> dict[str, Any]:
    until = history.known_until if event.end is None else event.end
    drill = history.declared.get(event.declared or "")
    return {
        **heading("incident", evidence, book, _about(request, event.start, until)),
        "incident": event_json(book, history, event),
        "drill": drill_json(history, drill) if drill is not None and drill.data else None,
        "contacts": roll_at(book, event.start).told(),
        "records": _records(evidence.entries, history.name, event.start, until),
    }


def _about(request: Request, start: float, end: float) -> Request:
    """What a report says of itself is of its own time, not of the whole ledger's."""
    return request._replace(period=Period("", "custom", Span(start, end)))


def _records(entries: Iterable[Entry], system: str, start: float, end: float) -> list[Mapping[str, Any]]:
    return [
        {"n": entry.n, "at": entry.at, "kind": entry.kind, "sentence": entry.sentence}
        for entry in entries
        if entry.system == system and start - AROUND <= entry.at <= end + AROUND
    ]

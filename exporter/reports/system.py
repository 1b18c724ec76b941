"""One system in a period report: its account, its budgets, its proofs. Plain JSON."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exporter.core.accounting import Budget, Outage, Span, account, allowed, judged
from exporter.core.checklist import checklist_json
from exporter.core.happening import Event
from exporter.core.history import History, within
from exporter.core.subject import subject_then
from exporter.reports.events import Book, drill_json, event_json
from exporter.reports.period import budgets
from exporter.reports.request import Request
from exporter.reports.roll import Roll

_NO_BACKUP = dict.fromkeys(("complaint", "unverified", "verified", "encrypted", "immutable"))
"""What is told of a backup that was never seen."""


def system_json(book: Book, history: History, request: Request, roll: Roll, until: float) -> dict[str, Any]:
    """One system, its part of the report. `until`: Unix seconds up to which anything is known."""
    window = request.period.window
    at = min(window.end, request.made)
    outages, observed = history.outages(), history.observed()
    terms = history.terms_before(window.end)
    section = book.section(history.name, at)
    events = within(history.events, window, history.known_until)
    begun = [event for event in events if event.start >= window.start]
    configured = sorted(section.get("backups") or {})
    return {
        "name": history.name,
        **{name: terms.get(name) for name in ("tier", "owner", "home", "sites")},
        "objectives": terms.get("objectives"),
        "objective_changes": [
            {"at": since, "from": told.get("from"), "to": told["objectives"]}
            for since, told in history.terms
            if window.start <= since < window.end and "from" in told
        ],
        "availability": {"over": window.end <= at, **_availability(history, window, observed, outages)},
        "budgets": _budgets(history, request, observed, outages, at),
        "blips": _blips(history, window),
        "worst_rto": _worst(events, "rto"),
        "outage_running": any(map(_runs, events)),
        "worst_rpo": _worst(events, "rpo"),
        "markers": _markers(events),
        "cost": _sum(book, history, begun, "cost"),
        "savings": _sum(book, history, begun, "savings"),
        "cost_per_minute": section.get("cost_per_minute"),
        "baseline_rto": terms.get("baseline_rto"),
        "drill_trend": _trend(history, window),
        "readiness": _readiness(history, window, until),
        "backups": _backups(history, configured, at),
        "checklist": checklist_json(subject_then(history, at, roll.contacts, configured, roll.confirmed_for)),
    }


def _budgets(
    history: History, request: Request, observed: Sequence[Span], outages: Sequence[Outage], at: float
) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "kind": one.kind,
            "over": one.window.end <= at,
            **_availability(history, one.window, observed, outages),
        }
        for one in budgets(request.period.window, request.zone)
    ]


def _availability(
    history: History, window: Span, observed: Sequence[Span], outages: Iterable[Outage]
) -> dict[str, Any]:
    """One window's account. The part of it that lies in the future, or before anybody watched, is unobserved."""
    booked = account(window, observed, outages)
    budget = Budget(allowed(window, history.objectives_of_availability()), booked.downtime.upper)
    objective = history.terms_before(window.end).get("objectives", {}).get("availability")
    return {
        "from": window.start,
        "to": window.end,
        "observed_seconds": booked.observed,
        "unobserved_seconds": booked.unobserved,
        "downtime_seconds": {"lower": booked.downtime.lower, "upper": booked.downtime.upper},
        "drill_seconds": booked.drill,
        "maintenance_seconds": booked.maintenance,
        "reclassified_seconds": booked.reclassified,
        "ratio": booked.availability,
        "ratio_reclassified": booked.availability_reclassified,
        "objective": objective,
        "budget_seconds": budget.allowed,
        "budget_left_seconds": budget.left,
        "verdict": str(judged(booked, budget.allowed)),
    }


def _blips(history: History, window: Span) -> dict[str, Any]:
    found = [b for b in history.blips if window.start <= b["start"]["lower"] < window.end]
    return {"count": len(found), "seconds": {side: sum(b["rto"][side] for b in found) for side in ("lower", "upper")}}


def _runs(event: Event) -> bool:
    """A real one that had no end when anything was known last."""
    return event.declared is None and event.end is None


def _worst(events: Sequence[Event], which: str) -> dict[str, Any] | None:
    """The interval with the highest upper bound of all events but drills; None: none was measured, or one that nobody knows the end of
    may be the worst: an outage that still runs, or writes that were lost and nobody knows how many at most."""
    if which == "rto" and any(map(_runs, events)):
        return None
    real = [event.data for event in events if event.declared is None]
    if which == "rpo" and any(one.get("rpo") is None and (one.get("markers") or {}).get("lost") for one in real):
        return None
    told = [one[which] for one in real if one.get(which) is not None]
    return max(told, key=lambda interval: float(interval["upper"]), default=None)


def _markers(events: Iterable[Event]) -> dict[str, int] | None:
    """Acknowledged and lost, acknowledged and surviving, never acknowledged; None: no event counted them."""
    told = [event.data["markers"] for event in events if event.data.get("markers") is not None]
    return {name: sum(one[name] for one in told) for name in ("lost", "surviving", "indeterminate")} if told else None


def _sum(book: Book, history: History, events: Iterable[Event], which: str) -> dict[str, Any] | None:
    """Over these events: those that began in the window, so that none is paid twice. None: not configured, or there is none."""
    told = [found for event in events if (found := event_json(book, history, event)[which]) is not None]
    if not told or len({one["currency"] for one in told}) > 1:
        return None
    return {**{side: sum(one[side] for one in told) for side in ("lower", "upper")}, "currency": told[0]["currency"]}


def _trend(history: History, window: Span) -> list[dict[str, Any]]:
    """Every drill up to the end of the window, oldest first: how long it took, against what was promised then."""
    drills = [d for d in history.declared.values() if d.data and d.is_drill and d.start < window.end]
    told = [drill_json(history, drill) for drill in drills]
    return [
        {
            "id": one["id"],
            "at": one["started"],
            "rto": one["rto"],
            "rpo": one["rpo"],
            "objective_rto": one["objective_rto"],
        }
        for one in told
    ]


def _readiness(history: History, window: Span, until: float) -> list[dict[str, Any]]:
    """From when on which standby was ready or not, and which checks failed; the first holds since before the window."""
    before = [(since, told) for since, told in history.standings if since <= window.start][-1:]
    inside = [(since, told) for since, told in history.standings if window.start < since < min(window.end, until)]
    return [
        {
            "at": max(since, window.start),
            "sites": {
                site: {"ready": all(checks.values()), "failing": [name for name, good in checks.items() if not good]}
                for site, checks in told.get("sites", {}).items()
            },
        }
        for since, told in [*before, *inside]
    ]


def _backups(history: History, configured: Iterable[str], at: float) -> list[dict[str, Any]]:
    told = [data for since, data in history.standings if since <= at][-1:]
    known: Mapping[str, Any] = told[0].get("backups", {}) if told else {}
    restores = {str(e.data.get("backup")): e.at for e in history.restores if e.at <= at}
    return [
        {
            "name": name,
            "seen": name in known,
            **_NO_BACKUP,
            **known.get(name, {}),
            "restore_reported": restores.get(name),
        }
        for name in sorted({*configured, *known})
    ]

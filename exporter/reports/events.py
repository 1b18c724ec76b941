"""Incidents, drills and what they cost, as reports tell them. Plain JSON; `null` is what was not observed."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from exporter.core.accounting import Class, Span, common, length, merged
from exporter.core.evidence import KeptConfig
from exporter.core.happening import NOT_COUNTED, Declared, Event, SplitBrain
from exporter.core.history import History, Past
from exporter.core.marks import open_actions

COPIED = (
    "id", "system", "kind", "inferred", "cause", "from_site", "to_site", "start", "end", "rto", "rpo", "rpo_source",
    "markers", "objectives", "verdicts", "split_brain_seconds", "blind_seconds", "expected_rto_seconds", "events",
)  # fmt: skip
"""What a report tells of an incident as the ledger has it."""


class Book(NamedTuple):
    """What every part of a report is made from."""

    past: Past
    configs: Mapping[str, KeptConfig]
    """By hash."""
    fallback: Mapping[str, Any]
    """The configuration of today, for a ledger that did not keep the one of then."""

    def config(self, at: float) -> Mapping[str, Any]:
        """The configuration that was in use at an instant (Unix seconds); empty if nobody knows it."""
        kept = self.configs.get(self.past.config_at(at) or "")
        return self.fallback if kept is None else kept.data

    def section(self, system: str, at: float) -> Mapping[str, Any]:
        """The same of one system."""
        found: Mapping[str, Any] = self.config(at).get("systems", {}).get(system) or {}
        return found


def event_json(book: Book, history: History, event: Event) -> dict[str, Any]:
    """One incident or move with all that an auditor asks for."""
    data, terms = event.data, history.terms_at(event.start)
    original = "drill" if data.get("drill") else "maintenance" if data.get("maintenance") else "real"
    told = {name: data.get(name) for name in COPIED}
    told |= {
        "n": event.n or None,
        "open": event.end is None,
        "drill": data.get("drill"),
        "maintenance": data.get("maintenance"),
        "scenario": data.get("scenario"),
        "counted": bool(data.get("counted", True)) if event.declared else event.reclassified not in NOT_COUNTED,
        "classification": {"original": original, "effective": event.reclassified or original},
        "tier": terms.get("tier"),
        "owner": terms.get("owner"),
        "probing": terms.get("probing"),
        "config_hash": book.past.config_at(event.start),
        "functional_ratio": data.get("functional_ratio"),
        "phases": event.phases(),
        "marks": [{"n": mark.n, "sentence": mark.sentence, **mark.data} for mark in event.marks],
        "open_actions": open_actions(mark.data for mark in event.marks),
        "estimate_error_seconds": _estimate_error(data),
    }
    return told | _money(book, history, event)


def _estimate_error(data: Mapping[str, Any]) -> float | None:
    """By how much the RTO estimate before it was higher than what was measured; seconds."""
    expected, rto = data.get("expected_rto_seconds"), data.get("rto")
    return None if expected is None or rto is None else float(expected) - float(rto["estimate"])


def _money(book: Book, history: History, event: Event) -> dict[str, Any]:
    """What the downtime that counts did cost, and what was saved against a configured baseline.

    Cost = downtime x cost per minute, inside the observed time. Savings = (baseline - RTO) x cost per minute: negative where
    it took longer than the baseline. None: not configured, or nothing was measured.
    """
    section = book.section(event.data["system"], event.start)
    price, baseline = section.get("cost_per_minute"), history.terms_at(event.start).get("baseline_rto")
    none = {"downtime_seconds": None, "cost": None, "savings": None}
    down = _downtime(history, event)
    if down is None:
        return none
    told: dict[str, Any] = {**none, "downtime_seconds": down}
    if price:
        rate, currency = float(price["amount"]) / 60, str(price["currency"])
        told["cost"] = {"lower": down["lower"] * rate, "upper": down["upper"] * rate, "currency": currency}
        rto = event.data.get("rto")
        if (
            baseline is not None
            and rto is not None
            and event.declared is None
            and event.reclassified not in NOT_COUNTED
        ):
            less, most = float(baseline) - float(rto["upper"]), float(baseline) - float(rto["lower"])
            told["savings"] = {
                "lower": less * rate, "upper": most * rate, "currency": currency, "baseline_rto_seconds": float(baseline),
            }  # fmt: skip
    return told


def _downtime(history: History, event: Event) -> dict[str, float] | None:
    """Seconds of it that were observed and count as downtime, for the figure as measured."""
    declared = history.declared.get(event.declared or "")
    outages = event.outages(history.known_until, declared.until if declared and declared.data else None)
    real = [one for one in outages if one.account in (Class.REAL, Class.RECLASSIFIED)]
    if not real:
        return {"lower": 0.0, "upper": 0.0}
    seen = common(
        history.observed(), merged([Span(min(o.possible.start for o in real), max(o.possible.end for o in real))])
    )
    return {
        "lower": length(common(seen, merged(one.certain for one in real))),
        "upper": length(common(seen, merged(one.possible for one in real))),
    }


def drill_json(history: History, drill: Declared) -> dict[str, Any]:
    """One drill with the incidents that began in it, what they measured, and who signed."""
    events = [event for event in history.events if event.declared == drill.id]
    names = (
        "type",
        "system",
        "scenario",
        "operator",
        "reason",
        "expected",
        "started",
        "expires",
        "ended",
        "by",
        "outcome",
    )
    return {
        "id": drill.id,
        "n": drill.n,
        **{name: drill.data.get(name) for name in names},
        "stopped": drill.stopped,
        "left_open": drill.expired,
        "incidents": [event.id for event in events],
        "rto": next((event.data["rto"] for event in events if event.data.get("rto") is not None), None),
        "rpo": next((event.data["rpo"] for event in events if event.data.get("rpo") is not None), None),
        "objective_rto": history.terms_at(drill.start).get("objectives", {}).get("rto"),
        "verdicts": [event.data["verdicts"] for event in events],
        "signatures": [
            {"n": entry.n, **{name: entry.data.get(name) for name in ("by", "role", "note", "at")}}
            for entry in drill.signed
        ],
    }


def split_brains(history: History, window: Span) -> list[dict[str, Any]]:
    """Those that touch the window. `seconds` and `end` are None while one is `open`, and where nobody saw its end."""
    return [
        {"system": history.name, **asdict(one), "sites": list(one.sites)}
        for one in history.split_brains
        if one.start < window.end and _last_seen(one, history) >= window.start
    ]


def _last_seen(one: SplitBrain, history: History) -> float:
    if one.end is not None:
        return one.end
    return history.known_until if one.open else one.start

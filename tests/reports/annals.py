"""A ledger that is made up record by record, as the exporter would have written it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from exporter.core.evidence import Entry, Evidence, KeptConfig, KeptState
from exporter.core.interval import Interval, verdict
from exporter.core.marks import Mark, MarkKind, mark_record
from exporter.core.model import Moment
from exporter.core.past import PHASES
from exporter.core.snapshot import Head
from exporter.reports.period import Period
from exporter.reports.request import Request

OBJECTIVES = {"rto": 90.0, "rpo_site_loss": 5.0, "availability": 0.9999, "drill_every": 90 * 86_400.0}
CONFIG: dict[str, Any] = {
    "contacts": [
        {
            "name": "DR commander",
            "who": "ops-lead@example.com",
            "deputies": ["ops-2@example.com"],
            "confirmed": "2026-06-01",
        }
    ],
    "systems": {
        "orders": {
            "cost_per_minute": {"amount": 26000, "currency": "USD"},
            "backups": {"nightly": {}},
        }
    },
}


def utc(text: str) -> float:
    """Unix seconds of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@dataclass
class Annals:
    """Records in the order in which they are told."""

    entries: list[Entry] = field(default_factory=list)
    alive: dict[str, float] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=lambda: CONFIG)

    def add(
        self, at: float, kind: str, system: str, data: Mapping[str, Any] | None = None, sentence: str = ""
    ) -> Entry:
        entry = Entry(len(self.entries) + 1, at, kind, system, sentence or kind, data or {})
        self.entries.append(entry)
        return entry

    def watch(self, at: float, system: str = "orders", objectives: Mapping[str, float | None] = OBJECTIVES) -> None:
        """Somebody looks from `at` on, and sees it serve at once."""
        if not self.entries:
            self.add(at, "config_loaded", "", {"hash": "c0ffee", "vantage": "hk-noc-1"})
        terms = {
            "tier": "critical", "owner": "payments-sre", "home": "hk", "sites": ["hk", "sg"], "objectives": dict(objectives),
            "baseline_rto": 14400.0,
            "probing": {"interval": 1.0, "fast_interval": 0.25, "timeout": 2.0, "declare_after": 3, "stable_for": 10.0},
        }  # fmt: skip
        self.add(at, "watch_started", system, terms)
        self.add(at, "transition", system, {"from": "unknown", "to": "healthy"})

    def promise(self, at: float, system: str, objectives: Mapping[str, float | None]) -> None:
        """The objectives change."""
        self.add(at, "objectives_changed", system, {"from": OBJECTIVES, "to": objectives, "objectives": objectives})

    def blind(self, start: float, end: float, system: str = "orders") -> None:
        self.add(start + 2, "blind_began", system, {"since_unix": start})
        self.add(start + 2, "transition", system, {"from": "healthy", "to": "unknown"})
        self.add(end, "blind_ended", system, {"from_unix": start, "to_unix": end})
        self.add(end, "transition", system, {"from": "unknown", "to": "healthy"})

    def outage(self, start: float, end: float, system: str = "orders", *, width: float = 0.0, **more: Any) -> str:
        """Down from `start` to `end`; both bounds may be wrong by `width` inwards."""
        name = more.pop("id", f"{system}-{start:.0f}")
        objectives = more.pop("objectives", {"rto": OBJECTIVES["rto"], "rpo_site_loss": OBJECTIVES["rpo_site_loss"]})
        rto = Interval(max(0.0, end - start - 2 * width), end - start)
        rpo = more.get("rpo")
        told = None if rpo is None else Interval(rpo["lower"], rpo["upper"])
        data = {
            "id": name, "system": system, "kind": "failover", "open": False, "declared": True, "inferred": False,
            "drill": None, "cause": "database at hk: refused", "from_site": "hk", "to_site": "sg",
            "start": {"lower": start, "estimate": start + width / 2, "upper": start + width},
            "end": {"lower": end - width, "estimate": end - width / 2, "upper": end},
            "phases": dict.fromkeys(PHASES) | {
                "last_good": start, "first_bad": start + width, "declared": min(start + width + 1, end),
                "role_moved": max(start, end - 2), "first_good": end, "stable": end + 10,
            },
            "rto": {"lower": rto.lower, "estimate": (rto.lower + rto.upper) / 2, "upper": rto.upper},
            "rpo": rpo, "rpo_source": None if rpo is None else "canary", "markers": None, "objectives": objectives,
            "verdicts": {
                "rto": str(verdict(rto, objectives.get("rto"))), "rpo": str(verdict(told, objectives.get("rpo_site_loss"))),
            },
            "split_brain_seconds": 0.0, "blind_seconds": 0.0, "expected_rto_seconds": None, "events": [], **more,
        }  # fmt: skip
        self.add(end + 10, "incident", system, data)
        return str(name)

    def drill(self, start: float, end: float, system: str = "orders", *, expires: float | None = None) -> str:
        """A drill that is started and stopped; returns its id."""
        name = f"drill-{system}-{start:.0f}"
        data = {
            "id": name, "type": "drill", "system": system, "scenario": "site_loss", "operator": "wong", "reason": "quarterly",
            "expected": "sg serves within 90 s", "started": start, "expires": expires or end + 3600, "expired": False,
        }  # fmt: skip
        self.add(start, "drill_started", system, data)
        self.add(end, "drill_stopped", system, {**data, "ended": end, "by": "wong", "outcome": "as expected"})
        self.add(
            end + 60, "drill_signed", system, {"drill": name, "by": "lee", "role": "CISO", "note": None, "at": end + 60}
        )
        return name

    def mark(self, at: float, incident: str, kind: str, **details: str | None) -> None:
        """As the exporter writes it down when it is told `at` that something happened then."""
        mark = Mark(f"{kind}-{at:.0f}", MarkKind(kind), "lee", at, details)
        told = mark_record("orders", incident, mark, Moment(at, at))
        self.add(at, told.kind, told.system, told.data, told.sentence)

    def standing(self, at: float, system: str = "orders", **sites: Mapping[str, bool]) -> None:
        backups = {
            "nightly": {"complaint": None, "unverified": False, "verified": True, "encrypted": True, "immutable": True}
        }
        self.add(at, "standing_changed", system, {"sites": sites, "backups": backups})

    def evidence(self, until: float) -> Evidence:
        """As it reads when the exporter has run until `until`."""
        names = {entry.system for entry in self.entries if entry.system}
        states = {name: KeptState(0.0, self.alive.get(name, until), {}) for name in names}
        kept = [KeptConfig("c0ffee", self.entries[0].at, self.config)]
        return Evidence(self.entries, Head(len(self.entries), "ab" * 32), states=states, configs=kept)


def asked(period: Period, zone: str = "UTC", **more: Any) -> Request:
    """A report that is made when its period is over."""
    return Request(period, ZoneInfo(zone), version="0.1", made=more.pop("made", period.window.end), **more)

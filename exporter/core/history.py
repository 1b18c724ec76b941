"""The ledger's records of one system, folded into what a report asks: when it was observed, what happened, what was promised."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, nextafter
from typing import Any, NamedTuple

from exporter.core.accounting import Outage, Span, merged, without
from exporter.core.codec import Decoder
from exporter.core.evidence import Entry, Evidence, KeptState
from exporter.core.happening import Declared, Event, SplitBrain
from exporter.core.model import Moment
from exporter.core.timeline import running_json

DECLARED = frozenset(
    {"drill_started", "drill_expired", "drill_stopped", "drill_signed", "maintenance_started", "maintenance_stopped"}
)
"""Records of what was declared beforehand."""


@dataclass(slots=True)
class History:
    """One system."""

    name: str
    watched: list[Span] = field(default_factory=list)
    hidden: list[Span] = field(default_factory=list)
    """Blindness and absences of the exporter."""
    events: list[Event] = field(default_factory=list)
    blips: list[Mapping[str, Any]] = field(default_factory=list)
    split_brains: list[SplitBrain] = field(default_factory=list)
    """In incidents and outside of any, in the order in which they were told."""
    terms: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)
    """(Unix seconds, what was promised and how often was looked), ascending."""
    standings: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)
    """(Unix seconds, readiness of the sites and complaints about the backups), ascending; only changes."""
    restores: list[Entry] = field(default_factory=list)
    declared: dict[str, Declared] = field(default_factory=dict)
    """Drills and maintenance by id, oldest first."""
    known_until: float = 0.0
    _seen_since: float | None = None
    _blind_since: float | None = None
    _left_seen: bool = False
    """It was taken out of the configuration when it could be seen."""

    def observed(self) -> list[Span]:
        """When somebody looked and could tell, merged."""
        return without(merged(self.watched), merged(self.hidden))

    def terms_at(self, at: float) -> Mapping[str, Any]:
        """What was promised at an instant; before the first record what it says; empty if there is none."""
        found: Mapping[str, Any] = self.terms[0][1] if self.terms else {}
        for since, terms in self.terms:
            if since > at:
                break
            found = terms
        return found

    def terms_before(self, end: float) -> Mapping[str, Any]:
        """What was promised last in a window that ends then: what begins exactly at its end belongs to the next one."""
        return self.terms_at(nextafter(end, -inf))

    def looked_until(self, at: float) -> float:
        """Until when anybody looked and could tell, up to `at` (Unix seconds)."""
        until = min(at, self.known_until)
        return next((start for start, end in merged(self.hidden) if start < until <= end), until)

    def objectives_of_availability(self) -> list[tuple[float, float | None]]:
        return [(since, terms.get("objectives", {}).get("availability")) for since, terms in self.terms]

    def take(self, entry: Entry) -> None:
        """One more record, in the order of the ledger."""
        data = entry.data
        match entry.kind:
            case "transition":
                self._moved(entry.at, str(data.get("from")), str(data.get("to")))
            case "absence" | "blind_ended":
                self._back(data["from_unix"], data["to_unix"])
            case "blind_began":
                self._blind_since = float(data["since_unix"])
            case "watch_ended":
                self._left_seen = self._seen_since is not None
                self._lost(entry.at)
            case "watch_started" | "objectives_changed":
                self.terms.append((entry.at, data))
            case "incident":
                self.events.append(Event(entry.n, data))
            case "blip":
                self.blips.append(data)
            case "split_brain" | "split_brain_over":
                self._split(entry)
            case "standing_changed":
                self.standings.append((entry.at, data))
            case "restore_verified":
                self.restores.append(entry)
            case kind if kind in DECLARED:
                self._declared(entry)

    def carry(self, told: Mapping[str, Any]) -> None:
        """What stands for records that were removed when their time was over, as `carried` made it."""
        self._seen_since = told["seen_since"]
        self._blind_since = told["blind_since"]
        self.terms += [(told["since"], told["terms"])] if told["terms"] else []
        self.standings += [(told["since"], told["standing"])] if told["standing"] else []

    def carried(self, at: float) -> dict[str, Any]:
        """What later records have to be read with, when those up to `at` (Unix seconds) are removed."""
        return {
            "since": at,
            "seen_since": None if self._seen_since is None else at,
            "blind_since": self._blind_since,
            "terms": self.terms[-1][1] if self.terms else None,
            "standing": self.standings[-1][1] if self.standings else None,
        }

    def close(self, until: float) -> None:
        """Nothing is known beyond `until` (Unix seconds)."""
        self.known_until = until
        if self._blind_since is not None:
            self.hidden.append(Span(self._blind_since, until))
        self._lost(until)

    def _moved(self, at: float, before: str, after: str) -> None:
        if after == "unknown":
            self._lost(at)
        elif self._seen_since is None:
            self._seen_since = at

    def _back(self, since: float, until: float) -> None:
        """Nobody could look from `since` to `until`, and now somebody can."""
        self.hidden.append(Span(since, until))
        self._blind_since = None
        if self._left_seen:  # an outage goes on without a transition
            self._seen_since, self._left_seen = until, False

    def _lost(self, at: float) -> None:
        if self._seen_since is not None:
            self.watched.append(Span(self._seen_since, at))
        self._seen_since = None

    def _split(self, entry: Entry) -> None:
        component = str(entry.data["component"])
        running = next((one for one in self.split_brains if one.open and one.component == component), None)
        if entry.kind == "split_brain":
            if running is not None:
                running.open = False  # it has ended, and nobody saw when
            self.split_brains.append(SplitBrain(entry.n, component, entry.data["sites"], entry.at))
            return
        if running is None:
            running = SplitBrain(entry.n, component, (), entry.at)
            self.split_brains.append(running)
        running.over(entry.at, float(entry.data["seconds"]))

    def _declared(self, entry: Entry) -> None:
        if entry.kind == "drill_signed":
            key = str(entry.data["drill"])
            self.declared.setdefault(key, Declared(key)).signed.append(entry)
            return
        key = str(entry.data["id"])
        known = self.declared.setdefault(key, Declared(key))
        known.data, known.n = {**known.data, **entry.data}, known.n or entry.n
        known.stopped |= entry.kind.endswith("_stopped")
        known.expired |= entry.kind == "drill_expired"

    def outages(self) -> list[Outage]:
        """All that is booked, drills and maintenance on accounts of their own."""
        found: list[Outage] = []
        for event in self.events:
            declared = self.declared.get(event.declared or "")
            found += event.outages(self.known_until, declared.until if declared and declared.data else None)
        return found


class Past(NamedTuple):
    """A ledger, told by system."""

    systems: Mapping[str, History]
    """By name, in the order of the names; open incidents are in it."""
    loads: Sequence[Entry]
    """When which configuration came into use."""
    gaps: Sequence[Entry]
    """What could not be written down when it happened."""
    known_until: float
    """Unix seconds."""

    def config_at(self, at: float) -> str | None:
        """The hash of the configuration that was in use at an instant (the first one, before that); None: not recorded."""
        found = [entry for entry in self.loads if entry.at <= at] or list(self.loads[:1])
        return str(found[-1].data["hash"]) if found else None


def past(evidence: Evidence) -> Past:
    """The records, told by system."""
    found: dict[str, History] = {}
    marks: dict[str, list[Entry]] = {}
    loads: list[Entry] = []
    gaps: list[Entry] = []
    for sealed in [entry for entry in evidence.entries if entry.kind == "compacted"][-1:]:
        # It was written last and tells of what came before all the others.
        found = {name: History(name) for name in sealed.data["systems"]}
        for name, carried in sealed.data["systems"].items():
            found[name].carry(carried)
        loads += [
            Entry(sealed.n, at, "config_loaded", "", "", {"hash": digest}) for at, digest in sealed.data["configs"]
        ]
    for entry in evidence.entries:
        if entry.kind == "mark":
            marks.setdefault(str(entry.data.get("incident")), []).append(entry)
        elif entry.system:
            found.setdefault(entry.system, History(entry.system)).take(entry)
        elif entry.kind == "config_loaded":
            loads.append(entry)
        elif entry.kind == "gap":
            gaps.append(entry)
    for name, history in found.items():
        kept = evidence.states.get(name)
        history.close(kept.wall if kept else evidence.known_until)
        running = _open(kept)
        if running is not None and all(event.id != running.id for event in history.events):
            history.events.append(running)
        for event in history.events:
            event.marks = marks.get(event.id, [])
        history.events.sort(key=lambda event: event.start)
    return Past(dict(sorted(found.items())), loads, gaps, evidence.known_until)


def _open(kept: KeptState | None) -> Event | None:
    """The incident that was open when the checkpoint was written, if it was declared or moved the role."""
    if kept is None:
        return None
    try:
        state = Decoder().state(kept.state)
    except ValueError:
        return None
    told = running_json(state, Moment(kept.mono, kept.wall))
    if told is None or state.incident is None or not (state.incident.declared or state.incident.component):
        return None
    return Event(0, told)


def within(events: Iterable[Event], window: Span, until: float) -> list[Event]:
    """Those that touch the window; one that still runs lasts until `until` (Unix seconds)."""
    return [e for e in events if e.start < window.end and (until if e.end is None else e.end) >= window.start]

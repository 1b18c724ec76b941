"""One incident, and one drill or maintenance, as the ledger tells of them: what was measured, and what people said later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exporter.core.accounting import Class, Outage, Span
from exporter.core.evidence import Entry
from exporter.core.marks import MarkKind
from exporter.core.past import PHASES

NOT_COUNTED = frozenset({"planned", "third_party", "false_alarm"})
"""What people may call an incident afterwards so that it does not count in the figure "as reclassified"."""


@dataclass(slots=True)
class Event:
    """One incident or move: what was measured, and what people said of it later. Nothing measured is ever changed."""

    n: int
    """The number of its record; 0 while it is open."""
    data: Mapping[str, Any]
    marks: list[Entry] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.data["id"])

    @property
    def start(self) -> float:
        return float(self.data["start"]["lower"])

    @property
    def end(self) -> float | None:
        """Unix seconds of the latest end; None while it runs."""
        found = self.data.get("end")
        return None if found is None else float(found["upper"])

    @property
    def reclassified(self) -> str | None:
        """What people call it by now, if that is not what it was when it closed."""
        said = [mark.data.get("as") for mark in self.marks if mark.data.get("kind") == MarkKind.RECLASSIFIED]
        return None if not said or said[-1] == "real" else str(said[-1])

    @property
    def declared(self) -> str | None:
        """The drill or the maintenance in which it began; None: nobody declared it beforehand."""
        found = self.data.get("drill") or self.data.get("maintenance")
        return str(found) if found else None

    def phases(self) -> dict[str, float | None]:
        """Unix seconds by phase: as observed, and where nobody could observe it, as people told. None: neither."""
        found: dict[str, float | None] = {name: self.data["phases"].get(name) for name in PHASES}
        for mark in self.marks:
            name = str(mark.data.get("kind"))
            if name in found and self.data["phases"].get(name) is None:
                found[name] = mark.data.get("at")
        return found

    def outages(self, until: float, declared_until: float | None) -> list[Outage]:
        """As it is booked; one that still runs counts up to `until` (Unix seconds).

        `declared_until`: when its drill or maintenance ended; from then on it is like any other. What the policy counts
        anyway (`counted`, as it was when it began) goes on the account of real ones.
        """
        start, end = self.data["start"], self.data.get("end")
        latest, earliest = (until, until) if end is None else (end["upper"], end["lower"])
        possible, certain = Span(start["lower"], latest), Span(start["upper"], earliest)
        later = Class.RECLASSIFIED if self.reclassified in NOT_COUNTED else Class.REAL
        if self.declared is None or self.data.get("counted", False):
            return [Outage(possible, certain, later)]
        planned = Class.DRILL if self.data.get("drill") else Class.MAINTENANCE
        border = latest if declared_until is None else max(start["lower"], min(declared_until, latest))
        return [
            Outage(Span(possible.start, border), Span(certain.start, min(certain.end, border)), planned),
            Outage(Span(border, latest), Span(max(certain.start, border), certain.end), later),
        ]


@dataclass(slots=True)
class Declared:
    """One drill or maintenance, from its records."""

    id: str
    data: Mapping[str, Any] = field(default_factory=dict)
    """What its newest record told of it."""
    stopped: bool = False
    expired: bool = False
    """It was left open past its expiry."""
    signed: list[Entry] = field(default_factory=list)
    n: int = 0
    """The number of its first record."""

    @property
    def is_drill(self) -> bool:
        return str(self.data.get("type", "drill")) == "drill"

    @property
    def start(self) -> float:
        return float(self.data["started"])

    @property
    def until(self) -> float:
        """Unix seconds at which it stopped, or was to stop at the latest."""
        return min(float(self.data.get("ended") or self.data["expires"]), float(self.data["expires"]))


@dataclass(slots=True)
class SplitBrain:
    """Two sites took writes of one component at once."""

    n: int
    """The number of the record that told it first."""
    component: str
    sites: Sequence[str]
    """Empty: the record that named them is gone."""
    start: float
    """Unix seconds: since when surely both took them; while it runs, when that was told."""
    end: float | None = None
    """When it was told to be over; None: it runs, or nobody told its end."""
    seconds: float | None = None
    open: bool = True

    def over(self, at: float, seconds: float) -> None:
        self.start, self.end, self.seconds, self.open = at - seconds, at, seconds, False

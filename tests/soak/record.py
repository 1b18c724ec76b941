"""What really happened, noted by those who did it; and what the exporter says of it, held against that."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from exporter.core.interval import Interval

SURE = 8.0
"""Seconds: an outage that is in sight for so long has to be declared."""
EXACT = 1e-5
"""Seconds: instants are told as Unix time, of which a double holds no more."""
Told = Mapping[str, Any]
"""An incident or a blip as the API tells it."""
When = Callable[[Told, str], Interval]
"""Its `start` or `end` on CLOCK_MONOTONIC."""


class Spell(NamedTuple):
    """A part of a system did not work. Instants of CLOCK_MONOTONIC, each as exact as its doer knows."""

    start: Interval
    end: Interval

    def in_sight(self, unseen: Sequence[Interval]) -> float:
        """The longest time of it in which the exporter could see something."""
        at, longest = self.start.upper, 0.0
        for gap in sorted(one for one in unseen if one.upper > at and one.lower < self.end.lower):
            longest, at = max(longest, gap.lower - at), max(at, gap.upper)
        return max(longest, self.end.lower - at)


class Truth(NamedTuple):
    """One fault at one system: one spell, or some in short succession."""

    system: str
    what: str
    spells: Sequence[Spell]
    drill: str | None = None
    kinds: Sequence[str] = ("outage_in_place", "site_lost")
    lost: int | None = None
    """Acknowledged markers that a move has cost."""

    @property
    def moved(self) -> bool:
        """A role has: that is told in any case."""
        return self.lost is not None

    def has_to_be_told(self, unseen: Sequence[Interval], sure: float) -> bool:
        return self.moved or any(spell.in_sight(unseen) >= sure for spell in self.spells)

    def covers(self, start: Interval, end: Interval) -> bool:
        """These bounds contain a begin and an end of it."""
        return any(_meet(start, spell.start) for spell in self.spells) and any(
            _meet(end, spell.end) for spell in self.spells
        )

    def touches(self, start: Interval, end: Interval) -> bool:
        """What is told overlaps with it."""
        return start.lower <= self.spells[-1].end.upper and self.spells[0].start.lower <= end.upper


class Record:
    """All truths, from several threads."""

    def __init__(self) -> None:
        self.truths: list[Truth] = []
        self._lock = threading.Lock()

    def note(self, truth: Truth) -> None:
        with self._lock:
            self.truths.append(truth)


@dataclass
class Verdict:
    """What was right and what was not."""

    faults: int = 0
    told: int = 0
    blips: int = 0
    widest: float = 0.0
    """Seconds, of the bounds of an outage."""
    wrong: list[str] = field(default_factory=list)


def judge(
    record: Sequence[Truth], told: Sequence[Told], when: When, unseen: Sequence[Interval] = (), sure: float = SURE
) -> Verdict:
    """`told`: incidents and blips of the systems that the record is about."""
    verdict = Verdict(faults=len(record))
    found: dict[int, list[Told]] = {}
    for one in told:
        name = f"{one['system']} {one['id']} ({one['kind']})"
        if one["open"]:
            verdict.wrong.append(f"{name}: open")
            continue
        start, end = when(one, "start"), when(one, "end")
        number = next((n for n, truth in enumerate(record) if _about(truth, one, start, end)), None)
        if number is None:
            verdict.wrong.append(f"{name}: nothing had happened in {start} .. {end}: {one['cause']}")
            continue
        found.setdefault(number, []).append(one)
        verdict.wrong += [f"{name}: {wrong}" for wrong in _compared(record[number], one, start, end, unseen)]
        verdict.widest = max(verdict.widest, one["rto"]["upper"] - one["rto"]["lower"])
    for number, truth in enumerate(record):
        incidents = [one for one in found.get(number, []) if one["kind"] != "blip"]
        verdict.told += len(incidents)
        verdict.blips += len(found.get(number, [])) - len(incidents)
        if len(incidents) > 1 or (truth.has_to_be_told(unseen, sure) and not incidents):
            verdict.wrong.append(f"{truth} was told {len(incidents)} times")
    return verdict


def _about(truth: Truth, one: Told, start: Interval, end: Interval) -> bool:
    return truth.system == one["system"] and truth.touches(start, end)


def _compared(truth: Truth, one: Told, start: Interval, end: Interval, unseen: Sequence[Interval]) -> list[str]:
    wrong = []
    hidden = any(_meet(gap, Interval(spell.start.lower, spell.end.upper)) for gap in unseen for spell in truth.spells)
    # Where nobody saw the old primary fail, its move is a switchover by definition.
    kinds = (*truth.kinds, "blip", *(("switchover",) if hidden and truth.moved else ()))
    if not truth.covers(start, end):
        wrong.append(f"{start} .. {end} misses {truth}: {one['cause']}")
    if one["drill"] != truth.drill:
        wrong.append(f"drill {one['drill']}, was {truth.drill}")
    if one["kind"] not in kinds:
        wrong.append(f"was {truth}")
    if truth.lost is not None and one["markers"] is not None and one["markers"]["lost"] != truth.lost:
        wrong.append(f"{one['markers']} of {truth}")
    return wrong


def _meet(one: Interval, other: Interval) -> bool:
    return one.lower <= other.upper + EXACT and other.lower <= one.upper + EXACT

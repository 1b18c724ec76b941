"""Whether the ledger is whole, holds each incident that was ever told once and as it was told, and no other."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from exporter.ledger import commands
from tests.faults.table import Miss, Wrong

STAYS = ("system", "kind", "start", "end", "rto", "rpo", "markers", "cause")
"""What of a closed incident never changes."""
EVENTS = ("split_brain", "split_brain_over", "no_primary", "stuck_switch", "failover", "switchover", "failback")
"""Kinds of records that must be there as often as it happened."""


class Entry(NamedTuple):
    """One record."""

    number: int
    kind: str
    system: str | None
    data: dict[str, Any]


def entries(ledger: Path, after: int = 0) -> list[Entry]:
    """All records above that number, oldest first."""
    # Closed at once: who has it open keeps its log's index alive, which a torn log must not meet.
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=5)) as db:
        found = db.execute("SELECT n, kind, system, data FROM records WHERE n > ? ORDER BY n", (after,)).fetchall()
    return [Entry(n, kind, system, json.loads(data)) for n, kind, system, data in found]


def closed(ledger: Path, system: str) -> list[Entry]:
    """The records of its incidents and blips, oldest first."""
    return [one for one in entries(ledger) if one.kind in ("incident", "blip") and one.system == system]


def audit(ledger: Path, system: str, written: set[str], told: Mapping[str, Mapping[str, Any]]) -> Iterator[Wrong]:
    """`told`: every closed incident and blip of the system that the API ever told, by its id. `written`: the ids of those
    that were in the ledger before that, so that the API must have told them."""
    for finding in commands.verify(ledger):
        yield Wrong(Miss.LOST, f"the ledger does not verify: {finding.sentence}")
    kept = closed(ledger, system)
    for incident, times in Counter(one.data["id"] for one in kept).items():
        if times > 1:
            yield Wrong(Miss.DUPLICATED, f"{incident} is there {times} times")
    by_id = {one.data["id"]: one.data for one in kept}
    for incident, was in told.items():
        if incident not in by_id:
            yield Wrong(Miss.LOST, f"{was['kind']} {incident} is gone")
        elif changed := [key for key in STAYS if by_id[incident][key] != was[key]]:
            yield Wrong(Miss.LOST, f"{was['kind']} {incident} was told otherwise: {', '.join(changed)}")
    for incident in (by_id.keys() & written) - told.keys():
        yield Wrong(Miss.DUPLICATED, f"{by_id[incident]['kind']} {incident} is not told by the API")


def happened(records: Iterable[Entry], expected: Mapping[str, int]) -> Iterator[Wrong]:
    """Whether each of EVENTS, and what else is expected, was recorded as often as it happened."""
    counts = Counter(one.kind for one in records)
    for kind in dict.fromkeys((*EVENTS, *expected)):
        wanted, found = expected.get(kind, 0), counts[kind]
        if found < wanted:
            yield Wrong(Miss.KIND, f"{kind} was told {found} times, happened {wanted}")
        elif found > wanted:
            yield Wrong(Miss.DUPLICATED if wanted else Miss.FALSE, f"{kind} was told {found} times, happened {wanted}")

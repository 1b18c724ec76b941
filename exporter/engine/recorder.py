"""What was seen around an incident: a bounded memory of looks, written down when one is declared and when one closes.

One line of JSON a look, in the order in which they were folded in; instants are of the monotonic clock of the record that
names their hash. The first line says what they are of. Keys of the others:

    at        when it was folded in
    look      [site, component]: a look; `from`, `to`, `reason`, and what it told: `role`, `writable`, `epoch`, `served_by`
    write     [site, component]: a canary marker; `from` (sent), `to`, `reason`; `counts`: it went to the holder of the role
    pending   starts of earlier ones that are no longer awaited
    needs     from here on these have to work: [[site, component, "look" or "write"], ...]
    since     of these, what did not have to before: [[site, component, "look" or "write"], lower, upper, whether it had failed then]
    before    the same, as it was until a move that was no incident before
    moved     [component, lower, upper]: its role or epoch moved in between
    state     the state of the system changed to this
    declared  the outage was declared here
    loss      {component, stop, proven, since, earlier, markers: [[seq, sent, acked, is there], ...]}: what a move was found to
              have lost; `proven`: T of the site that took the role; `earlier`: [[lower, upper, stop], ...] of the moves that
              are judged with it (see Ended); `since`: when the first of them all was seen

Looks and writes that changed nothing are forgotten beyond a bound, so an outage of hours leaves its beginning, its turns and its end.
"""

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, TypeAlias

from exporter.core.canary import Outcome
from exporter.core.looks import proves_nothing
from exporter.core.losses import judged_by, written_before
from exporter.core.model import Facts, Instant, Moment, Part, Reason, Sample, System
from exporter.core.past import MOVES
from exporter.core.ports import Kept
from exporter.core.roles import uncontested
from exporter.core.state import Marker, Record, Step, SystemState
from exporter.core.verdict import needs

CALM_LOOKS = 8
"""Looks that are kept of each part while nothing happens, and so many writes."""
DOUBTFUL_LOOKS = 160
"""The same in an incident."""
TURNS = 5000
VERSION = 1
_BARE = frozenset(
    {"at", "look", "write", "from", "to", "reason", "role", "writable", "epoch", "served_by", "counts", "pending"}
)
"""Keys that tell of the look itself."""
_MOVED = frozenset({*MOVES, "epoch_changed"})

Look: TypeAlias = tuple[Instant, Part, Instant, Instant, Reason | None, Facts, Sequence[Instant]]
"""When it was folded in, of what, from, to, and what came of it: without the phases and words of a sample, which take most of
its room; thousands of parts have some of them at any time."""


class Recorder:
    """Of one system. Nothing in it waits or does I/O; a look costs a tuple."""

    def __init__(self, system: System) -> None:
        self.reconfigure(system)
        self._count = 0
        self._looks: list[tuple[int, Look]] = []
        self._writes: list[tuple[int, dict[str, Any]]] = []
        self._turns: list[tuple[int, dict[str, Any]]] = []
        self._needs: list[list[str]] | None = None
        self._carried: list[dict[str, Any]] = []
        """What was seen before the last incident closed: the next may begin with the next look."""

    def reconfigure(self, system: System) -> None:
        """Go on under another configuration: what was seen before a reload belongs to the same incident."""
        self._system = system
        self._parts = max(1, len(system.parts))

    def looked(self, before: SystemState, step: Step, sample: Sample, pending: Sequence[Instant], now: Instant) -> None:
        """A look was folded in."""
        self._count += 1
        if before.incident is None and step.state.incident is None and not step.records:
            self._looks.append((self._count, _seen(now, sample, pending)))
            self._forget(self._looks, CALM_LOOKS)
            self._forget(self._turns, CALM_LOOKS)
            return
        more = self._turn(before, step)
        if _counted(before, step.state, sample.part.component):
            more |= {"loss": _loss(before, sample)}
        if more:
            self._turns.append((self._count, _look(_seen(now, sample, pending)) | more))
            del self._turns[:-TURNS]
        else:
            self._looks.append((self._count, _seen(now, sample, pending)))
            self._forget(self._looks, DOUBTFUL_LOOKS)

    def wrote(
        self,
        before: SystemState,
        step: Step,
        part: Part,
        marker: Marker,
        outcome: Outcome,
        pending: Sequence[Instant],
        now: Instant,
    ) -> None:
        """A marker was acknowledged or given up."""
        calm = before.incident is None and step.state.incident is None
        if calm and outcome.reason is not None:
            return
        self._count += 1
        row = _write(before, part, marker, outcome, pending, now)
        more = {} if calm else self._turn(before, step)
        (self._turns if more else self._writes).append((self._count, row | more))
        del self._turns[:-TURNS]
        self._forget(self._writes, CALM_LOOKS if calm else DOUBTFUL_LOOKS)

    def due(self, records: Sequence[Record]) -> Iterator[str]:
        """The ids of the incidents of which these records say that it is time to write down what was seen."""
        for record in records:
            if record.kind == "transition" and _declares(record):
                yield str(record.data["incident"])
            elif record.kind == "incident":
                yield str(record.data["id"])

    def taken(self, incident: str, state: SystemState) -> Kept:
        """What is remembered, as text; it is not remembered any more, unless the next incident may begin with it."""
        lines = [(number, _look(look)) for number, look in self._looks]
        head = {"v": VERSION, "incident": incident, "system": self._system.name, "mode": self._system.mode}
        head |= {"stateful": sorted(c.name for c in self._system.components.values() if c.stateful)}
        rows = [
            *self._carried,
            *(row for _, row in sorted([*lines, *self._writes, *self._turns], key=lambda one: one[0])),
        ]
        text = "".join(f"{json.dumps(row, sort_keys=True, separators=(',', ':'))}\n" for row in (head, *rows))
        self._turns.clear()
        self._writes.clear()
        self._looks.clear()
        self._carried = []
        if state.incident is None:
            self._needs = None
            bare = rows[-CALM_LOOKS * self._parts :]
            self._carried = [{key: value for key, value in row.items() if key in _BARE} for row in bare]
        return Kept("samples", incident, self._system.name, sha256(text.encode()).hexdigest(), text)

    def _turn(self, before: SystemState, step: Step) -> dict[str, Any]:
        """What changed with it, beyond the look itself."""
        more: dict[str, Any] = {}
        for record in step.records:
            if record.kind in _MOVED:
                moved = step.state.roles[str(record.data["component"])].moved
                if moved is not None:
                    more["moved"] = [record.data["component"], moved.lower, moved.upper]
                if before.incident is None:
                    more["before"] = _needs(self._system, uncontested(before, str(record.data["component"])))
            elif record.kind == "transition":
                more["state"] = record.data.get("to")
                if _declares(record):
                    more["declared"] = True
        if before.incident is not None or step.state.incident is not None:
            wanted = _needs(self._system, step.state)
            if wanted != self._needs or before.incident is None:
                more["needs"] = self._needs = wanted
                more |= _since(step.state, wanted)
        return more

    def _forget(self, remembered: list[Any], of_each: int) -> None:
        if len(remembered) > of_each * self._parts:
            del remembered[: -of_each * self._parts]


def samples_record(kept: Kept, now: Moment) -> Record:
    """The record by which the chain vouches for what was kept."""
    count = kept.text.count("\n") - 1
    data = {"incident": kept.about, "sha256": kept.hash, "looks": count}
    return Record("samples", kept.system, now.mono, f"{count} looks around {kept.about} are kept", data)


def _declares(record: Record) -> bool:
    return record.data.get("from") == "suspected" and record.data.get("to") == "outage"


def _needs(system: System, state: SystemState) -> list[list[str]]:
    return [[*need.part, "write" if need.canary else "look"] for need in needs(system, state)]


def _since(state: SystemState, wanted: list[list[str]]) -> dict[str, Any]:
    """What of it begins to be needed only later than we look."""
    known = [(key, state.needed.get((key[0], key[1], key[2]))) for key in wanted]
    rows = [[key, since.lower, since.upper, since.failures > 0] for key, since in known if since is not None]
    return {"since": rows} if rows else {}


def _seen(now: Instant, sample: Sample, pending: Sequence[Instant]) -> Look:
    return now, sample.part, sample.started, sample.ended, sample.reason, sample.facts, pending


def _look(look: Look) -> dict[str, Any]:
    at, part, started, ended, reason, facts, pending = look
    row: dict[str, Any] = {
        "at": at,
        "look": list(part),
        "from": started,
        "to": ended,
        "reason": None if reason is None else str(reason),
        "role": None if facts.role is None else str(facts.role),
        "writable": facts.writable,
        "epoch": facts.epoch,
        "served_by": facts.served_by,
    }
    return row | ({"pending": list(pending)} if pending else {})


def _write(
    before: SystemState, part: Part, marker: Marker, outcome: Outcome, pending: Sequence[Instant], now: Instant
) -> dict[str, Any]:
    role = before.roles.get(part.component)
    row: dict[str, Any] = {
        "at": now,
        "write": list(part),
        "from": marker.sent,
        "to": outcome.ended,
        "reason": None if outcome.reason is None else str(outcome.reason),
        "counts": (role is None or role.site == marker.site)
        and not proves_nothing(before, outcome.reason, marker.sent),
    }
    return row | ({"pending": list(pending)} if pending else {})


def _counted(before: SystemState, after: SystemState, component: str) -> bool:
    """Whether what the last move of a component lost was counted in between; an incident may also close before that."""
    known = before.incident
    if known is None or component not in known.owed or component not in before.canaries:
        return False
    now = next((one for one in (after.incident, after.last) if one is not None and one.id == known.id), None)
    return now is not None and component not in now.owed


def _loss(before: SystemState, sample: Sample) -> dict[str, Any]:
    """The markers by which a loss is counted: what was written before the move, and whether it is there."""
    incident, component = before.incident, sample.part.component
    assert incident is not None
    move, there = incident.owed[component], frozenset(sample.facts.markers or ())
    judged = judged_by(move, written_before(before, component, move), there, sample.started)
    markers = [[m.seq, m.sent, m.acked, m.seq in there] for m in judged]
    earlier = [[moved.lower, moved.upper, stop] for moved, stop in move.earlier]
    since = earlier[0][1] if earlier else move.moved.upper
    told = {"component": component, "stop": move.stop, "proven": move.proven, "last": "sent"}
    return told | {"since": since, "earlier": earlier, "markers": markers}

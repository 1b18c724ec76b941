"""What people say of an incident: marks on its timeline. Each is a record of its own; nothing is ever edited.

The record `mark` (instants are Unix seconds; `at` is when it happened, which may be before it was told):

    id        of the mark itself
    incident  the id of the incident that it is about
    kind      decided | validated | note | action | sign_off | reclassified
    by, at    who, and when
    told      when it was told to the exporter
    and by kind:
      decided       under (the pre-authorisation), text
      validated     text
      note          text
      action        text, owner, due (a date, YYYY-MM-DD); or, when it is done: done (the `id` of the action), text
      sign_off      role, text
      reclassified  as (planned | third_party | false_alarm | real), reason

A key that was not given is null.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, NamedTuple

from exporter.core.model import Moment
from exporter.core.past import Incident
from exporter.core.state import Record, Step, SystemState

MARK = "mark"
"""The kind of the record."""


class MarkKind(StrEnum):
    DECIDED = "decided"
    VALIDATED = "validated"
    NOTE = "note"
    ACTION = "action"
    SIGN_OFF = "sign_off"
    RECLASSIFIED = "reclassified"


class Classification(StrEnum):
    """What an incident is taken for afterwards."""

    REAL = "real"
    PLANNED = "planned"
    THIRD_PARTY = "third_party"
    FALSE_ALARM = "false_alarm"


class Mark(NamedTuple):
    """One mark, checked by whoever takes it. `at` is in Unix seconds."""

    id: str
    kind: MarkKind
    by: str
    at: float
    details: Mapping[str, str | None]
    """By the names in the module's table."""


def mark_json(incident: str, mark: Mark, now: Moment) -> dict[str, Any]:
    """What the record of a mark holds."""
    return {
        "id": mark.id,
        "incident": incident,
        "kind": str(mark.kind),
        "by": mark.by,
        "at": mark.at,
        "told": now.wall,
        **mark.details,
    }


def mark_record(system: str, incident: str, mark: Mark, now: Moment) -> Record:
    """The mark as it goes into the ledger."""
    told = mark_json(incident, mark, now)
    return Record(MARK, system, now.mono, f"{incident}: {sentence(told)}", told)


def marked(system: str, state: SystemState, incident: str, mark: Mark, now: Moment) -> Step:
    """The mark as a record; a decision also dates the phase `decided` of the incident, if that runs or was the last one."""
    if mark.kind is MarkKind.DECIDED:
        at = now.mono + mark.at - now.wall
        state = replace(
            state,
            incident=_decided(state.incident, incident, at),
            last=_decided(state.last, incident, at),
            loss=_decided(state.loss, incident, at),
        )
    return Step(state, (mark_record(system, incident, mark, now),))


def _decided(known: Incident | None, wanted: str, at: float) -> Incident | None:
    if known is None or known.id != wanted:
        return known
    return replace(known, phases={**known.phases, "decided": at})


def sentence(told: Mapping[str, Any]) -> str:
    """What the record of a mark says, in words."""
    by, text = told["by"], told.get("text")
    match told["kind"]:
        case MarkKind.DECIDED:
            under = f", under {told['under']}" if told.get("under") else ""
            said = f"{by} decided to act{under}"
        case MarkKind.VALIDATED:
            said = f"{by} validated that users can work"
        case MarkKind.ACTION if told.get("done"):
            said = f"{by}: the action {told['done']} is done"
        case MarkKind.ACTION:
            said = f"{by} asks {told.get('owner')} for an action until {told.get('due')}"
        case MarkKind.SIGN_OFF:
            said = f"{by} signs it off" + (f" as {told['role']}" if told.get("role") else "")
        case MarkKind.RECLASSIFIED:
            said, text = f"{by} takes it for {str(told.get('as')).replace('_', ' ')}", told.get("reason")
        case _:
            said = f"{by} notes"
    return f"{said}: {text}" if text else said


def with_marks(incident: Mapping[str, Any], marks: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """An incident as JSON with the marks on it, oldest first, and what they make of it.

    `classification` has what it was when it closed (`original`: drill, maintenance or real) beside what it is taken for now
    (`effective`), and who said so. Phases that nobody observed are taken from the newest mark of that name; one that was
    observed stands.
    """
    known = list(marks)
    phases = dict(incident["phases"])
    for name in (MarkKind.DECIDED, MarkKind.VALIDATED):
        told = [mark["at"] for mark in known if mark["kind"] == name]
        if told and phases.get(name) is None:
            phases[str(name)] = told[-1]
    original = "drill" if incident.get("drill") else "maintenance" if incident.get("maintenance") else "real"
    newest = next((mark for mark in reversed(known) if mark["kind"] == MarkKind.RECLASSIFIED), None)
    judged = {"original": original, "effective": original if newest is None else newest["as"]}
    judged |= {key: None if newest is None else newest[key] for key in ("by", "at", "reason")}
    return {**incident, "phases": phases, "marks": known, "classification": judged}


def open_actions(marks: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The corrective actions that no later mark says are done."""
    actions = [mark for mark in marks if mark["kind"] == MarkKind.ACTION]
    done = {mark["done"] for mark in actions if mark["done"]}
    return [mark for mark in actions if not mark["done"] and mark["id"] not in done]

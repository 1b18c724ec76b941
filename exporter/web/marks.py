"""Marks of people on incidents through the API. What each holds stands in `exporter.core.marks`."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from exporter.core.marks import MARK, Classification, Mark, MarkKind, open_actions, with_marks
from exporter.core.ports import Json, Query
from exporter.core.timeline import incident_json, running_json
from exporter.web.answers import json_answer, problem
from exporter.web.backend import BACKEND, Backend
from exporter.web.wishes import Unusable, Wish, change

MARKS_MOST = 1000
"""Marks on one incident."""
EARLIEST = 86_400.0
"""Seconds before an incident at which something about it may have been decided."""
NO_INCIDENT = "no incident has this id; /api/v1/incidents?blips=true lists all"
FIELDS: dict[MarkKind, tuple[str, ...]] = {
    MarkKind.DECIDED: ("under", "text"),
    MarkKind.VALIDATED: ("text",),
    MarkKind.NOTE: ("text",),
    MarkKind.ACTION: ("text", "owner", "due", "done"),
    MarkKind.SIGN_OFF: ("role", "text"),
    MarkKind.RECLASSIFIED: ("as", "reason"),
}
"""What a mark of each kind may hold beside kind, by and at."""


def routes() -> list[web.RouteDef]:
    return [web.post("/api/v1/incidents/{id}/marks", change(mark))]


async def find(backend: Backend, wanted: str) -> dict[str, Any] | None:
    """One incident by its id, open or closed, with its marks.

    An open one is told though the ledger cannot be read; its `marks` and `classification` are null then. Raises OSError if
    that keeps a closed one from being found.
    """
    found = await _find(backend, wanted)
    if found is None:
        return None
    try:
        return with_marks(found, await _marks(backend, wanted))
    except OSError:
        return {**found, "marks": None, "classification": None}


async def _find(backend: Backend, wanted: str) -> Json | None:
    snapshot, now = backend.clocked()
    for watched in snapshot.systems.values():
        running = watched.state.incident
        if running is not None and running.id == wanted:
            return running_json(watched.state, now)
    closed = await backend.ledger.incident(wanted)
    if closed is not None:
        return closed
    for watched in snapshot.systems.values():  # its record waits for a ledger that cannot be written
        last = watched.state.last
        if last is not None and last.id == wanted:
            return incident_json(last, now)
    return None


async def _marks(backend: Backend, incident: str) -> list[Json]:
    """Oldest first."""
    return [*reversed(await backend.ledger.told(Query((MARK,), MARKS_MOST, about=("incident", [incident]))))]


async def mark(request: web.Request, wish: Wish) -> web.Response:
    """201 with the incident and all its marks, 202 if the new one has to wait for the ledger."""
    backend, wanted = request.app[BACKEND], request.match_info["id"]
    found = await find(backend, wanted)
    if found is None:
        return problem(404, NO_INCIDENT)
    kind = MarkKind(wish.choice("kind", *MarkKind))
    wish.only("kind", "by", "at", *FIELDS[kind])
    known = found["marks"] or []
    if len(known) >= MARKS_MOST:
        return problem(409, f"{wanted} has {MARKS_MOST} marks already; more are not kept")
    now = backend.clocked().now.wall
    told = Mark(
        id=f"{kind}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S.%fZ}",
        kind=kind,
        by=wish.name("by", "who says so, like ops-lead@example.com"),
        at=_when(wish, found, now),
        details=dict.fromkeys(FIELDS[kind]) | _details(wish, kind, known),
    )
    await backend.people.mark(found["system"], wanted, told)
    return json_answer(await find(backend, wanted) or found, 201 if backend.ledger.writable else 202)


def _when(wish: Wish, incident: Json, now: float) -> float:
    """When it happened; now, if it is not told."""
    if not wish.has("at"):
        return now
    first = incident["start"]["lower"] - EARLIEST
    return wish.number("at", first, now, "Unix seconds that are past, and not more than a day before the incident")


def _details(wish: Wish, kind: MarkKind, marks: list[Json]) -> dict[str, str | None]:
    """The fields of this kind that were given, checked."""
    match kind:
        case MarkKind.DECIDED:
            return {"under": wish.text("under", "the pre-authorisation", needed=False) or None, **_text(wish)}
        case MarkKind.NOTE:
            return {"text": wish.text("text", "what is to be noted")}
        case MarkKind.ACTION:
            return _action(wish, marks)
        case MarkKind.SIGN_OFF:
            return {"role": wish.name("role", "as what", needed=False) or None, **_text(wish)}
        case MarkKind.RECLASSIFIED:
            return {"as": wish.choice("as", *Classification), "reason": wish.text("reason", "why it is taken for that")}
    return _text(wish)


def _text(wish: Wish) -> dict[str, str | None]:
    return {"text": wish.text("text", "what is to be said", needed=False) or None}


def _action(wish: Wish, marks: list[Json]) -> dict[str, str | None]:
    """Something to be done, or the word that it is done."""
    if not wish.has("done"):
        return {
            "text": wish.text("text", "what is to be done"),
            "owner": wish.name("owner", "who does it"),
            "due": wish.day("due"),
        }
    done = wish.name("done", "the id of the action that is done")
    if wish.has("owner") or wish.has("due"):
        raise Unusable("done closes an action, which has its owner and its date; leave owner and due out")
    waiting = [one["id"] for one in open_actions(marks)]
    if done not in waiting:
        raise Unusable(f"{done} is no open action of this incident; open are: {', '.join(waiting) or 'none'}", 409)
    return {"done": done, **_text(wish)}

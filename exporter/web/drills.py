"""Drills through the API: list, start, stop, sign. What each means stands in `exporter.core.drilling`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from aiohttp import web

from exporter.core.drill import DrillType, Order, drill_json
from exporter.core.drilling import FINISHED, SIGNED
from exporter.core.model import Moment
from exporter.core.ports import Json, Query
from exporter.core.snapshot import Watched
from exporter.web.answers import json_answer, json_list, problem
from exporter.web.backend import BACKEND, Backend
from exporter.web.query import number
from exporter.web.wishes import Unusable, Wish, change

PAGE, PAGE_MOST = 50, 500
"""Stopped drills on one page."""
LONGEST = 7 * 86_400.0
"""Seconds after which a drill or a maintenance expires at the latest."""
SIGNATURES_MOST = 10_000
UNKNOWN = "no drill has this id; /api/v1/drills lists all"


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/drills", drills),
        web.post("/api/v1/drills", change(start)),
        web.get("/api/v1/drills/{id}", drill),
        web.delete("/api/v1/drills/{id}", change(stop)),
        web.post("/api/v1/drills/{id}/sign", change(sign)),
    ]


async def drills(request: web.Request) -> web.Response:
    """Open ones come first, and only on the first page; then those that were stopped, newest first."""
    try:
        limit = number(request, "limit", PAGE, PAGE_MOST) or PAGE
        cursor = number(request, "cursor", None, None)
    except ValueError as error:
        return problem(400, str(error))
    backend, name = request.app[BACKEND], request.query.get("system")
    snapshot, now = backend.clocked()
    running = (
        [] if cursor else [_open(one, now) for one in snapshot.systems.values() if name in (None, one.system.name)]
    )
    try:
        past = await backend.ledger.told(Query(FINISHED, limit, system=name, before=cursor))
        closed = await _signed(backend, past)
    except OSError as error:
        return problem(503, str(error))
    more = past[-1]["n"] if len(past) == limit else None
    ended = {one["id"] for one in closed}  # one may have been stopped while the ledger was read
    return await json_list([*(one for one in running if one and one["id"] not in ended), *closed], next=more)


async def drill(request: web.Request) -> web.Response:
    """One drill, open or stopped."""
    try:
        found = await _find(request.app[BACKEND], request.match_info["id"])
    except OSError as error:
        return problem(503, str(error))
    return problem(404, UNKNOWN) if found is None else json_answer(found)


async def start(request: web.Request, wish: Wish) -> web.Response:
    """201 with the drill, 202 if its record has to wait for the ledger."""
    wish.only("system", "type", "scenario", "operator", "reason", "expected", "expires_in")
    system = wish.name("system", "the name of a system, as /api/v1/systems has it")
    order = Order(
        type=DrillType(wish.choice("type", *DrillType, default="drill")),
        scenario=wish.name("scenario", "what is rehearsed, like site_loss", needed=False) or "site_loss",
        operator=wish.name("operator", "who answers for it, like ops-lead@example.com"),
        reason=wish.text("reason", "why it is done, like quarterly drill"),
        expected=wish.text("expected", "what should happen, like: sg serves within 90 s", needed=False),
        seconds=wish.number("expires_in", 1.0, LONGEST, "seconds from 1 to 604800 (a week), after which it expires"),
    )
    backend = request.app[BACKEND]
    try:
        await backend.people.start_drill(system, order)
    except LookupError:
        return problem(404, "no system of this name is watched; /api/v1/systems lists those that are")
    snapshot, now = backend.clocked()
    begun = _open(snapshot.systems[system], now) if system in snapshot.systems else None
    if begun is None:
        return problem(409, "it was started, and stopped at once; /api/v1/drills lists it")
    return json_answer(begun, _status(backend), {"Location": f"/api/v1/drills/{quote(begun['id'], safe='')}"})


async def stop(request: web.Request, wish: Wish) -> web.Response:
    """The drill as it was stopped."""
    wish.only("by", "outcome")
    by = wish.name("by", "who stops it", needed=False)
    outcome = wish.text("outcome", "what came of it", needed=False)
    backend, wanted = request.app[BACKEND], request.match_info["id"]
    found = await _must_find(backend, wanted)
    if not found["open"]:
        return problem(409, f"{wanted} was stopped already, by {found['by'] or 'its expiry'}")
    try:
        await backend.people.stop_drill(found["system"], wanted, by or found["operator"], outcome)
    except LookupError:
        return problem(404, f"{found['system']} is not watched any more; its drill ended with that")
    stopped = await _find(backend, wanted)
    return json_answer(stopped or {**found, "open": False}, 200 if stopped else 202)


async def sign(request: web.Request, wish: Wish) -> web.Response:
    """201 with the drill and its signatures. Only what is over can be signed off."""
    wish.only("by", "role", "note")
    by = wish.name("by", "who signs it off, like risk-officer@example.com")
    role, note = wish.name("role", "as what", needed=False), wish.text("note", "what is to be said", needed=False)
    backend, wanted = request.app[BACKEND], request.match_info["id"]
    found = await _must_find(backend, wanted)
    if found["open"]:
        return problem(409, f"{wanted} is still open; stop it first, then sign it off")
    await backend.people.sign_drill(found["system"], wanted, by, role, note)
    return json_answer(await _find(backend, wanted) or found, _status(backend))


def _status(backend: Backend) -> int:
    return 201 if backend.ledger.writable else 202


def _open(watched: Watched, now: Moment) -> dict[str, Any] | None:
    """The open drill of a system, if it has one."""
    state = watched.state
    if state.drill is None:
        return None
    incident = state.incident
    mine = incident is not None and state.drill.id in (incident.drill, incident.maintenance)
    return {
        **drill_json(watched.system.name, state.drill, now),
        "open": True,
        "state": str(state.mode),
        "incident": incident.id if mine and incident is not None else None,
        "incidents": [*state.drill.incidents, *([incident.id] if mine and incident is not None else [])],
        "ended": None,
        "by": None,
        "outcome": None,
        "signatures": [],
    }


async def _find(backend: Backend, wanted: str) -> dict[str, Any] | None:
    """The drill with this id. Raises OSError if the ledger cannot be read."""
    snapshot, now = backend.clocked()
    for watched in snapshot.systems.values():
        if watched.state.drill is not None and watched.state.drill.id == wanted:
            return _open(watched, now)
    closed = await _signed(backend, await backend.ledger.told(Query(FINISHED, 1, about=("id", [wanted]))))
    return closed[0] if closed else None


async def _must_find(backend: Backend, wanted: str) -> Mapping[str, Any]:
    found = await _find(backend, wanted)
    if found is None:
        raise Unusable(UNKNOWN, 404)
    return found


async def _signed(backend: Backend, past: Sequence[Json]) -> list[dict[str, Any]]:
    """Stopped drills with their signatures, oldest signature first."""
    found: defaultdict[str, list[Json]] = defaultdict(list)
    if past:
        ids = [one["id"] for one in past]
        signatures = await backend.ledger.told(Query((SIGNED,), SIGNATURES_MOST, about=("drill", ids)))
        for signature in reversed(signatures):
            found[signature["drill"]].append(signature)
    return [{**one, "open": False, "signatures": found[one["id"]]} for one in past]

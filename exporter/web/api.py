"""The JSON API: systems, incidents, the head of the ledger, and what the outside reports."""

from collections.abc import Iterator
from typing import Any

from aiohttp import web

from exporter.core.checklist import checklist_json
from exporter.core.contacts import contact_json
from exporter.core.model import Moment
from exporter.core.past import Kind
from exporter.core.snapshot import Snapshot
from exporter.core.state import Mode
from exporter.core.subject import subject_now
from exporter.core.timeline import running_json
from exporter.core.view import exporter_json, system_json
from exporter.core.wanted import Wanted
from exporter.web import drills, marks
from exporter.web.answers import json_answer, json_list, problem
from exporter.web.backend import BACKEND
from exporter.web.openapi import OPENAPI
from exporter.web.query import choices, flag, instant, number
from exporter.web.selection import selection
from exporter.web.token import refusal

LIMIT = 50
LIMIT_MOST = 500
SYSTEMS_MOST = 10_000
NO_SYSTEM = "no system of this name is watched; /api/v1/systems lists those that are"


def routes() -> list[web.RouteDef]:
    """All routes of the API."""
    return [
        web.get("/api/v1/systems", systems),
        web.get("/api/v1/systems/{name}", system),
        web.get("/api/v1/systems/{name}/checklist", checklist),
        web.get("/api/v1/incidents", incidents),
        web.get("/api/v1/incidents/{id}", incident),
        web.post("/api/v1/backups/{system}/{name}/verified", restore_verified),
        web.get("/api/v1/contacts", contacts),
        web.get("/api/v1/ledger/head", ledger_head),
        web.get("/api/v1/openapi.json", openapi),
        *drills.routes(),
        *marks.routes(),
    ]


async def systems(request: web.Request) -> web.Response:
    """In the order of the configuration; all of them, unless a `limit` is given."""
    try:
        limit = number(request, "limit", None, SYSTEMS_MOST)
        cursor = number(request, "cursor", 0, None) or 0
        states = choices(request, "state", Mode)
    except ValueError as error:
        return problem(400, str(error))
    snapshot, now = request.app[BACKEND].clocked()
    wanted = selection(request)
    # The cursor counts all systems, not those that fit: who changes its state between two pages moves nobody else.
    fitting = [
        (place, watched)
        for place, watched in enumerate(snapshot.systems.values(), start=1)
        if place > cursor and wanted.admits(watched.system) and (not states or watched.state.mode in states)
    ]
    shown = fitting if limit is None else fitting[:limit]
    more = shown[-1][0] if len(shown) < len(fitting) else None
    items = (system_json(watched, now) for _, watched in shown)
    return await json_list(items, exporter=exporter_json(snapshot.exporter, now), next=more)


async def system(request: web.Request) -> web.Response:
    snapshot, now = request.app[BACKEND].clocked()
    watched = snapshot.systems.get(request.match_info["name"])
    return problem(404, NO_SYSTEM) if watched is None else json_answer(system_json(watched, now))


async def checklist(request: web.Request) -> web.Response:
    """What is proven of one system, stale, missing or failed, as it stands now: the lines of the reports."""
    snapshot, now = request.app[BACKEND].clocked()
    watched = snapshot.systems.get(request.match_info["name"])
    if watched is None:
        return problem(404, NO_SYSTEM)
    return await json_list(checklist_json(subject_now(watched, snapshot.exporter, now)))


async def incidents(request: web.Request) -> web.Response:
    """Those that are open come first, and only on the first page; then the closed ones, newest first."""
    try:
        limit = number(request, "limit", LIMIT, LIMIT_MOST) or LIMIT
        cursor = number(request, "cursor", None, None)
        wanted = _wanted(request)
    except ValueError as error:
        return problem(400, str(error))
    backend = request.app[BACKEND]
    snapshot, now = backend.clocked()
    running = [] if cursor else list(_running(snapshot, now, wanted))
    try:
        closed = await backend.ledger.incidents(wanted, before=cursor, limit=limit)
    except OSError as error:
        return problem(503, str(error))
    more = closed[-1]["n"] if len(closed) == limit else None
    ended = {one["id"] for one in closed}  # one may have closed while the ledger was read
    return await json_list([*(one for one in running if one["id"] not in ended), *closed], next=more)


async def incident(request: web.Request) -> web.Response:
    """One incident by its id, open or closed, with what people say of it; 404 if there is none."""
    try:
        found = await marks.find(request.app[BACKEND], request.match_info["id"])
    except OSError as error:
        return problem(503, str(error))
    return problem(404, marks.NO_INCIDENT) if found is None else json_answer(found)


async def restore_verified(request: web.Request) -> web.Response:
    """A restore job reports that a restore from this backup was verified, just now."""
    refused = refusal(request)
    if refused is not None:
        return refused
    system, name = request.match_info["system"], request.match_info["name"]
    if not request.app[BACKEND].restore_verified(system, name):
        return problem(404, "no backup of this name is watched; name a system and a backup of the configuration")
    return json_answer({"system": system, "backup": name}, 202)


async def ledger_head(request: web.Request) -> web.Response:
    ledger = request.app[BACKEND].ledger
    head = ledger.head
    state = {"writable": ledger.writable, "waiting": ledger.waiting}
    return json_answer({"number": head.number, "hash": head.hash, **state})


async def openapi(request: web.Request) -> web.Response:
    return json_answer(OPENAPI)


def _wanted(request: web.Request) -> Wanted:
    return Wanted(
        system=request.query.get("system"),
        blips=flag(request, "blips"),
        kinds=choices(request, "kind", Kind),
        since=instant(request, "from"),
        until=instant(request, "to"),
        drill=request.query.get("drill"),
    )


def _running(snapshot: Snapshot, now: Moment, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Incidents that are not closed; a doubt that is not declared is an incident only to those who ask for blips."""
    for watched in snapshot.systems.values():
        found = watched.state.incident
        if found is not None and (found.declared or wanted.blips):
            told = running_json(watched.state, now)
            if told is not None and wanted.admits(told):
                yield told


async def contacts(request: web.Request) -> web.Response:
    """In the order of the configuration. Personal data: for whoever may read here at all."""
    snapshot, now = request.app[BACKEND].clocked()
    return await json_list(
        contact_json(contact, now.wall, snapshot.exporter.contacts_confirmed_for)
        for contact in snapshot.exporter.contacts
    )

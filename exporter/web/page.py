"""The pages: their frame and what is known without a script come from here; modules in the browser keep them alive."""

import hashlib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from aiohttp import web
from jinja2 import Environment, PackageLoader

from exporter.core.snapshot import Snapshot, Watched
from exporter.core.state import Mode
from exporter.web.answers import Turn
from exporter.web.backend import BACKEND
from exporter.web.languages import LANGUAGES, wanted

WORST_FIRST = (Mode.OUTAGE, Mode.SUSPECTED, Mode.RECOVERING, Mode.UNKNOWN, Mode.DEGRADED, Mode.HEALTHY)
FILTERS = ("tier", "site", "system")
TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

_TEMPLATES = Environment(
    loader=PackageLoader("exporter.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True, enable_async=True
)
_TEMPLATES.filters["segment"] = lambda text: quote(text, safe="", errors="replace")
_STATIC = {
    entry.name: (entry.read_bytes(), TYPES[suffix])
    for entry in files("exporter.web").joinpath("static").iterdir()
    if (suffix := entry.name.rpartition(".")[2]) in TYPES
}
_ETAGS = {name: hashlib.sha256(body).hexdigest()[:16] for name, (body, _) in _STATIC.items()}


def routes() -> list[web.RouteDef]:
    """All pages and what they load."""
    return [
        web.get("/", wall),
        web.get("/systems/{name}", system),
        web.get("/incidents/{id}", incident),
        web.get("/drills", drills),
        web.get("/static/{name}", static),
    ]


async def wall(request: web.Request) -> web.Response:
    """State, serving site and sentence of every system; the numbers that move come with the first event."""
    snapshot, _ = request.app[BACKEND].clocked()
    systems = sorted(
        _wanted(snapshot, request), key=lambda watched: (WORST_FIRST.index(watched.state.mode), watched.system.name)
    )
    return await _render(
        request,
        "wall",
        systems=systems,
        tiers=sorted({watched.system.tier for watched in snapshot.systems.values()}),
        sites=sorted({site for watched in snapshot.systems.values() for site in watched.system.sites}),
        chosen={name: request.query.get(name, "") for name in FILTERS},
        kiosk="kiosk" in request.query,
    )


async def system(request: web.Request) -> web.Response:
    """One system; 404 if none of this name is watched."""
    snapshot, _ = request.app[BACKEND].clocked()
    name = request.match_info["name"]
    watched = snapshot.systems.get(name)
    if watched is None:
        return await _render(request, "missing", 404, what="missing.system", name=name)
    return await _render(request, "system", watched=watched)


async def incident(request: web.Request) -> web.Response:
    """One incident, open or closed. Whether there is one, its API knows, and the page says."""
    return await _render(request, "incident", id=request.match_info["id"])


async def drills(request: web.Request) -> web.Response:
    """Drills, and what starts and stops them; every change asks for the token."""
    snapshot, _ = request.app[BACKEND].clocked()
    return await _render(request, "drills", names=sorted(snapshot.systems))


async def static(request: web.Request) -> web.Response:
    """What a page loads: asked for each time, sent again only when it has changed."""
    name = request.match_info["name"]
    if name not in _STATIC:
        raise web.HTTPNotFound
    etag = _ETAGS[name]
    headers = {"Cache-Control": "no-cache", "ETag": f'"{etag}"'}
    if any(tag.value == etag for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    body, content_type = _STATIC[name]
    return web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)


def _wanted(snapshot: Snapshot, request: web.Request) -> Iterable[Watched]:
    """The systems that the filters of the URL leave; a filter that is empty leaves all."""
    tier, site, name = (request.query.get(key, "") for key in FILTERS)
    return (
        watched
        for watched in snapshot.systems.values()
        if tier in ("", watched.system.tier)
        and (not site or site in watched.system.sites)
        and name in ("", watched.system.name)
    )


async def _render(request: web.Request, page: str, status: int = 200, /, **values: Any) -> web.Response:
    """A template in the wanted language, a turn of the event loop at a time."""
    language = wanted(request)
    exporter = request.app[BACKEND].clocked().snapshot.exporter
    template = _TEMPLATES.get_template(f"{page}.html")
    pieces = []
    turn = Turn()
    async for piece in template.generate_async(
        page=page, language=language, languages=LANGUAGES.values(), t=language.text, exporter=exporter, **values
    ):
        pieces.append(piece.encode("utf-8", "replace"))
        await turn.pause()
    return web.Response(body=b"".join(pieces), status=status, content_type="text/html", charset="utf-8")

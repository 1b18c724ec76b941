"""The live page: rendered once by the server, kept fresh by a small module in the browser."""

from importlib.resources import files

from aiohttp import web
from jinja2 import Environment, PackageLoader

from exporter.core.state import Mode
from exporter.web.answers import Turn
from exporter.web.backend import BACKEND

WORST_FIRST = (Mode.OUTAGE, Mode.SUSPECTED, Mode.RECOVERING, Mode.UNKNOWN, Mode.DEGRADED, Mode.HEALTHY)
SYMBOLS = {
    Mode.OUTAGE: "✕",
    Mode.SUSPECTED: "?",
    Mode.RECOVERING: "↻",
    Mode.UNKNOWN: "–",
    Mode.DEGRADED: "!",
    Mode.HEALTHY: "✓",
}
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

_TEMPLATES = Environment(
    loader=PackageLoader("exporter.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True, enable_async=True
)
_STATIC = {
    entry.name: (entry.read_bytes(), TYPES[suffix])
    for entry in files("exporter.web").joinpath("static").iterdir()
    if (suffix := "." + entry.name.rpartition(".")[2]) in TYPES
}


def routes() -> list[web.RouteDef]:
    return [web.get("/", page), web.get("/static/{name}", static)]


async def page(request: web.Request) -> web.Response:
    """State, serving site and sentence of every system; the numbers that move come with the first refresh."""
    snapshot, _ = request.app[BACKEND].clocked()
    systems = sorted(
        snapshot.systems.values(), key=lambda watched: (WORST_FIRST.index(watched.state.mode), watched.system.name)
    )
    template = _TEMPLATES.get_template("page.html")
    pieces = []
    turn = Turn()
    async for piece in template.generate_async(systems=systems, exporter=snapshot.exporter, symbols=SYMBOLS):
        pieces.append(piece.encode("utf-8", "replace"))
        await turn.pause()
    return web.Response(body=b"".join(pieces), content_type="text/html", charset="utf-8")


async def static(request: web.Request) -> web.Response:
    found = _STATIC.get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    body, content_type = found
    return web.Response(body=body, content_type=content_type, charset="utf-8", headers={"Cache-Control": "no-cache"})

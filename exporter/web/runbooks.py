"""Runbooks, as pages of their own: the wiki may be in the site that burned. They need nothing but this exporter.

They are Markdown in `exporter/runbooks`, one file an alert; HTML in them is shown as text.
"""

import asyncio
from functools import cache
from importlib.resources import files

from aiohttp import web
from jinja2 import Environment, PackageLoader
from markdown_it import MarkdownIt
from markupsafe import Markup

from exporter.catalogue.alerts import ALERTS
from exporter.web.openapi_parts import Part, get, path

_MARKDOWN = MarkdownIt("commonmark", {"html": False})
_TEMPLATES = Environment(loader=PackageLoader("exporter.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True)

_HTML = {"type": "string"}
RUNBOOKS = Part(
    {
        "/runbooks": get("The same as /runbooks/", "text/html", _HTML),
        "/runbooks/": get("All alerts, each with a link to its runbook", "text/html", _HTML),
        "/runbooks/{alert}": get(
            "What to do about an alert", "text/html", _HTML, path("alert", "Its name."), s404="No alert is called so."
        ),
    },
    {},
)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/runbooks", every_runbook),
        web.get("/runbooks/", every_runbook),
        web.get("/runbooks/{alert}", runbook),
    ]


async def every_runbook(request: web.Request) -> web.Response:
    """All alerts with what they mean in a sentence."""
    return _page(await asyncio.to_thread(_list))


async def runbook(request: web.Request) -> web.Response:
    """What to do about one alert."""
    name = request.match_info["alert"]
    if name not in ALERTS:
        raise web.HTTPNotFound
    return _page(await asyncio.to_thread(_runbook, name))


def _page(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="text/html", charset="utf-8")


@cache
def _list() -> bytes:
    return _TEMPLATES.get_template("runbooks.html").render(alerts=ALERTS.values()).encode()


@cache
def _runbook(name: str) -> bytes:
    """Rendered once: at most one page for each alert of the catalogue."""
    alert = ALERTS[name]
    text = files("exporter").joinpath("runbooks", alert.runbook).read_text(encoding="utf-8")
    words = Markup(_MARKDOWN.render(text))  # noqa: S704  # our own file, and the renderer escapes all HTML in it
    return _TEMPLATES.get_template("runbook.html").render(alert=alert, words=words).encode()

"""The server: its routes, its limits, and how it is started."""

import asyncio
import hmac
import ssl
from contextlib import aclosing

from aiohttp import hdrs, web

from exporter.core.model import Part
from exporter.web import api, page
from exporter.web.answers import errors_as_json, harden, json_answer, problem
from exporter.web.backend import BACKEND, Backend
from exporter.web.guard import Guard

BODY_MOST = 64 * 1024
"""Bytes of a request's body."""
HEADER_MOST = 8 * 1024
SCRAPE_DEADLINE = 60.0
"""Seconds in which a client must have taken its metrics."""


def make_app(backend: Backend, guard: Guard | None = None) -> web.Application:
    """`guard`: who may read, where `--web.config.file` was given; its `tls` goes to `listen`."""
    middlewares = [errors_as_json]
    app = web.Application(
        client_max_size=BODY_MOST, middlewares=middlewares if guard is None else [*middlewares, guard.middleware]
    )
    app[BACKEND] = backend
    if guard is not None:
        app.on_response_prepare.append(guard.set_headers)
    app.on_response_prepare.append(harden)
    app.add_routes(
        [
            web.get("/metrics", metrics),
            web.get("/-/healthy", healthy),
            web.get("/-/ready", ready),
            web.post("/-/reload", reload),
            web.get("/config", config),
            web.get("/sd", service_discovery),
            *page.routes(),
            *api.routes(),
        ]
    )
    return app


async def listen(app: web.Application, host: str, port: int, tls: ssl.SSLContext | None = None) -> web.AppRunner:
    """Serve until `cleanup()` of what is returned; its `addresses` tell the port when 0 was asked for.

    Raises OSError when the address cannot be bound.
    """
    runner = web.AppRunner(
        app, access_log=None, max_line_size=HEADER_MOST, max_field_size=HEADER_MOST, shutdown_timeout=3.0
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner


async def metrics(request: web.Request) -> web.StreamResponse:
    """Sent piece by piece: a slow client holds up neither the loop nor the memory."""
    backend, headers = request.app[BACKEND], request.headers
    accept = ",".join(headers.getall(hdrs.ACCEPT, []))
    encoding = ",".join(headers.getall(hdrs.ACCEPT_ENCODING, []))
    scraped = backend.scrape(backend.clocked(), accept, encoding, frozenset(request.query.getall("name[]", [])))
    response = web.StreamResponse(headers=dict(scraped.headers))
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    async with asyncio.timeout(SCRAPE_DEADLINE), aclosing(scraped.body) as pieces:
        async for piece in pieces:
            await response.write(piece)
    await response.write_eof()
    return response


async def healthy(request: web.Request) -> web.Response:
    return json_answer({"status": "healthy"})


async def ready(request: web.Request) -> web.Response:
    """503 until every endpoint was looked at once: before that, much is unknown."""
    snapshot, _ = request.app[BACKEND].clocked()
    missing = [
        f"{part} of {watched.system.name}"
        for watched in snapshot.systems.values()
        for part in sorted(watched.system.parts)
        if (seen := watched.state.parts.get(part)) is None or seen.sample is None
    ]
    if missing:
        return problem(503, f"{len(missing)} endpoints were not looked at yet, such as {missing[0]}; ask again")
    return json_answer({"status": "ready"})


async def reload(request: web.Request) -> web.Response:
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    errors = await request.app[BACKEND].reload()
    if errors:
        return problem(422, errors[0], errors=errors)
    return json_answer({"status": "reloaded"})


def _refusal(request: web.Request) -> web.Response | None:
    """Why the request may not change anything; None if it may. The comparison takes the same time for any token."""
    try:
        token = request.app[BACKEND].token()
    except ValueError as error:
        return problem(403, str(error))
    if not token:
        return problem(403, "nothing may be changed here without a token; set api.token_file in the configuration")
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token.encode())
    if scheme.lower() == "bearer" and same:
        return None
    sentence = "the bearer token is missing or wrong; send Authorization: Bearer with the content of api.token_file"
    return problem(401, sentence, {hdrs.WWW_AUTHENTICATE: "Bearer"})


async def config(request: web.Request) -> web.Response:
    return web.Response(text=request.app[BACKEND].masked_config(), content_type="application/yaml")


async def service_discovery(request: web.Request) -> web.Response:
    """What is probed, in the form that http_sd of Prometheus reads."""
    snapshot, _ = request.app[BACKEND].clocked()
    found = [
        {"targets": [target.address], "labels": {**_labels(watched.system.name, part), "kind": target.kind}}
        for watched in snapshot.systems.values()
        for part, target in sorted(watched.targets.items())
    ]
    return json_answer(found)


def _labels(system: str, part: Part) -> dict[str, str]:
    return {"system": system, "site": part.site, "component": part.component}

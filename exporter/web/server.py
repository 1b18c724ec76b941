"""The server: its routes, its limits, and how it is started."""

import asyncio
import ssl

from aiohttp import web

from exporter.core.model import Part
from exporter.core.snapshot import Snapshot
from exporter.web import api, hooks, page, runbooks
from exporter.web.answers import encode_all, errors_as_json, harden, json_answer, problem
from exporter.web.attempts import ATTEMPTS, Attempts
from exporter.web.backend import BACKEND, Backend
from exporter.web.guard import Guard
from exporter.web.history import History
from exporter.web.limits import (
    CLIENTS,
    CONNECTIONS_MOST,
    IDLE_MOST,
    LINGER,
    STREAMS_MOST,
    BoundedSite,
    finish_in_time,
)
from exporter.web.scrapes import Scrapes
from exporter.web.stream import STREAMS, Streams
from exporter.web.token import refusal

BODY_MOST = 64 * 1024
"""Bytes of a request's body."""
HEADER_MOST = 8 * 1024


CONNECTIONS = web.AppKey("connections", int)
"""How many may be open at a time, streams among them."""


def make_app(backend: Backend, guard: Guard | None = None, streams_most: int = STREAMS_MOST) -> web.Application:
    """`guard`: who may read, where `--web.config.file` was given; its `tls` goes to `listen`."""
    middlewares = [finish_in_time, errors_as_json]
    app = web.Application(
        client_max_size=BODY_MOST, middlewares=middlewares if guard is None else [*middlewares, guard.middleware]
    )
    app[BACKEND] = backend
    app[ATTEMPTS] = Attempts()
    app[CONNECTIONS] = CONNECTIONS_MOST + streams_most
    streams = app[STREAMS] = Streams(backend, streams_most)
    app.on_shutdown.append(streams.close)
    history = History(backend.clocked)
    app.cleanup_ctx.append(history.run)
    if guard is not None:
        app.on_response_prepare.append(guard.set_headers)
    app.on_response_prepare.append(harden)
    app.add_routes(
        [
            web.get("/metrics", Scrapes(backend).answer),
            web.get("/-/healthy", healthy),
            web.get("/-/ready", Readiness(backend).answer),
            web.post("/-/reload", reload),
            web.get("/config", config),
            web.get("/sd", service_discovery),
            *page.routes(),
            *runbooks.routes(),
            *api.routes(),
            web.get("/api/v1/stream", streams.answer),
            *history.routes(),
            *hooks.routes(),
        ]
    )
    return app


async def listen(app: web.Application, host: str, port: int, tls: ssl.SSLContext | None = None) -> web.AppRunner:
    """Serve until `cleanup()` of what is returned; its `addresses` tell the port when 0 was asked for.

    Raises OSError when the address cannot be bound.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=CLIENTS,
        max_line_size=HEADER_MOST,
        max_field_size=HEADER_MOST,
        keepalive_timeout=IDLE_MOST,
        lingering_time=LINGER,
        shutdown_timeout=3.0,
    )
    await runner.setup()
    try:
        await BoundedSite(runner, host, port, tls, app[CONNECTIONS]).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner


async def healthy(request: web.Request) -> web.Response:
    return json_answer({"status": "healthy"})


class Readiness:
    """Ready once this run has looked at every endpoint: before that, much is unknown or told from an earlier run.

    It stays ready: what a reload adds is no reason to take the exporter out of service.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._ready = False

    async def answer(self, request: web.Request) -> web.Response:
        missing = [] if self._ready else _not_looked_at(self._backend.clocked().snapshot)
        if missing:
            system, part = min(missing)
            return problem(
                503, f"{len(missing)} endpoints were not looked at yet, such as {part} of {system}; ask again"
            )
        self._ready = True
        return json_answer({"status": "ready"})


def _not_looked_at(snapshot: Snapshot) -> list[tuple[str, Part]]:
    """(system, part) of which this run has not seen one look end."""
    return [
        (watched.system.name, part)
        for watched in snapshot.systems.values()
        for part in watched.system.parts
        if (seen := watched.state.parts.get(part)) is None
        or seen.sample is None
        or seen.sample.started < snapshot.exporter.started
    ]


async def reload(request: web.Request) -> web.Response:
    refused = refusal(request)
    if refused is not None:
        return refused
    errors = await request.app[BACKEND].reload()
    if errors:
        return problem(422, errors[0], errors=errors)
    return json_answer({"status": "reloaded"})


async def config(request: web.Request) -> web.Response:
    text = await asyncio.to_thread(request.app[BACKEND].masked_config)  # YAML of thousands of systems takes seconds
    return web.Response(text=text, content_type="application/yaml")


async def service_discovery(request: web.Request) -> web.Response:
    """What is probed, in the form that http_sd of Prometheus reads."""
    snapshot, _ = request.app[BACKEND].clocked()
    found = (
        {"targets": [target.address], "labels": {**_labels(watched.system.name, part), "kind": target.kind}}
        for watched in snapshot.systems.values()
        for part, target in sorted(watched.targets.items())
    )
    return web.Response(body=b"[%b]" % await encode_all(found), content_type="application/json", charset="utf-8")


def _labels(system: str, part: Part) -> dict[str, str]:
    return {"system": system, "site": part.site, "component": part.component}

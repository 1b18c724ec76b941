"""How every answer looks: JSON, errors that say what would be right, and headers that give a browser no leeway."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import Any

from aiohttp import hdrs, web

log = logging.getLogger(__name__)

TURN = 0.002
"""Seconds of work after which others get a turn of the event loop."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "rto-rpo-exporter",
}


class Turn:
    """Lets others have the event loop when this piece of work has had it for long enough."""

    def __init__(self) -> None:
        self._since = perf_counter()
        self._before = 0.0

    async def pause(self) -> None:
        """Called after each small step."""
        now = perf_counter()
        if now > self._since + TURN:
            self._before += now - self._since
            await asyncio.sleep(0)
            self._since = perf_counter()

    def spent(self) -> float:
        """Seconds of the event loop that the work has had so far, without those of others."""
        return self._before + perf_counter() - self._since


async def harden(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler: adds the headers that a handler did not set itself."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def encode(value: Any) -> str:
    """Compact JSON, in UTF-8 without escapes; lone surrogates are escaped, since they have no UTF-8."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(text=encode(value), status=status, headers=headers, content_type="application/json")


def problem(status: int, sentence: str, headers: dict[str, str] | None = None, **more: Any) -> web.Response:
    """An error: what is wrong and what would be right."""
    return json_answer({"error": sentence, **more}, status, headers)


async def encode_all(values: Iterable[Any]) -> bytes:
    """The values as JSON with commas between them; they may be lazy: they are made and written a turn at a time."""
    items = []
    turn = Turn()
    for value in values:
        items.append(encode(value).encode())
        await turn.pause()
    return b",".join(items)


async def json_list(values: Iterable[Any], **more: Any) -> web.Response:
    """`{"items": [...], "next": null, ...}` of values as `encode_all` takes them."""
    tail = encode({"next": None, **more}).encode().removeprefix(b"{")
    body = b'{"items":[%b],%b' % (await encode_all(values), tail)
    return web.Response(body=body, content_type="application/json", charset="utf-8")


@web.middleware
async def errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """What no handler answered itself. An unexpected error is logged here and told to nobody else."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        sentence = f"{request.method} is not allowed here; use {allowed}"
        return problem(405, sentence, {hdrs.ALLOW: allowed})
    except web.HTTPNotFound:
        return problem(404, "there is nothing at this path; /api/v1/openapi.json lists what there is")
    except web.HTTPException as error:
        return problem(error.status, error.reason)
    except ConnectionError:
        raise  # the client left: no failure of ours
    except Exception:
        log.exception("cannot answer %s %s", request.method, request.path)
        return problem(500, "the exporter failed to answer; its log says why")

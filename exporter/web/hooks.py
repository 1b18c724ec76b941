"""Where Alertmanager delivers: who may, how much, and what it is answered."""

from aiohttp import web

from exporter.web.answers import json_answer, problem
from exporter.web.backend import BACKEND
from exporter.web.token import refusal

BODY_MOST = 1024 * 1024
"""Bytes of a notification. One alert has about one kilobyte; parsing this takes some milliseconds."""


def routes() -> list[web.RouteDef]:
    return [web.post("/hooks/dingtalk", dingtalk)]


async def dingtalk(request: web.Request) -> web.Response:
    """2xx only when the alerts were delivered: Alertmanager tries again after any 5xx.

    Alertmanager opens a connection for each of its groups and would keep them all: a storm must not take those of Prometheus.
    """
    answer = await _answer(request)
    answer.force_close()
    return answer


async def _answer(request: web.Request) -> web.Response:
    backend = request.app[BACKEND]
    if backend.dingtalk is None or not backend.dingtalk.is_on:
        return problem(404, "this hook is off; configure hooks.dingtalk to use it")
    # Not 429, which Alertmanager takes for a last word: somebody else at its address may be the one who guesses.
    refused = refusal(request, backend.hook_token, "hooks.dingtalk.token_file (or api.token_file)", busy=503)
    if refused is not None:
        return refused
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > BODY_MOST:
            return problem(413, "more than a megabyte; set max_alerts: 400 at this receiver of Alertmanager")
    status, sentence = await backend.dingtalk.deliver(bytes(body), lambda: _is_there(request))
    return json_answer({"status": sentence}) if status == 200 else problem(status, sentence)


def _is_there(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()

"""`/metrics`: scrapes that come together share one rendering, and only so many are answered at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import NamedTuple

from aiohttp import hdrs, web

from exporter.web.answers import problem
from exporter.web.backend import Backend

ANSWERS_MOST = 16
"""Scrapes that are answered at a time: each may keep a whole answer in memory until its client has taken it."""


class Query(NamedTuple):
    """What a client asks for; two that ask for the same can have the same answer."""

    accept: str
    encoding: str
    names: frozenset[str]


class Rendered(NamedTuple):
    headers: Mapping[str, str]
    pieces: Sequence[bytes]


class Scrapes:
    """One rendering at a time. While it goes on, those who ask gather for the next, which begins after all of them asked:
    no answer is older than its question."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._turn = asyncio.Lock()
        self._next: dict[Query, asyncio.Task[Rendered]] = {}
        self._answering = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Sent piece by piece; 503 when too many others are being answered."""
        if self._answering >= ANSWERS_MOST:
            sentence = f"{ANSWERS_MOST} scrapes are being answered already; ask again later, or from fewer places"
            return problem(503, sentence, {hdrs.RETRY_AFTER: "5"})
        self._answering += 1
        try:
            return await self._send(request)
        finally:
            self._answering -= 1

    async def _send(self, request: web.Request) -> web.StreamResponse:
        accept = ",".join(request.headers.getall(hdrs.ACCEPT, []))
        encoding = ",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, []))
        wanted = Query(accept, encoding, frozenset(request.query.getall("name[]", [])))
        if wanted not in self._next:
            self._next[wanted] = asyncio.create_task(self._render(wanted))
        rendered = await asyncio.shield(self._next[wanted])
        response = web.StreamResponse(headers=dict(rendered.headers))
        await response.prepare(request)
        if request.method != hdrs.METH_HEAD:
            for piece in rendered.pieces:
                await response.write(piece)
                await asyncio.sleep(0)  # a client that keeps up would otherwise get all of it in one turn of the loop
        return response

    async def _render(self, wanted: Query) -> Rendered:
        async with self._turn:
            del self._next[wanted]
            scraped = self._backend.scrape(self._backend.clocked(), *wanted)
            async with aclosing(scraped.body) as pieces:
                return Rendered(scraped.headers, [piece async for piece in pieces])

"""Servers of the tests close what they accepted, at whatever turn of the event loop they end."""

import asyncio
import gc
import socket
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit

import pytest
import uvloop
from aiohttp import web

from tests import hostile
from tests.servers.service import serving


@asynccontextmanager
async def raw() -> AsyncIterator[int]:
    async with hostile.serve(hostile.hang) as server:
        yield server.port


async def never_asked(request: web.Request) -> web.Response:
    raise AssertionError("it only connects")


@asynccontextmanager
async def page() -> AsyncIterator[int]:
    async with serving(web.get("/", never_asked)) as url:
        yield urlsplit(url).port or 0


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("start", [raw, page])
def test_a_visitor_of_the_last_moment(
    start: Callable[[], AbstractAsyncContextManager[int]], turns: int, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """Accepted, and not served yet: without `accepting.close` nobody closes it after two turns."""

    async def play(visitor: socket.socket) -> None:
        async with start() as port:
            visitor.connect(("127.0.0.1", port))
            for _ in range(turns):
                await asyncio.sleep(0)

    with warnings.catch_warnings(record=True) as told, socket.socket() as visitor:
        warnings.simplefilter("always")
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(play(visitor))
        gc.collect()
    assert told == []

"""A small HTTP service of the tests, on a free port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.servers.accepting import end


@asynccontextmanager
async def serving(*routes: web.RouteDef) -> AsyncIterator[str]:
    """These routes until the block ends; gives the URL without a path."""
    app = web.Application()
    app.router.add_routes(routes)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await end(runner)

"""The end of a server in the tests' own process: what it accepted a moment ago has to be closed too.

Between a connection's being accepted and the beginning of what serves it lie some turns of the event loop. A server that is closed in
between is not prepared for it: asyncio gives the connection up half made, and it is found unclosed in the middle of another test.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, cast

from aiohttp import web

_TURNS = 10
"""More than asyncio takes from accepting to serving, or from a cut to its end."""


async def some_turns() -> None:
    """Returns when what was begun in this turn of the event loop has been done."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class Listening(Protocol):
    """A server of asyncio's or of uvloop's, which have no class in common."""

    @property
    def sockets(self) -> Sequence[Any]: ...
    def close(self) -> None: ...


async def close(server: Listening) -> None:
    """Accept no more, and close when what was accepted is being served."""
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening)
    await some_turns()
    server.close()


async def end(runner: web.AppRunner) -> None:
    """`runner.cleanup()` after the `close` of its servers."""
    try:
        for site in runner.sites:
            await close(cast("Listening", site._server))  # aiohttp tells it to nobody
    finally:
        await runner.cleanup()

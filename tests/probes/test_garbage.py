"""Looks that fail leave nothing in cycles: in an outage there are many of them, and the collector comes seldom (`exporter.app`)."""

import asyncio
import gc
import socket
from collections.abc import Iterator

import pytest

from exporter.core.model import Reason
from tests.probes.looking import look, probe

LOOKS = 20
OWN = 10
"""Objects a look that are in a cycle all the same: asyncio's transport of a connection that stood knows itself, uvloop's does not."""
SETTINGS = {"tcp": {"address": "127.0.0.1:{}", "send": "hello", "expect": "x"}, "http": {"url": "http://127.0.0.1:{}/"}}


@pytest.fixture
def silent() -> Iterator[int]:
    """A port at which connections open, and nobody speaks."""
    with socket.create_server(("127.0.0.1", 0), backlog=4 * LOOKS) as server:
        yield server.getsockname()[1]


@pytest.fixture
def shut() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


async def left_behind(kind: str, port: int, reason: Reason) -> float:
    """Objects in cycles by each of so many looks that fail at once, and for that reason."""
    eye = probe(kind, **{name: text.format(port) for name, text in SETTINGS[kind].items()})

    async def fails() -> None:
        sample = await look(eye, timeout=0.05 if reason is Reason.TIMEOUT else 5.0)
        assert sample.reason is reason

    await fails()
    gc.collect()
    gc.disable()
    try:
        await asyncio.gather(*(fails() for _ in range(LOOKS)))
        await asyncio.sleep(0.01)
        return gc.collect() / LOOKS
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", sorted(SETTINGS))
async def test_who_refuses(kind: str, shut: int) -> None:
    """It were 43 to 51 objects a look."""
    assert await left_behind(kind, shut, Reason.REFUSED) < 1


@pytest.mark.parametrize("kind", sorted(SETTINGS))
async def test_who_is_silent(kind: str, silent: int) -> None:
    """It were 31 to 39 objects a look."""
    assert await left_behind(kind, silent, Reason.TIMEOUT) < OWN

"""Real Redis servers for the tests of the probe, and looks at them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from exporter.core.model import Facts
from exporter.probes.kind import Context, Failure, Probe
from exporter.probes.redis import KIND, RedisSettings
from tests.probes.database import needs
from tests.servers.postgres import PASSWORD
from tests.servers.redis import RedisPair, RedisServer, redis_missing

VANTAGE = "here"


def redis_or_skip() -> None:
    """A skip where Redis is not installed (a failure with CI=true)."""
    needs(redis_missing())


def make_pair() -> Iterator[RedisPair]:
    """For a fixture."""
    redis_or_skip()
    with RedisPair() as pair:
        yield pair


def probe_with(**settings: Any) -> Probe:
    """Built as the exporter builds it."""
    return KIND.build(RedisSettings.model_validate(settings), Context(VANTAGE))


@asynccontextmanager
async def probing(server: RedisServer, port: int | None = None, **changed: Any) -> AsyncIterator[Probe]:
    """A probe with the shipped rights, closed in the end. `port`: of a proxy before the server."""
    probe = probe_with(**{"url": server.url(port), "password": {"plain": PASSWORD}, **changed})
    try:
        yield probe
    finally:
        await probe.close()


async def refusal_of(probe: Probe, seq: int = 1, *, fresh: bool = False) -> Failure:
    """Why a marker is not taken."""
    with pytest.raises(Failure) as failed:
        async with asyncio.timeout(5):
            await probe.write_marker(seq, float(seq), fresh=fresh)
    return failed.value


def place(facts: Facts) -> int:
    """The position as the number that it is."""
    assert isinstance(facts.position, int)
    return facts.position

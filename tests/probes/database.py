"""What the tests of all databases have in common: a look, why it fails, and a tripwire that is held."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from exporter.core.model import Facts
from exporter.probes.kind import Ask, Failure, Probe

PATIENCE = 30.0
"""Seconds for a look that is to end by itself."""


def needs(missing: str) -> None:
    """Skip the test when the server that it breaks is missing; with CI=true that is a failure. "" when it is there."""
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)


async def facts(probe: Probe, *, fresh: bool = False, markers_after: int | None = None) -> Facts:
    """What one good look brings back."""
    return (await probe.look(Ask(fresh, markers_after))).facts


async def failure_of(probe: Probe, *, fresh: bool = True) -> Failure:
    """Why a look fails."""
    with pytest.raises(Failure) as failed:
        async with asyncio.timeout(PATIENCE):
            await probe.look(Ask(fresh))
    return failed.value


class Holding:
    """A tripwire that is being held."""

    def __init__(self, probe: Probe) -> None:
        self.broken: list[float] = []
        self.task = asyncio.create_task(probe.hold(self.broken.append))

    async def ended(self) -> None:
        await asyncio.wait_for(self.task, PATIENCE)


@asynccontextmanager
async def held(probing: Callable[[], AbstractAsyncContextManager[Probe]]) -> AsyncIterator[tuple[Probe, Holding]]:
    """A probe with a calm look done and its tripwire held: the second look leaves it the time to take the kept connection."""
    async with probing() as probe:
        await facts(probe)
        holding = Holding(probe)
        try:
            await facts(probe)
            yield probe, holding
        finally:
            holding.task.cancel()
            await asyncio.gather(holding.task, return_exceptions=True)

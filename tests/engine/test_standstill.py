"""After a standstill of our own everything is late for that: it is held against nobody."""

import asyncio
from typing import Any

import pytest

from exporter.core.state import Mode
from exporter.engine.eye import Pending
from exporter.engine.wheel import CATCHING_UP, LONG
from tests.engine.virtual import PART, Fleet, Server, VirtualLoop, in_virtual_time

SLOW_WAY = 0.1
"""Seconds to the server and back in a burst of work: a login takes longer than a look in doubt is given."""
FAST = 0.25
"""Seconds between two looks in doubt: a standstill shows by so much less, as nothing may have been due in its beginning."""


def first(fleet: Fleet) -> Mode:
    return fleet.watches[0].state.mode


async def calm() -> tuple[VirtualLoop, Server, Fleet]:
    """The loop; a system that is watched for a while, beside another that answers always."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    server = Server()
    fleet = Fleet(server, Server())
    await asyncio.sleep(10)
    return loop, server, fleet


@pytest.mark.parametrize("seconds", [LONG + FAST, 2.0, 5.8])
@pytest.mark.parametrize("later", [0.0, 0.11, 0.23])
def test_a_return_stands_though_we_stood_still_after_it(seconds: float, later: float) -> None:
    """What we missed is done at once when we go on, so for a moment each login takes longer than one in doubt is given: that is no
    relapse, and the outage ended when it did."""

    async def film() -> None:
        loop, server, fleet = await calm()
        watch = fleet.watches[0]
        server.refuses = True
        await asyncio.sleep(5)
        assert first(fleet) is Mode.OUTAGE
        server.refuses, back = False, fleet.clock()
        await asyncio.sleep(1 + later)
        assert first(fleet) is Mode.RECOVERING
        loop.stand_still(seconds)
        server.way = SLOW_WAY
        await asyncio.sleep(CATCHING_UP / 2)
        server.way = 0.0
        await asyncio.sleep(watch.system.policy.stable_for + 5)
        assert first(fleet) is Mode.HEALTHY
        last: Any = watch.state.last
        assert last.end.lower <= back <= last.end.upper
        assert last.end.upper < back + 1

    in_virtual_time(film())


@pytest.mark.parametrize("seconds", [1.0, 10.0, 3600.0])
def test_what_we_stood_still_for_is_not_what_is_usual(seconds: float) -> None:
    """A look is under way meanwhile, and its answer is read when we go on: who hangs 10 s later is doubted as soon as ever."""

    async def film() -> None:
        loop, server, fleet = await calm()
        server.way = 0.01
        await asyncio.sleep(20)
        eye = fleet.watches[0].eyes[PART]
        while not eye.looks:  # noqa: ASYNC110 - nobody else tells it
            await asyncio.sleep(0.001)
        loop.stand_still(seconds)
        await asyncio.sleep(0.5)
        usual = eye.usual
        assert usual is not None
        assert usual < 0.15
        await asyncio.sleep(10)
        server.hangs = True
        await asyncio.sleep(eye.policy.interval + 0.5)
        assert first(fleet) is Mode.SUSPECTED

    in_virtual_time(film())


async def test_what_a_marker_waited_for_us_is_not_learned() -> None:
    """Sent, and acknowledged 10 s later, for 9.9 of which we stood still; a clock that rounds makes nothing negative of it."""
    stood = [5.0]
    pending = Pending(100.0, 102.0, 102.0, stood=lambda: stood[0])
    stood[0] += 9.9
    assert pending.took(110.0) == pytest.approx(0.1)
    assert pending.took(109.0) == 0.0


def test_who_dies_while_we_stood_still_is_found() -> None:
    """Looks have all of their time then, and no more: who hangs is declared, and its outage begins where we last saw it serve."""

    async def film() -> None:
        loop, server, fleet = await calm()
        watch = fleet.watches[0]
        server.hangs, gone = True, fleet.clock()
        loop.stand_still(2.0)
        await asyncio.sleep(CATCHING_UP + 2 * watch.system.policy.timeout)
        assert first(fleet) is Mode.OUTAGE
        incident = watch.state.incident
        assert incident is not None
        assert incident.start.lower <= gone <= incident.start.upper

    in_virtual_time(film())

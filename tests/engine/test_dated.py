"""Blindness is dated back to the last answer, but never to before anybody looked: that time is told already."""

import asyncio
from collections.abc import Mapping
from typing import Any

from exporter.core.model import Moment
from exporter.core.ports import Json, Loaded
from exporter.core.state import SystemState
from tests.engine.virtual import NewLedger, Server, SharedProbe, VirtualLoop, engine_of, in_virtual_time, plan


class Kept(NewLedger):
    """What one run leaves to the next."""

    def __init__(self) -> None:
        self.left: dict[str, Json] = {}
        self.at = Moment(0.0, 0.0)

    def beat(self, checkpoints: Mapping[str, Json], now: Moment) -> None:
        self.left, self.at = dict(checkpoints), now

    async def load(self, now: Moment) -> Loaded:
        nothing = dict.fromkeys(self.left, 0.0)
        return Loaded(self.left, dict.fromkeys(self.left, self.at), nothing, nothing, markers={})


def test_an_outage_before_a_start_without_network_is_downtime_all_the_same() -> None:
    """The exporter is restarted in an outage of 335 s and has no network for 8 s: only what nobody saw is taken out of it."""

    async def film() -> None:
        ledger, shop, other = Kept(), Server(), Server()
        plans = plan("shop", SharedProbe(shop)), plan("other", SharedProbe(other))
        async with engine_of(*plans, ledger=ledger):
            await asyncio.sleep(20)
            shop.refuses = True
            await asyncio.sleep(300)
        await asyncio.sleep(5)
        shop.refuses, shop.hangs, other.hangs = False, True, True
        async with engine_of(*plans, ledger=ledger) as engine:
            await asyncio.sleep(8)
            assert engine.blind_since is not None
            shop.refuses, shop.hangs, other.hangs = True, False, False
            await asyncio.sleep(22)
            shop.refuses = False
            await asyncio.sleep(30)
            state = engine.systems()["shop"].state
        last: Any = state.last
        assert 12 < last.blind < 16
        assert 318 < state.counters.downtime < 326
        assert 12 < state.counters.blind < 16

    in_virtual_time(film())


def test_a_first_start_without_network_is_blind_since_then() -> None:
    """Not for an hour before it."""

    async def film() -> None:
        cut, loop = Server(), asyncio.get_running_loop()
        cut.hangs, started = True, loop.time()
        async with engine_of(plan("shop", SharedProbe(cut))) as engine:
            await asyncio.sleep(10)
            assert engine.blind_since == started
            cut.hangs = False
            await asyncio.sleep(10)
            assert 10 <= engine.systems()["shop"].state.counters.blind < 13

    in_virtual_time(film())


def test_a_standstill_is_counted_once() -> None:
    """Frozen for a minute and cut off when it goes on: the minute is an absence, and blindness begins after it."""
    seen: list[SystemState] = []

    async def film() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        cut = Server()
        async with engine_of(plan("shop", SharedProbe(cut))) as engine:
            await asyncio.sleep(20)
            cut.hangs = True
            loop.stand_still(60)
            await asyncio.sleep(10)
            assert engine.blind_since is not None
            assert engine.blind_since > loop.time() - 11
            cut.hangs = False
            await asyncio.sleep(10)
            seen.append(engine.systems()["shop"].state)

    in_virtual_time(film())
    assert 69 < seen[0].counters.blind < 73

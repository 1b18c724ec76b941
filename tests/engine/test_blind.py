"""Blind to everything: what happens to one system meanwhile makes it see no sooner, and nothing is counted twice."""

import asyncio

from exporter.core.model import Reason
from exporter.core.state import Mode
from exporter.probes.kind import Ask, Failure, Look
from tests.engine.virtual import Server, SharedProbe, engine_of, in_virtual_time, plan


class Troubled(SharedProbe):
    """No file is left for it while it is `locked`."""

    locked = False

    async def look(self, ask: Ask) -> Look:
        if self.locked:
            raise Failure(Reason.INTERNAL, "no more files")
        return await super().look(ask)


def test_trouble_that_ends_while_nobody_answers_makes_nobody_see() -> None:
    """Its looks are silent then, as all are: it stays blind until somebody answers, and neither an outage nor a blip is told."""

    async def film() -> None:
        net = Server()
        shop = Troubled(net)
        async with engine_of(plan("shop", shop), plan("other", SharedProbe(net))) as engine:
            await asyncio.sleep(20)
            shop.locked = True
            await asyncio.sleep(10)
            net.hangs = True
            await asyncio.sleep(20)
            assert engine.blind_since is not None
            shop.locked = False
            await asyncio.sleep(20)
            state = engine.systems()["shop"].state
            assert (state.mode, state.incident) == (Mode.UNKNOWN, None)
            assert state.blind_since is not None
            net.hangs = False
            await asyncio.sleep(20)
            state = engine.systems()["shop"].state
            assert (state.mode, state.counters.blips, state.last) == (Mode.HEALTHY, 0, None)
            assert 50 < state.counters.blind < 52

    in_virtual_time(film())


def test_trouble_that_goes_on_when_somebody_answers_still_hides() -> None:
    """What ended was that nobody answered: it cannot be looked at for reasons of our own as before."""

    async def film() -> None:
        net, loop = Server(), asyncio.get_running_loop()
        shop = Troubled(net)
        async with engine_of(plan("shop", shop), plan("other", SharedProbe(net))) as engine:
            await asyncio.sleep(20)
            shop.locked = True
            await asyncio.sleep(10)
            net.hangs = True
            await asyncio.sleep(10)
            shop.locked = False
            await asyncio.sleep(5)
            shop.locked = True
            await asyncio.sleep(5)
            net.hangs = False
            await asyncio.sleep(20)
            assert engine.blind_since is None
            state = engine.systems()["shop"].state
            assert (state.mode, state.incident) == (Mode.UNKNOWN, None)
            shop.locked = False
            seen = loop.time()
            await asyncio.sleep(5)
            state = engine.systems()["shop"].state
            assert (state.mode, state.counters.blips) == (Mode.HEALTHY, 0)
            assert state.counters.blind > seen - 1022

    in_virtual_time(film())

"""Blind to everything: what happens to one system meanwhile makes it see no sooner, and nothing is counted twice."""

import asyncio

from exporter.core.model import Reason
from exporter.core.state import Mode
from exporter.engine.sight import Sight
from exporter.probes.kind import Ask, Failure, Look
from tests.engine.virtual import Server, SharedProbe, VirtualLoop, engine_of, in_virtual_time, plan


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


async def dead() -> bool:
    await asyncio.sleep(3600)
    return False


async def good() -> bool:
    return True


def test_a_reference_that_is_taken_out_is_forgotten() -> None:
    """Also if it is just being asked: what it does not answer any more is told of nobody, and stands for no other one."""

    async def film() -> None:
        net = Server()
        shop = plan("shop", SharedProbe(net))
        async with engine_of(shop, references={"gone": dead, "here": good}) as engine:
            await asyncio.sleep(5.5)
            assert engine.references == {"gone": False, "here": True}
            engine.apply([shop], {"here": good})
            await asyncio.sleep(10)
            assert engine.references == {"here": True}

    in_virtual_time(film())


def test_only_references_that_are_asked_have_to_be_dead() -> None:
    """One was found dead in the silence, and is taken out: the one that is left has not told yet whether it is us."""
    sight = Sight(endpoints=1, references=2)
    for started in (1.0, 2.0):
        sight.saw("shop", started, started + 0.5, answered=False)
    sight.saw("gone", 2.0, 2.5, answered=False, reference=True)
    sight.references = 1
    sight.forget("gone")
    assert not sight.blind


def test_a_standstill_while_blind_is_counted_once() -> None:
    """Cut off in an outage and stopped for ten minutes; when it goes on, the answer of a reference is the first that it hears."""

    async def film() -> None:
        net, loop, back = Server(), asyncio.get_running_loop(), asyncio.Event()
        assert isinstance(loop, VirtualLoop)
        asked = asyncio.Event()

        async def reference() -> bool:
            if net.hangs:
                asked.set()
                await back.wait()
            return True

        async with engine_of(plan("shop", SharedProbe(net)), references={"reference": reference}) as engine:
            await asyncio.sleep(20)
            net.refuses = True
            await asyncio.sleep(10)
            net.refuses, net.hangs = False, True
            await asyncio.sleep(20)
            since = engine.blind_since
            assert since is not None
            asked.clear()
            await asked.wait()
            net.refuses = True
            loop.stand_still(600)
            back.set()
            await asyncio.sleep(10)
            state = engine.systems()["shop"].state
            assert (engine.blind_since, state.mode) == (None, Mode.OUTAGE)
            assert 600 < state.counters.blind < loop.time() - since
            assert state.incident is not None
            assert state.incident.blind == state.counters.blind

    in_virtual_time(film())

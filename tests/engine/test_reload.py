"""A reload while somebody cannot see: who starts then knows it, and nobody stays blind for what is mended."""

import asyncio

from exporter.core.model import Reason
from exporter.core.state import Mode, SystemState
from exporter.engine.engine import Engine
from exporter.probes.kind import Ask, Failure, Look
from tests.engine.virtual import Server, SharedProbe, engine_of, in_virtual_time, plan


class Locked(SharedProbe):
    """The password that it needs cannot be read."""

    async def look(self, ask: Ask) -> Look:
        raise Failure(Reason.INTERNAL, "the password file cannot be read")


def shown(engine: Engine, name: str) -> SystemState:
    return engine.systems()[name].state


def test_a_reload_ends_what_our_own_trouble_hid() -> None:
    """Blind for a password that cannot be read; the reload names another file: from then on it is seen, and its outage told."""

    async def film() -> None:
        locked, other, mended = plan("shop", Locked(Server())), plan("other", SharedProbe(Server())), Server()
        async with engine_of(locked, other) as engine:
            await asyncio.sleep(20)
            assert shown(engine, "shop").blind_since is not None
            engine.apply([plan("shop", SharedProbe(mended), "mended"), other], {})
            await asyncio.sleep(20)
            assert shown(engine, "shop").mode is Mode.HEALTHY
            assert 19 < shown(engine, "shop").counters.blind < 21
            mended.refuses = True
            await asyncio.sleep(20)
            assert shown(engine, "shop").mode is Mode.OUTAGE

    in_virtual_time(film())


def test_a_reload_that_mends_nothing_ends_nothing() -> None:
    """The password cannot be read after it either: blind again after as many looks as at first, and no incident."""

    async def film() -> None:
        other = plan("other", SharedProbe(Server()))
        async with engine_of(plan("shop", Locked(Server())), other) as engine:
            await asyncio.sleep(20)
            engine.apply([plan("shop", Locked(Server()), "changed"), other], {})
            await asyncio.sleep(20)
            state = shown(engine, "shop")
            assert (state.mode, state.incident) == (Mode.UNKNOWN, None)
            assert state.blind_since is not None

    in_virtual_time(film())


def test_who_starts_while_nobody_answers_is_blind_too() -> None:
    """Cut off: a system that is added, and one that is taken out and put back, are blind from then until somebody answers."""

    async def film() -> None:
        cut, loop = Server(), asyncio.get_running_loop()
        first, back, new = (plan(name, SharedProbe(cut)) for name in ("first", "back", "new"))
        async with engine_of(first, back) as engine:
            await asyncio.sleep(20)
            cut.hangs = True
            await asyncio.sleep(20)
            assert engine.blind_since is not None
            added = loop.time()
            engine.apply([first, new], {})
            await asyncio.sleep(1)
            engine.apply([first, new, back], {})
            await asyncio.sleep(100)
            assert shown(engine, "new").blind_since == added
            assert {shown(engine, name).mode for name in ("first", "back", "new")} == {Mode.UNKNOWN}
            cut.hangs = False
            await asyncio.sleep(10)
            for name in ("first", "back", "new"):
                assert shown(engine, name).mode is Mode.HEALTHY
                assert shown(engine, name).incident is shown(engine, name).last is None
            assert 100 < shown(engine, "new").counters.blind < 103
            assert 120 < shown(engine, "first").counters.blind < 124
            assert 120 < shown(engine, "back").counters.blind < 124

    in_virtual_time(film())

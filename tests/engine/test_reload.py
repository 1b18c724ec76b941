"""A reload while somebody cannot see: who starts then knows it, and nobody stays blind for what is mended."""

import asyncio
from collections.abc import Mapping, Sequence
from unittest.mock import patch

from exporter.core.model import Moment, Part, Reason
from exporter.core.ports import Json
from exporter.core.state import Mode, Record, SystemState
from exporter.engine.engine import Engine
from exporter.engine.heart import Heart
from exporter.engine.standings import Standings
from exporter.probes.kind import Ask, Failure, Look, Probe
from tests.engine.virtual import (
    PART,
    NewLedger,
    Server,
    SharedProbe,
    VirtualLoop,
    engine_of,
    in_virtual_time,
    plan,
)


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


class SlowDisk(NewLedger):
    """While it is `slow` a record is on disk after 1.9 s."""

    def __init__(self) -> None:
        self.slow = False
        self.kinds: list[str] = []
        self.closed_in: list[str] = []
        """What was there when a checkpoint was written down in which an incident is closed."""

    async def append(self, records: Sequence[Record], checkpoints: Mapping[str, Json], now: Moment) -> None:
        if self.slow:
            await asyncio.sleep(1.9)
        self.kinds += [record.kind for record in records]

    def beat(self, checkpoints: Mapping[str, Json], now: Moment) -> None:
        if not self.closed_in and any("last" in one for one in checkpoints.values()):
            self.closed_in = [*self.kinds]


def test_a_reload_shows_nothing_that_the_ledger_has_not_got() -> None:
    """An incident is closed, and reloads come while its record is on its way: it is neither shown nor written down before."""

    async def film() -> None:
        server, ledger = Server(), SlowDisk()
        probe = SharedProbe(server)
        async with engine_of(plan("shop", probe), ledger=ledger) as engine:
            await asyncio.sleep(20)
            server.refuses = True
            await asyncio.sleep(10)
            server.refuses = False
            while shown(engine, "shop").mode is not Mode.RECOVERING:  # noqa: ASYNC110 - nobody else tells it
                await asyncio.sleep(0.05)
            await asyncio.sleep(9)
            ledger.slow = True
            while engine._running["shop"].watch.state.incident is not None:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
            for key in ("second", "third"):
                engine.apply([plan("shop", probe, key)], {})
                await asyncio.sleep(0.6)
                assert (shown(engine, "shop").mode, shown(engine, "shop").last) == (Mode.RECOVERING, None)
            await asyncio.sleep(3)
            assert "incident" in ledger.kinds
            assert "incident" in ledger.closed_in
            assert (shown(engine, "shop").mode, shown(engine, "shop").incident) == (Mode.HEALTHY, None)
            assert shown(engine, "shop").last is not None
            watch = engine._running["shop"].watch
            assert (watch.unsettled, watch.published) == (0, watch.state)

    in_virtual_time(film())


def test_nobody_looked_while_a_reload_took_long() -> None:
    """What goes on was not observed in these eight seconds; what they brought was not watched before."""

    async def film() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)

        def slow() -> Mapping[Part, Probe]:
            loop.stand_still(8.0)
            return {PART: SharedProbe(Server())}

        kept, new = plan("kept", SharedProbe(Server())), plan("new", SharedProbe(Server()))
        async with engine_of(kept, plan("changed", SharedProbe(Server()))) as engine:
            await asyncio.sleep(20)
            engine.apply([kept, plan("changed", SharedProbe(Server()), 2)._replace(probes=slow), new], {})
            await asyncio.sleep(20)
            assert [round(shown(engine, name).counters.blind) for name in ("kept", "changed", "new")] == [8, 8, 0]
            loop.stand_still(4.0)
            engine.apply([kept], {})
            assert round(shown(engine, "kept").counters.blind) == 12

    in_virtual_time(film())


def test_nothing_is_held_of_who_has_gone() -> None:
    """Systems that come and go by reloads, for as long as the exporter runs: their last states are kept in one place, with a bound."""
    hearts, standings = [], []
    begin, start = Heart.__init__, Standings.__init__

    def heart(self: Heart, *known: object) -> None:
        hearts.append(self)
        begin(self, *known)  # type: ignore[arg-type]  # whatever it is made of

    def standing(self: Standings, *known: object) -> None:
        standings.append(self)
        start(self, *known)  # type: ignore[arg-type]  # as above

    async def film() -> None:
        async with engine_of(plan("s0", SharedProbe(Server()))) as engine:
            for number in range(1, 8):
                await asyncio.sleep(30)
                engine.apply([plan(f"s{number}", SharedProbe(Server()))], {})
            await asyncio.sleep(30)
            assert [set(one._beaten) for one in hearts] == [{"s7"}]
            assert [set(one._seen) for one in standings] == [{"s7"}]

    with patch.object(Heart, "__init__", heart), patch.object(Standings, "__init__", standing):
        in_virtual_time(film())

"""Many systems in doubt at once: they do not keep each other there, and a few never notice each other."""

import asyncio
import itertools
from typing import Any
from unittest.mock import patch

from exporter.core.state import Mode
from exporter.engine import haste
from exporter.engine.eye import CALM_OVERLAP, OVERLAP, SLOW, Pending
from exporter.engine.haste import FIRST, FORGOTTEN, LONGEST, MANY, Haste
from tests.engine.virtual import Fleet, Server, in_virtual_time

CALM = {str(Mode.HEALTHY)}


class Clock:
    """Moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


async def waiting(shared: Haste, clock: Clock, who: object, count: int) -> list[Pending]:
    """So many looks in haste that never end by themselves."""
    found = []
    for _ in range(count):
        pending = Pending(clock.now, clock.now + 0.5, clock.now + 2.0)
        pending.task = asyncio.ensure_future(asyncio.sleep(3600))
        shared.begun(pending, who)
        found.append(pending)
    return found


async def gone(pendings: list[Pending]) -> None:
    for pending in pendings:
        pending.drop()
    await asyncio.gather(*(one.task for one in pendings if one.task is not None), return_exceptions=True)


async def test_a_burst_is_no_crowd_and_neither_is_one_system_alone() -> None:
    """Looks that have only just begun count for nothing, and nobody is held back by looks of its own."""
    clock = Clock()
    shared = Haste(clock)
    looks = await waiting(shared, clock, "a", 3 * MANY)
    assert shared.granted("b")
    clock.now += SLOW
    assert shared.granted("a")
    assert not shared.granted("b")
    assert shared.crowded
    await gone(looks)


async def test_a_few_slow_looks_are_no_crowd() -> None:
    """One less than MANY changes nothing; those that ended do not count, however they ended."""
    clock = Clock()
    shared = Haste(clock)
    ended, looks = await waiting(shared, clock, "a", MANY), await waiting(shared, clock, "b", MANY - 1)
    await gone(ended)
    clock.now += 10 * SLOW
    assert shared.granted("c")
    assert not shared.crowded
    await gone(looks)


async def test_what_is_given_once_more_stays_given() -> None:
    """A look that could not be heard for a while keeps what it was given for that, whether it loses its patience or gains it."""
    loop, stood = asyncio.get_running_loop(), [0.0]
    now = loop.time()
    pending = Pending(now, now + 0.05, now + 3600.0, stood=lambda: stood[0])
    stood[0] = 3000.0

    async def wait() -> None:
        with pending:
            await asyncio.sleep(0.2)
            assert pending.given == 3000.0
            pending.shorten(now + 0.01)
            assert pending.until == now + 0.01 + 3000.0
            pending.relent()
            assert pending.until == now + 3600.0 + 3000.0

    await wait()


async def test_those_who_wait_get_patience() -> None:
    """When a crowd forms, looks in haste that wait are given the time of calm ones: our own load lets none of them fail."""
    clock = Clock()
    shared = Haste(clock)
    looks = await waiting(shared, clock, "a", MANY)
    assert [one.until for one in looks] == [clock.now + 0.5] * MANY
    clock.now += SLOW
    assert not shared.granted("b")
    assert [one.until for one in looks] == [one.started + 2.0 for one in looks]
    await gone(looks)


async def test_a_crowd_that_comes_back_lasts_longer() -> None:
    """Twice as long each time up to LONGEST; one that is long past is forgotten."""
    clock = Clock()
    shared = Haste(clock)
    looks = await waiting(shared, clock, "a", MANY)

    def lasts() -> float:
        assert not shared.granted("b")
        begun = clock.now
        while shared.crowded:
            clock.now += 0.25
        return clock.now - begun

    clock.now += SLOW
    assert [lasts() for _ in range(6)] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST, LONGEST, LONGEST]
    clock.now += FORGOTTEN
    assert lasts() == FIRST
    await gone(looks)


def test_many_come_out_of_doubt_by_themselves() -> None:
    """A server that all share stands still for some seconds: soon after it goes on all are calm, and they stay so."""

    async def film() -> None:
        server = Server()
        fleet = Fleet(*[server] * 100)
        await asyncio.sleep(10)
        assert fleet.modes() == CALM
        server.stand_still(4)
        await asyncio.sleep(4)
        assert not fleet.modes() & CALM
        await asyncio.sleep(30)
        assert fleet.modes() == CALM
        assert max(watch.state.counters.downtime for watch in fleet.watches) < 12
        await asyncio.sleep(60)
        assert fleet.modes() == CALM

    in_virtual_time(film())


def test_without_the_bound_they_never_would() -> None:
    """The film above is one in which it matters: with looks in haste for everybody, nobody is calm after forty seconds."""

    async def film() -> None:
        server = Server()
        fleet = Fleet(*[server] * 100)
        await asyncio.sleep(10)
        server.stand_still(4)
        await asyncio.sleep(40)
        assert not fleet.modes() & CALM

    with patch.object(haste, "MANY", float("inf")):
        in_virtual_time(film())


def gaps(looks: list[tuple[float, bool]], since: float) -> list[float]:
    at = [started for started, _ in looks if started >= since]
    return [later - earlier for earlier, later in itertools.pairwise(at)]


def test_in_a_crowd_each_is_still_looked_at() -> None:
    """Two looks at a time at each endpoint, so that one that hangs holds up the next but one at most; and once the cause is gone
    everybody is back."""

    async def film() -> None:
        servers = [Server() for _ in range(2 * MANY)]
        fleet = Fleet(*servers, Server())
        witness = fleet.probes.pop()  # without it nobody would be heard, and nothing declared
        await asyncio.sleep(10)
        for server in servers:
            server.hangs = True
        await asyncio.sleep(20)
        policy, since = fleet.watches[0].system.policy, fleet.clock()
        assert fleet.haste.crowded
        for probe in fleet.probes:
            probe.most = 0
        await asyncio.sleep(8)
        assert fleet.haste.crowded
        for probe in fleet.probes:
            assert probe.most == CALM_OVERLAP
            assert max(gaps(probe.looks, since)) <= 2 * policy.interval + 0.1
        thawed = fleet.clock()
        for server in servers:
            server.hangs = False
        await asyncio.sleep(60)
        assert fleet.modes() == CALM
        assert witness.looks
        for watch in fleet.watches[:-1]:
            last: Any = watch.state.last
            assert last.end.lower <= thawed <= last.end.upper
            assert last.end.upper - last.end.lower <= policy.timeout + policy.interval + 0.1

    in_virtual_time(film())


def test_a_few_in_doubt_are_looked_at_as_one_is() -> None:
    """Systems that hang, fewer than make a crowd: every `fast_interval` a fresh look at each, and they overlap."""

    async def film() -> None:
        servers = [Server() for _ in range(MANY)]
        fleet = Fleet(*servers, Server())
        await asyncio.sleep(10)
        for server in servers[: MANY // 2]:
            server.hangs = True
        await asyncio.sleep(20)
        since = fleet.clock()
        await asyncio.sleep(10)
        assert not fleet.haste.crowded
        for probe in fleet.probes[: MANY // 2]:
            assert max(gaps(probe.looks, since)) <= fleet.watches[0].system.policy.fast_interval + 0.03
            assert all(fresh for started, fresh in probe.looks if started >= since)
            assert 2 <= probe.most <= OVERLAP
        assert fleet.watches[-1].state.mode is Mode.HEALTHY

    in_virtual_time(film())


def test_what_answers_at_once_makes_no_crowd() -> None:
    """A hundred systems that refuse are all looked at in haste: looks that end soon disturb nobody."""

    async def film() -> None:
        servers = [Server() for _ in range(100)]
        fleet = Fleet(*servers)
        await asyncio.sleep(10)
        for server in servers:
            server.refuses = True
        await asyncio.sleep(5)
        assert fleet.modes() == {str(Mode.OUTAGE)}
        since = fleet.clock()
        await asyncio.sleep(5)
        assert not fleet.haste.crowded
        fast = fleet.watches[0].system.policy.fast_interval
        assert all(max(gaps(probe.looks, since)) <= fast + 0.03 for probe in fleet.probes)

    in_virtual_time(film())


def test_in_a_crowd_an_answer_to_who_is_in_ends_no_outage() -> None:
    """Many systems let nobody new in, and go on to serve the connections that they have: none of them is well again for that."""

    async def film() -> None:
        servers = [Server() for _ in range(MANY + 6)]
        fleet = Fleet(*servers, Server())
        await asyncio.sleep(10)
        for server in servers:
            server.full = True
        await asyncio.sleep(30)
        crowded = 0
        for _ in range(40):
            crowded += fleet.haste.crowded
            assert {watch.state.mode for watch in fleet.watches[:-1]} == {Mode.OUTAGE}
            await asyncio.sleep(1)
        assert crowded > 10
        assert fleet.watches[-1].state.mode is Mode.HEALTHY

    in_virtual_time(film())

"""A network that becomes slower is no outage: what takes many ways there and back is given the time for it."""

import asyncio
from dataclasses import replace

import pytest

from exporter.core.model import Component, Policy
from exporter.core.state import Mode
from exporter.engine.eye import Eye, Pending
from exporter.engine.pace import FRESH_EVERY
from tests.engine.virtual import PART, Fleet, Server, SharedProbe, in_virtual_time

CALM = str(Mode.HEALTHY)
SLOW_WAY = 0.1
"""A login then takes longer than a look in doubt is given by default."""
TRIES = 60


def modes_over(*, begins: float, way: float, before: float = 0.0) -> set[str]:
    """All that a system was called after its network became slow, `begins` seconds after its first calm look over a new connection."""
    seen: set[str] = set()

    async def work() -> None:
        server = Server()
        server.way = before
        fleet = Fleet(server)
        await asyncio.sleep(2 * FRESH_EVERY + begins)
        assert fleet.modes() == {CALM}
        server.way = way
        for _ in range(20 * 2 * FRESH_EVERY):
            await asyncio.sleep(0.05)
            seen.update(fleet.modes())

    in_virtual_time(work())
    return seen


@pytest.mark.parametrize("before", [0.0, 0.002, 0.02])
def test_a_network_that_becomes_slow_is_no_outage(before: float) -> None:
    """Whenever it begins, and be it while a look over a new connection is under way: it is not even doubted."""
    told = [modes_over(begins=number * 0.5, way=SLOW_WAY, before=before) for number in range(TRIES)]
    assert all(modes == {CALM} for modes in told), told


@pytest.mark.parametrize("way", [0.0, 0.02, SLOW_WAY])
def test_a_server_that_lets_nobody_new_in_is_doubted(way: float) -> None:
    """Whoever has a connection is served, and nobody else: the thirtieth look finds it, whatever is answered over the kept one.
    It stays a doubt here because there is nobody else who answers."""

    async def work() -> None:
        server = Server()
        server.way = way
        fleet = Fleet(server)
        await asyncio.sleep(FRESH_EVERY / 2)
        server.full = True
        for _ in range(20 * FRESH_EVERY):
            await asyncio.sleep(0.05)
            if fleet.modes() != {CALM}:
                break
        for _ in range(200):
            assert fleet.modes() == {str(Mode.SUSPECTED)}
            await asyncio.sleep(0.05)

    in_virtual_time(work())


@pytest.mark.parametrize("way", [0.17, 0.2, 0.3])
def test_logins_that_take_longer_than_the_interval_make_no_more_logins(way: float) -> None:
    """Half around the world a login takes over a second, and calm looks begin meanwhile: they go over the kept connection, and prove
    nothing of the login, which is not given up for them either. Were they logins too, each would meet the one before it, for ever."""

    async def film() -> None:
        server = Server()
        server.way = way
        fleet = Fleet(server)
        await asyncio.sleep(2 * FRESH_EVERY)
        since = fleet.clock()
        for _ in range(20 * 4 * FRESH_EVERY):
            await asyncio.sleep(0.05)
            assert fleet.modes() == {CALM}
        logins = [started for started, fresh in fleet.probes[0].looks if started >= since and fresh]
        assert 4 <= len(logins) <= 3 * 5  # each is overdue, and so may be the witness that is sent after it
        assert not fleet.watches[0].state.parts[PART].failures

    in_virtual_time(film())


async def test_who_is_turned_away_asks_again() -> None:
    """Until one is let in: an answer over the kept connection says nothing of that. So does one that waits for longer than others did."""
    eye = Eye(PART, SharedProbe(Server()), Policy(), Component("database", critical=True, stateful=True))
    assert not eye.shuts_out(100.0)
    eye.learn_fresh(0.4)
    login = eye.looks[1] = Pending(100.0, 102.0, 102.0)
    login.fresh = True
    assert not eye.shuts_out(100.8)
    assert eye.shuts_out(100.81)
    del eye.looks[1]
    assert not eye.shuts_out(100.81)
    eye.turned_away = True
    assert eye.shuts_out(100.81)


@pytest.mark.parametrize("timeout", [1.2, 1.7, 1.9, 2.2, 2.3, 3.3])
@pytest.mark.parametrize("uptime", [20_000.0, 100_000.0])
def test_a_hang_is_doubted_soon_whatever_the_timeout(timeout: float, uptime: float) -> None:
    """When it takes longer than usual, not when its time is over: no timeout and no uptime makes a difference by rounding."""

    async def film() -> None:
        server = Server()
        fleet = Fleet(server, Server(), policy=replace(Policy(), timeout=timeout))
        await asyncio.sleep(20.5)
        server.hangs = True
        await asyncio.sleep(fleet.watches[0].system.policy.interval + 0.15)
        assert fleet.watches[0].state.mode is Mode.SUSPECTED

    in_virtual_time(film(), begin=uptime)

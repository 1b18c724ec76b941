"""The schedule of the looks."""

import asyncio
import gc
import time

import pytest

from exporter.core.model import ENTRY, Component, Part, Policy, System
from exporter.engine.plan import Plan, looks_a_second
from exporter.engine.wheel import CATCHING_UP, LONG, SLOT, Wheel
from tests.engine.virtual import Fleet, Server, VirtualLoop, in_virtual_time


async def test_nothing_starts_early() -> None:
    """What is due starts in its order, at or after its instant, and each is counted."""
    wheel = Wheel(asyncio.get_running_loop())
    begun = time.monotonic()
    started: list[tuple[float, float]] = []
    done = asyncio.Event()
    instants = [begun + number * SLOT / 10 for number in range(100)]

    def start(due: float) -> None:
        started.append((due, time.monotonic()))
        if len(started) == len(instants):
            done.set()

    for due in instants:
        wheel.at(due, lambda due=due: start(due))  # type: ignore[misc]  # mypy does not infer a lambda with a default
    async with asyncio.timeout(30):
        await done.wait()
    assert [due for due, _ in started] == instants
    assert all(at >= due for due, at in started)
    assert sum(wheel.lateness().counts) == len(instants)


def test_a_standstill_shows_before_a_timer_rings() -> None:
    """What has arrived meanwhile is read first: whoever looks at it has to know already. It is counted once, and soon made up for."""

    async def film() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        wheel, rung = Wheel(loop, loop.time), asyncio.Event()
        wheel.at(loop.time() + SLOT, rung.set)
        assert (wheel.stood(), wheel.catching_up()) == (0.0, False)
        loop.stand_still(LONG + 1)
        stood = wheel.stood()
        assert LONG < stood <= LONG + 1
        assert wheel.catching_up()
        await rung.wait()
        assert wheel.stood() == pytest.approx(stood, abs=SLOT)
        assert wheel.catching_up()
        await asyncio.sleep(CATCHING_UP)
        assert not wheel.catching_up()

    in_virtual_time(film())


async def test_a_cancelled_alarm_does_not_ring() -> None:
    """Neither one that is cancelled, nor any after `stop`."""
    wheel = Wheel(asyncio.get_running_loop())
    now, rung = time.monotonic(), asyncio.Event()
    silent: list[str] = []
    wheel.at(now, lambda: silent.append("cancelled")).cancel()
    wheel.at(now + SLOT, rung.set)
    async with asyncio.timeout(30):
        await rung.wait()
    wheel.at(now, lambda: silent.append("stopped"))
    wheel.stop()
    await asyncio.sleep(2 * SLOT)
    assert silent == []


@pytest.mark.parametrize(("rate", "apart"), [(0, 0.02), (6, 0.1), (120, 0.1), (402, 0.06), (1000, 0.02), (5000, 0.02)])
async def test_calm_looks_come_in_bunches(rate: float, apart: float) -> None:
    """Small ones, soon after the instant that was asked for, and always the same: adding up intervals moves none to another slot."""
    wheel = Wheel(asyncio.get_running_loop())
    wheel.gather(rate)
    slots = set()
    for place in range(1000):
        due = wheel.bunched(12_345.678 + place / 1000)
        assert -SLOT / 2 < due - (12_345.678 + place / 1000) < apart
        slot = int(due / SLOT)
        slots.add(slot)
        for number in range(100):
            assert int(due / SLOT) == slot + number * 15
            due += 0.3
    assert len(slots) <= 1 / apart + 2


def test_calm_looks_at_many_systems_wake_us_ten_times_a_second() -> None:
    """And each is looked at once a second all the same."""

    async def film() -> None:
        fleet = Fleet(*(Server() for _ in range(40)))
        await asyncio.sleep(20)
        since = fleet.clock()
        await asyncio.sleep(10)
        begun = [at for probe in fleet.probes for at, _ in probe.looks if at >= since]
        assert len(begun) == pytest.approx(400, abs=40)
        assert len({round(at / SLOT) for at in begun}) <= 100 + 1

    in_virtual_time(film())


def test_the_looks_of_all_systems_are_counted_by_how_often_they_are_made() -> None:
    """The entry, what is critical and what keeps state each interval, all else in the background."""
    components = {
        "web": Component("web", critical=True),
        "database": Component("database", stateful=True),
        "mail": Component("mail"),
    }
    parts = frozenset({ENTRY, Part("hk", "web"), Part("hk", "database"), Part("hk", "mail")})
    policy = Policy(interval=0.5, background_interval=4.0)
    system = System("orders", "hk", ("hk",), components, parts, policy=policy)
    plan = Plan(system, dict, dict.fromkeys(parts, "http"), None)
    assert looks_a_second([plan, plan]) == pytest.approx(2 * (3 / 0.5 + 1 / 4.0))
    assert looks_a_second([]) == 0


async def test_standing_still_is_counted() -> None:
    """Seconds by which a slot came late, beyond what is usual, are seconds in which nobody could hear."""
    wheel = Wheel(asyncio.get_running_loop())
    rung = asyncio.Event()
    wheel.at(time.monotonic(), rung.set)
    before = wheel.stood()
    time.sleep(0.5)  # noqa: ASYNC251 - the loop stands still on purpose
    await rung.wait()
    assert wheel.stood() - before >= 0.5 - 2 * SLOT


def test_looks_that_go_well_leave_nothing_to_the_collector() -> None:
    """No look is part of a cycle: collecting eleven objects of each stood still for a tenth of a second every now and then."""

    async def film() -> None:
        fleet = Fleet(Server(), Server())
        await asyncio.sleep(10)
        gc.collect()
        gc.disable()
        try:
            before = sum(len(probe.looks) for probe in fleet.probes)
            await asyncio.sleep(60)
            looks = sum(len(probe.looks) for probe in fleet.probes) - before
            assert looks >= 100
            assert gc.collect() < looks
        finally:
            gc.enable()

    in_virtual_time(film())

"""In a silence everybody is asked whether it is us, and only in a silence."""

import asyncio

from exporter.core.model import Component, Part, System
from exporter.core.state import Mode
from exporter.engine.plan import Plan
from tests.engine.virtual import PART, Server, SharedProbe, engine_of, in_virtual_time, plan


def looks_per_second(others: int) -> tuple[float, Mode, bool]:
    """At each other endpoint while one hangs; what that one is called; whether we think that it is us."""
    found: list[tuple[float, Mode, bool]] = []

    async def film() -> None:
        clock = asyncio.get_running_loop().time
        dead, probes = Server(), [SharedProbe(Server()) for _ in range(others)]
        plans = [plan("dead", SharedProbe(dead)), *(plan(f"other-{n}", probe) for n, probe in enumerate(probes))]
        async with engine_of(*plans) as engine:
            await asyncio.sleep(70)
            dead.hangs, since = True, clock()
            await asyncio.sleep(20)
            looks = sum(len([at for at, _ in probe.looks if at >= since]) for probe in probes)
            found.append((looks / 20 / others, engine.systems()["dead"].state.mode, engine.blind_since is not None))

    in_virtual_time(film())
    return found[0]


def test_where_others_are_looked_at_all_the_time_nobody_is_asked() -> None:
    """One that hangs among fifty others: it is found to be dead, and the others are not looked at more often for it."""
    rate, mode, blind = looks_per_second(50)
    assert (mode, blind) == (Mode.OUTAGE, False)
    assert rate <= 1.1


def test_where_there_is_one_other_it_is_asked() -> None:
    """It would not be looked at for a second: too long to wait before we know that it is not us."""
    rate, mode, blind = looks_per_second(1)
    assert (mode, blind) == (Mode.OUTAGE, False)
    assert rate > 1.5


def test_what_is_not_looked_at_fast_is_asked_in_a_suspected_system_too() -> None:
    """Beside a critical database an extra that is looked at every 5 s: cut off, we know it after 3 s, as without the extra."""
    known: list[bool] = []

    async def film(cut: float) -> None:
        extra = Part("hk", "extra")
        components = {"database": Component("database", critical=True, stateful=True), "extra": Component("extra")}
        servers = {PART: Server(), extra: Server()}
        system = System("shop", "hk", ("hk",), components, frozenset(servers))
        probes = {part: SharedProbe(server) for part, server in servers.items()}
        async with engine_of(Plan(system, lambda: probes, dict.fromkeys(probes, "x"), "shop")) as engine:
            await asyncio.sleep(20 + cut)
            for server in servers.values():
                server.hangs = True
            await asyncio.sleep(3)
            known.append(engine.blind_since is not None)

    for cut in (0.3, 2.3, 4.3):
        in_virtual_time(film(cut))
    assert known == [True, True, True]

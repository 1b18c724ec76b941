"""In a silence everybody is asked whether it is us, and only in a silence."""

import asyncio
from collections.abc import Mapping

from exporter.core.model import Component, Moment, System
from exporter.core.ports import Json, Loaded
from exporter.core.state import Mode
from exporter.engine.engine import Engine, Environment
from exporter.engine.plan import Plan
from exporter.probes.attempt import attempt
from exporter.probes.kind import Probe
from tests.engine.virtual import PART, PARTS, ForgettingLedger, Server, SharedProbe, in_virtual_time


class NewLedger(ForgettingLedger):
    """Nothing is in it yet."""

    async def load(self, now: Moment) -> Loaded:
        return Loaded({}, {}, {}, {}, {})

    def beat(self, checkpoints: Mapping[str, Json], now: Moment) -> None:
        """It is on no disk."""


def plan(name: str, probe: Probe) -> Plan:
    system = System(name, "hk", ("hk",), {"database": Component("database", critical=True, stateful=True)}, PARTS)
    return Plan(system, lambda: {PART: probe}, {PART: "postgres"}, name)


def looks_per_second(others: int) -> tuple[float, Mode, bool]:
    """At each other endpoint while one hangs; what that one is called; whether we think that it is us."""
    found: list[tuple[float, Mode, bool]] = []

    async def film() -> None:
        loop = asyncio.get_running_loop()
        ledger: object = NewLedger()
        clock = loop.time
        engine = Engine(Environment(clock, lambda: Moment(clock(), 1e9 + clock()), attempt, ledger))  # type: ignore[arg-type]  # what nobody asks for here is left out
        dead, probes = Server(), [SharedProbe(Server()) for _ in range(others)]
        plans = [plan("dead", SharedProbe(dead)), *(plan(f"other-{n}", probe) for n, probe in enumerate(probes))]
        running = asyncio.ensure_future(engine.run(plans, {}, lambda: None))
        await asyncio.sleep(70)
        dead.hangs, since = True, clock()
        await asyncio.sleep(20)
        looks = sum(len([at for at, _ in probe.looks if at >= since]) for probe in probes)
        found.append((looks / 20 / others, engine.systems()["dead"].state.mode, engine.blind_since is not None))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

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

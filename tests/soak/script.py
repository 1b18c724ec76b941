"""What happens on the day: faults by dice, each noted with its truth. Seconds of virtual time."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from exporter.core.drill import DrillType, Order
from exporter.core.drilling import Refused
from exporter.core.interval import Interval
from exporter.core.past import Kind
from tests.soak.clockwork import Clock, DayLoop
from tests.soak.record import Spell, Truth
from tests.soak.world import Database, Net, Server

CALM = (60.0, 240.0)
"""Between two faults at one system: more than `stable_for`, so that the next is another incident."""
LONG, SHORT = (9.0, 40.0), (0.1, 2.0)
Act = Callable[[random.Random], Awaitable[Truth | None]]


class Crew(Protocol):
    """Who declares drills."""

    async def start_drill(self, system: str, order: Order) -> None: ...
    async def stop_drill(self, system: str, drill: str, by: str, outcome: str) -> None: ...


class Script:
    """Everybody who breaks something; `note` takes each truth."""

    def __init__(self, net: Net, clock: Clock, dice: random.Random, note: Callable[[Truth], None]) -> None:
        self._net, self._clock, self._dice, self._note = net, clock, dice, note
        self.unseen: list[Interval] = []
        """When the exporter could see nothing."""
        self.over = False
        self._broken = 0
        self._whole = asyncio.Event()

    # --- one system after the other

    async def break_forever(self, name: str, acts: dict[str, Act], drills: "Drills") -> None:
        """One fault after the other at one system, some in drills, until it is over."""
        dice = random.Random(f"{name} {self._dice.random()}")
        while True:
            await asyncio.sleep(dice.uniform(*CALM))
            if self.over:
                return
            what = dice.choice(sorted(acts))
            self._broken += 1
            self._whole.clear()
            drill = await drills.start(name, dice)
            truth = await acts[what](dice)
            if truth is not None:
                self._note(truth._replace(system=name, what=what, drill=drill))
            if drill is not None:
                await asyncio.sleep(CALM[0])
                await drills.stop(name, drill)
            self._broken -= 1
            if not self._broken:
                self._whole.set()

    async def mended(self) -> None:
        """No fault begins any more; returns when none is left."""
        self.over = True
        if self._broken:
            await self._whole.wait()

    def page(self, server: Server) -> dict[str, Act]:
        """The ways in which a single server breaks."""
        return {
            "killed": lambda dice: self._out(server.kill, server.start, dice),
            "frozen": lambda dice: self._out(server.freeze, server.thaw, dice),
            "flaps, dead": lambda dice: self._flap(server.kill, server.start, dice),
            "flaps, frozen": lambda dice: self._flap(server.freeze, server.thaw, dice),
        }

    def both(self, hk: Server, sg: Server) -> dict[str, Act]:
        """Two sites that serve at once: losing one of them is no outage."""

        async def one(dice: random.Random) -> None:
            server = dice.choice((hk, sg))
            server.kill()
            await asyncio.sleep(dice.uniform(*LONG))
            server.start()

        async def all_of_them(dice: random.Random) -> Truth:
            first, last = dice.sample((hk, sg), 2)
            first.kill()
            await asyncio.sleep(dice.uniform(0.0, 5.0))
            start = self._clock.mono()
            last.kill()
            await asyncio.sleep(dice.uniform(*LONG))
            back = dice.choice((hk, sg))
            back.start()
            end = self._clock.mono()
            await asyncio.sleep(dice.uniform(0.0, 20.0))
            (sg if back is hk else hk).start()
            return _truth([_spell(start, end)])

        return {"one site": one, "both sites": all_of_them}

    def database(self, pair: Database) -> dict[str, Act]:
        """The ways in which a pair breaks, and is mended."""

        def kill() -> None:
            pair.servers[pair.primary].kill()
            pair.settle()

        def start() -> None:
            pair.servers[pair.primary].start()
            pair.settle()

        def freeze() -> None:
            pair.servers[pair.primary].freeze()
            pair.settle()

        def thaw() -> None:
            pair.servers[pair.primary].thaw()
            pair.settle()

        async def cut(dice: random.Random) -> None:
            pair.cut_link()
            await asyncio.sleep(dice.uniform(5.0, 120.0))
            pair.heal_link()

        async def lagging(dice: random.Random) -> None:
            await self._lag(pair, dice, dice.uniform(10.0, 60.0))
            pair.lag = 0.02

        async def standby_dead(dice: random.Random) -> None:
            server = pair.servers[pair.standby]
            server.kill()
            pair.cut_link()
            await asyncio.sleep(dice.uniform(5.0, 90.0))
            server.start()
            pair.heal_link()

        async def cut_failover(dice: random.Random) -> Truth:
            pair.cut_link()
            await asyncio.sleep(dice.uniform(0.5, 8.0))
            return await self._failover(pair, dice)

        async def late_failover(dice: random.Random) -> Truth:
            await self._lag(pair, dice, dice.uniform(5.0, 15.0))
            truth = await self._failover(pair, dice)
            pair.lag = 0.02
            return truth

        return {
            "killed": lambda dice: self._out(kill, start, dice),
            "frozen": lambda dice: self._out(freeze, thaw, dice),
            "flaps, dead": lambda dice: self._flap(kill, start, dice),
            "flaps, frozen": lambda dice: self._flap(freeze, thaw, dice),
            "failover": lambda dice: self._failover(pair, dice),
            "switchover": lambda dice: self._switchover(pair),
            "link cut": cut,
            "standby late": lagging,
            "standby dead": standby_dead,
            "link cut, failover": cut_failover,
            "standby late, failover": late_failover,
        }

    async def _out(self, begin: Callable[[], None], end: Callable[[], None], dice: random.Random) -> Truth:
        start = self._clock.mono()
        begin()
        await asyncio.sleep(dice.uniform(*LONG))
        over = self._clock.mono()
        end()
        return _truth([_spell(start, over)])

    async def _flap(self, begin: Callable[[], None], end: Callable[[], None], dice: random.Random) -> Truth:
        spells = []
        for _ in range(dice.randint(1, 4)):
            start = self._clock.mono()
            begin()
            await asyncio.sleep(dice.uniform(*SHORT))
            spells.append(_spell(start, self._clock.mono()))
            end()
            await asyncio.sleep(dice.uniform(*SHORT))
        return _truth(spells)

    async def _lag(self, pair: Database, dice: random.Random, seconds: float) -> None:
        """The standby falls behind, up to some seconds."""
        for _ in range(int(seconds)):
            pair.lag += dice.uniform(0.0, 0.6)
            await asyncio.sleep(1)

    async def _failover(self, pair: Database, dice: random.Random) -> Truth:
        old = pair.servers[pair.primary]
        start = self._clock.mono()
        old.kill()
        pair.settle()
        await asyncio.sleep(dice.uniform(0.1, 30.0))
        end = self._clock.mono()
        lost = pair.promote()
        await asyncio.sleep(dice.uniform(1.0, 40.0))
        old.start()
        pair.heal_link()
        kind = Kind.FAILBACK if pair.primary == "hk" else Kind.FAILOVER
        return _truth([_spell(start, end)], kinds=[kind], lost=lost)

    async def _switchover(self, pair: Database) -> Truth:
        at = self._clock.mono()
        lost = pair.promote()
        kind = Kind.FAILBACK if pair.primary == "hk" else Kind.SWITCHOVER
        return _truth([_spell(at, at)], kinds=[kind], lost=lost)

    # --- what happens to the exporter itself

    async def cut_off_forever(self, every: float) -> None:
        """It is cut off from everything at times: whatever happens then, it is blind and must know it."""
        while True:
            await asyncio.sleep(self._dice.uniform(0.5, 1.5) * every)
            begun = self._clock.mono()
            self._net.cut = True
            await asyncio.sleep(self._dice.uniform(1.0, 90.0))
            self._net.cut = False
            self.unseen.append(Interval(begun, self._clock.mono()))

    async def stall_forever(self, every: float, loop: DayLoop) -> None:
        """It gets no processor for a while."""
        while True:
            await asyncio.sleep(self._dice.uniform(0.5, 1.5) * every)
            begun = self._clock.mono()
            loop.stall(self._dice.uniform(0.05, 8.0))
            self.unseen.append(Interval(begun, self._clock.mono()))

    async def set_clock_forever(self, every: float) -> None:
        """Somebody sets the wall clock, back and forth."""
        while True:
            await asyncio.sleep(self._dice.uniform(0.5, 1.5) * every)
            self._clock.jump(self._dice.choice((-1, 1)) * self._dice.uniform(0.5, 3600.0))


class Drills:
    """Some faults are announced."""

    def __init__(self, crew: Crew, newest: Callable[[str], str | None], share: float = 0.15) -> None:
        """`newest`: the id of the drill of a system that is open."""
        self._crew, self._newest, self._share = crew, newest, share
        self.held = 0

    async def start(self, system: str, dice: random.Random) -> str | None:
        """Its id; None if there is none this time."""
        if dice.random() >= self._share:
            return None
        try:
            await self._crew.start_drill(system, Order("site_loss", "ops", "soak", "", 3600.0, DrillType.DRILL))
        except Refused:
            return None  # it is blind just now, say
        self.held += 1
        return self._newest(system)

    async def stop(self, system: str, drill: str) -> None:
        await self._crew.stop_drill(system, drill, "ops", "as expected")


def _spell(start: float, end: float) -> Spell:
    return Spell(Interval(start, start), Interval(end, end))


def _truth(spells: list[Spell], **more: Any) -> Truth:
    return Truth("", "", spells, **more)


Work = Coroutine[Any, Any, None]

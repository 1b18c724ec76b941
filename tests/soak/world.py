"""What the day's exporter looks at: servers of two sites in virtual time, which can be broken, and of which the truth is known."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from exporter.core.model import Facts, Instant, Reason, Role
from exporter.probes.kind import Ask, Failure, Look

RATE = 1000.0
"""Writes a second that a primary takes from its application."""
KEPT = 1000.0
"""Seconds for which markers are kept, as the exporter's own retention is shorter."""
NOTICED = 2.0
"""Seconds within which a new primary is seen to serve."""
ANSWER = 0.002
"""Seconds."""


class Net:
    """The exporter's own: while it is cut off, nobody answers it."""

    def __init__(self) -> None:
        self.cut = False


class Server:
    """One process: it answers, refuses (dead) or takes questions and answers them when it goes on (frozen)."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self.dead = False
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        self._died = asyncio.Event()

    @property
    def works(self) -> bool:
        return not self.dead and self._goes_on.is_set()

    def kill(self) -> None:
        self.dead = True
        self._died.set()
        self._goes_on.set()

    def start(self) -> None:
        self.dead = False
        self._died.clear()

    def freeze(self) -> None:
        self._goes_on.clear()

    def thaw(self) -> None:
        self._goes_on.set()

    async def answer(self) -> None:
        """Returns when it has worked on a question. Raises Failure."""
        if self._net.cut:
            await asyncio.sleep(3600)
        if self.dead:
            raise Failure(Reason.REFUSED)
        await asyncio.sleep(ANSWER / 2)
        await self._goes_on.wait()
        if self.dead:
            raise Failure(Reason.RESET)

    async def end(self) -> None:
        """Returns when it dies."""
        await self._died.wait()


@dataclass
class Stream:
    """What one primary has written since it became one: positions go on with the time in which it works."""

    epoch: str
    begun: float
    base: int = 0
    turns: list[tuple[float, float]] = field(default_factory=list)
    """(instant, seconds worked until then), at each begin and end of work; it works after an odd number of them."""
    markers: dict[int, float] = field(default_factory=dict)
    """Sequence number -> when it was written. Those before the stream began came with the base."""

    def turn(self, now: float, *, works: bool) -> None:
        if works != bool(len(self.turns) % 2):
            self.turns.append((now, self._worked(now)))

    def _worked(self, at: float) -> float:
        index = bisect_right(self.turns, at, key=lambda turn: turn[0])
        if not index:
            return 0.0
        since, worked = self.turns[index - 1]
        return worked + (at - since if index % 2 else 0.0)

    def position(self, at: float) -> int:
        return self.base + int(self._worked(at) * RATE)

    def ended(self, now: float) -> float:
        """Until when it has certainly taken no write: now while it works."""
        return now if len(self.turns) % 2 else self.turns[-1][0]

    def visible(self, until: float, above: int) -> tuple[int, ...]:
        return tuple(seq for seq, at in self.markers.items() if at <= until and seq > above)


class Database:
    """A primary and its standby."""

    def __init__(self, net: Net, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.servers = {"hk": Server(net), "sg": Server(net)}
        self.primary = "hk"
        self.stream = Stream("1", clock())
        self.lag = 0.02
        """Seconds by which the standby is behind."""
        self.acknowledged: set[int] = set()
        """Markers of which the exporter was told that they are written."""
        self._cut_at: float | None = None
        self._reached = float("-inf")
        self._epochs = 1
        self.settle()

    @property
    def standby(self) -> str:
        return "sg" if self.primary == "hk" else "hk"

    def settle(self) -> None:
        """Note whether the primary works now."""
        self.stream.turn(self.clock(), works=self.servers[self.primary].works)

    def cut_link(self) -> None:
        self._cut_at = self._cut_at or self.clock() - self.lag

    def heal_link(self) -> None:
        self._cut_at = None

    def horizon(self, at: float) -> float:
        """Everything that was written until then is at the standby, which never loses what it has."""
        now = at - self.lag if self._cut_at is None else min(self._cut_at, at - self.lag)
        self._reached = max(self._reached, now)
        return self._reached

    def exposed(self, now: float) -> float:
        """Seconds of writes that would be lost with the primary now; of one that has just taken over none, since nobody who
        looks now and then could know of them yet."""
        if now - self.stream.begun < NOTICED:
            return 0.0
        first_missing = max(self.stream.begun, self.horizon(now) + 1 / RATE)
        return max(0.0, self.stream.ended(now) - first_missing)

    def promote(self) -> int:
        """The standby takes over with what it has, and the old primary, if it lives, follows it. How many acknowledged
        markers that has cost."""
        now = self.clock()
        horizon = self.horizon(now)
        kept = {seq: at for seq, at in self.stream.markers.items() if at <= horizon and at > now - KEPT}
        lost = {seq for seq, at in self.stream.markers.items() if at > horizon} & self.acknowledged
        self.acknowledged = set(kept)
        self._epochs += 1
        self.stream.turn(now, works=False)
        self.stream = Stream(str(self._epochs), now, self.stream.position(horizon), markers=kept)
        self.primary = self.standby
        # A dead one has nothing of what is written from now on.
        self._cut_at = None if self.servers[self.standby].works else now
        self.settle()
        return len(lost)

    def facts(self, site: str, above: int | None) -> Facts:
        now = self.clock()
        if site == self.primary:
            return Facts(
                Role.PRIMARY,
                True,
                self.stream.epoch,
                position=self.stream.position(now),
                markers=self._seen(now, above),
            )
        horizon = self.horizon(now)
        position = self.stream.position(horizon)
        return Facts(
            Role.STANDBY, False, self.stream.epoch, position=position, applied=position,
            connected=self._cut_at is None, markers=self._seen(horizon, above),
        )  # fmt: skip

    def _seen(self, until: float, above: int | None) -> tuple[int, ...] | None:
        return None if above is None else self.stream.visible(until, above)

    def write(self, site: str, seq: int) -> None:
        if site != self.primary:
            raise Failure(Reason.READ_ONLY)
        now = self.clock()
        self.stream.markers[seq] = now
        for old in [one for one, at in self.stream.markers.items() if at < now - KEPT]:
            del self.stream.markers[old]
            self.acknowledged.discard(old)


class DatabaseProbe:
    """A look at one of its servers."""

    def __init__(self, database: Database, site: str) -> None:
        self.target = f"database at {site}"
        self._database, self._site = database, site
        self._server = database.servers[site]

    async def look(self, ask: Ask) -> Look:
        await self._server.answer()
        facts = self._database.facts(self._site, ask.markers_after)
        await asyncio.sleep(ANSWER / 2)
        return Look(facts)

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        await self._server.answer()
        self._database.write(self._site, seq)
        await asyncio.sleep(ANSWER / 2)
        self._database.acknowledged.add(seq)

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        await self._server.end()
        broken(asyncio.get_running_loop().time())

    async def close(self) -> None:
        """Nothing is kept."""


class PageProbe:
    """A look at something that tells nothing but that it works."""

    def __init__(self, server: Server) -> None:
        self.target = "page"
        self._server = server

    async def look(self, ask: Ask) -> Look:
        await self._server.answer()
        await asyncio.sleep(ANSWER / 2)
        return Look()

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        raise NotImplementedError

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        await self._server.end()
        broken(asyncio.get_running_loop().time())

    async def close(self) -> None:
        """Nothing is kept."""

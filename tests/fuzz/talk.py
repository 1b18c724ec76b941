"""Conversations of a probe with a real server: written down once, then told again to the probe, whole, damaged or in pieces."""

import asyncio
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from exporter.core.model import Facts, Part, Reason
from exporter.probes.attempt import attempt
from exporter.probes.kind import Ask, Deadline, Look, Probe
from tests.fuzz.clock import HurriedLoop
from tests.fuzz.damage import Turns, pieces
from tests.fuzz.examples import WANTED
from tests.hostile import Server, serve

TIMEOUT = 5.0
"""Seconds of a look, which nobody waits for on a hurried loop."""
CPU_MOST = 2.0
"""Seconds of work that a look may cost, whatever it hears: a good one costs a thousandth of that."""
MEMORY_MOST = 24 << 20
"""Bytes that a look may hold: our own limits allow a body of 1 MiB, decompressed and parsed."""
PART = Part("hk", "database")
PLACES = 24
"""Cuts of each good answer that are tried in `make test`."""

Use = Callable[[Probe], Awaitable[Look]]
"""What is done with a probe."""


async def look(probe: Probe) -> Look:
    """On a fresh connection, with the markers read."""
    return await probe.look(Ask(fresh=True, markers_after=0))


async def write(probe: Probe) -> Look:
    """A canary marker."""
    await probe.write_marker(1, 1.0, fresh=True)
    return Look()


class Verdict(NamedTuple):
    """What a look concluded, without how long it took."""

    reason: Reason | None
    facts: Facts
    detail: str


@dataclass
class Scribe:
    """Forwards connections to a real server and writes down what that says."""

    port: int
    talks: list[Turns] = field(default_factory=list)
    """A connection each; the first piece is what the server says unasked."""

    async def behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        turns: Turns = [b""]
        self.talks.append(turns)
        theirs, ours = await asyncio.open_connection("127.0.0.1", self.port)

        async def asked() -> None:
            while data := await reader.read(65536):
                if turns[-1] or len(turns) == 1:
                    turns.append(b"")
                ours.write(data)
            ours.close()

        async def answered() -> None:
            while data := await theirs.read(65536):
                turns[-1] += data
                writer.write(data)

        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(asked())
                both.create_task(answered())
        except* OSError:
            pass  # a probe hangs up without a farewell
        finally:
            ours.transport.abort()


class Talk(NamedTuple):
    """One use of a probe at a server, and what that said."""

    build: Callable[[int], Probe]
    use: Use
    turns: Turns
    fitted: Callable[[bytes, bytes], bytes] = lambda asked, turn: turn
    """(what was asked, what was said then) -> the same as an answer to this very question."""


def recorded(build: Callable[[int], Probe], use: Use, port: int) -> Talk:
    """What the real server at `port` says to a probe that is used so, which has to go well."""

    async def once() -> Turns:
        scribe = Scribe(port)
        async with serve(scribe.behave) as server:
            probe = build(server.port)
            await use(probe)
            await probe.close()
        return scribe.talks[0]

    return Talk(build, use, asyncio.run(once()))


def split_everywhere(talk: Talk) -> None:
    """A good answer gives the same verdict in one piece and in two; of the places to cut some are tried, in `make fuzz` all."""
    with Stage(talk) as stage:
        whole = stage.verdict(talk.turns)
        assert whole.reason is None, whole
        length = max(len(turn) for turn in talk.turns)
        for place in range(1, length, 1 if WANTED else max(1, length // PLACES)):
            assert stage.verdict(talk.turns, (place / length,)) == whole, place


@dataclass
class Stage:
    """A server on a socket that tells conversations, and looks at it, on a loop that waits for nothing."""

    talk: Talk

    def __post_init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=HurriedLoop)
        self._turns: Turns = []
        self._cuts: Sequence[float] = ()

    def __enter__(self) -> Self:
        self._runner.__enter__()
        tracemalloc.start()
        return self

    def __exit__(self, *about: object) -> None:
        tracemalloc.stop()
        self._runner.__exit__(*about)

    def verdict(self, turns: Turns, cuts: Sequence[float] = ()) -> Verdict:
        """One use of a new probe while the server says `turns`, each in pieces if there are `cuts`. It is checked that this ends as
        every look must: with facts or with a reason that is no fault of ours, within bounds of work and memory."""
        self._turns, self._cuts = turns, cuts
        began = time.process_time()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        found = self._runner.run(self._once())
        assert time.process_time() - began < CPU_MOST
        assert tracemalloc.get_traced_memory()[1] - before < MEMORY_MOST
        assert found.reason is not Reason.INTERNAL, found.detail
        return found

    def same(self, turns: Turns, cuts: Sequence[float]) -> None:
        """What arrives in pieces means what it means whole. One exception: an answer that comes before its question is a broken
        protocol, and whether it came before can only be told where it is there in time."""
        apart, whole = self.verdict(turns, cuts), self.verdict(turns)
        assert apart[:2] == whole[:2] or Reason.PROTOCOL in (apart.reason, whole.reason), (apart, whole)

    async def _once(self) -> Verdict:
        async with serve(self._tell) as server:
            return await self._used(server)

    async def _used(self, server: Server) -> Verdict:
        probe = self.talk.build(server.port)
        loop = asyncio.get_running_loop()
        try:
            sample = await attempt(PART, lambda: self.talk.use(probe), Deadline(loop.time() + TIMEOUT), loop.time)
        finally:
            await probe.close()
        return Verdict(sample.reason, sample.facts, sample.detail)

    async def _tell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for index, turn in enumerate(self._turns):
            asked = await reader.read(65536) if index else b""
            if index and not asked:
                return
            for piece in pieces(self.talk.fitted(asked, turn), self._cuts):
                writer.write(piece)
                await writer.drain()
                for _ in range(3):
                    await asyncio.sleep(0)  # so that the other side reads it alone
        while await reader.read(65536):
            pass

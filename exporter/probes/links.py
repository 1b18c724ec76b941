"""At most one kept connection to a server, lent to one user at a time; extra ones live for one use."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from exporter.core.model import Instant
from exporter.probes.wire import Stopwatch

Answer = TypeVar("Answer")


class Link(Protocol):
    """One open connection, ready for a question."""

    lost: asyncio.Future[Instant | None]
    """Done when it has ended: when, if the other side ended it; None if we did."""
    busy: bool

    def end(self) -> None:
        """Hang up. Nobody waits for what becomes of it."""
        ...


Connection = TypeVar("Connection", bound=Link)


class Links(Generic[Connection]):
    """Nobody ever waits for another's use: who finds the kept connection busy or gone gets a new one. A connection whose
    use was cancelled, or broke, is never used again, because the rest of its answer may still arrive.
    """

    def __init__(
        self, connect: Callable[[Stopwatch], Awaitable[Connection]], harmless: tuple[type[Exception], ...] = ()
    ) -> None:
        """`connect` makes a connection that is ready for questions, and times itself. `harmless`: errors that are complete
        answers, after which a connection is as good as before."""
        self._connect = connect
        self._harmless = harmless
        self._kept: Connection | None = None
        self._broken: asyncio.Future[Instant] | None = None
        self._closed = False

    async def use(self, call: Callable[[Connection], Awaitable[Answer]], watch: Stopwatch, *, fresh: bool) -> Answer:
        """`call` with a connection: a new one that is closed after it if `fresh`. Raises what `call` and connecting raise."""
        link = self._alive()
        if fresh or link is None or link.busy:
            link = await self._open(watch, keep=not fresh)
        link.busy = True
        try:
            return await call(link)
        except self._harmless:
            raise
        except BaseException:
            link.end()
            raise
        finally:
            link.busy = False
            if link is not self._kept:
                link.end()

    async def until_lost(self, watch: Stopwatch) -> Instant | None:
        """Keep a connection until the other side ends it (when), or until `close` (None); those that we end otherwise are
        replaced."""
        # A look may keep a connection, and see it end, while ours is still being made: that end counts too.
        broken: asyncio.Future[Instant] = asyncio.get_running_loop().create_future()
        self._broken = broken
        while not self._closed and not broken.done():
            try:
                link = self._alive() or await self._open(watch, keep=True)
            except Exception:
                if self._alive() is None and not broken.done():
                    raise
                continue
            if link is not self._kept:
                link.end()  # a look was faster; its connection is as good
                continue
            watch.enter(-1)
            # Waiting on the futures themselves would let our own cancellation end them for everybody.
            await asyncio.wait((link.lost, broken), return_when=asyncio.FIRST_COMPLETED)
        return broken.result() if broken.done() else None

    def close(self) -> None:
        """Hang up; a use that is under way is finished first."""
        self._closed = True
        link, self._kept = self._kept, None
        if link is not None and not link.busy:
            link.end()

    async def _open(self, watch: Stopwatch, *, keep: bool) -> Connection:
        link = await self._connect(watch)
        if keep and not self._closed and self._alive() is None:
            self._kept = link
            link.lost.add_done_callback(self._ended)
        return link

    def _ended(self, lost: asyncio.Future[Instant | None]) -> None:
        ended = lost.result()
        if ended is not None and self._broken is not None and not self._broken.done():
            self._broken.set_result(ended)

    def _alive(self) -> Connection | None:
        return self._kept if self._kept is not None and not self._kept.lost.done() else None

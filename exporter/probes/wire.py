"""One connection, one question, one answer: the asyncio.Protocol on which `http` and `tcp` look.

Every look makes a fresh connection. A kept one can hide a failover: it stays with the old server while everybody who
connects anew reaches the next one, or nobody. It is also cheap: about a tenth of what blackbox_exporter spends.
A look costs one future and no task; its deadline is the caller's, who cancels it.
"""

import asyncio
import errno
from collections.abc import Callable, Coroutine, Sequence
from time import monotonic
from types import TracebackType
from typing import Any, Self, cast

from exporter.core.model import NO_PHASES, Phases, Reason
from exporter.probes.attempt import understood
from exporter.probes.kind import Failure, Look
from exporter.probes.tls import Channel

RESOLVE, CONNECT, TLS, PROCESSING, TRANSFER = range(5)


class Stopwatch:
    """Times the phases of one look; phases entered again (redirects) add up.

    As a context manager it completes whatever goes wrong inside with the phases so far: a Failure, an OSError (which
    becomes a Failure), or a cancellation, whose CancelledError then carries them as its argument.
    """

    __slots__ = ("_phase", "_since", "_spent")

    def __init__(self) -> None:
        self._spent: list[float | None] = [None] * 5
        self._phase = -1
        self._since = 0.0

    def enter(self, phase: int) -> None:
        """The running phase ends, `phase` (an index into Phases) begins; -1: none."""
        now = monotonic()
        if self._phase >= 0:
            self._spent[self._phase] = (self._spent[self._phase] or 0.0) + now - self._since
        self._phase = phase
        self._since = now

    def branch(self) -> "Stopwatch":
        """A watch of its own for one of several addresses, with the time that was spent until here."""
        self.enter(-1)
        branch = Stopwatch()
        branch._spent = self._spent.copy()
        return branch

    def phases(self) -> Phases:
        self.enter(-1)
        return Phases(*self._spent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Failure):
            if error.phases == NO_PHASES:  # one of several addresses has told them already
                error.phases = self.phases()
        elif isinstance(error, asyncio.CancelledError):
            error.args = (self.phases(),)
        elif isinstance(error, OSError):
            failure = understood(error)
            failure.phases = self.phases()
            raise failure from error


async def connect(protocol: asyncio.Protocol, addresses: Sequence[str], port: int) -> None:
    """To the first of `addresses` that accepts. Raises the OSError of the last."""
    loop = asyncio.get_running_loop()
    for address in addresses[:-1]:
        try:
            await loop.create_connection(lambda: protocol, address, port)
        except OSError:
            continue
        return
    await loop.create_connection(lambda: protocol, addresses[-1], port)


async def slowest(looks: Sequence[Coroutine[Any, Any, Look]]) -> Look:
    """Several looks at once, as good as the worst of them: the first that fails, else the one that took longest."""
    tasks = [asyncio.ensure_future(look) for look in looks]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done() and (error := task.exception()) is not None:
                raise error
        return max((task.result() for task in tasks), key=lambda look: sum(spent or 0.0 for spent in look.phases))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Wire(asyncio.Protocol):
    """Connects, speaks TLS if asked to, sends the question and collects the answer. A kind subclasses it."""

    def __init__(self, watch: Stopwatch, question: bytes, channel: Channel | None = None) -> None:
        self.watch = watch
        self.certificate = b""
        """DER of what the other side showed, after a TLS handshake."""
        self._question = question
        self._channel = channel
        self._transport: asyncio.Transport | None = None
        self._done: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    # What a kind fills in.

    def asked(self) -> None:
        """The connection stands and the question, if any, is on its way."""

    def received(self, data: bytes) -> None:
        """Some of the answer. Call `finish()` when it is complete; raise Failure when it is not as it should be."""
        raise NotImplementedError

    def ended(self) -> None:
        """The other side has ended the connection before `finish()`. Raises Failure unless that completes the answer."""
        raise Failure(Reason.RESET, "the connection was ended before the answer was complete")

    def finish(self, error: Exception | None = None) -> None:
        """The look is over; with an error, it is what `exchange()` raises."""
        if not self._done.done():
            self._done.set_result(error)

    # The exchange.

    async def exchange(self, addresses: Sequence[str], port: int) -> None:
        """Ask the first of `addresses` that accepts a connection. Raises Failure or OSError; leaves nothing open."""
        try:
            self.watch.enter(CONNECT)
            await connect(self, addresses, port)
            error = await self._done
            if error is not None:
                raise error
        finally:
            if self._transport is not None:
                self._transport.abort()  # unlike close() it does not wait for a peer that does not read

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of asyncio's class
        if self._channel is None:
            self._ask()
        else:
            self.watch.enter(TLS)
            self._guarded(self._decrypt, b"")

    def data_received(self, data: bytes) -> None:
        if not self._done.done():
            self._guarded(self.received if self._channel is None else self._decrypt, data)

    def eof_received(self) -> None:
        if not self._done.done():
            self._guarded(self._end, b"")

    def connection_lost(self, exc: Exception | None) -> None:
        self.finish(exc or ConnectionResetError(errno.ECONNRESET, "connection lost"))

    def _guarded(self, step: Callable[[bytes], None], data: bytes) -> None:
        try:
            step(data)
        except Exception as error:  # noqa: BLE001 - carried to the look, where attempt() understands it
            self.finish(error)

    def _ask(self) -> None:
        self.watch.enter(PROCESSING)
        if self._question:
            self._send(self._question)
        self.asked()

    def _send(self, data: bytes) -> None:
        assert self._transport is not None
        if self._channel is not None:
            self._channel.encrypt(data)
            data = self._channel.outgoing()
        self._transport.write(data)

    def _decrypt(self, data: bytes) -> None:
        channel, transport = self._channel, self._transport
        assert channel is not None
        assert transport is not None
        if not channel.established:
            try:
                shaken = channel.shake(data)
            finally:  # an alert is worth sending too
                transport.write(channel.outgoing())
            if not shaken:
                return
            self.certificate = channel.certificate()
            self._ask()
        else:
            channel.feed(data)
        while not self._done.done() and (plain := channel.read()) is not None:
            if not plain:
                self._end(plain)
                return
            self.received(plain)

    def _end(self, _: bytes) -> None:
        if self._channel is not None and not self._channel.established:
            raise Failure(Reason.RESET, "the connection was ended in the middle of the TLS handshake")
        self.ended()
        self.finish()

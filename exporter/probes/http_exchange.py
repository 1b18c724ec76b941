"""One request over HTTP/1.1 and its answer, on a connection of its own, and where its redirects lead."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import NamedTuple

from exporter.core.model import Reason
from exporter.probes.http_message import Address, Answer, is_redirect, redirected
from exporter.probes.http_reader import Reader
from exporter.probes.kind import Failure
from exporter.probes.tls import Channel, Tls, context
from exporter.probes.wire import TRANSFER, Stopwatch, Wire


class Call(NamedTuple):
    """What is asked, before it is made into bytes."""

    method: str
    url: str
    where: Address
    content: bytes | None


class Reply(NamedTuple):
    """An answer, and the connection on which it came."""

    answer: Answer
    certificate: bytes
    """DER of what the server showed; b"" without TLS."""
    peer: str
    """The IP address that was reached; "" if nobody wants to know."""


class _Conversation(Wire):
    def __init__(
        self, watch: Stopwatch, question: bytes, channel: Channel | None, reader: Reader, *, wants_peer: bool
    ) -> None:
        super().__init__(watch, question, channel)
        self.peer = ""
        self._reader = reader
        self._answering = False
        self._wants_peer = wants_peer

    def asked(self) -> None:
        if self._wants_peer and self._transport is not None:
            self.peer = str(self._transport.get_extra_info("peername")[0])

    def received(self, data: bytes) -> None:
        if not self._answering:
            self._answering = True
            self.watch.enter(TRANSFER)
        if self._reader.feed(data):
            self.finish()

    def ended(self) -> None:
        self._reader.end()


async def converse(
    method: str,
    where: Address,
    question: bytes,
    addresses: Sequence[str],
    watch: Stopwatch,
    tls: Tls,
    max_body: int,
    *,
    server_name: str | None = None,
    wants_peer: bool = False,
) -> Reply:
    """Ask the first of `addresses` that accepts a connection. Raises Failure or OSError.

    `server_name`: the name that the certificate must bear, if it is not the host's.
    """
    channel = Channel(context(tls), server_name or where.host) if where.secure else None
    reader = Reader(method, max_body)
    wire = _Conversation(watch, question, channel, reader, wants_peer=wants_peer)
    await wire.exchange(addresses, where.port)
    return Reply(reader.answer(), wire.certificate, wire.peer)


def keep_body_home(call: Call, trusted: Collection[tuple[bool, str, int]]) -> None:
    """Raises Failure(redirect) if the call would carry a body, in which logins stand, to another origin than the configured ones."""
    if call.content and call.where.origin not in trusted:
        raise Failure(Reason.REDIRECT, f"a redirect would carry the body of the request to {call.where.shown}")


async def follow(
    reply: Reply,
    call: Call,
    limit: int,
    welcomes: Callable[[int], bool],
    ask: Callable[[Call], Awaitable[Reply]],
) -> Reply:
    """The reply at the end of the redirects, at most `limit` of them. Raises Failure(redirect) beyond, and in a circle."""
    seen = {(call.method, call.url)}
    while not welcomes(reply.answer.status) and is_redirect(reply.answer):
        method, url, where, content = call
        url, where = redirected(where, url, reply.answer.header("location") or "")
        if reply.answer.status not in (307, 308) and method != "HEAD":
            method, content = "GET", None
        if (method, url) in seen:
            raise Failure(Reason.REDIRECT, f"the redirects run in a circle: {where.shown} comes again")
        if len(seen) > limit:
            raise Failure(Reason.REDIRECT, f"more than {limit} redirects; the last leads to {where.shown}")
        seen.add((method, url))
        call = Call(method, url, where, content)
        reply = await ask(call)
    return reply

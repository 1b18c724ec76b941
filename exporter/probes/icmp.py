"""Kind `icmp`: an echo request is answered. No privilege is needed, but the kernel must allow it to our group.

    icmp: 10.1.0.1

A host that answers proves only that its network stack lives: never make it all that a critical component is judged by.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator

from exporter.core.model import Instant, Reason
from exporter.probes.kind import Ask, Context, Failure, Kind, Look
from exporter.probes.resolve import is_address, resolver
from exporter.probes.tripwire import nothing_to_hold
from exporter.probes.wire import PROCESSING, RESOLVE, Stopwatch
from exporter.settings import Settings

ASK_AGAIN = 0.2
"""Seconds after which an unanswered request is repeated: one lost packet is no outage."""
_RECEIVE = 2048
"""Bytes: more than any answer to requests as small as ours."""
_TOKEN = 16
_HEADER = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence
_IP_RECVERR, _IPV6_RECVERR = 11, 25  # linux/in.h, linux/in6.h: errors of routers are told to us, too
_FORBIDDEN = (
    "this process may not send echo requests; set sysctl net.ipv4.ping_group_range='0 2147483647' (for IPv6, too)"
)


def _host(text: str) -> str:
    if not text or any(char.isspace() or char in "/@[]" for char in text) or (":" in text and not is_address(text)):
        raise ValueError(f"{text!r} is not a host; write an address or a name without a port, like 10.1.0.1")
    return text


class IcmpSettings(Settings):
    """A host."""

    host: Annotated[str, AfterValidator(_host)]


class IcmpProbe:
    """One host. Every look has a socket of its own, whose identifier the kernel chooses and checks."""

    def __init__(self, settings: IcmpSettings, known: Context) -> None:
        self.target = settings.host

    async def look(self, ask: Ask) -> Look:
        with Stopwatch() as watch:
            address = self.target
            if not is_address(address):
                watch.enter(RESOLVE)
                address = (await resolver().addresses(address))[0]
            with _socket(address) as sock:
                watch.enter(PROCESSING)
                await _echo(sock)
            return Look(phases=watch.phases())

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        raise Failure(Reason.INTERNAL, "a host that is pinged cannot store markers")

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        await nothing_to_hold()

    async def close(self) -> None:
        """Nothing is kept between looks."""


def _socket(address: str) -> socket.socket:
    """A datagram socket for echo requests to one address. Raises Failure or OSError."""
    six = ":" in address
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, protocol)
    except PermissionError:
        raise Failure(Reason.INTERNAL, _FORBIDDEN) from None
    try:
        level, option = (socket.IPPROTO_IPV6, _IPV6_RECVERR) if six else (socket.IPPROTO_IP, _IP_RECVERR)
        sock.setsockopt(level, option, 1)
        sock.connect((address, 0))
    except OSError:
        sock.close()
        raise
    return sock


async def _echo(sock: socket.socket) -> None:
    """Returns when one of our requests was answered. Raises OSError when a router, or our own kernel, says that it cannot be."""
    loop = asyncio.get_running_loop()
    token = os.urandom(_TOKEN)
    answered: asyncio.Future[None] = loop.create_future()

    def receive() -> None:
        try:
            answer = sock.recv(_RECEIVE)
        except BlockingIOError:
            return
        except OSError as error:
            if not answered.done():
                answered.set_exception(error)
            return
        if not answered.done() and _is_ours(answer, token, sent, six):
            answered.set_result(None)

    six = sock.family == socket.AF_INET6
    sent = 0
    loop.add_reader(sock, receive)
    try:
        while not answered.done():
            # The kernel fills in identifier and checksum.
            sock.send(_HEADER.pack(128 if six else 8, 0, 0, 0, sent & 0xFFFF) + token)
            sent += 1
            await asyncio.wait((answered,), timeout=ASK_AGAIN)
        answered.result()
    finally:
        loop.remove_reader(sock)


def _is_ours(answer: bytes, token: bytes, sent: int, six: bool) -> bool:
    """An echo reply to one of the `sent` requests of this look."""
    if len(answer) != _HEADER.size + _TOKEN or not answer.endswith(token):
        return False
    kind, code, sequence = answer[0], answer[1], int.from_bytes(answer[6:8])
    return kind == (129 if six else 0) and code == 0 and sequence < sent


KIND = Kind(name="icmp", settings=IcmpSettings, build=IcmpProbe, short="host")

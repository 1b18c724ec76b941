"""Names to addresses, in threads of their own, so that a hung name delays no other name's look."""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable
from functools import lru_cache
from weakref import WeakKeyDictionary

from exporter.core.model import Reason
from exporter.probes.kind import Failure

REUSE = 0.2
"""Seconds for which an answer serves further looks: those of the same slot, never the next fast look, because a name that moves
must be seen by the look that starts after it moved. Failures are never reused."""
FLIGHTS_PER_NAME = 4
"""Lookups of one name that may be under way at once."""
JOIN_FOR = 1.0
"""Seconds for which others join a lookup under way. After that a new one starts beside it: the resolver's library
waits 5 s before it asks a dead server again, and we want to see sooner that it is back."""

Outcome = tuple[str, ...] | Failure


@lru_cache(maxsize=65536)
def is_address(host: str) -> bool:
    """Whether `host` is an IP address already, and needs no resolution."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Resolver:
    """One lookup per name at a time, shared by all looks that wait for it; bound to one event loop."""

    def __init__(self, lookup: Callable[[str], tuple[str, ...]] | None = None) -> None:
        self._lookup = lookup or _lookup
        self._flights: dict[str, list[_Flight]] = {}

    async def addresses(self, host: str) -> tuple[str, ...]:
        """At least one IP address, in the order of preference of the system. Raises Failure(dns)."""
        if is_address(host):
            return (host,)
        # The thread goes on when this look is cancelled, and others may wait for it.
        outcome = await asyncio.shield(self._flight(host).outcome)
        if isinstance(outcome, Failure):
            raise Failure(outcome.reason, outcome.detail)
        return outcome

    def _flight(self, host: str) -> "_Flight":
        loop = asyncio.get_running_loop()
        flights = self._flights.setdefault(host, [])
        if flights and (len(flights) >= FLIGHTS_PER_NAME or loop.time() - flights[-1].begun < JOIN_FOR):
            return flights[-1]
        flight = _Flight(loop)
        flights.append(flight)
        # A thread of its own rather than a pool: a pool can be filled by hung names, and is waited for at exit.
        threading.Thread(target=self._fly, args=(host, flight, loop), name=f"resolve {host}", daemon=True).start()
        return flight

    def _fly(self, host: str, flight: "_Flight", loop: asyncio.AbstractEventLoop) -> None:
        outcome: Outcome
        try:
            outcome = self._lookup(host)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is not a valid name"
            outcome = Failure(Reason.DNS, f"{host} cannot be resolved: {why}")
        try:
            loop.call_soon_threadsafe(self._landed, host, flight, outcome)
        except RuntimeError:
            return  # the loop was closed while we waited; nobody wants to know any more

    def _landed(self, host: str, flight: "_Flight", outcome: Outcome) -> None:
        good = not isinstance(outcome, Failure)
        for waiting in self._flights[host] if good else [flight]:  # an answer frees those who wait for an older thread
            if not waiting.outcome.done():
                waiting.outcome.set_result(outcome)
        keep = REUSE if good else 0.0
        asyncio.get_running_loop().call_later(keep, self._forget, host, flight)

    def _forget(self, host: str, flight: "_Flight") -> None:
        flights = self._flights[host]
        flights.remove(flight)
        if not flights:
            del self._flights[host]


_OF_LOOP: WeakKeyDictionary[asyncio.AbstractEventLoop, Resolver] = WeakKeyDictionary()


def resolver() -> Resolver:
    """The one that all probes of the running event loop share, so that a name is looked up once for all of them."""
    return _OF_LOOP.setdefault(asyncio.get_running_loop(), Resolver())


class _Flight:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.begun = loop.time()
        self.outcome: asyncio.Future[Outcome] = loop.create_future()


def _lookup(host: str) -> tuple[str, ...]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))

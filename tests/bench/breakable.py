"""HTTP services that break and are mended at instants that they note themselves: the truth of the outages that are measured.

`python -m tests.bench.breakable COUNT` prints the port of each service. It then reads a line of JSON, a plan: for each service a
list of [seconds of good service before, fault, seconds of the outage]. It prints a line of JSON for each outage that is over,
as `Outage` has it, and after the last a list of the times at which all of them stood still, because others had the machine: [since,
until] in CLOCK_MONOTONIC. Whoever asked then had no good service, planned or not. It ends with its standard input.

The faults: `crash` closes the listener and every connection, as the kernel does for a process that dies, and later listens
again; `error` answers 503; `freeze` answers nothing, and what it was asked only when it thaws, as after SIGSTOP and SIGCONT.
"""

import asyncio
import contextlib
import json
import socket
import sys
from time import monotonic
from typing import NamedTuple, cast

from tests.servers import free_port

FAULTS = ("crash", "error", "freeze")
BEAT, STILL = 0.05, 0.2
"""Seconds between two beats, and by how many one may be late: looks in doubt wait half a second for an answer."""
_GOOD, _BAD = b'{"status": "ok", "role": "primary"}', b'{"status": "down"}'
_HEAD = b"HTTP/1.1 %b\r\nServer: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
_OK = _HEAD % (b"200 OK", len(_GOOD), _GOOD)
_ERROR = _HEAD % (b"503 Service Unavailable", len(_BAD), _BAD)


class Outage(NamedTuple):
    """One outage as the service itself has it. Instants are CLOCK_MONOTONIC, just before and just after the deed."""

    service: int
    fault: str
    length: float
    """As planned."""
    broken: tuple[float, float]
    mended: tuple[float, float]

    @property
    def lasted(self) -> float:
        """Seconds."""
        return sum(self.mended) / 2 - sum(self.broken) / 2


class Service:
    """One port, and what happens to whoever comes to it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.fault = ""
        """Empty while it is well."""
        self.connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    async def listen(self) -> tuple[float, float]:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        listener.bind(("127.0.0.1", self.port))
        before = monotonic()
        listener.listen(1024)
        after = monotonic()
        self._server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), sock=listener)
        return before, after

    def break_down(self, fault: str) -> tuple[float, float]:
        """Returns the instants before and after."""
        before = monotonic()
        self.fault = fault
        if fault == "crash" and self._server is not None:
            self._server.close()
            for connection in self.connections:
                connection.end()
        return before, monotonic()

    async def mend(self) -> tuple[float, float]:
        fault, self.fault = self.fault, ""
        if fault == "crash":
            return await self.listen()
        before = monotonic()
        for connection in list(self.connections):
            connection.answer()
        return before, monotonic()


class _Connection(asyncio.Protocol):
    def __init__(self, service: Service) -> None:
        self._service = service
        self._asked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._service.connections.add(self)
        if self._service.fault == "crash":
            self.end()

    def connection_lost(self, error: Exception | None) -> None:
        self._service.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._asked += data
        if self._service.fault != "freeze":
            self.answer()

    def answer(self) -> None:
        """To a whole request; nothing otherwise."""
        if self._asked.endswith(b"\r\n\r\n") and not self._transport.is_closing():
            self._transport.write(_ERROR if self._service.fault else _OK)
            self._transport.close()

    def end(self) -> None:
        """At once: the transport alone would wait for the loop's next turn."""
        with contextlib.suppress(OSError):
            self._transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._transport.abort()


async def _suffer(number: int, service: Service, plan: list[tuple[float, str, float]]) -> None:
    for good, fault, length in plan:
        await asyncio.sleep(good)
        broken = service.break_down(fault)
        await asyncio.sleep(broken[1] + length - monotonic())
        print(json.dumps(Outage(number, fault, length, broken, await service.mend())), flush=True)


async def _standstills(found: list[tuple[float, float]]) -> None:
    """Note them until cancelled."""
    while True:
        before = monotonic()
        await asyncio.sleep(BEAT)
        if monotonic() - before > BEAT + STILL:
            found.append((before, monotonic()))


async def _serve(count: int) -> None:
    services = [Service() for _ in range(count)]
    for service in services:
        await service.listen()
    print(*(service.port for service in services), flush=True)
    plans = json.loads(await asyncio.to_thread(sys.stdin.readline))
    still: list[tuple[float, float]] = []
    beat = asyncio.create_task(_standstills(still))
    await asyncio.gather(*(_suffer(n, service, plans[n]) for n, service in enumerate(services)))
    print(json.dumps({"still": still}), flush=True)
    beat.cancel()
    await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))

"""Many small sites in one process, each on a port of its own, that can be broken one by one while it runs.

`python -m tests.soak.pages PORT PORT ...` prints a line once it listens. For each line `PORT MODE` on its standard input it
changes that site, and prints the instants (CLOCK_MONOTONIC) just before and just after. It ends with its standard input.
"""

import asyncio
import contextlib
import sys
import time
from typing import Literal, cast, get_args

from tests.hostile import GARBAGE

Mode = Literal["ok", "dead", "frozen", "error", "garbage", "endless"]
"""`dead`: connections are reset and nobody listens. `frozen`: it takes connections and questions, and answers when it is
`ok` again. `endless`: headers without an end."""
_BODY = b'{"status": "ok"}'
_HEAD = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
_ANSWERS: dict[Mode, bytes] = {
    "ok": _HEAD % (b"200 OK", len(_BODY)) + _BODY,
    "error": _HEAD % (b"500 Internal Server Error", 0),
    "garbage": GARBAGE,
}
_MORE = b"X-More: and more\r\n" * 256


class Site:
    """One listening port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mode: Mode = "ok"
        self.visits: set[_Visit] = set()
        self._server: asyncio.Server | None = None

    async def turn(self, mode: Mode) -> tuple[float, float]:
        """From now on it behaves like this; the instants before and after."""
        before = time.monotonic()
        self.mode = mode
        if mode == "dead":
            self._close()
        elif self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: _Visit(self), "127.0.0.1", self.port, backlog=512)
        for visit in list(self.visits):
            visit.answer()
        return before, time.monotonic()

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for visit in list(self.visits):
            visit.transport.abort()


class _Visit(asyncio.Protocol):
    """One connection; a tripwire is one that never asks."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._site.visits.add(self)

    def data_received(self, data: bytes) -> None:
        self._asked = True
        self.answer()

    def answer(self) -> None:
        """As the site does now, if it was asked."""
        if not self._asked or self.transport.is_closing():
            return
        mode = self._site.mode
        if mode == "endless":
            self.transport.write(b"HTTP/1.1 200 OK\r\n")
            self._go_on()
        elif mode in _ANSWERS:
            self.transport.write(_ANSWERS[mode])
            self.transport.close()

    def _go_on(self) -> None:
        if self._site.mode != "endless":
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(_MORE)
            asyncio.get_running_loop().call_later(0.005, self._go_on)

    def connection_lost(self, error: Exception | None) -> None:
        self._site.visits.discard(self)


async def _serve(ports: list[int]) -> None:
    sites = {port: Site(port) for port in ports}
    for site in sites.values():
        await site.turn("ok")
    print("all listen", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        port, mode = line.split()
        assert mode in get_args(Mode)
        print(*await sites[int(port)].turn(cast("Mode", mode)), flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve([int(port) for port in sys.argv[1:]]))

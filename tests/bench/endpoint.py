"""The server that is looked at in the bench: HTTP, HTTPS and TCP, in a process of its own, as cheap as can be.

`python -m tests.bench.endpoint CERTIFICATE KEY` prints three ports: http, tcp, https. The path of a request is the number
of an endpoint. For each line `SECONDS` on its standard input it prints what came since the line before: how many requests,
and by how many seconds the latest percent of them missed the endpoint's own grid of that many seconds. It ends with its standard input.
"""

import asyncio
import ssl
import sys
from collections import defaultdict
from time import monotonic
from typing import cast

import uvloop

_BODY = b'{"status": "ok", "role": "primary", "position": 123456789}'
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Cache-Control: no-store\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_BODY), _BODY)
)
_HELD = 3600.0
"""Seconds for which a tripwire may hold a connection without ever beginning TLS."""

_arrivals: defaultdict[bytes, list[float]] = defaultdict(list)


class _Page(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            _arrivals[data[: data.index(b" ", 4)]].append(monotonic())
            self._transport.write(_ANSWER)
            self._transport.close()


def late(arrivals: list[float], every: float) -> list[float]:
    """By how many seconds each missed the grid, whose place is set by the one that was earliest on it."""
    offsets = [at - arrivals[0] - round((at - arrivals[0]) / every) * every for at in arrivals]
    return [offset - min(offsets) for offset in offsets]


def told(every: float) -> str:
    """What came since it was told last."""
    lateness = sorted(seconds for arrivals in _arrivals.values() for seconds in late(arrivals, every))
    _arrivals.clear()
    return f"{len(lateness)} {lateness[int(len(lateness) * 0.99)] if lateness else 0.0}"


async def _serve(certificate: str, key: str) -> None:
    loop = asyncio.get_running_loop()
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(certificate, key)
    plain = [await loop.create_server(protocol, "127.0.0.1", 0, backlog=4096) for protocol in (_Page, asyncio.Protocol)]
    tls = await loop.create_server(_Page, "127.0.0.1", 0, backlog=4096, ssl=secure, ssl_handshake_timeout=_HELD)
    print(*(server.sockets[0].getsockname()[1] for server in (*plain, tls)), flush=True)
    while every := await loop.run_in_executor(None, sys.stdin.readline):
        print(told(float(every)), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], sys.argv[2]))

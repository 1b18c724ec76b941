"""The server that is looked at in the bench: HTTP, HTTPS and TCP, in a process of its own, as cheap as can be.

`python -m tests.bench.endpoint CERTIFICATE KEY` prints three ports: http, tcp, https. It ends with its standard input.
"""

import asyncio
import ssl
import sys
from typing import cast

import uvloop

_BODY = b'{"status": "ok", "role": "primary", "position": 123456789}'
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Cache-Control: no-store\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_BODY), _BODY)
)


class _Page(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self._transport.write(_ANSWER)
            self._transport.close()


async def _serve(certificate: str, key: str) -> None:
    loop = asyncio.get_running_loop()
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(certificate, key)
    servers = [
        await loop.create_server(protocol, "127.0.0.1", 0, backlog=1024, ssl=tls)
        for protocol, tls in ((_Page, None), (asyncio.Protocol, None), (_Page, secure))
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], sys.argv[2]))

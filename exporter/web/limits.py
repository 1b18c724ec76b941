"""What one client may take of the exporter: so many connections, so much time. Probes need descriptors and the loop too."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web
from aiohttp.http import HttpProcessingError

log = logging.getLogger(__name__)

CONNECTIONS_MOST = 256
"""Connections that are open at a time: a default limit of 1,024 descriptors leaves most of them to the probes."""
IDLE_MOST = 75.0
"""Seconds until a connection is closed that asks nothing, or has not finished its headers; longer than the usual minute
between two scrapes, which may share one."""
STREAMS_MOST = 2000
"""Streams that are open at a time, beside those connections, if there are descriptors for them."""
ANSWER_WITHIN = 60.0
"""Seconds in which a request must be answered and its client must have taken the answer."""
DEADLINE = web.RequestKey("deadline", asyncio.Timeout)
"""The end of that, which a stream puts off."""
HANDSHAKE_WITHIN = 10.0
LINGER = 2.0
"""Seconds for which the rest of a body that nobody wants is read."""
TELL_EVERY = 60.0
"""Seconds between two lines of the log about refused connections."""


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


CLIENTS = logging.getLogger("exporter.web.clients")
"""For aiohttp: a traceback for each malformed request would let anybody fill the log."""
CLIENTS.addFilter(_is_ours)


@web.middleware
async def finish_in_time(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Sends the answer itself, since only here its client can be given a deadline; who takes longer is cut off."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN) as request[DEADLINE]:
            response = await handler(request)
            await response.prepare(request)
            await response.write_eof()
            return response
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:
        pass
    return web.Response(status=503)  # the connection is gone: this only tells aiohttp that we are done


class _Refusing(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, because uvloop's transports do not descend from asyncio's.
        cast("asyncio.WriteTransport", transport).abort()


class BoundedSite(web.BaseSite):
    """A TCP port that takes at most `most` connections and closes those beyond."""

    def __init__(self, runner: web.AppRunner, host: str, port: int, tls: ssl.SSLContext | None, most: int) -> None:
        super().__init__(runner, ssl_context=tls)
        self._most = most
        self._host = host
        self._port = port
        self._told = float("-inf")

    @property
    def name(self) -> str:
        return f"{'https' if self._ssl_context else 'http'}://{self._host}:{self._port}"

    async def start(self) -> None:
        """Raises OSError when the address cannot be bound."""
        await super().start()
        self._server = await asyncio.get_running_loop().create_server(
            self._accept,
            self._host,
            self._port,
            ssl=self._ssl_context,
            ssl_handshake_timeout=HANDSHAKE_WITHIN if self._ssl_context else None,
            backlog=self._backlog,
        )

    def _accept(self) -> asyncio.Protocol:
        server = self._runner.server
        assert server is not None
        if len(server.connections) < self._most:
            return server()
        now = asyncio.get_running_loop().time()
        if now > self._told + TELL_EVERY:
            self._told = now
            log.warning("%d clients are connected to %s, more are refused", self._most, self.name)
        return _Refusing()

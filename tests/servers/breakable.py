"""A service that can be broken in many ways, a process of its own: what floods its clients must not slow down the test.

`python -m tests.servers.breakable http|https|tcp FOLDER` prints its port. Each line on its standard input breaks or
mends it, and is answered when that is done. FOLDER holds the certificates.
"""

import asyncio
import ssl
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests import hostile
from tests.servers.certificates import Certificates
from tests.servers.proxy import Proxy

PAGE = hostile.message(body=b"ok")
GOOD = {"http": hostile.answer(PAGE), "https": hostile.answer(PAGE), "tcp": hostile.answer(b"welcome\n")}
BAD: Mapping[str, hostile.Behaviour] = {
    "hang": hostile.hang,
    "hang-up": hostile.reset,
    "garbage": hostile.answer(hostile.GARBAGE),
    "error-500": hostile.answer(hostile.message("500 Internal Server Error")),
    "die": hostile.dies_after(PAGE[:-1]),
    "trickle": hostile.drip(PAGE, 0.2),
    "endless-headers": hostile.ENDLESS_HEADERS,
    "endless-body": hostile.ENDLESS_BODY,
    "endless-chunks": hostile.ENDLESS_CHUNKS,
    "megabyte-header": hostile.MEGABYTE_HEADER,
    "gzip-bomb": hostile.GZIP_BOMB,
}
WAY: Mapping[str, Callable[[Proxy], None]] = {
    "refuse": Proxy.refuse,
    "reset": Proxy.cut,
    "blackhole": Proxy.blackhole,
    "half-open": Proxy.hang,
}


class Service:
    """The server, and the way to it."""

    def __init__(
        self, kind: str, server: hostile.Server, proxy: Proxy, tls: ssl.SSLContext | None, folder: Path
    ) -> None:
        self._kind, self._server, self._proxy, self._tls = kind, server, proxy, tls
        self._papers = Certificates(folder)

    def do(self, what: str, *how: str) -> None:
        """Break or mend it, from the next connection on."""
        if what in BAD:
            self._server.behaviour = BAD[what]
        elif what in WAY:
            WAY[what](self._proxy)
        elif what == "delay":
            self._proxy.delay(*map(float, how))
        elif what == "show" and self._tls is not None:
            self._papers.show(self._tls, *how)
        elif what == "mend":
            self._server.behaviour = GOOD[self._kind]
            if self._tls is not None:
                self._papers.show(self._tls, "good")
            self._proxy.heal()
        else:
            raise ValueError(f"{what} is not a way to break {self._kind}")


async def main(kind: str, folder: Path) -> None:
    tls = Certificates(folder).server("good") if kind == "https" else None
    async with hostile.serve(GOOD[kind], tls) as server:
        with Proxy(server.port) as proxy:
            service = Service(kind, server, proxy, tls, folder)
            print(proxy.port, flush=True)
            while line := await asyncio.to_thread(sys.stdin.readline):
                service.do(*line.split())
                print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))

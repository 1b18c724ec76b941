"""`python -m exporter.demo.entry`: the address that users use; passes requests to whichever site is primary."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
from aiohttp import web

from exporter.demo.process import LOOPBACK

LOOK_EVERY = 0.1
"""Seconds between two looks at the roles of the sites."""
STATUS_TIMEOUT = aiohttp.ClientTimeout(total=0.5)
PROXY_TIMEOUT = aiohttp.ClientTimeout(total=2.0)


class Entry:
    """`sites` are URLs by name. A site that it goes to keeps the traffic for as long as it says that it is writable."""

    def __init__(self, sites: dict[str, str]) -> None:
        self._sites = sites
        self._target: str | None = None
        self._session: aiohttp.ClientSession

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024)
        app.router.add_route("*", "/{path:.*}", self.pass_on)
        app.cleanup_ctx.append(self._life)
        return app

    async def pass_on(self, request: web.Request) -> web.Response:
        """503 when no site is primary, 502 when it does not answer: then nobody knows whether a write was done."""
        site = self._target
        if site is None:
            return web.json_response({"error": "no primary"}, status=503)
        try:
            async with self._session.request(
                request.method,
                self._sites[site] + request.path_qs,
                data=await request.read(),
                headers={"Content-Type": request.content_type},
                timeout=PROXY_TIMEOUT,
            ) as answer:
                body = await answer.read()
                kind = answer.content_type
                return web.Response(body=body, status=answer.status, content_type=kind, headers={"X-Served-By": site})
        except (aiohttp.ClientError, TimeoutError):
            return web.json_response({"error": f"{site} does not answer"}, status=502)

    async def _life(self, app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession() as self._session:
            watch = asyncio.create_task(self._watch())
            yield
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    async def _watch(self) -> None:
        while True:
            told = await asyncio.gather(*(self._writable(url) for url in self._sites.values()))
            writable = [site for site, yes in zip(self._sites, told, strict=True) if yes]
            if self._target not in writable:
                self._target = writable[0] if writable else None
            await asyncio.sleep(LOOK_EVERY)

    async def _writable(self, url: str) -> bool:
        try:
            async with self._session.get(f"{url}/status", timeout=STATUS_TIMEOUT) as answer:
                return (await answer.json()).get("writable") is True
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False


def _site(text: str) -> tuple[str, str]:
    name, _, url = text.partition("=")
    return name, url


def main() -> None:
    parser = argparse.ArgumentParser(prog="exporter.demo.entry")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--site", type=_site, action="append", required=True, metavar="NAME=URL")
    asked = parser.parse_args()
    app = Entry(dict(asked.site)).app()
    web.run_app(app, host=LOOPBACK, port=asked.port, print=None, access_log=None, shutdown_timeout=0.2)


if __name__ == "__main__":
    main()

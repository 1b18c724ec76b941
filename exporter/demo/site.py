"""`python -m exporter.demo.site`: one site of the demo, a process of its own with its own SQLite store.

A primary takes orders and canary markers and lets its standby pull the log; a standby only reads, until `POST /promote`.
Replication is asynchronous: a write is acknowledged when it is committed here, whether or not the standby has it.
"""

import argparse
import asyncio
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import aiohttp
from aiohttp import web

from exporter.demo.process import LOOPBACK
from exporter.demo.store import Entry, Store

BATCH = 500
"""Log entries in one answer at most."""
LONG_POLL = 0.5
"""Seconds that a pull waits at the primary for something new."""
PULL_TIMEOUT = aiohttp.ClientTimeout(total=2.0)
MAX_BODY = 64 * 1024

P = ParamSpec("P")
T = TypeVar("T")


class Site:
    """`primary` is the URL of the site that is followed, None once this one is the primary. `delay` in seconds: how
    long a write stays on the line to the standby."""

    def __init__(self, name: str, store: Store, primary: str | None, delay: float) -> None:
        self.name = name
        self.primary = primary
        self.connected = False
        self._store = store
        self._delay = delay
        self._thread = ThreadPoolExecutor(1)
        self._sent: deque[tuple[float, int]] = deque()
        self._shippable = store.position
        self._following: asyncio.Task[None] | None = None
        self._promoting = asyncio.Lock()
        if primary is None and not store.epoch:
            store.begin_epoch(secrets.token_hex(4))

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_get("/healthz", self.healthz)
        app.router.add_get("/login", self.healthz)
        app.router.add_get("/status", self.status)
        app.router.add_get("/canary", self.read_markers)
        app.router.add_put("/canary", self.write_marker)
        app.router.add_get("/orders", self.read_orders)
        app.router.add_post("/orders", self.write_order)
        app.router.add_get("/log", self.log)
        app.router.add_post("/promote", self.promote)
        app.cleanup_ctx.append(self._life)
        return app

    async def healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "site": self.name})

    async def status(self, request: web.Request) -> web.Response:
        return web.json_response(self._status())

    async def read_markers(self, request: web.Request) -> web.Response:
        query = request.query
        seqs = await self._run(self._store.markers, query.get("vantage", ""), _number(query.get("after", "0")))
        return web.json_response({"seqs": seqs})

    async def write_marker(self, request: web.Request) -> web.Response:
        body = await _body(request, {"vantage": str, "seq": int, "sent_at": (int, float)})
        return await self._write("marker", body)

    async def read_orders(self, request: web.Request) -> web.Response:
        ids = await self._run(self._store.order_ids)
        return web.json_response({"count": len(ids), "ids": ids} if "ids" in request.query else {"count": len(ids)})

    async def write_order(self, request: web.Request) -> web.Response:
        return await self._write("order", await _body(request, {"id": int}))

    async def log(self, request: web.Request) -> web.Response:
        """The entries after a position, as far as they came through the line; waits a little for new ones."""
        after = _number(request.query.get("after", "0"))
        deadline = time.monotonic() + LONG_POLL
        while (upto := self._arrived()) <= after and time.monotonic() < deadline:  # noqa: ASYNC110 - time decides
            await asyncio.sleep(0.01)
        entries = await self._run(self._store.entries, after, min(upto, after + BATCH))
        return web.json_response({"epoch": self._store.epoch, "entries": entries})

    async def promote(self, request: web.Request) -> web.Response:
        """Take the writable role with all that was received. Answers when writes are accepted; again: does nothing."""
        async with self._promoting:
            if self.primary is not None:
                await self._stop_following()
                await self._run(self._store.apply)
                await self._run(self._store.begin_epoch, secrets.token_hex(4))
                self._shippable = self._store.position
                self.primary = None
        return web.json_response(self._status())

    def _status(self) -> dict[str, Any]:
        store, leads = self._store, self.primary is None
        return {
            "site": self.name,
            "role": "primary" if leads else "standby",
            "writable": leads,
            "epoch": store.epoch,
            "position": store.position,
            "applied": store.applied,
            "connected": None if leads else self.connected,
        }

    async def _write(self, kind: str, body: dict[str, Any]) -> web.Response:
        if self.primary is not None:
            return web.json_response({"error": "read_only"}, status=409)
        position = await self._run(self._store.write, kind, body)
        self._sent.append((time.monotonic(), position))
        return web.json_response({"position": position}, status=201)

    def _arrived(self) -> int:
        """The newest position that has been on the line for long enough."""
        while self._sent and self._sent[0][0] <= time.monotonic() - self._delay:
            self._shippable = self._sent.popleft()[1]
        return self._shippable

    async def _life(self, app: web.Application) -> AsyncIterator[None]:
        if self.primary is not None:
            self._following = asyncio.create_task(self._follow(self.primary))
        yield
        await self._stop_following()
        self._thread.shutdown()
        self._store.close()

    async def _stop_following(self) -> None:
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
            self._following, self.connected = None, False

    async def _follow(self, primary: str) -> None:
        async with aiohttp.ClientSession(base_url=primary, timeout=PULL_TIMEOUT) as session:
            while True:
                try:
                    await self._pull(session)
                    self.connected = True
                except (aiohttp.ClientError, TimeoutError, ValueError):
                    self.connected = False
                    await asyncio.sleep(0.1)

    async def _pull(self, session: aiohttp.ClientSession) -> None:
        store = self._store
        async with session.get("/log", params={"after": store.position}, raise_for_status=True) as answer:
            told = await answer.json()
        if store.epoch and store.epoch != told["epoch"]:
            raise ValueError("the primary's log is of another epoch: it may have diverged from ours")
        if not store.epoch:
            await self._run(store.begin_epoch, told["epoch"])
        if told["entries"]:
            await self._run(store.receive, [Entry(*entry) for entry in told["entries"]])
            await self._run(store.apply)

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """In the store's own thread; a cancelled caller leaves no half-done call behind, it is finished there."""
        work = asyncio.get_running_loop().run_in_executor(self._thread, lambda: call(*args, **kwargs))
        return await asyncio.shield(work)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise web.HTTPBadRequest(text=f"{text!r} is not a whole number")
    return int(text)


async def _body(request: web.Request, keys: dict[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """The request's JSON object with exactly these keys. Raises HTTPBadRequest."""
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or not all(isinstance(body.get(key), kind) for key, kind in keys.items()):
        raise web.HTTPBadRequest(text=f"a JSON object with {', '.join(keys)} is expected")
    return {key: body[key] for key in keys}


def main() -> None:
    parser = argparse.ArgumentParser(prog="exporter.demo.site")
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--follow", help="URL of the primary; without it this site is the primary")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that a write is on the line to the standby")
    asked = parser.parse_args()
    site = Site(asked.name, Store(asked.store), asked.follow, asked.delay)
    web.run_app(site.app(), host=LOOPBACK, port=asked.port, print=None, access_log=None, shutdown_timeout=0.2)


if __name__ == "__main__":
    main()

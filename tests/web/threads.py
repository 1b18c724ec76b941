"""The server in a thread of its own, for clients that block."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from exporter.core.model import Moment
from exporter.core.state import Record
from exporter.core.timeline import incident_json
from exporter.web.server import make_app
from tests.ledger.helpers import opened
from tests.metrics import scenes
from tests.web.fakes import Stage, running

WITHIN = 30.0


@asynccontextmanager
async def everything(folder: Path) -> AsyncIterator[str]:
    """The URL of a server that has all there is to show, with a real ledger."""
    failover = scenes.failover()
    blip = {**incident_json(failover, scenes.NOW), "id": "01BLIP", "kind": "blip", "declared": False}
    records = [
        Record("incident", "orders", scenes.NOW.mono, "failover closed", incident_json(failover, scenes.NOW)),
        Record("blip", "chat", scenes.NOW.mono, "blip", {**blip, "system": "chat"}),
    ]
    async with opened(folder / "ledger.db") as ledger:
        await ledger.append(records, {}, Moment(*scenes.NOW))
        stage = Stage(snapshot=scenes.everything(), backups={("shop", "nightly")})
        async with running(make_app(replace(stage.backend(), ledger=ledger))) as runner:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"


@contextmanager
def in_a_thread(server: AbstractAsyncContextManager[str]) -> Iterator[str]:
    """Enter it in another thread's event loop, and leave it there in the end."""
    url: Future[str] = Future()
    over = threading.Event()

    async def serve() -> None:
        try:
            async with server as entered:
                url.set_result(entered)
                await asyncio.to_thread(over.wait)
        except BaseException as error:
            if not url.done():
                url.set_exception(error)
            raise

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        yield url.result(WITHIN)
    finally:
        over.set()
        thread.join(WITHIN)

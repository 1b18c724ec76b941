"""What one client cannot take from the others, and none of them from the probes."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from exporter.core.snapshot import Clocked
from exporter.metrics.exposition import Answer, Exposition
from exporter.web import limits, scrapes, server
from exporter.web.server import make_app
from tests.metrics import scenes
from tests.web.fakes import Stage, running

DEADLINE = aiohttp.ClientTimeout(total=20)
HUGE = "# more than any socket's buffers hold\n" * 1_000_000


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the server will do."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  (it happens in the server)
            await asyncio.sleep(0.005)


@asynccontextmanager
async def connected(runner: web.AppRunner) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """One connection, byte by byte."""
    reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def open_connections(runner: web.AppRunner) -> int:
    assert runner.server is not None
    return len(runner.server.connections)


async def test_headers_that_never_end_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that trickles its headers nor one that says nothing keeps its connection."""
    monkeypatch.setattr(server, "IDLE_MOST", 0.3)
    async with running(make_app(Stage().backend())) as runner, connected(runner) as slow, connected(runner) as silent:
        slow[1].write(b"GET / HTTP/1.1\r\nHost: here\r\n")
        over = asyncio.create_task(slow[0].read())
        async with asyncio.timeout(20):
            while not over.done():
                slow[1].write(b"X: y\r\n")
                await asyncio.wait({over}, timeout=0.02)
            assert isinstance(over.exception(), ConnectionError) or over.result() == b""
            assert await silent[0].read() == b""


async def test_an_answer_that_is_not_taken_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that asks and does not read is cut off; one that leaves is no error of ours."""
    monkeypatch.setattr(limits, "ANSWER_WITHIN", 0.3)
    app = make_app(replace(Stage().backend(), masked_config=lambda: HUGE))
    async with running(app) as runner:
        for leaves in (False, True):
            async with connected(runner) as (reader, writer):
                writer.write(b"GET /config HTTP/1.1\r\nHost: here\r\n\r\n")
                await reader.readuntil(b"\r\n\r\n")
                if not leaves:
                    await until(lambda: open_connections(runner) == 0)
            await until(lambda: open_connections(runner) == 0)
    assert [said for said in caplog.records if said.levelno >= logging.ERROR] == []


async def test_connections_are_counted(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Beyond the limit they are closed at once, which is logged once; as soon as one is closed there is room again."""
    monkeypatch.setattr(server, "CONNECTIONS_MOST", 2)
    async with running(make_app(Stage().backend(), streams_most=0)) as runner:
        async with connected(runner), connected(runner):
            await until(lambda: open_connections(runner) == 2)
            for _ in range(3):
                async with connected(runner) as (reader, _writer):
                    assert await reader.read() == b""
        await until(lambda: open_connections(runner) == 0)
        async with connected(runner) as (reader, writer):
            writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: here\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    assert [said.getMessage()[:24] for said in caplog.records] == ["2 clients are connected "]


@pytest.mark.parametrize(
    "said", [b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", b"GET /"]
)
async def test_nonsense_does_not_fill_the_log(said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """What is no HTTP, too long or broken off is answered or dropped without a line."""
    async with running(make_app(Stage().backend())) as runner:
        async with connected(runner) as (reader, writer):
            writer.write(said)
            writer.write_eof()
            async with asyncio.timeout(20):
                await reader.read()
        await until(lambda: open_connections(runner) == 0)
    assert caplog.records == []


@dataclass
class SlowExposition:
    """The real one, but its answers wait at a gate; counts the requests that came in and the answers it began."""

    stage: Stage
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    made: int = 0

    def scrape(self, clocked: Clocked, accept: str, accept_encoding: str, names: Collection[str]) -> Answer:
        self.made += 1
        answer = Exposition().answer(clocked, accept, accept_encoding, names)
        return answer._replace(body=self._held(answer.body))

    async def _held(self, body: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        await self.gate.wait()
        async for piece in body:
            yield piece

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Callable[..., Coroutine[Any, Any, tuple[int, str]]]]:
        """A function that scrapes: (status, body)."""

        @web.middleware
        async def count(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self.asked += 1
            return await handler(request)

        app = make_app(replace(self.stage.backend(), scrape=self.scrape))
        app.middlewares.append(count)
        async with running(app) as runner, aiohttp.ClientSession(timeout=DEADLINE) as session:
            host, port = runner.addresses[0][:2]

            async def scrape(headers: Mapping[str, str] | None = None) -> tuple[int, str]:
                async with session.get(f"http://{host}:{port}/metrics", headers=headers) as answer:
                    return answer.status, await answer.text()

            yield scrape


async def test_scrapes_that_come_together_share_one_rendering() -> None:
    """While one is made, eight more are asked for: one more is made, of the moment after they asked."""
    stage = Stage()
    slow = SlowExposition(stage)
    async with slow.serving() as scrape:
        first = asyncio.create_task(scrape())
        await until(lambda: slow.made == 1)
        rest = [asyncio.create_task(scrape()) for _ in range(8)]
        await until(lambda: slow.asked == 9)
        orders = scenes.system()
        stage.snapshot = scenes.snapshot(scenes.watched(orders, scenes.outage(orders)))
        slow.gate.set()
        before, *after = [body for _, body in await asyncio.gather(first, *rest)]
        outage = 'dr_state{system="orders",state="outage"} '
        assert (slow.made, f"{outage}0" in before, len(set(after)), f"{outage}1" in after[0]) == (2, True, 1, True)


async def test_scrapes_of_different_form_do_not_mix() -> None:
    """What differs in format or names is made apart, also when it waits."""
    slow = SlowExposition(Stage())
    async with slow.serving() as scrape:
        asked = [
            asyncio.create_task(scrape({"Accept": kind})) for kind in ("text/plain", "application/openmetrics-text")
        ]
        await until(lambda: slow.asked == 2)
        slow.gate.set()
        text, openmetrics = [body for _, body in await asyncio.gather(*asked)]
        assert (text.endswith("# EOF\n"), openmetrics.endswith("# EOF\n"), slow.made) == (False, True, 2)


async def test_too_many_scrapes_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 at once for the third of two; the first two get theirs, and then there is room again."""
    monkeypatch.setattr(scrapes, "ANSWERS_MOST", 2)
    slow = SlowExposition(Stage())
    async with slow.serving() as scrape:
        two = [asyncio.create_task(scrape()) for _ in range(2)]
        await until(lambda: slow.asked == 2)
        status, body = await scrape()
        assert (status, "2 scrapes are being answered already" in body) == (503, True)
        slow.gate.set()
        assert [status for status, _ in await asyncio.gather(*two)] == [200, 200]
        assert (await scrape())[0] == 200


@pytest.mark.parametrize("path", ["/", "/sd", "/api/v1/systems", "/config"])
async def test_no_answer_takes_the_loop_for_long(path: str) -> None:
    """With 400 systems others get many turns while it is made."""
    systems = [scenes.system(f"s{i}") for i in range(400)]
    stage = Stage(snapshot=scenes.snapshot(*(scenes.watched(of, scenes.healthy(of)) for of in systems)))
    app = make_app(replace(stage.backend(), masked_config=lambda: str(sum(range(2_000_000)))))
    turns, inside = 0, False

    @web.middleware
    async def watched(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        nonlocal inside
        inside = True
        try:
            return await handler(request)
        finally:
            inside = False

    async def neighbour() -> None:
        nonlocal turns
        while True:
            turns += inside
            await asyncio.sleep(0)

    app.middlewares.append(watched)
    other = asyncio.create_task(neighbour())
    async with running(app) as runner, aiohttp.ClientSession(timeout=DEADLINE) as session:
        host, port = runner.addresses[0][:2]
        async with session.get(f"http://{host}:{port}{path}") as answer:
            assert answer.status == 200
    other.cancel()
    assert turns >= 2

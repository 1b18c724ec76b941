"""The stream: what is told at once, what in its own time, to whom, and who is cut off."""

import asyncio
import gc
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from exporter.core.snapshot import Snapshot
from exporter.core.state import Record
from exporter.web import stream as streams
from exporter.web.answers import Turn
from exporter.web.frames import GZIP_BEGIN, Form, Frame
from exporter.web.guard import Guard
from exporter.web.selection import Selection
from exporter.web.server import make_app
from tests.metrics import scenes
from tests.web.fakes import Stage, running, serving
from tests.web.streams import WITHIN, Listener, listening
from tests.web.test_server import ask_json
from tests.web.test_webconfig import HASH, PASSWORD, basic


def happen(stage: Stage, name: str, state: object = scenes.outage) -> None:
    """The engine publishes another state of this system and tells its observers."""
    assert callable(state)
    of = scenes.system(name)
    systems = {**stage.snapshot.systems, name: scenes.watched(of, state(of))}
    stage.snapshot = scenes.snapshot(*systems.values())
    stage.news.observe([Record("transition", name, stage.now.mono, "it happened", {})])


async def test_it_begins_with_everything() -> None:
    """`hello` says what /api/v1/systems says, in short, and after how long to come back."""
    stage = Stage()
    async with serving(stage) as url, listening(url) as listener:
        assert listener.answer.headers["Content-Type"].startswith("text/event-stream")
        assert listener.answer.headers["Cache-Control"] == "no-store"
        hello = await listener.next()
        whole = await ask_json(stage, "/api/v1/systems")
    assert (hello.name, listener.retry) == ("hello", streams.RETRY)
    assert hello.data["exporter"] == whole["exporter"]
    for short, full in zip(hello.data["items"], whole["items"], strict=True):
        for name in ("name", "state", "serving", "rpo", "rto_seconds", "objectives", "cost", "sentence"):
            assert short[name] == full[name]
        assert short.keys() < full.keys()


async def test_what_happens_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting for the next sweep, and of the others nothing."""
    monkeypatch.setattr(streams, "EVERY", 3600.0)
    stage = Stage()
    async with serving(stage) as url, listening(url) as listener:
        await listener.next()
        happen(stage, "orders")
        event = await listener.next()
        assert (event.name, event.names, event.data["removed"]) == ("systems", ["orders"], [])
        assert event.data["items"][0]["state"] == "outage"
        assert event.data["items"][0]["incident"]["id"] == "01JB9Z"


async def test_what_merely_moves_comes_with_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exposure that grew, a change without a record, and a sign of life when nothing changed at all."""
    monkeypatch.setattr(streams, "EVERY", 0.05)
    monkeypatch.setattr(streams, "QUIET_MOST", 0.3)
    stage = Stage()
    async with serving(stage) as url, listening(url) as listener:
        first = next(item for item in (await listener.next()).data["items"] if item["name"] == "orders")
        quiet = await listener.next()
        assert (quiet.name, quiet.names, quiet.data["removed"]) == ("systems", [], [])
        stage.now = scenes.NOW._replace(mono=scenes.NOW.mono + 1, wall=scenes.NOW.wall + 1)
        later = await listener.until("orders")
        assert later["rpo"]["site_loss"]["seconds"] == pytest.approx(first["rpo"]["site_loss"]["seconds"] + 1)
        of = scenes.system("orders")
        moved = replace(scenes.healthy(of), serving=("sg",))
        stage.snapshot = scenes.snapshot(*{**stage.snapshot.systems, "orders": scenes.watched(of, moved)}.values())
        assert (await listener.until("orders", serving=["sg"]))["state"] == "healthy"
        stage.snapshot = replace(stage.snapshot, exporter=replace(stage.snapshot.exporter, ledger_writable=False))
        while (await listener.next()).data["exporter"]["ledger_writable"]:
            pass


async def test_systems_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload that takes one away, adds one and moves one to another tier."""
    monkeypatch.setattr(streams, "EVERY", 0.05)
    stage = Stage()
    async with serving(stage) as url, listening(url, "?tier=critical") as some, listening(url) as all_of_them:
        assert set((await some.next()).names) == {"orders", "chat", "records"}
        await all_of_them.next()
        here = dict(stage.snapshot.systems)
        del here["records"]
        lower = replace(scenes.system("chat"), tier="lower")
        here |= {"chat": scenes.watched(lower, scenes.healthy(lower))}
        here |= {"new": scenes.watched(scenes.system("new"), scenes.healthy(scenes.system("new")))}
        stage.snapshot = scenes.snapshot(*here.values())
        assert (await some.until("new"))["tier"] == "critical"
        assert (await all_of_them.until("chat", tier="lower"))["state"] == "healthy"
        async with listening(url, "?tier=critical") as late:
            assert set((await late.next()).names) == {"orders", "new"}


async def test_removed_names_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """To those who knew of them, once."""
    monkeypatch.setattr(streams, "EVERY", 0.05)
    stage = Stage()
    monkeypatch.setattr(streams, "QUIET_MOST", 0.3)
    async with serving(stage) as url, listening(url, "?tier=critical") as listener, listening(url, "?tier=no") as other:
        await listener.next()
        assert (await other.next()).names == []
        lower = replace(scenes.system("chat"), tier="lower")
        stage.snapshot = scenes.snapshot(scenes.watched(lower, scenes.healthy(lower)))
        assert (await listener.next()).data["removed"] == ["chat", "orders", "records"]
        assert (await listener.next()).data["removed"] == []
        assert (await other.next()).data["removed"] == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?system=chat&system=orders", {"orders", "chat"}),
        ("?system=chat&tier=critical&site=sg", {"chat"}),
        ("?site=nowhere", set()),
        ("?tier=critical&tier=nothing", {"orders", "chat", "records"}),
        ("?other=1", {"orders", "chat", "records"}),
    ],
)
async def test_only_what_was_asked_for(query: str, names: set[str]) -> None:
    """Of each kind of filter one value has to fit."""
    async with serving(Stage()) as url, listening(url, query) as listener:
        assert set((await listener.next()).names) == names


async def test_the_number_of_streams_is_bounded() -> None:
    """503 and when to come again beyond it; one that leaves makes room."""
    app = make_app(Stage().backend(), streams_most=2)
    async with running(app) as runner, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with listening(url) as one:
            async with listening(url) as other:
                await asyncio.gather(one.next(), other.next())
                async with session.get(f"{url}/api/v1/stream") as refused:
                    assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
                    assert "open already" in (await refused.json())["error"]
            async with asyncio.timeout(WITHIN):
                while True:
                    async with session.get(f"{url}/api/v1/stream") as answer:
                        if answer.status == 200:
                            break
                    await asyncio.sleep(0.05)


async def test_who_does_not_read_is_cut_off_and_others_do_not_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its buffer is bounded; the stream of the next client goes on meanwhile."""
    monkeypatch.setattr(streams, "BEHIND_MOST", 20_000)
    monkeypatch.setattr(streams, "APART", 0.0)
    stage = Stage(snapshot=_many(100))
    async with running(make_app(stage.backend())) as runner:
        port = runner.addresses[0][1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /api/v1/stream HTTP/1.1\r\nHost: here\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        reading = True
        async with listening(f"http://127.0.0.1:{port}") as listener:
            await listener.next()
            assert runner.server is not None
            async with asyncio.timeout(2 * WITHIN):
                while len(runner.server.connections) > 1:
                    state = scenes.outage if reading else scenes.healthy
                    reading = not reading
                    for number in range(100):
                        happen(stage, f"s{number}", state)
                    await listener.until("s99")
        writer.transport.abort()


def _many(count: int) -> Snapshot:
    systems = [scenes.system(f"s{number}") for number in range(count)]
    return scenes.snapshot(*(scenes.watched(of, scenes.healthy(of)) for of in systems))


async def test_old_clients_get_it_without_chunks() -> None:
    """As nginx asks by default: HTTP/1.0, the body ends with the connection."""
    stage = Stage()
    async with running(make_app(stage.backend())) as runner:
        reader, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1], limit=1 << 20)
        writer.write(b"GET /api/v1/stream HTTP/1.0\r\nHost: here\r\n\r\n")
        async with asyncio.timeout(WITHIN):
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"chunked" not in head.lower()
            assert (await reader.readuntil(b"\n\n")).startswith(b"retry: 2000\nevent: hello\ndata: {")
            happen(stage, "orders")
            assert (await reader.readuntil(b"\n\n")).startswith(b'event: systems\ndata: {"exporter":{')
        writer.transport.abort()


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.8", True),
        ("*", True),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0.0, br", False),
        ("xgzip", False),
    ],
)
async def test_it_is_compressed_for_who_takes_it(accepted: str, packed: bool) -> None:
    """The same events, in a fraction of the bytes, for all that wait for it, whenever they came."""
    stage = Stage(snapshot=_many(50))
    headers = {"Accept-Encoding": accepted}
    async with (
        serving(stage) as url,
        listening(url, **headers) as first,
        listening(url, **{"Accept-Encoding": "identity"}) as plain,
    ):
        assert (first.answer.headers.get("Content-Encoding") == "gzip") is packed
        assert (await first.next()).data == (await plain.next()).data
        happen(stage, "s7")
        assert (await first.next()).data == (await plain.next()).data
        async with listening(url, **headers) as late:
            assert len((await late.next()).names) == 50
            happen(stage, "s8")
            told = [(await one.next()).data for one in (first, late, plain)]
            assert told[0] == told[1] == told[2]
            assert [item["name"] for item in told[0]["items"]] == ["s8"]


async def test_a_long_event_is_compressed_in_pieces() -> None:
    """Megabytes come out as they went in, and what follows can be read too."""
    frames = [Frame("systems", b'"a":"%b"' % (b"%d," % n * 200_000)) for n in range(3)]
    whole = GZIP_BEGIN
    for frame in frames[:2]:
        await frame.press(Turn())
        whole += frame.to_send(Form(packed=True, chunked=False))
    whole += frames[2].to_send(Form(packed=True, chunked=False))
    read = zlib.decompressobj(wbits=31).decompress(whole)
    assert read == b"".join(frame.plain for frame in frames)
    assert len(frames[0].to_send(Form(packed=True, chunked=True))) < len(frames[0].plain) / 20


async def test_ten_hours_of_events_leave_nothing_behind() -> None:
    """After thousands of outages and recoveries, and of clients that came and went, as much is kept as after a few hundred."""
    stage = Stage(snapshot=_many(5))
    backend = stage.backend()
    hub = streams.Streams(backend, 10)
    board = hub._board

    async def play(rounds: int) -> int:
        for number in range(rounds):
            happen(stage, f"s{number % 5}", scenes.outage if number % 10 < 5 else scenes.healthy)
            wanted = Selection(systems=frozenset({f"s{number % 3}"}))
            group = hub._groups.setdefault(wanted, streams.Group(wanted))
            group.hello(board)
            await hub._pass_on(await board.some(stage.news.take(), Turn()), Turn())
            await hub._pass_on(await board.sweep(Turn()), Turn())
            del hub._groups[wanted]
        gc.collect()
        return sys.getallocatedblocks()

    await board.all(Turn())
    before = await play(100)
    assert await play(400) - before < 1000
    assert len(board.items) == 5


async def test_a_login_is_asked_for_streams_too(tmp_path: Path) -> None:
    """As for everything that is read."""
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users: {{reader: {HASH}}}\n", encoding="utf-8")
    async with running(make_app(Stage().backend(), Guard(file))) as runner, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with session.get(f"{url}/api/v1/stream") as refused:
            assert refused.status == 401
        async with listening(url, Authorization=basic("reader", PASSWORD)) as listener:
            assert (await listener.next()).name == "hello"


async def test_the_end_of_the_server_ends_the_streams() -> None:
    """Properly, and without waiting for who listens."""
    stage = Stage()
    app = make_app(stage.backend())
    async with running(app) as runner, listening(f"http://127.0.0.1:{runner.addresses[0][1]}") as listener:
        await listener.next()
        ended = asyncio.create_task(_end(listener))
        await runner.cleanup()
        await ended


async def _end(listener: Listener) -> None:
    with pytest.raises((EOFError, aiohttp.ClientError)):
        while True:
            await listener.next()


async def test_a_fault_of_ours_begins_the_streams_anew(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, who listens is told hello again, and the exporter goes on."""
    stage = Stage()
    app: web.Application = make_app(stage.backend())
    async with running(app) as runner:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with listening(url) as listener:
            await listener.next()
            broken = scenes.watched(scenes.system("orders"), None)  # type: ignore[arg-type]  # broken on purpose
            whole, stage.snapshot = stage.snapshot, scenes.snapshot(broken)
            stage.news.observe([Record("transition", "orders", 0.0, "", {})])
            await _end(listener)
            stage.snapshot = whole
        async with listening(url) as listener:
            assert (await listener.next()).name == "hello"
    assert [said.message for said in caplog.records] == ["the streams are begun anew"]


async def test_renewed_logins_end_the_streams() -> None:
    """Whoever may still listen comes back at once; there is no other way in."""
    app = make_app(Stage().backend())
    async with running(app) as runner:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with listening(url) as listener:
            await listener.next()
            app[streams.STREAMS].leave()
            await _end(listener)
        async with listening(url) as listener:
            assert (await listener.next()).name == "hello"

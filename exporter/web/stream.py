"""`/api/v1/stream`: server-sent events. What happens is told at once, what merely moves about once a second.

All of it is made once and the same bytes are given to everybody who asked for the same systems. Nobody is waited for: who does
not take what was sent is cut off, comes back by itself and begins with `hello`.
"""

import asyncio
import logging
import socket
from collections.abc import Iterable
from contextlib import suppress

from aiohttp import HttpVersion11, hdrs, web

from exporter.web.answers import Turn, encode, problem
from exporter.web.backend import Backend
from exporter.web.board import LEAST, MOST, Board, Change
from exporter.web.frames import GZIP_BEGIN, Form, Frame, takes_gzip
from exporter.web.limits import DEADLINE
from exporter.web.selection import Selection, selection

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two sweeps."""
QUIET_MOST = 3.5
"""Seconds after which an event is sent even if nothing changed: a browser must see that we live."""
APART = 0.1
"""Seconds between two events about things that happened: a disaster of hundreds of systems is told in pieces, not system by
system."""
BUDGET = 0.05
"""Seconds of the event loop that a sweep may take; how many calm systems are told anew follows from that."""
BEHIND_MOST = 1 << 20
"""Bytes that may wait for a client beyond its `hello`."""
KERNEL_MOST = 128 * 1024
"""Bytes that the system keeps for a client beside those: by itself it goes up to megabytes."""
UNTAKEN_MOST = 20.0
"""Seconds for which the network may not confirm what was sent."""
LEAVE_WITHIN = 3.0
"""Seconds in which a client must have taken the end of its stream."""
RETRY = 2000
"""Milliseconds after which a client comes back."""
_HEADERS = {
    hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",
    hdrs.VARY: hdrs.ACCEPT_ENCODING,
}


class Client:
    """One open stream."""

    def __init__(self, transport: asyncio.WriteTransport, form: Form) -> None:
        self._transport = transport
        self.form = form
        self._most = BEHIND_MOST
        self.over = asyncio.Event()

    def allow(self, hello: Frame) -> None:
        """Its `hello` may wait too."""
        self._most = BEHIND_MOST + len(hello.plain)

    def send(self, frame: Frame) -> None:
        """Never waits. Whoever has left, or has not taken what was sent before, is done with."""
        if self._transport.is_closing():
            self.over.set()
        elif self._transport.get_write_buffer_size() > self._most:
            self._transport.abort()
            self.over.set()
        else:
            self._transport.write(frame.to_send(self.form))


class Group:
    """The clients that asked for the same systems, and which systems they know of."""

    def __init__(self, wanted: Selection) -> None:
        self._wanted = wanted
        self._known: set[str] = set()
        self.clients: set[Client] = set()
        self._hello: tuple[int, Frame] | None = None

    def hello(self, board: Board) -> Frame:
        """Everything, for those who come before the next change."""
        if self._hello is None or self._hello[0] != board.version:
            self._hello = board.version, self._everything(board)
        return self._hello[1]

    def _everything(self, board: Board) -> Frame:
        shown = {name: item.body for name, item in board.items.items() if self._wanted.admits(item.system)}
        self._known |= shown.keys()
        return Frame("hello", b'"exporter":' + board.exporter(), _items(shown.values()), head=f"retry: {RETRY}\n")

    def news(self, change: Change, *, beat: bool) -> Frame | None:
        """What changed; None if nothing did and no sign of life is due."""
        shown, removed = [], change.gone & self._known
        for name, item in change.items.items():
            if self._wanted.admits(item.system):
                shown.append(item.body)
                self._known.add(name)
            elif name in self._known:
                removed |= {name}
        self._known -= removed
        if not (shown or removed or beat or change.exporter_differs):
            return None
        gone = b'"removed":' + encode(sorted(removed)).encode()
        return Frame("systems", b'"exporter":' + change.exporter, _items(shown), gone)


def _items(bodies: Iterable[bytes]) -> bytes:
    return b'"items":[%b]' % b",".join(bodies)


class Streams:
    """All open streams. Costs nothing while there are none."""

    def __init__(self, backend: Backend, most: int) -> None:
        """`most`: streams that may be open at a time."""
        self.most = most
        self.count = 0
        self._board = Board(backend.clocked)
        self._news = backend.news
        self._groups: dict[Selection, Group] = {}
        self._task: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        self._sent = 0.0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """`hello`, and then what happens, until either side has enough."""
        if self.count >= self.most:
            sentence = f"{self.most} streams are open already; ask again later, or read /api/v1/systems now and then"
            return problem(503, sentence, {hdrs.RETRY_AFTER: "10"})
        accepted = ",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, []))
        form = Form(packed=takes_gzip(accepted), chunked=request.version >= HttpVersion11)
        response = web.StreamResponse(headers=_HEADERS | ({hdrs.CONTENT_ENCODING: "gzip"} if form.packed else {}))
        if request.method == hdrs.METH_HEAD:
            return response
        self.count += 1
        try:
            if self._task is None:
                self._task = asyncio.create_task(self._run())
            await self._begun.wait()
            await response.prepare(request)
            await self._serve(request, response, form)
        finally:
            self.count -= 1
        return response

    async def _serve(self, request: web.Request, response: web.StreamResponse, form: Form) -> None:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError
        _bound(transport)
        wanted = selection(request)
        group = self._groups.setdefault(wanted, Group(wanted))
        client = Client(transport, form)
        hello = group.hello(self._board)
        client.allow(hello)
        group.clients.add(client)
        try:
            first = hello.to_send(form._replace(chunked=False))  # aiohttp makes a chunk of it
            await response.write(
                GZIP_BEGIN + first if form.packed else first
            )  # begins to write before anybody else gets a turn: nothing overtakes it
            request[DEADLINE].reschedule(None)
            await client.over.wait()
        finally:
            group.clients.discard(client)
            if not group.clients:
                self._groups.pop(wanted, None)
            request[DEADLINE].reschedule(asyncio.get_running_loop().time() + LEAVE_WITHIN)

    async def close(self, app: web.Application) -> None:
        """Signal handler: the server goes down, and waits for nobody who listens."""
        self.most = 0
        self.leave()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def leave(self) -> None:
        """End all of them properly; whoever may still listen comes back."""
        for group in self._groups.values():
            for client in group.clients:
                client.over.set()

    # --- what is told

    async def _run(self) -> None:
        """While anybody listens. A fault of ours ends the streams, which come back, and not the exporter."""
        try:
            while self.count:
                await self._tell()
        finally:
            self._task = None

    async def _tell(self) -> None:
        try:
            self._news.take()
            await self._board.all(Turn())
            self._begun.set()
            await self._tell_on()
        except Exception:
            log.exception("the streams are begun anew")
            self.leave()
            await asyncio.sleep(EVERY)
        finally:
            self._begun.clear()
            self._board.clear()

    async def _tell_on(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + EVERY
        while self.count:
            await self._news.wait(due - loop.time())
            turn = Turn()
            if names := self._news.take():
                await self._pass_on(await self._board.some(names, turn), turn)
                await asyncio.sleep(max(APART, min(2 * turn.spent(), EVERY / 2)))
            if loop.time() >= due:
                turn = Turn()
                await self._pass_on(await self._board.sweep(turn), turn)
                spent = turn.spent()
                pace = min(2.0, BUDGET / spent) if spent else 2.0
                self._board.affordable = max(LEAST, min(MOST, int(self._board.affordable * pace)))
                due = max(due + EVERY, loop.time() + EVERY / 2)

    async def _pass_on(self, change: Change, turn: Turn) -> None:
        now = asyncio.get_running_loop().time()
        beat = now > self._sent + QUIET_MOST - EVERY
        for group in list(self._groups.values()):
            frame = group.news(change, beat=beat)
            if frame is not None:
                if any(client.form.packed for client in group.clients):
                    await frame.press(turn)
                for client in list(group.clients):
                    client.send(frame)
                    await turn.pause()
        if beat or change.exporter_differs:
            self._sent = now


def _bound(transport: asyncio.BaseTransport) -> None:
    """A client that is slow takes little memory, and one whose machine vanished takes no room for the quarter of an hour that the system would wait."""
    sock = transport.get_extra_info("socket")
    if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNTAKEN_MOST * 1000))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_MOST)


STREAMS = web.AppKey("streams", Streams)

"""Whatever is sent to the server: it connects to nobody for it, answers as HTTP has it or hangs up, logs no fault, and goes on."""

import asyncio
import http.client
import json
import logging
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.hooks import Dingtalk, Robot
from exporter.hooks.dingtalk import DingTalk
from exporter.settings import Secret
from exporter.web.openapi import OPENAPI
from exporter.web.server import make_app
from tests.fuzz.damage import several
from tests.fuzz.examples import examples
from tests.hooks.rig import notification
from tests.servers import free_port
from tests.web.fakes import Stage, running
from tests.web.threads import in_a_thread

TOKEN = "s3cret"
BEARER = f"Bearer {TOKEN}"
HOOK = "/hooks/dingtalk"
ELSEWHERE = "ssrf.example"
URLS = (
    "http://{at}/",
    "//{at}/x",
    "{at}",
    "http://[::1]:{port}/",
    "file:///etc/passwd",
    f"https://{ELSEWHERE}/",
    "gopher://{at}/_",
)
ORDER = {
    "system": "orders",
    "type": "drill",
    "scenario": "site_loss",
    "operator": "ops",
    "reason": "a drill",
    "expected": "all",
    "expires_in": 600,
}
MARK = {
    "kind": "action",
    "by": "ops",
    "text": "look",
    "owner": "me",
    "due": "2026-10-01",
    "under": "rto",
    "role": "r",
    "as": "drill",
    "reason": "x",
}
BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/drills": ORDER,
    "marks": MARK,
    "sign": {"by": "risk", "role": "officer", "note": "seen"},
    "{id}": {"by": "ops", "outcome": "well"},
}
HEADERS = (
    "Host", "Referer", "Origin", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL", "Via", "Destination",
    "Proxy-Authorization", "Last-Event-ID", "Location", "Link", "X-Callback", "Accept-Language", "Cookie", "Upgrade", "If-None-Match",
)  # fmt: skip
EXTRA = (
    "url",
    "target",
    "dsn",
    "callback",
    "next",
    "redirect",
    "module",
    "name[]",
    "lang",
    "from",
    "to",
    "cursor",
    "site",
    "system",
)


class Watch:
    """Every connection and every name that is asked for in this process outside of the thread that tests."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any]] = []
        self.on = True
        self._tester = threading.get_ident()
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "open", "subprocess.Popen"):
            if threading.get_ident() == self._tester or (event == "open" and arguments[0] != "/etc/passwd"):
                return
            self.seen.append((event, arguments[1:2] if event.startswith("socket.con") else arguments[:2]))


@asynccontextmanager
async def exporter(robot: int) -> AsyncIterator[str]:
    """Everything that the web shows, and the real hook, whose one robot is at this port."""
    stage = Stage()
    hook = DingTalk(lambda: 1_800_000_000.0)
    url = Secret(plain=f"http://127.0.0.1:{robot}/robot/send?access_token=x")
    hook.apply(Dingtalk(robots=(Robot(url=url, secret=Secret(plain="SEC")),), token=Secret(plain=TOKEN)))
    sending = asyncio.create_task(hook.run())
    try:
        async with running(make_app(replace(stage.backend(), dingtalk=hook))) as runner:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


class Server:
    """The exporter in a thread, a listener to which nobody may come, and the port of the one robot that may be asked."""

    def __init__(self, url: str, listener: socket.socket, robot: int, watch: Watch) -> None:
        self.url, self.listener, self.robot, self.watch = url, listener, robot, watch
        self.port = urlsplit(url).port
        self.lure = listener.getsockname()[1]

    def ask(self, method: str, target: str, headers: dict[str, str], body: bytes | None = None) -> int:
        """The status; no more than the beginning of a stream is read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest(method, target, skip_host="Host" in headers)
            for name, value in headers.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            answer.read1(1024)
            return answer.status
        finally:
            connection.close()

    def raw(self, data: bytes, *, no_more: bool = False) -> bytes:
        """What is answered to these bytes until it hangs up. `no_more`: after we have said that nothing follows."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(data)
            if no_more:
                connection.shutdown(socket.SHUT_WR)
            said = b""
            while len(said) < 1 << 20 and (more := self._more(connection)):
                said += more
            return said

    @staticmethod
    def _more(connection: socket.socket) -> bytes:
        try:
            return connection.recv(65536)
        except ConnectionError:
            return b""

    def lured(self) -> bool:
        """Whether somebody came to the listener."""
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def went(self) -> set[Any]:
        """Where the exporter went, but for its robot."""
        own = ("socket.connect", (("127.0.0.1", self.robot),))
        return {
            (event, str(where))
            for event, where in self.watch.seen
            if (event, where) != own and not self._robots(event, where)
        }

    def _robots(self, event: str, where: Any) -> bool:
        return event == "socket.getaddrinfo" and tuple(where) == ("127.0.0.1", self.robot)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    watch = Watch()
    robot = free_port()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        listener.setblocking(False)
        with in_a_thread(exporter(robot)) as url:
            watch.seen.clear()
            yield Server(url, listener, robot, watch)
        watch.on = False


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that is sent is a fault of ours. That the robot cannot be reached is told, and is meant."""
    yield
    faults = [
        said for said in caplog.records if said.levelno >= logging.ERROR and said.name != "exporter.hooks.dingtalk"
    ]
    assert [said.getMessage() for said in faults] == []


def lures(server: Server) -> list[str]:
    return [url.format(at=f"127.0.0.1:{server.lure}", port=server.lure) for url in URLS]


def targets(path: str, lure: str) -> Iterator[str]:
    """A path of the description with the lure in its places and its queries."""
    filled = path
    for name in ("{name}", "{id}", "{system}", "{alert}"):
        filled = filled.replace(name, quote(lure, safe=""))
    known = (
        path.replace("{name}", "orders")
        .replace("{system}", "orders")
        .replace("{id}", "x")
        .replace("{alert}", "DrOutage")
    )
    names = {
        each["name"]
        for operation in OPENAPI["paths"][path].values()
        for each in operation.get("parameters", ())
        if each["in"] == "query"
    }
    yield filled
    yield f"{known}?{'&'.join(f'{name}={quote(lure, safe=str())}' for name in sorted({*names, *EXTRA}))}"


def bodies(path: str, lure: str) -> Iterator[bytes]:
    """Good wishes in which one text after the other is the lure, and a notification that is full of it."""
    if path == HOOK:
        yield notification().replace(b"http://alertmanager:9093", lure.encode()).replace(b"https://", lure.encode())
    for kind, good in BODIES.items():
        if path.endswith(kind):
            yield from (json.dumps({**good, key: lure}).encode() for key in good)


@pytest.mark.usefixtures("quiet")
def test_it_connects_to_nobody(server: Server) -> None:
    """Addresses in every path, query, header and text of a body: nobody is connected to, asked for by name, or opened."""
    connection = {"Connection": "close", "Authorization": BEARER}
    for index, (path, operations) in enumerate(sorted(OPENAPI["paths"].items())):
        bait = lures(server)
        for number, lure in enumerate((bait[0], bait[index % len(bait)])):
            for target in targets(path, lure):
                for method in () if path == HOOK else operations:
                    body = None if method == "get" else next(bodies(path, lure), b"{}")
                    assert server.ask(method.upper(), target, connection, body) < 500 or path.startswith(
                        ("/hooks", "/-/ready")
                    )
            header = HEADERS[(index + number) % len(HEADERS)]
            server.ask("GET", path.split("{")[0], connection | {header: lure})
    for path in (
        "/api/v1/drills",
        "/api/v1/incidents/x/marks",
        "/api/v1/drills/x/sign",
        "/api/v1/drills/x",
        HOOK,
    ):
        for body in bodies(path, lures(server)[0]):
            server.ask("POST", path, connection | {"Content-Type": "application/json"}, body)
    for line in (
        "GET http://{at}/ HTTP/1.1",
        "CONNECT {at} HTTP/1.1",
        "GET @{at}/ HTTP/1.1",
        "TRACE / HTTP/1.1",
        "PRI * HTTP/2.0",
    ):
        asked = line.format(at=f"127.0.0.1:{server.lure}")
        said = server.raw(
            f"{asked}\r\nHost: 127.0.0.1:{server.lure}\r\nConnection: close\r\n\r\n".encode(), no_more=True
        )
        assert said[9:12] in (b"200", b"400", b"404", b"405", b"")
    assert not server.lured()
    assert server.went() == set()


def test_the_watch_sees_connections(server: Server) -> None:
    """What would be found if there was something: a connection from another thread, and a name that it asks for."""
    before = list(server.watch.seen)

    def connect() -> None:
        socket.create_connection(("127.0.0.1", server.lure)).close()

    other = threading.Thread(target=connect)
    other.start()
    other.join()
    assert server.lured()
    assert len(server.went()) == 2
    server.watch.seen[:] = before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from(["orders", "drill", "x" * 3000, "\u202e"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted({*ORDER, *MARK, "alerts", "labels"})), inner, max_size=4),
    max_leaves=9,
)  # fmt: skip
PLACES = (
    "/api/v1/drills",
    "/api/v1/incidents/x/marks",
    "/api/v1/drills/x/sign",
    "/-/reload",
    "/api/v1/backups/orders/nightly/verified",
)


@pytest.mark.usefixtures("quiet")
@examples(60)
@given(path=st.sampled_from(PLACES), document=JSON, content=st.none() | st.binary(max_size=60))
def test_bodies(server: Server, path: str, document: Any, content: bytes | None) -> None:
    """Any JSON and any bytes are followed or refused: nothing fails."""
    body = json.dumps(document).encode() if content is None else content
    headers = {"Authorization": BEARER, "Content-Type": "application/json", "Connection": "close"}
    assert server.ask("POST", path, headers, body) < 500


@pytest.mark.usefixtures("quiet")
@examples(60)
@given(
    last=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40),
    query=st.dictionaries(
        st.sampled_from([*EXTRA, "tier", "state", "limit", "kind", "drill", "blips", "scenario"]), st.text(max_size=12)
    ),
    path=st.sampled_from(
        ["/api/v1/stream", "/api/v1/systems", "/api/v1/incidents", "/api/v1/history", "/api/v1/drills", "/", "/metrics"]
    ),
)
def test_queries(server: Server, last: str, query: dict[str, str], path: str) -> None:
    """Any query and any Last-Event-ID."""
    asked = "&".join(f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in query.items())
    assert server.ask("GET", f"{path}?{asked}", {"Last-Event-ID": last.strip(), "Connection": "close"}) < 500


REQUESTS = (
    b"GET /api/v1/systems?limit=1 HTTP/1.1\r\nHost: here\r\nAccept: */*\r\n\r\n",
    b"POST /api/v1/drills HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer s3cret\r\nContent-Type: application/json\r\n"
    b'Transfer-Encoding: chunked\r\n\r\n7\r\n{"a":1}\r\n0\r\n\r\n',
    b"POST /-/reload HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n{}GET /-/healthy HTTP/1.1\r\nHost: here\r\n\r\n",
)


@pytest.mark.usefixtures("quiet")
@examples(80)
@given(data=st.data())
def test_requests(server: Server, data: st.DataObject) -> None:
    """Damaged requests get an answer of HTTP or none, and the next client is served."""
    said = server.raw(data.draw(several(data.draw(st.sampled_from(REQUESTS)))), no_more=True)
    assert said == b"" or said.startswith(b"HTTP/")
    assert said[9:12] != b"500"
    assert server.ask("GET", "/-/healthy", {"Connection": "close"}) == 200


@pytest.mark.parametrize(
    "both",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked", "Content-Length: 4\r\nContent-Length: 5", "Content-Length: +4", "Content-Length: 4 4",
        "Transfer-Encoding: xchunked", "Transfer-Encoding: chunked, identity", "Transfer-Encoding : chunked", "Content-Length: -1", "Content-Length: 0x4",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "X: a\r\n Content-Length: 4", "X: a\rContent-Length: 4", "X\0: a",
    ],
)  # fmt: skip
def test_smuggling(server: Server, both: str) -> None:
    """Where two readers could disagree on where a request ends, it is refused and the connection ends: nothing behind it is obeyed."""
    hidden = (
        b"0\r\n\r\nPOST /-/reload HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer s3cret\r\nContent-Length: 0\r\n\r\n"
    )
    last = b"GET /-/healthy HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    said = server.raw(f"GET /-/healthy HTTP/1.1\r\nHost: here\r\n{both}\r\n\r\n".encode() + hidden + last)
    assert b" 400 Bad Request" in said
    assert b"reloaded" not in said


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py", "/static/..%2fserver.py", "/static/%2e%2e/%2e%2e/etc/passwd", "/static//etc/passwd", "/static/%00", "/static/",
        "/runbooks/../DrOutage.md", "/runbooks/..%2f..%2fREADME.md", "/runbooks/%2e%2e%2fpyproject.toml", "/runbooks/DrOutage.md", "/runbooks/\\etc",
        "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/systems/../../etc/passwd",
    ],
)  # fmt: skip
def test_no_path_leads_out(server: Server, path: str) -> None:
    """Files are chosen from a list that was made at the start: dots, slashes and zero bytes lead nowhere."""
    said = server.raw(f"GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
    assert said[9:12] in (b"404", b"400"), said[:200]
    assert b"root:" not in said


def test_other_methods(server: Server) -> None:
    """HEAD is GET without a body; OPTIONS, TRACE and the like are refused, and no page of others is let in."""
    assert server.ask("HEAD", "/metrics", {"Connection": "close"}) == 200
    for method in ("OPTIONS", "TRACE", "PATCH", "PROPFIND", "PUT"):
        said = server.raw(
            f"{method} /api/v1/drills HTTP/1.1\r\nHost: h\r\nOrigin: https://evil.example\r\nConnection: close\r\n\r\n".encode()
        )
        assert said[9:12] == b"405"
        assert b"access-control" not in said.lower()

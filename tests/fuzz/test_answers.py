"""What web servers, name servers and gRPC servers said, damaged on its way: the same that is asked of databases."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from exporter.probes.kind import Probe
from tests.fuzz.damage import cuts, damaged_turns
from tests.fuzz.examples import examples
from tests.fuzz.talk import Stage, Talk, look, recorded, split_everywhere
from tests.probes.looking import probe
from tests.probes.test_dns import RECORDS
from tests.probes.test_grpc import started
from tests.servers.name_server import name_server
from tests.servers.service import serving
from tests.web.threads import in_a_thread

STATUS = {"role": "primary", "writable": True, "epoch": "e7", "position": 1_234_567, "more": ["x" * 300]}
FACTS = {fact: f"$.{fact}" for fact in ("role", "writable", "epoch", "position")}
EXPECT = {"status": [200], "body_regex": "primary", "json": {"$.more[0]": "x" * 300}}


@asynccontextmanager
async def shop() -> AsyncIterator[str]:
    """A page in the usual forms: with its length, in chunks, compressed, and behind interim answers."""

    async def plain(request: web.Request) -> web.Response:
        return web.json_response(STATUS, headers={"X-Served-By": "hk", "Set-Cookie": "a=b; Path=/"})

    async def chunked(request: web.Request) -> web.Response:
        answer = web.json_response(STATUS)
        answer.enable_chunked_encoding()
        return answer

    async def packed(request: web.Request) -> web.Response:
        answer = web.json_response(STATUS)
        answer.enable_compression(web.ContentCoding.gzip)
        return answer

    async with serving(web.get("/plain", plain), web.get("/chunked", chunked), web.get("/packed", packed)) as url:
        yield url


def page(path: str) -> Callable[[int], Probe]:
    """A look that reads all that an answer may tell."""
    served_by = {"json": "$.role", "sites": {"hk": "primary"}}
    return lambda port: probe(
        "http", url=f"http://127.0.0.1:{port}/{path}", expect=EXPECT, served_by=served_by, **FACTS
    )


def steps(port: int) -> Probe:
    """Two pages, one after the other: what the first said goes into the second question."""
    first = {"get": f"http://127.0.0.1:{port}/plain", "save": {"epoch": "$.epoch"}}
    second = {"get": f"http://127.0.0.1:{port}/plain?epoch={{epoch}}", "expect": {"json": {"$.role": "primary"}}}
    return probe("flow", steps=[first, second])


def named(kind: str) -> Callable[[int], Probe]:
    """A question to a name server, by TCP."""
    name = {"A": "www.test", "SRV": "_sip._tcp.test", "TXT": "large.test"}[kind]
    return lambda port: probe("dns", name=name, type=kind, servers=[f"127.0.0.1:{port}"], tcp=True)


def same_question(asked: bytes, turn: bytes) -> bytes:
    """By TCP the number of the question stands behind the length."""
    return turn[:2] + asked[2:4] + turn[4:]


@pytest.fixture(scope="module")
def talks() -> Iterator[dict[str, Talk]]:
    """Written down from real servers, which end before anything is damaged."""
    found = {}
    with in_a_thread(shop()) as url:
        port = int(url.rpartition(":")[2])
        for path in ("plain", "chunked", "packed"):
            found[path] = recorded(page(path), look, port)
        found["flow"] = recorded(steps, look, port)
    server, port = started()
    found["grpc"] = recorded(lambda port: probe("grpc", address=f"127.0.0.1:{port}", service="shop.Orders"), look, port)
    server.stop(None).wait()
    with name_server(*RECORDS) as port:
        for kind in ("A", "SRV", "TXT"):
            found[kind] = recorded(named(kind), look, port)._replace(fitted=same_question)
    yield found


def test_wherever_it_is_cut(talks: dict[str, Talk]) -> None:
    """A good answer means the same in one piece and in two, wherever the cut is."""
    for talk in talks.values():
        split_everywhere(talk)


@examples(200)
@given(data=st.data())
def test_damaged(talks: dict[str, Talk], data: st.DataObject) -> None:
    """Damaged answers end in facts or in one of the reasons, and mean the same however they arrive."""
    name = data.draw(st.sampled_from(sorted(talks)))
    turns = data.draw(damaged_turns(talks[name].turns))
    with Stage(talks[name]) as stage:
        stage.same(turns, data.draw(cuts))

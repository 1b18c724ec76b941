"""The kind `http` on real servers, good and hostile."""

import asyncio
import gzip
import json
import tracemalloc
from typing import Any

import pytest

from exporter.core.model import Reason, Role, Sample
from exporter.probes import KINDS
from exporter.probes.kind import Failure
from tests import hostile
from tests.hostile import Behaviour, answer, message, serve
from tests.probes.looking import look, probe

LIMIT = 100_000


async def seen(behaviour: Behaviour, timeout: float = 5.0, **settings: Any) -> Sample:
    """One look at a server that behaves so."""
    async with serve(behaviour) as server:
        return await look(probe("http", url=f"http://127.0.0.1:{server.port}/healthz", **settings), timeout)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (message("200 OK", b"ok"), None),
        (message("204 No Content", length=False), None),
        (message("200 OK", b"until the end", length=False), None),
        (message("200 OK", b"old", length=False).replace(b"1.1", b"1.0"), None),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + message("200 OK", b"ok"), None),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3 + message("200 OK", b"ok"), None),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 2000 OK\r\n\r\n", Reason.PROTOCOL),
        (b"HTTP/2 200 OK\r\n\r\n", Reason.PROTOCOL),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nFolded: a\r\n b\r\n\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", Reason.RESET),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", Reason.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Reason.PROTOCOL),
        (b"", Reason.RESET),
        (message("401 Unauthorized"), Reason.AUTH),
        (message("403 Forbidden"), Reason.PERMISSION),
        (message("404 Not Found"), Reason.STATUS),
        (message("302 Found", b"", "Location: /elsewhere?token=secret"), Reason.REDIRECT),
        (message("200 OK", b"\x1f\x8bbroken", "Content-Encoding: gzip"), Reason.PROTOCOL),
        (message("200 OK", gzip.compress(b"x" * 99)[:20], "Content-Encoding: gzip"), Reason.PROTOCOL),
        (message("200 OK", b"?", "Content-Encoding: br"), Reason.PROTOCOL),
        (message("200 OK", gzip.compress(b"small"), "Content-Encoding: gzip"), None),
    ],
)
async def test_answers(data: bytes, reason: Reason | None) -> None:
    """Every form of answer, strict or sloppy, has exactly one meaning."""
    sample = await seen(answer(data), max_body=LIMIT)
    assert sample.reason is reason, sample.detail
    assert "secret" not in sample.detail


async def test_an_unavailable_service_is_a_status_with_its_number() -> None:
    """503 keeps its number and says when to come back."""
    sample = await seen(answer(message("503 Service Unavailable", b"", "Retry-After: 7")))
    assert (sample.reason, sample.detail) == (Reason.STATUS, "answers 503 (Retry-After: 7); expected: 2xx")


@pytest.mark.parametrize(
    "behaviour",
    [
        hostile.ENDLESS_BODY,
        hostile.ENDLESS_CHUNKS,
        hostile.ENDLESS_HEADERS,
        hostile.MEGABYTE_HEADER,
        hostile.GZIP_BOMB,
    ],
    ids=["body", "chunks", "headers", "header", "bomb"],
)
async def test_what_is_too_large_is_cut_off_with_bounded_memory(behaviour: Behaviour) -> None:
    """However much a server says, a look keeps no more than max_body and 64 KiB (and two reads of the loop)."""
    async with serve(behaviour) as server:
        looking = probe("http", url=f"http://127.0.0.1:{server.port}/", max_body=LIMIT)
        await look(looking)
        tracemalloc.start()
        try:
            sample = await look(looking)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert sample.reason is Reason.TOO_LARGE
    assert peak < 3_000_000, "the server's own buffers in this process are counted too"


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
async def test_chunks_in_pieces(step: int) -> None:
    """A chunked answer is read alike wherever the network cuts it."""
    data = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5;ext=1\r\nhello\r\n1\r\n,\r\n0006\r\n world\r\n0\r\nTrailer: x\r\n\r\n"
    )

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        for at in range(0, len(data), step):
            writer.write(data[at : at + step])
            await writer.drain()
            await asyncio.sleep(0)
        await asyncio.Event().wait()

    assert (await seen(behave, expect={"body_regex": "^hello, world$"})).ok


@pytest.mark.parametrize(
    "body",
    [b"x\r\nhello\r\n0\r\n\r\n", b"5\r\nhello!\r\n0\r\n\r\n", b"-1\r\n\r\n", b"\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n"],
)
async def test_broken_chunks(body: bytes) -> None:
    """Chunks that contradict themselves are a broken protocol, not a short body."""
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    assert (await seen(answer(data))).reason is Reason.PROTOCOL


GOOD = json.dumps({"id": 1, "ok": True, "sites": [{"role": "Primary"}], "lsn": 42, "epoch": 7, "rw": True}).encode()


@pytest.mark.parametrize(
    ("expect", "detail"),
    [
        ({"status": [200, 204]}, None),
        ({"status": [404]}, "answers 200; expected: 404"),
        ({"header": {"X-Site": "^h.$"}}, None),
        ({"header": {"X-Site": "sg"}}, "the answer has another header X-Site; expected: sg"),
        ({"header": {"X-None": "."}}, "the answer has no header X-None; expected: ."),
        ({"json": {"$.id": 1, "$.sites[0].role": "Primary"}}, None),
        ({"json": {"$.id": 2}}, "$.id is 1, not 2"),
        ({"json": {"$.ok": 1}}, "$.ok is true, not 1"),
        ({"json": {"$.sites[1]": 1}}, "$.sites[1] is null, not 1"),
        ({"body_regex": '"lsn": 4'}, None),
        ({"body_regex": "nowhere"}, "the body does not match nowhere"),
    ],
)
async def test_expectations(expect: dict[str, Any], detail: str | None) -> None:
    """What was not as expected is said, with the place and what would be right."""
    sample = await seen(answer(message("200 OK", GOOD, "X-Site: hk")), expect=expect)
    assert sample.detail == (detail or "")
    assert sample.ok is (detail is None)


async def test_facts() -> None:
    """Role, writable, epoch, position and site are read from the answer."""
    sample = await seen(
        answer(message("200 OK", GOOD, "X-Site: hk")),
        role="$.sites[0].role",
        writable="$.rw",
        epoch="$.epoch",
        position="$.lsn",
        applied="$.none",
        served_by={"header": "X-Site"},
    )
    facts = sample.facts
    assert (facts.role, facts.writable, facts.epoch, facts.position) == (Role.PRIMARY, True, "7", 42)
    assert (facts.applied, facts.connected, facts.markers, facts.served_by) == (None, None, None, "hk")


async def test_a_page_where_facts_are_wanted_is_an_assertion() -> None:
    """An HTML page with status 200 in place of the JSON answer is not a good answer."""
    sample = await seen(answer(message("200 OK", b"<html>sorry</html>")), role="$.role")
    assert sample.reason is Reason.ASSERTION


async def test_deep_json_is_no_bug_of_ours() -> None:
    """Nesting that would overflow the parser is a bad answer."""
    sample = await seen(answer(message("200 OK", b"[" * 200_000)), role="$.role")
    assert sample.reason is Reason.ASSERTION


async def test_invalid_utf8_is_tolerated() -> None:
    """Bytes that are not UTF-8 neither break a look nor hide the text beside them."""
    data = message("200 OK", b"\xff\xfe all is well \xc3", "X-Odd: \u00e9")
    assert (await seen(answer(data), expect={"body_regex": "all is well", "header": {"X-Odd": "."}})).ok


def _hop(location: str) -> Behaviour:
    return answer(message("302 Found", b"", f"Location: {location}"))


async def test_redirects_are_followed_only_on_request() -> None:
    """A redirect fails by default, is followed when allowed, and is an answer when expected."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.read(65536)
        here = b"GET /there " in question
        writer.write(message("200 OK", b"here") if here else message("307 Moved", b"", "Location: there"))

    assert (await seen(behave)).reason is Reason.REDIRECT
    assert (await seen(behave, redirects=1, expect={"body_regex": "here"})).ok
    assert (await seen(behave, expect={"status": [307]})).ok


async def test_redirect_loops_end() -> None:
    """A circle and an endless chain of redirects are failures, not endless looks."""
    count = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        await reader.read(65536)
        writer.write(message("302 Found", b"", f"Location: /{count}"))

    assert "circle" in (await seen(_hop("/healthz"), redirects=5)).detail
    sample = await seen(endless, redirects=3)
    assert (sample.reason, count) == (Reason.REDIRECT, 4)
    assert (await seen(_hop("ftp://x"), redirects=3)).reason is Reason.REDIRECT


async def test_secrets_are_sent_to_the_configured_origin_only(tmp_path: Any) -> None:
    """A redirect to another origin does not carry the token there, and a changed secret is used by the next look."""
    asked: list[bytes] = []

    def keep(then: bytes) -> Behaviour:
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.read(65536))
            writer.write(then)

        return behave

    token = tmp_path / "token"
    token.write_text("s3cret\n")
    async with serve(keep(message("200 OK"))) as other:
        moved = message("302 Found", b"", f"Location: http://127.0.0.1:{other.port}/")
        async with serve(keep(moved)) as first:
            url = f"http://127.0.0.1:{first.port}/"
            looking = probe(
                "http", url=url, bearer_file=str(token), redirects=1, headers={"X-Env": {"file": str(token)}}
            )
            assert (await look(looking)).ok
            token.write_text("rotated")
            assert (await look(looking)).ok
            token.unlink()
            sample = await look(looking)
    assert b"Authorization: Bearer s3cret\r\n" in asked[0]
    assert b"X-Env: s3cret\r\n" in asked[0]
    assert b"rotated" in asked[2]
    assert not any(secret in asked[1] + asked[3] for secret in (b"s3cret", b"rotated"))
    assert sample.reason is Reason.AUTH


async def test_the_request() -> None:
    """Method, body, login and headers are sent as configured; no compression is asked for."""
    asked: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(65536))
        writer.write(message("200 OK"))

    auth = {"username": "u", "password": "p"}
    sample = await seen(behave, method="POST", json={"a": 1}, basic_auth=auth, headers={"host": "orders.example"})
    assert sample.ok
    head, _, body = asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /healthz HTTP/1.1\r\nhost: orders.example\r\n")
    assert b"Accept-Encoding: identity\r\n" in head
    assert b"Authorization: Basic dTpw" in head
    assert body == b'{"a": 1}'


async def test_every_address_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """`addresses: all` is as good as the worst address; `first` takes the first that accepts a connection."""
    monkeypatch.setattr("exporter.probes.resolve._lookup", lambda host: ("127.0.0.2", "127.0.0.1"))
    async with serve(answer(message("200 OK"))) as server:
        url = f"http://orders.example:{server.port}/"
        first = await look(probe("http", url=url))
        worst = await look(probe("http", url=url, addresses="all"))
    assert first.ok
    assert first.phases.resolve is not None
    assert worst.reason is Reason.REFUSED
    assert worst.phases.resolve is not None


class _Store:
    """A service that keeps canary markers as CanaryUrls says."""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.refusal = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _, body = (await reader.read(65536)).partition(b"\r\n\r\n")
        if head.startswith(b"PUT"):
            marker = json.loads(body)
            assert marker["vantage"] == "test"
            self.seqs.append(marker["seq"])
            writer.write(self.refusal or message("201 Created"))
        elif b"/markers?" in head:
            after = int(head.split(b"after=")[1].split(b"&")[0])
            assert b"vantage=test" in head
            writer.write(message("200 OK", json.dumps({"seqs": [s for s in self.seqs if s > after]}).encode()))
        else:
            writer.write(message("200 OK", b"{}"))


async def test_canary_markers() -> None:
    """Markers are written, and read in the same look as the main answer, above the number that was asked for."""
    async with serve(store := _Store()) as server:
        base = f"http://127.0.0.1:{server.port}"
        canary = {"put": f"{base}/markers", "get": f"{base}/markers"}
        looking = probe("http", url=f"{base}/", canary=canary)
        for seq in (3, 1, 2):
            await looking.write_marker(seq, 1e9, fresh=True)
        assert (await look(looking)).facts.markers is None
        assert (await look(looking, markers_after=1)).facts.markers == (2, 3)
        for status, reason in (
            ("403 Forbidden", Reason.PERMISSION),
            ("401 Unauthorized", Reason.AUTH),
            ("423 Locked", Reason.READ_ONLY),
            ("500 Broken", Reason.STATUS),
        ):
            store.refusal = message(status)
            with pytest.raises(Failure) as failed:
                await looking.write_marker(9, 1e9, fresh=True)
            assert failed.value.reason is reason
        store.refusal = message("503 Sorry", b'{"error": "read_only"}')
        with pytest.raises(Failure) as failed:
            await looking.write_marker(9, 1e9, fresh=True)
        assert failed.value.reason is Reason.READ_ONLY


async def test_markers_that_cannot_be_read_do_not_fail_the_look() -> None:
    """A broken marker store proves nothing; the service that answers as it should is not down."""
    async with serve(answer(message("200 OK", b'{"seqs": "?"}'))) as server:
        base = f"http://127.0.0.1:{server.port}"
        gone = f"http://127.0.0.1:{hostile.free_port()}/"
        for get in (base, gone):
            sample = await look(probe("http", url=base, canary={"put": base, "get": get}), markers_after=0)
            assert sample.ok
            assert sample.facts.markers is None


def test_what_the_kind_declares() -> None:
    """An endpoint is stateful when its role or writability is read, and takes a canary when told where."""
    kind = KINDS["http"]
    plain = kind.settings.model_validate({"url": "http://x/"})
    stateful = kind.settings.model_validate({"url": "http://x/", "writable": "$.rw"})
    assert not kind.stateful(plain)
    assert not kind.canary(plain)
    assert kind.stateful(stateful)
    assert kind.short == "url"


def test_the_target_hides_secrets() -> None:
    """Login and query of a URL are not shown."""
    assert probe("http", url="https://u:p@[::1]:8443/a/b?token=s").target == "https://[::1]:8443/a/b"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"url": "orders.example"}, "this is not a URL of http or https; write one like http://10.1.0.7:8080/healthz"),
        ({"url": "http://x:99999/"}, "this is not a URL of http or https"),
        ({"url": "http://x/", "role": "role"}, "'role' is not a JSON path; write one like $.status"),
        ({"url": "http://x/", "expect": {"body_regex": "("}}, "'(' is not a regular expression"),
        ({"url": "http://x/", "headers": {"a b": "c"}}, "'a b' is not the name of a header"),
        ({"url": "http://x/", "headers": {"a": "b\r\nc: d"}}, "holds a line break"),
        ({"url": "http://x/", "body": "a", "json": {}}, "body and json exclude each other"),
        ({"url": "http://x/", "served_by": {}}, "served_by needs exactly one of header and json"),
        ({"url": "http://x/", "tls": {"key_file": "k"}}, "key_file needs cert_file"),
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any], sentence: str) -> None:
    """What is wrong in the settings is said with what would be right."""
    with pytest.raises(ValueError, match="validation error") as error:
        KINDS["http"].settings.model_validate(wrong)
    assert sentence in str(error.value)

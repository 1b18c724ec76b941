"""The kind `http` on real servers, good and hostile."""

import asyncio
import json
from typing import Any

import pytest

from exporter.core.model import Reason, Role
from exporter.probes import KINDS
from tests.hostile import Behaviour, answer, message, serve
from tests.probes.looking import look, probe, seen

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


@pytest.mark.parametrize(
    "wanted", [{"role": "$.role"}, {"expect": {"json": {"$.id": 1}}}, {"expect": {"content": "json"}}]
)
@pytest.mark.parametrize(
    ("body", "header", "detail"),
    [
        (b"<html>sorry</html>", "X-None: 1", "HTML where JSON is due"),
        (b"\xef\xbb\xbf \n<!DOCTYPE html><title>blocked</title>", "X-None: 1", "HTML where JSON is due"),
        (b"<h1>sorry</h1>", "Content-Type: text/html", "HTML where JSON is due"),
        (b"sorry", "X-None: 1", "the answer is not JSON"),
        (b"[" * 200_000, "X-None: 1", "the answer is not JSON"),
    ],
    ids=["html", "bom", "type", "text", "deep"],
)
async def test_a_page_where_json_is_due(wanted: dict[str, Any], body: bytes, header: str, detail: str) -> None:
    """A page with status 200 in place of JSON is a failure that says so, and nesting that would overflow the parser is no bug of ours."""
    sample = await seen(answer(message("200 OK", body, header)), **wanted)
    assert (sample.reason, sample.detail) == (Reason.PROTOCOL, detail)


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


@pytest.mark.parametrize("secret", ["?token=s3cret", "#access_token=s3cret", "#a?s3cret", "?a#s3cret"])
async def test_a_redirect_is_told_without_its_secrets(secret: str) -> None:
    """Where it leads is told without login, query and fragment: identity providers hand tokens over in any of them."""
    detail = (await seen(_hop("https://u:s3cret@app.example.com/cb" + secret))).detail
    assert detail == "answers 302 to https://app.example.com/cb, and that redirect is not followed"


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


@pytest.mark.parametrize("status", ["307 Temporary", "308 Permanent"])
async def test_the_body_goes_to_the_configured_origin_only(status: str) -> None:
    """A login in the body follows a redirect within its own origin, and is never sent on to another one."""
    asked: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(65536))
        moved = asked[-1].startswith(b"POST /healthz ")
        writer.write(message(status, b"", f"Location: {location}") if moved else message("200 OK"))

    document = {"user": "probe", "password": "s3cret"}
    location = "/there"
    assert (await seen(behave, method="POST", json=document, redirects=1)).ok
    assert [b"s3cret" in question for question in asked] == [True, True]
    asked.clear()
    async with serve(behave) as other:
        location = f"http://localhost:{other.port}/there"
        sample = await seen(behave, method="POST", json=document, redirects=1)
    assert sample.reason is Reason.REDIRECT
    assert sample.detail == f"a redirect would carry the body of the request to {location}"
    assert len(asked) == 1


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
        ({"url": "http://x/", "served_by": {}}, "write exactly one of header, json, regex, address and certificate"),
        ({"url": "http://x/", "tls": {"key_file": "k"}}, "key_file needs cert_file"),
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any], sentence: str) -> None:
    """What is wrong in the settings is said with what would be right."""
    with pytest.raises(ValueError, match="validation error") as error:
        KINDS["http"].settings.model_validate(wrong)
    assert sentence in str(error.value)

"""Flows on a real service at two sites: who can log in, and who may do what."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.config import load, masked_yaml
from exporter.core.model import Reason
from exporter.probes import KINDS
from tests import hostile
from tests.hostile import Behaviour, answer, message, serve
from tests.probes.looking import look, probe
from tests.servers.orders import Orders

PASSWORD = Orders.password


def flow(*steps: dict[str, Any], **settings: Any) -> Any:
    return probe("flow", steps=steps, **settings)


def login(url: str, password: Any = PASSWORD, **more: Any) -> dict[str, Any]:
    document = {"user": "probe", "login": {"password": password}}
    return {"post": f"{url}/login", "json": document, "save": {"token": "$.token"}} | more


def order(url: str, number: object = 1, **more: Any) -> dict[str, Any]:
    return {"get": f"{url}/orders/{number}", "bearer": "{token}", "expect": {"json": {"$.id": number}}} | more


async def test_a_standby_restored_without_grants() -> None:
    """At the standby, restored without roles and grants, the login is fine and the permission denied; at the primary all is well."""
    async with Orders.primary("hk").serve() as hk, hk.restored("sg", without="grants").serve() as sg:
        good = await look(flow(login(hk.url), order(hk.url), served_by={"header": "X-Site"}))
        denied = await look(flow(login(sg.url), order(sg.url)))
    assert (good.ok, good.facts.served_by) == (True, "hk"), good.detail
    assert None not in (good.phases.connect, good.phases.processing, good.phases.transfer)
    assert denied.reason is Reason.PERMISSION
    assert denied.detail == f"step 2 (GET {sg.url}/orders/1): logged in, but not permitted: answers 403; expected: 2xx"
    assert denied.phases.transfer is not None


async def test_a_standby_restored_without_users() -> None:
    """Where the users are missing nobody can log in: that is another reason."""
    async with Orders.primary("hk").serve() as hk, hk.restored("sg", without="users").serve() as sg:
        sample = await look(flow(login(sg.url), order(sg.url)))
    assert sample.reason is Reason.AUTH
    assert sample.detail == f"step 1 (POST {sg.url}/login): cannot log in: answers 401; expected: 2xx"


def test_who_only_logs_in_proves_no_permission() -> None:
    """A flow that is nothing but the login tells that users are there, not what they may do."""
    kind, steps = KINDS["flow"], [login("http://hk"), order("http://hk")]
    proves = [
        kind.permissions(kind.settings.model_validate({"steps": steps[:some], "login_steps": logins}))
        for some, logins in ((1, 1), (2, 1), (2, 2), (2, 5), (1, 0))
    ]
    assert proves == [False, True, False, False, True]


async def test_what_a_flow_finds() -> None:
    """A wrong password, a token that is not honoured, a missing order and a wrong order are told apart."""
    async with Orders.primary("hk").serve() as hk:
        wrong_password = await look(flow(login(hk.url, "wrong"), order(hk.url)))
        bad_token = await look(flow(login(hk.url), order(hk.url, bearer="stale")))
        missing = await look(flow(login(hk.url), order(hk.url, 9)))
        other = await look(flow(login(hk.url), order(hk.url, expect={"json": {"$.item": "rice"}})))
    assert wrong_password.reason is Reason.AUTH
    assert (bad_token.reason, "answers 401" in bad_token.detail) == (Reason.PERMISSION, True)
    assert (missing.reason, "answers 404" in missing.detail) == (Reason.STATUS, True)
    assert (other.reason, '$.item is "tea", not "rice"' in other.detail) == (Reason.ASSERTION, True)


async def test_a_form_with_cookies_and_a_redirect() -> None:
    """A login page sets a cookie and sends on; later steps are logged in, and what a page says can be kept."""
    async with Orders.primary("hk").serve() as hk:
        form = {
            "post": f"{hk.url}/form",
            "form": {"user": "probe", "password": PASSWORD},
            "redirects": 1,
            "expect": {"body_regex": "Hello, probe"},
            "save": {
                "number": {"regex": r"Order (\d+)"},
                "site": {"header": "X-Site"},
                "session": {"cookie": "session"},
            },
        }
        there = await look(flow(form, order(hk.url, "{number}", bearer=None, expect={"json": {"$.item": "rice"}})))
        by_hand = await look(flow(form, order(hk.url, 2, bearer="{session}")))
        unfollowed = await look(flow(form | {"redirects": 0}))
        expected = {"expect": {"status": [302], "header": {"Location": "^/home$"}}, "save": {}, "redirects": 0}
        wrong = await look(flow(form | expected | {"form": {"user": "probe", "password": "wrong"}}))
        again = flow(form, order(hk.url, 1, bearer=None))
        hk.tokens.clear()
        assert (await look(again)).ok
        forgotten = await look(flow(order(hk.url, 1, bearer=None), login_steps=0))
    assert there.ok, there.detail
    assert by_hand.ok, by_hand.detail
    assert unfollowed.reason is Reason.REDIRECT
    assert wrong.reason is Reason.AUTH
    assert "cannot log in: the answer has another header Location" in wrong.detail
    assert forgotten.reason is Reason.PERMISSION, "no cookie is kept from one look to the next"


async def test_secrets_come_from_files_and_the_environment(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret may stand at any depth by reference, is read anew for each look, and one that is missing is named."""
    (tmp_path / "password").write_text("wrong\n")
    monkeypatch.setenv("PROBE_PW", PASSWORD)
    async with Orders.primary("hk").serve() as hk:
        assert (await look(flow(login(hk.url, {"env": "PROBE_PW"})))).ok
        document = {"user": "probe", "login": {"password_file": str(tmp_path / "password")}}
        from_file = flow(login(hk.url) | {"json": document})
        assert (await look(from_file)).reason is Reason.AUTH
        (tmp_path / "password").write_text(PASSWORD)
        assert (await look(from_file)).ok
        monkeypatch.delenv("PROBE_PW")
        sample = await look(flow(login(hk.url, {"env": "PROBE_PW"})))
    assert (sample.reason, "the environment has no PROBE_PW" in sample.detail) == (Reason.AUTH, True)


def _echo(asked: list[bytes]) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(65536))
        body = b'{"token": "tok-123456789012345678901234567890", "id": 7, "echo": "' + PASSWORD.encode() + b'"}'
        writer.write(message("200 OK", body, "Set-Cookie: s=cookie-123456789; Path=/", "Set-Cookie: t=2"))

    return behave


async def test_kept_values_fill_what_comes_later() -> None:
    """In URLs they are quoted, in JSON they keep their type, and double braces are that text itself."""
    asked: list[bytes] = []
    async with serve(_echo(asked)) as server:
        url = f"http://127.0.0.1:{server.port}"
        sample = await look(
            flow(
                {"get": f"{url}/", "save": {"id": "$.id", "echo": {"regex": '("id": 7)'}}},
                {
                    "put": f"{url}/{{echo}}?of={{id}}",
                    "query": {"x": "{id}&", "flag": True},
                    "headers": {"X-Id": "n{id}"},
                    "json": {"id": "{id}", "list": ["{id}.", "{{id}}", None, 1.5], "text": "{ id }"},
                },
                {"delete": f"{url}/x", "form": {"a": "{id}", "b": 2}, "expect": {"json": {"$.id": "{id}"}}},
                {"patch": f"{url}/x", "body": "id={id}", "basic_auth": {"username": "u", "password": PASSWORD}},
                {"head": f"{url}/x", "expect": {"status": [200]}},
            )
        )
    assert sample.ok, sample.detail
    head, _, body = asked[1].partition(b"\r\n\r\n")
    head += b"\r\n"
    assert head.startswith(b"PUT /%22id%22%3A%207?of=7&x=7%26&flag=true HTTP/1.1\r\n")
    assert b"\r\nX-Id: n7\r\n" in head
    assert b"\r\nCookie: s=cookie-123456789; t=2\r\n" in head
    assert b"\r\nContent-Type: application/json\r\n" in head
    assert body == b'{"id": 7, "list": ["7.", "{id}", null, 1.5], "text": "{ id }"}'
    assert asked[2].endswith(b"\r\n\r\na=7&b=2")
    assert asked[3].endswith(b"\r\n\r\nid=7")
    assert asked[4].startswith(b"HEAD /x HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "expect",
    [
        {"json": {"$.token": "x"}},
        {"json": {"$.echo": "x"}},
        {"error_code": "$.token"},
        {"error_code": "$.echo"},
        {"header": {"Set-Cookie": "^x"}},
    ],
)
async def test_no_secret_is_told(expect: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a kept value nor a revealed secret stands in a detail, even where the service says it again."""
    monkeypatch.setenv("PROBE_PW", PASSWORD)
    async with serve(_echo([])) as server:
        url = f"http://127.0.0.1:{server.port}/?key=hidden-in-query"
        first = {"post": url, "form": {"password": {"env": "PROBE_PW"}}, "save": {"token": "$.token"}}
        sample = await look(flow(first, {"get": url, "bearer": "{token}", "expect": expect}))
    assert not sample.ok
    assert sample.detail.startswith(f"step 2 (GET http://127.0.0.1:{server.port}/): ")
    for secret in ("tok-123", PASSWORD, "cookie-123", "hidden"):
        assert secret not in sample.detail


@pytest.mark.parametrize("redirects", [0, 1])
@pytest.mark.parametrize("again", [str, str.lower])
async def test_no_secret_is_told_as_it_stands_in_a_url(again: Callable[[str], str], redirects: int) -> None:
    """A kept value is percent-encoded in a URL; where a redirect repeats that it is not told either."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = again((await reader.read(65536)).split()[1].decode())
        if path == "/login":
            writer.write(message("200 OK", b'{"token": "A1/B2+C3==topsecret"}'))
        else:
            writer.write(message("302 Found", b"", f"Location: {path}"))

    async with serve(behave) as server:
        url = f"http://127.0.0.1:{server.port}"
        steps = (
            {"get": f"{url}/login", "save": {"token": "$.token"}},
            {"get": url + "/of/{token}", "redirects": redirects},
        )
        sample = await look(flow(*steps))
    assert sample.reason is Reason.REDIRECT
    assert "/of/<secret>" in sample.detail


async def test_secrets_stay_with_the_configured_hosts() -> None:
    """A redirect elsewhere carries neither token nor cookie there, and never the body of a login."""
    asked: list[bytes] = []
    async with serve(_echo(asked)) as other, serve(_echo(asked)) as server:
        url = f"http://127.0.0.1:{server.port}/"

        async def sends_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65536)
            location = f"Location: http://localhost:{other.port}/there"
            writer.write(message("307 Elsewhere", b"", location, "Set-Cookie: s=cookie-123456789"))

        server.behaviour = sends_on
        got = await look(flow({"get": url, "bearer": PASSWORD, "redirects": 1}))
        posted = await look(flow({"post": url, "body": PASSWORD, "redirects": 1}))
    assert got.ok, got.detail
    assert len(asked) == 1
    assert b"Authorization" not in asked[0]
    assert b"Cookie" not in asked[0]
    assert posted.reason is Reason.REDIRECT
    assert "would carry the body of the request to http://localhost" in posted.detail


async def test_a_post_may_lead_back_to_its_own_page() -> None:
    """A form that redirects to itself is the usual way, and no circle."""

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        posted = (await reader.read(65536)).startswith(b"POST")
        writer.write(message("302 Found", b"", "Location: /") if posted else message("200 OK", b"welcome"))

    async with serve(page) as server:
        url = f"http://127.0.0.1:{server.port}/"
        sample = await look(flow({"post": url, "redirects": 1, "expect": {"body_regex": "welcome"}}))
    assert sample.ok, sample.detail


@pytest.mark.parametrize("token", ["\\ud800half", "a\\r\\nX-Evil: 1", "a b/../c?d#e"])
async def test_hostile_tokens(token: str) -> None:
    """What a service tells as its token cannot break out of the place where it is sent."""
    asked: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(65536))
        writer.write(message("200 OK", f'{{"token": "{token}"}}'.encode()))

    async with serve(behave) as server:
        url = f"http://127.0.0.1:{server.port}"
        later = {"get": f"{url}/x/{{token}}/y", "query": {"t": "{token}"}, "form": {"t": "{token}"}}
        quoted = await look(flow(login(url), later))
        sent = len(asked)
        in_a_header = await look(flow(login(url), {"get": url, "bearer": "{token}"}))
    assert quoted.ok, quoted.detail
    assert (sent, asked[1].count(b"\r\nX-Evil")) == (2, 0)
    assert asked[1].split(b" ")[2].startswith(b"HTTP/1.1\r\n")
    assert in_a_header.ok is ("\\r" not in token), in_a_header.detail


@pytest.mark.parametrize(
    ("behaviour", "reason", "detail"),
    [
        (answer(message("200 OK", b"<html>blocked</html>")), Reason.PROTOCOL, "HTML where JSON is due"),
        (answer(message("200 OK", b"{}")), Reason.AUTH, "cannot log in: the answer tells nothing to keep as token"),
        (answer(message("200 OK", b'{"token": {}}')), Reason.AUTH, "cannot log in: the answer tells nothing to keep"),
        (answer(message("400 Bad Request")), Reason.AUTH, "cannot log in: answers 400"),
        (answer(message("403 Forbidden")), Reason.AUTH, "cannot log in: answers 403"),
        (answer(message("404 Not Found")), Reason.STATUS, "answers 404"),
        (answer(message("503 Unavailable")), Reason.STATUS, "answers 503"),
        (hostile.reset, Reason.RESET, ""),
        (hostile.ENDLESS_BODY, Reason.TOO_LARGE, "larger than 1000 bytes"),
    ],
)
async def test_a_login_that_fails(behaviour: Behaviour, reason: Reason, detail: str) -> None:
    """Only an answer that refuses is "cannot log in"; a broken service keeps its own reason."""
    async with serve(behaviour) as server:
        sample = await look(flow(login(f"http://127.0.0.1:{server.port}"), max_body=1000))
    assert sample.reason is reason, sample.detail
    assert detail in sample.detail
    assert sample.detail.startswith("step 1 (POST ")


async def test_the_whole_flow_has_one_deadline() -> None:
    """A step that hangs costs what is left of the look's time, and no more."""
    hanging = asyncio.Event()

    async def second_hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"/login" in await reader.read(65536):
            writer.write(message("200 OK", b'{"token": "t"}'))
        else:
            hanging.set()
            await asyncio.Event().wait()

    async with serve(second_hangs) as server:
        url = f"http://127.0.0.1:{server.port}"
        sample = await look(flow(login(url), order(url)), timeout=0.2)
    assert hanging.is_set()
    assert sample.reason is Reason.TIMEOUT
    assert sample.detail.startswith(f"step 2 (GET {url}/orders/1): no complete answer within ")
    assert sample.phases.transfer is not None


def test_no_secret_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The effective configuration shows a flow without its secrets, plain ones are warned of, and names of kept values are not."""
    monkeypatch.setenv("PROBE_PW", PASSWORD)
    steps = [
        {
            "post": "http://127.0.0.1/login",
            "json": {"deep": [{"password": {"env": "PROBE_PW"}}]},
            "save": {"token": "$.t"},
        },
        {"get": "http://127.0.0.1/?access_token={token}", "bearer": "{token}", "form": {"api_key": PASSWORD}},
    ]
    site = {"hk": {"login": {"flow": {"steps": steps}}}}
    system = {"components": {"login": {"critical": True}}, "sites": site}
    (tmp_path / "dr.yml").write_text(
        json.dumps({"exporter": {"references": ["tcp://192.0.2.1:443"]}, "systems": {"shop": system}})
    )
    loaded = load(tmp_path / "dr.yml", KINDS)
    [warning] = loaded.warnings
    assert "steps[1].form.api_key: a secret stands here in plain text" in str(warning)
    shown = masked_yaml(loaded)
    assert PASSWORD not in shown
    assert "http://127.0.0.1/login" in shown


STEP = {"get": "http://x/"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"steps": []}, "at least 1 item"),
        ({"steps": [{}]}, "write exactly one of get, post, put, patch, delete, head, with its URL"),
        ({"steps": [STEP | {"post": "http://x/"}]}, "write exactly one of get"),
        ({"steps": [STEP | {"json": {}, "body": "x"}]}, "json, form and body exclude each other"),
        (
            {"steps": [STEP | {"bearer": "x", "basic_auth": {"username": "u", "password": "p"}}]},
            "basic_auth and bearer exclude each other",
        ),
        ({"steps": [{"get": "x"}]}, "this is not a URL of http or https"),
        ({"steps": [{"get": "http://{host}/"}]}, "a kept value may stand behind the host only"),
        ({"steps": [{"get": "http://u:{pw}@x/"}]}, "a kept value may stand behind the host only"),
        (
            {"steps": [STEP | {"bearer": "{token}"}]},
            "step 1 wants {token}, which no earlier step saves; add it to `save`",
        ),
        (
            {"steps": [STEP | {"save": {"token": "$.t"}}, STEP | {"json": [{"a": "{tokn}"}]}]},
            "step 2 wants {tokn}, which no earlier step saves; write one of token, or {{tokn}} for that text itself",
        ),
        ({"steps": [STEP | {"save": {"a b": "$.t"}}]}, "'a b' is no name for a kept value"),
        ({"steps": [STEP | {"save": {"a": {"cookie": "c", "json": "$.t"}}}]}, "exactly one of header, json, regex and"),
        ({"steps": [STEP | {"form": {"password": "x", "password_file": "y"}}]}, "password and password_file are both"),
    ],
)
def test_flows_that_cannot_be(wrong: dict[str, Any], sentence: str) -> None:
    """What is wrong in a flow is said with what would be right."""
    with pytest.raises(ValueError, match="validation error") as error:
        KINDS["flow"].settings.model_validate(wrong)
    assert sentence in str(error.value)

"""The configuration that `init --template dingtalk` writes, against a fake of DingTalk's open API."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.config import load, template
from exporter.core.model import Part, Reason
from exporter.probes import KINDS
from exporter.probes.kind import Context, Probe
from tests.probes.looking import look
from tests.servers.service import serving

SECRET = "very-secret-appsecret-0123456789"
TOKEN = "f0e1d2c3b4a5968778695a4b3c2d1e0f"
BUSY = "ding talk error[subcode=90002,submsg=too many calls]"
BAD_TOKEN = "ding talk error[subcode=40014,submsg=invalid access_token]"
NO_SCOPE = (
    "ding talk error[subcode=60011,submsg=no permission for this API, {requiredScopes=[qyapi_get_department_list]}]"
)


class DingTalk:
    """Answers like https://oapi.dingtalk.com, always with status 200."""

    def __init__(self, called: dict[str, Any] | str) -> None:
        self.called = called
        """What the call is answered to the holder of a token: JSON, or a page."""
        self.url = ""

    async def gettoken(self, request: web.Request) -> web.Response:
        if request.query.get("appsecret") != SECRET:
            return web.json_response({"errcode": 40089, "errmsg": "invalid appkey or appsecret"})
        return web.json_response({"errcode": 0, "access_token": TOKEN, "errmsg": "ok", "expires_in": 7200})

    async def listsub(self, request: web.Request) -> web.Response:
        if request.query.get("access_token") != TOKEN or await request.json() != {"dept_id": 1}:
            return web.json_response({"errcode": 88, "sub_code": "40014", "errmsg": BAD_TOKEN})
        if isinstance(self.called, str):
            return web.Response(text=self.called, content_type="text/html")
        return web.json_response(self.called)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["DingTalk"]:
        routes = [web.get("/gettoken", self.gettoken), web.post("/topapi/v2/department/listsub", self.listsub)]
        async with serving(*routes) as self.url:
            yield self

    def probe(self, folder: Path, secret: str) -> Probe:
        """What the template makes, but for the address and the secret."""
        (folder / "appsecret").write_text(secret)
        text = template("dingtalk").replace("https://oapi.dingtalk.com", self.url)
        (folder / "dr.yml").write_text(re.sub(r"/run/secrets/[\w-]+", str(folder / "appsecret"), text))
        loaded = load(folder / "dr.yml", KINDS)
        assert loaded.warnings == []
        endpoint = loaded.config.systems["dingtalk"].endpoints[Part("dingtalk", "openapi")]
        return KINDS[endpoint.kind].build(endpoint.settings, Context(vantage="test"))


@pytest.mark.parametrize(
    ("called", "reason", "detail"),
    [
        ({"errcode": 0, "errmsg": "ok", "result": []}, None, ""),
        ({"errcode": 88, "sub_code": "60011", "errmsg": NO_SCOPE}, Reason.PERMISSION, 'is "60011"'),
        (
            {"errcode": 60011, "errmsg": "no permission"},
            Reason.PERMISSION,
            "logged in, but not permitted: $.errcode is 60011",
        ),
        ({"errcode": 88, "errmsg": "denied"}, Reason.PERMISSION, "logged in, but not permitted: $.errcode is 88"),
        ({"errcode": 88, "errmsg": BUSY}, Reason.ERROR_CODE, '$.errcode is 88, the match of subcode=(\\d+) is "90002"'),
        ({"errcode": 88, "errmsg": BAD_TOKEN}, Reason.AUTH, 'is "40014"'),
        ({"errcode": -1, "errmsg": "busy"}, Reason.ERROR_CODE, "$.errcode is -1"),
        ("<!DOCTYPE html><title>blocked</title>", Reason.PROTOCOL, "HTML where JSON is due"),
    ],
)
async def test_calls(called: Any, reason: Reason | None, detail: str, tmp_path: Path) -> None:
    """A good answer, a missing permission in both its forms, other errors and a block page are told apart."""
    async with DingTalk(called).serve() as fake:
        sample = await look(fake.probe(tmp_path, SECRET))
    assert sample.reason is reason, sample.detail
    assert detail in sample.detail
    assert TOKEN not in sample.detail
    assert reason is None or sample.detail.startswith(f"step 2 (POST {fake.url}/topapi/v2/department/listsub): ")


async def test_a_bad_secret(tmp_path: Path) -> None:
    """A wrong secret is "cannot log in", though the answer has status 200; the secret is not told."""
    async with DingTalk({"errcode": 0}).serve() as fake:
        sample = await look(fake.probe(tmp_path, "another-secret"))
    assert sample.reason is Reason.AUTH
    assert sample.detail == f"step 1 (GET {fake.url}/gettoken): cannot log in: $.errcode is 40089"


async def test_a_page_where_the_token_is_due(tmp_path: Path) -> None:
    """A login page of the network in between is no refusal by DingTalk."""
    fake = DingTalk({})
    fake.gettoken = _blocked  # type: ignore[method-assign]  # the fake's own is replaced on purpose
    async with fake.serve():
        sample = await look(fake.probe(tmp_path, SECRET))
    assert (sample.reason, "HTML where JSON is due" in sample.detail) == (Reason.PROTOCOL, True)


async def _blocked(request: web.Request) -> web.Response:
    return web.Response(text="<html>pay for your Wi-Fi</html>", content_type="text/html")

"""A fake of DingTalk's custom robots, as strict as the real ones: signatures, 20 a minute and then a block, `errcode`, pages.

The real one answers almost everything with status 200: refusals as an `errcode`, a blocked sender with a page of HTML.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from tests.servers.service import serving

PAGE = "<!DOCTYPE html><html><head><title>Sorry, your visit has been blocked</title></head><body>405</body></html>"
ALLOWED, WINDOW, BLOCKED_FOR = 20, 60.0, 600.0
BYTES_MOST = 20_000
Mood = Literal["good", "errcode", "page", "redirect", "status", "hang", "lose", "links"]
"""`lose`: takes the message and breaks the connection before the answer; `links`: takes only messages without a link."""


@dataclass
class FakeRobot:
    """One robot, and what it was sent."""

    token: str
    secret: str
    mood: Mood = "good"
    tries: list[float] = field(default_factory=list)
    """Instants of every request that was signed as it should be."""
    accepted: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What it refused, and why."""
    blocked_until: float = 0.0

    @property
    def texts(self) -> list[str]:
        return [message["markdown"]["text"] for message in self.accepted]

    def is_signed(self, timestamp: str, sign: str) -> bool:
        """Written after DingTalk's description, not after our code."""
        if not timestamp.isdigit() or abs(time.time() * 1000 - int(timestamp)) > 3_600_000:
            return False
        text = f"{timestamp}\n{self.secret}".encode()
        return base64.b64encode(hmac.new(self.secret.encode(), text, hashlib.sha256).digest()).decode() == sign

    def is_too_fast(self) -> bool:
        now = time.monotonic()
        self.tries.append(now)
        if sum(at > now - WINDOW for at in self.tries) > ALLOWED:
            self.blocked_until = now + BLOCKED_FOR
        return now < self.blocked_until


class FakeDingTalk:
    """Several robots on one loopback address."""

    def __init__(self, *robots: FakeRobot) -> None:
        self.robots = robots or (FakeRobot("0123456789abcdef-token", "SEC0123456789abcdef-secret"),)
        self.url = ""
        self._over = asyncio.Event()

    def address(self, robot: FakeRobot) -> str:
        """The URL that its owner copies from the group's settings."""
        return f"{self.url}/robot/send?access_token={robot.token}"

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["FakeDingTalk"]:
        async with serving(web.post("/robot/send", self._send)) as self.url:
            try:
                yield self
            finally:
                self._over.set()

    async def _send(self, request: web.Request) -> web.StreamResponse:
        robot = next((one for one in self.robots if one.token == request.query.get("access_token")), None)
        if robot is None:
            return _errcode(300001, "token is not exist")
        if not robot.is_signed(request.query.get("timestamp", ""), request.query.get("sign", "")):
            robot.problems.append("signature")
            return _errcode(310000, f"sign not match, more: {request.query.get('sign')} {robot.token}")
        blocked_before = time.monotonic() < robot.blocked_until
        if robot.is_too_fast():
            robot.problems.append("too fast")
            if blocked_before:
                return web.Response(text=PAGE, content_type="text/html")
            return _errcode(130101, "send too fast, exceed 20 times per minute")
        return await self._taken(robot, request)

    async def _taken(self, robot: FakeRobot, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        refused = await self._in_a_mood(robot, request, body)
        if refused is not None:
            robot.problems.append(robot.mood)
            return refused
        wrong = _what_is_wrong(request, body)
        if wrong is not None:
            robot.problems.append(wrong[1])
            return _errcode(*wrong)
        robot.accepted.append(json.loads(body))
        if robot.mood == "lose":
            assert request.transport is not None
            request.transport.abort()
        return _errcode(0, "ok")

    async def _in_a_mood(self, robot: FakeRobot, request: web.Request, body: bytes) -> web.StreamResponse | None:
        match robot.mood:
            case "errcode":
                return _errcode(400102, f"robot is stopped, {request.query['access_token']}")
            case "page":
                return web.Response(text=PAGE, content_type="text/html")
            case "redirect":
                raise web.HTTPFound(f"{self.url}/robot/send?{request.query_string}")
            case "status":
                return web.json_response({"errcode": 0, "errmsg": "ok"}, status=503)
            case "links" if b"](http" in body:
                return _errcode(430101, "unsafe link")
            case "hang":
                await self._over.wait()
        return None


def _what_is_wrong(request: web.Request, body: bytes) -> tuple[int, str] | None:
    if len(body) > BYTES_MOST:
        return 460101, "message too long, exceed 20000 bytes"
    if request.content_type != "application/json" or request.charset != "utf-8":
        return 43004, "invalid content type"
    message = json.loads(body)
    if message.get("msgtype") != "markdown" or not {"title", "text"} <= message["markdown"].keys():
        return 40035, "parameter is not valid"
    return None


def _errcode(code: int, words: str) -> web.Response:
    return web.json_response({"errcode": code, "errmsg": words})

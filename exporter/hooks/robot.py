"""One custom robot of a DingTalk group: signs and sends a message, and says what became of it.

Signature (DingTalk, custom robots, "additional signature"): base64(HMAC-SHA256(secret, "<timestamp>\\n<secret>")) beside the
timestamp in milliseconds, which may be an hour off at most. DingTalk tells almost every failure with status 200: by an
`errcode`, or by a page when it blocks a sender that was too fast.
"""

import asyncio
import base64
import hmac
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from exporter.hooks.bucket import Bucket
from exporter.settings import Secret

WITHIN = 5.0
"""Seconds for one message, from the look-up of the name to the last byte of the answer."""
ANSWER_MOST = 64 * 1024
"""Bytes of an answer; a good one has some 30."""
REST = 5.0
"""Seconds for which a robot rests after a failure, so that another one is tried first."""
REST_THROTTLED = 60.0
"""Seconds for which it rests after it was too fast. DingTalk blocks it for ten minutes, but it may be another sender that was
too fast, or the block may end sooner: one try a minute is no trouble and finds out."""
_TOO_FAST = (130101, 410100)
_CONTENT = (430101, 430102, 430103, 430104, 460101)
"""A link or a word that DingTalk does not like, or a text that it finds too long."""


class Outcome(StrEnum):
    """What became of a message. A closed list: it is a label."""

    DELIVERED = "delivered"
    THROTTLED = "throttled"
    CONTENT = "content"
    ERRCODE = "errcode"
    PAGE = "page"
    REDIRECT = "redirect"
    STATUS = "status"
    TOO_LARGE = "too_large"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    SECRET = "secret"  # noqa: S105 - an outcome: the secret could not be read


class RobotSettings(Protocol):
    """As `exporter.config` has it. Secrets are read anew for each message."""

    @property
    def url(self) -> Secret: ...
    @property
    def secret(self) -> Secret: ...


@dataclass(slots=True)
class Robot:
    """Where it sends, how often it may, and until when it rests."""

    settings: RobotSettings
    bucket: Bucket
    rests_until: float = float("-inf")
    sent: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))

    def wait(self, now: float, *, urgent: bool) -> float:
        """Seconds until it may send; 0.0 if it may now."""
        return max(0.0, self.rests_until - now, self.bucket.wait(now, urgent=urgent))

    async def send(self, http: aiohttp.ClientSession, body: bytes, wall: Callable[[], float]) -> tuple[Outcome, str]:
        """Send one message; never raises but when cancelled. The words beside the outcome hold no secret."""
        now = asyncio.get_running_loop().time()
        self.bucket.take(now)
        try:
            url, secret = self.settings.url.reveal(), self.settings.secret.reveal()
            target = signed(url, secret, wall())
        except ValueError as error:
            outcome, detail = Outcome.SECRET, str(error)
        else:
            outcome, detail = await _post(http, target, body)
            detail = scrubbed(detail, url, secret)
        self.sent[outcome] += 1
        if outcome in (Outcome.THROTTLED, Outcome.PAGE, Outcome.REDIRECT):
            self.rests_until = asyncio.get_running_loop().time() + REST_THROTTLED
        elif outcome not in (Outcome.DELIVERED, Outcome.CONTENT):
            self.rests_until = asyncio.get_running_loop().time() + REST
        return outcome, detail


def signed(url: str, secret: str, wall: float) -> URL:
    """The robot's URL with timestamp and signature. `wall`: Unix seconds. Raises ValueError if it is not the URL of a robot."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isascii() and url.isprintable()
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("the URL of the robot is none; copy it from the group's settings, it begins with https://")
    stamp = f"{wall * 1000:.0f}"
    digest = hmac.digest(secret.encode(), f"{stamp}\n{secret}".encode(), "sha256")
    sign = quote(base64.b64encode(digest), safe="")
    return URL(f"{url}{'&' if parts.query else '?'}timestamp={stamp}&sign={sign}", encoded=True)


def scrubbed(text: str, url: str, secret: str) -> str:
    """One short line without anything of the robot's URL or secret in it: a server may repeat what it was sent."""
    for part in (secret, *(value for value in urlsplit(url).query.replace("=", "&").split("&") if len(value) > 7)):
        text = text.replace(part, "<secret>")
    return "".join(char if char.isprintable() else " " for char in text[:200])


async def _post(http: aiohttp.ClientSession, url: URL, body: bytes) -> tuple[Outcome, str]:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    try:
        async with (
            asyncio.timeout(WITHIN),
            http.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            if answer.status // 100 == 3:
                return Outcome.REDIRECT, f"status {answer.status}, a redirect"
            if answer.status != 200:
                return Outcome.STATUS, f"status {answer.status}"
            text = bytearray()
            async for piece in answer.content.iter_any():
                text += piece
                if len(text) > ANSWER_MOST:
                    return Outcome.TOO_LARGE, "the answer has no end"
            return judge(bytes(text))
    except TimeoutError:
        return Outcome.TIMEOUT, f"no answer within {WITHIN:g} s; it may have been delivered all the same"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Outcome.UNREACHABLE, f"no answer: {type(error).__name__}"


def judge(text: bytes) -> tuple[Outcome, str]:
    """What an answer with status 200 means."""
    try:
        told: Any = json.loads(text)
        code = told["errcode"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return (
            Outcome.PAGE,
            "the answer is not what DingTalk's API says, but a page: it blocks us, or somebody stands between",
        )
    if code == 0 and not isinstance(code, bool):
        return Outcome.DELIVERED, ""
    detail = f"errcode {code!s:.20}: {told.get('errmsg', '')!s:.150}"
    if code in _TOO_FAST:
        return Outcome.THROTTLED, detail
    return (Outcome.CONTENT if code in _CONTENT else Outcome.ERRCODE), detail


class OwnThread(AbstractResolver):
    """Looks a name up in a thread of its own: a hung name must not keep the threads that others share."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError, as aiohttp expects."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def land(result: list[ResolveResult], error: OSError | None) -> None:
            if found.done():
                return
            if error is None:
                found.set_result(result)
            else:
                found.set_exception(error)

        def look_up() -> None:
            result: list[ResolveResult] = []
            error = None
            try:
                for kind, _, _, _, address in socket.getaddrinfo(host, port, family, socket.SOCK_STREAM):
                    where = str(address[0])
                    result.append(ResolveResult(hostname=host, host=where, port=port, family=kind, proto=0, flags=0))
            except (OSError, ValueError) as problem:
                error = OSError(f"{host} cannot be resolved: {problem}")
            try:
                loop.call_soon_threadsafe(land, result, error)
            except RuntimeError:
                return  # the loop was closed while we waited; nobody wants to know any more

        threading.Thread(target=look_up, name="resolve for a hook", daemon=True).start()
        return await found

    async def close(self) -> None:
        """Nothing is kept."""

"""Who may read: basic auth against bcrypt hashes, checked in a thread and once, so that a scrape costs no bcrypt."""

import asyncio
import binascii
import hashlib
import hmac
import os
import ssl
from base64 import b64decode
from collections.abc import Awaitable, Callable
from pathlib import Path

import bcrypt
from aiohttp import hdrs, web

from exporter.web.answers import problem
from exporter.web.attempts import ATTEMPTS, slow_down
from exporter.web.webconfig import WebConfig, load_certificate, load_web_config, tls_context

REMEMBERED = 100
"""Wrong logins that are kept; of right ones there are only as many as users."""
QUEUE_MOST = 32
"""Logins that may wait for bcrypt, some 50 ms each: the last of them still gets its answer in time."""
READING = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})


class BusyError(Exception):
    """Too many logins wait to be checked; those that were right before need no check."""


class Guard:
    """The web config file in use. `reload` reads it again; what is wrong then changes nothing."""

    def __init__(self, path: Path) -> None:
        """Raises WebConfigError."""
        self._path = path
        self._config = load_web_config(path)
        tls = self._config.tls_server_config
        self.tls: ssl.SSLContext | None = None if tls is None else tls_context(tls, path.parent)
        self._salt = os.urandom(32)
        self._right: set[bytes] = set()
        self._wrong: dict[bytes, None] = {}
        self._one_at_a_time = asyncio.Lock()
        self._queue = 0
        """Logins that wait for bcrypt."""

    def reload(self) -> None:
        """Users, headers and a renewed certificate; the other TLS settings stay until a restart. Raises WebConfigError."""
        config: WebConfig = load_web_config(self._path)
        if self.tls is not None and config.tls_server_config is not None:
            load_certificate(self.tls, config.tls_server_config, self._path.parent)
        self._config = config
        self._right.clear()
        self._wrong.clear()

    async def set_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Signal handler: the configured headers on every answer."""
        response.headers.update(self._config.headers)

    @property
    def middleware(self) -> Callable[..., Awaitable[web.StreamResponse]]:
        @web.middleware
        async def only_with_a_login(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            # What changes something asks for its bearer token itself, and a request has room for one of the two.
            refused = await self._refusal(request) if request.method in READING else None
            return await handler(request) if refused is None else refused

        return only_with_a_login

    async def _refusal(self, request: web.Request) -> web.Response | None:
        """Why this request may not read; None if it may."""
        if not self._config.basic_auth_users:
            return None
        login = request.headers.get(hdrs.AUTHORIZATION, "")
        attempts = request.app[ATTEMPTS]
        if login:
            wait = attempts.begin(request.remote, login)
            if wait:
                return slow_down(wait)
            try:
                right = await self.admits(login)
            except BusyError:
                return problem(503, "too many logins wait to be checked; try again", {hdrs.RETRY_AFTER: "1"})
            if right:
                attempts.right(request.remote, login)
                return None
        return problem(
            401, "reading needs a login; send basic auth", {hdrs.WWW_AUTHENTICATE: 'Basic realm="rto-rpo-exporter"'}
        )

    async def admits(self, authorization: str) -> bool:
        """Whether these are the credentials of a configured user; True when none are configured. Raises BusyError."""
        users = self._config.basic_auth_users
        if not users:
            return True
        user, password = _credentials(authorization)
        if user is None:
            return False
        # The refusal of users that do not exist takes as long as a wrong password's: it tells nobody which there are.
        stored = users.get(user) or max(users.values(), key=_cost)
        key = hmac.digest(self._salt, b"\0".join((stored.encode(), user.encode(), password)), hashlib.sha256)
        if key not in self._right and key not in self._wrong:
            if self._queue >= QUEUE_MOST:
                raise BusyError
            self._queue += 1
            try:
                async with self._one_at_a_time:  # a flood of guesses gets one thread, not all
                    if key not in self._right and key not in self._wrong:
                        self._remember(key, await asyncio.to_thread(_matches, password, stored) and user in users)
            finally:
                self._queue -= 1
        return key in self._right

    def _remember(self, key: bytes, right: bool) -> None:
        """Guesses push out older guesses, never a right login: that would have to wait in their queue."""
        if right:
            self._right.add(key)
            return
        if len(self._wrong) >= REMEMBERED:
            del self._wrong[next(iter(self._wrong))]
        self._wrong[key] = None


def _credentials(authorization: str) -> tuple[str | None, bytes]:
    """(user, password) of a basic auth header; user None when it is not one."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None, b""
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode() if colon else None), password
    except (binascii.Error, ValueError):
        return None, b""


def _cost(stored: str) -> str:
    return stored[4:6]


def _matches(password: bytes, stored: str) -> bool:
    try:
        return bcrypt.checkpw(password, stored.encode())
    except ValueError:  # longer than the 72 bytes that bcrypt takes, or with a zero byte: no such password was hashed
        return False

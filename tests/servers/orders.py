"""A small service as people run it: a login, orders that only those with a grant may see, a database of its own at each site."""

import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.servers.service import serving

SCHEMA = """
CREATE TABLE users (name TEXT PRIMARY KEY, password TEXT);
CREATE TABLE grants (name TEXT, permission TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT);
INSERT INTO users VALUES ('probe', 's3cret-pass');
INSERT INTO grants VALUES ('probe', 'orders.read');
INSERT INTO orders VALUES (1, 'tea'), (2, 'rice');
"""


class Orders:
    """One site. `password` is the one that its user `probe` has."""

    password = "s3cret-pass"

    def __init__(self, site: str, database: sqlite3.Connection) -> None:
        self.site = site
        self.database = database
        self.url = ""
        self.tokens: dict[str, str] = {}
        """Token -> user."""

    @classmethod
    def primary(cls, site: str) -> "Orders":
        database = sqlite3.connect(":memory:")
        database.executescript(SCHEMA)
        return cls(site, database)

    def restored(self, site: str, *, without: str = "") -> "Orders":
        """Another site, from a dump of this one in which the rows of one table are left out."""
        database = sqlite3.connect(":memory:")
        lines = (line for line in self.database.iterdump() if not line.startswith(f'INSERT INTO "{without}"'))
        database.executescript("\n".join(lines))
        return Orders(site, database)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["Orders"]:
        """On a free port, until the block ends."""
        routes = [
            web.post("/login", self.login),
            web.post("/form", self.login_form),
            web.get("/home", self.home),
            web.get("/orders/{id}", self.order),
            web.get("/kpi", self.kpi),
        ]
        async with serving(*routes) as self.url:
            yield self

    def _enter(self, user: object, password: object) -> str | None:
        query = "SELECT 1 FROM users WHERE name = ? AND password = ?"
        if self.database.execute(query, (user, password)).fetchone() is None:
            return None
        token = secrets.token_urlsafe(24)
        self.tokens[token] = str(user)
        return token

    async def login(self, request: web.Request) -> web.Response:
        asked = await request.json()
        token = self._enter(asked["user"], asked["login"]["password"])
        return web.json_response({"token": token} if token else {"error": "no"}, status=200 if token else 401)

    async def login_form(self, request: web.Request) -> web.Response:
        """As a page does it: a cookie and a redirect, to the start if it went well and back to the form if not."""
        form = await request.post()
        token = self._enter(form["user"], form["password"])
        answer = web.Response(status=302, headers={"Location": "/home" if token else "/form?again"})
        if token:
            answer.set_cookie("seen", "1", max_age=60, expires="Wed, 21 Oct 2099 07:28:00 GMT")
            answer.set_cookie("session", token, path="/", httponly=True)
        return answer

    def _user(self, request: web.Request) -> str | None:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return self.tokens.get(bearer or request.cookies.get("session", ""))

    async def home(self, request: web.Request) -> web.Response:
        user = self._user(request)
        return web.Response(
            text=f"Hello, {user}. Order 2 is next." if user else "Sign in", headers={"X-Site": self.site}
        )

    async def order(self, request: web.Request) -> web.Response:
        user = self._user(request)
        if user is None:
            return web.json_response({"error": "who are you?"}, status=401)
        query = "SELECT 1 FROM grants WHERE name = ? AND permission = 'orders.read'"
        if self.database.execute(query, (user,)).fetchone() is None:
            return web.json_response({"error": "you may not"}, status=403)
        found = self.database.execute(
            "SELECT id, item FROM orders WHERE id = ?", (request.match_info["id"],)
        ).fetchone()
        if found is None:
            return web.json_response({"error": "no such order"}, status=404)
        return web.json_response({"id": found[0], "item": found[1]}, headers={"X-Site": self.site})

    async def kpi(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.password}":
            return web.json_response({"error": "who are you?"}, status=401)
        count = self.database.execute("SELECT count(*) FROM orders").fetchone()[0]
        told = {
            "opm": count,
            "name": "0042",
            "ok": True,
            "roles": [{"b": 1, "a": "x"}],
            "large": 2**60 + 1,
            "nan": None,
        }
        return web.json_response(told, headers={"X-Orders": str(count), "X-Sum": "00ff"})

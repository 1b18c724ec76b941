"""Taking the steps of a flow."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from email.message import Message
from http.cookiejar import CookieJar
from typing import Any, cast
from urllib.parse import quote, urlencode
from urllib.request import Request

from exporter.core.model import Facts, Instant, Reason
from exporter.probes.attempt import understood
from exporter.probes.flow_settings import FlowSettings, Step
from exporter.probes.flow_text import Filler, as_text, shown
from exporter.probes.http_exchange import Call, Reply, converse, follow, keep_body_home
from exporter.probes.http_judge import Expectation
from exporter.probes.http_message import Address, Answer, address, basic, request
from exporter.probes.http_place import Finder
from exporter.probes.http_site import Site
from exporter.probes.kind import Ask, Context, Failure, Look
from exporter.probes.resolve import resolver
from exporter.probes.tls import not_after
from exporter.probes.tripwire import Tripwire
from exporter.probes.wire import RESOLVE, Stopwatch
from exporter.settings import MASK

COOKIES_LIMIT = 50
"""Of one answer; the others are not kept."""
_NEXT_COOKIE = re.compile(r",\s*(?=[^\s;,=]+=)")
"""Several Set-Cookie headers arrive joined by commas; the one inside of a date is followed by no name."""
_NO_ENTRY = frozenset({Reason.AUTH, Reason.PERMISSION, Reason.ASSERTION, Reason.ERROR_CODE})
_BAD_LOGIN = frozenset({400, 422})
"""How services answer a wrong password besides 401 and 403."""


class _Visit:
    """What is known within one look: kept values, secrets and cookies."""

    def __init__(self) -> None:
        self.filler = Filler()
        self._cookies: CookieJar | None = None
        """Made with the first cookie: most services give none."""

    def cookie_header(self, url: str) -> Mapping[str, str]:
        if self._cookies is None:
            return {}
        asking = Request(url)  # noqa: S310 - it is only asked which cookies belong to it
        self._cookies.add_cookie_header(asking)
        cookies = asking.get_header("Cookie")
        return {"Cookie": cookies} if cookies else {}

    def take_cookies(self, url: str, answer: Answer) -> None:
        if (cookies := answer.header("set-cookie")) is None:
            return
        if self._cookies is None:
            self._cookies = CookieJar()
        told = Message()
        for cookie in _NEXT_COOKIE.split(cookies)[:COOKIES_LIMIT]:
            told["Set-Cookie"] = cookie
        self._cookies.extract_cookies(cast("Any", _Headers(told)), Request(url))  # noqa: S310 - nothing is opened: it only carries cookies
        self.filler.secrets |= {cookie.value for cookie in self._cookies if cookie.value and len(cookie.value) >= 8}

    def cookie(self, name: str) -> str | None:
        return next((cookie.value for cookie in self._cookies or () if cookie.name == name), None)

    def masked(self, text: str) -> str:
        """Nothing that begins like a secret of this visit is told: a detail may hold only its first part, or how it stands in a URL."""
        plain = self.filler.secrets
        secrets = plain | {quote(secret, safe="", errors="replace") for secret in plain}
        for secret in sorted(secrets, key=len, reverse=True):
            tail = r"[^\s\"',;]*" if len(secret) > 16 else ""
            text = re.sub(re.escape(secret[:16]) + tail, MASK, text, flags=re.IGNORECASE)  # %2f is %2F, too
        return text


class _Headers:
    def __init__(self, headers: Message) -> None:
        self.info = lambda: headers


class _Taking:
    """One step, ready to be taken."""

    def __init__(self, number: int, step: Step, *, login: bool) -> None:
        self.step = step
        self.login = login
        self.name = f"step {number} ({step.method} {shown(step.url)})"
        self.expected = Expectation(step.expect)
        self._saves = [(name, kept, None if kept.cookie else Finder(kept)) for name, kept in step.save.items()]
        self._needs_json = any(finder is not None and finder.needs_json for _, _, finder in self._saves)

    def call(self, filler: Filler) -> Call:
        """Raises ValueError when a secret cannot be read."""
        url = filler.url(self.step.url)
        if self.step.query:
            url += ("&" if "?" in url else "?") + _encoded(self.step.query, filler)
        return Call(self.step.method, url, address(url), self._content(filler))

    def headers(self, filler: Filler) -> dict[str, str]:
        """Raises ValueError when a secret cannot be read."""
        step = self.step
        headers = {}
        if step.document is not None:
            headers["Content-Type"] = "application/json"
        elif step.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if step.basic_auth is not None:
            headers["Authorization"] = basic(f"{step.basic_auth.username}:{filler.reveal(step.basic_auth.password)}")
        elif step.bearer is not None:
            headers["Authorization"] = f"Bearer {filler.reveal(step.bearer)}"
        return headers | {name: filler.reveal(value) for name, value in step.headers.items()}

    async def judge(self, answer: Answer, visit: _Visit) -> None:
        """Raises Failure unless the answer is as expected and tells all that is to be kept."""
        await self.expected.check(answer, visit.filler.document)
        document = answer.json() if self._needs_json else None
        for name, kept, finder in self._saves:
            value = visit.cookie(str(kept.cookie)) if finder is None else await finder.find(answer, document)
            if value is None or isinstance(value, dict | list):
                raise Failure(Reason.ASSERTION, f"the answer tells nothing to keep as {name}: {kept} is not there")
            visit.filler.keep(name, value)

    def failed(self, failure: Failure, answer: Answer | None) -> Failure:
        """The same in the words of the flow: cannot log in, or logged in and not permitted."""
        reason, why = failure.reason, ""
        refused = answer is not None and not self.expected.welcomes(answer.status)
        if self.login:
            bad_login = reason is Reason.STATUS and answer is not None and answer.status in _BAD_LOGIN
            if reason in _NO_ENTRY or bad_login:
                reason, why = Reason.AUTH, "cannot log in: "
        elif reason is Reason.PERMISSION or (reason is Reason.AUTH and refused):
            reason, why = Reason.PERMISSION, "logged in, but not permitted: "
        return Failure(reason, f"{self.name}: {why}{failure.detail}", failure.phases)

    def _content(self, filler: Filler) -> bytes | None:
        step = self.step
        if step.document is not None:
            return json.dumps(filler.document(step.document), ensure_ascii=False).encode()
        if step.form is not None:
            return _encoded(step.form, filler).encode()
        return None if step.body is None else filler.reveal(step.body).encode()


class FlowProbe:
    """Several requests in a row. Nothing is kept between looks: each logs in anew, as a user would after a failover."""

    def __init__(self, settings: FlowSettings, known: Context) -> None:
        self._settings = settings
        self._steps = [
            _Taking(number, step, login=number <= settings.login_steps) for number, step in enumerate(settings.steps, 1)
        ]
        self._site = Site(settings.served_by) if settings.served_by is not None else None
        self._first = address(Filler().url(settings.steps[0].url))
        self._trusted = {address(step.url).origin for step in settings.steps}
        self.target = shown(settings.steps[0].url)

    async def look(self, ask: Ask) -> Look:
        with Stopwatch() as watch:
            visit = _Visit()
            for step in self._steps:
                reply = await self._take(step, visit, watch)
            phases = watch.phases()
            return Look(await self._facts(reply), phases)

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        raise Failure(Reason.INTERNAL, "a flow cannot store markers")

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        await Tripwire(broken).hold(await resolver().addresses(self._first.host), self._first.port)

    async def close(self) -> None:
        """Nothing is kept between looks."""

    async def _take(self, step: _Taking, visit: _Visit, watch: Stopwatch) -> Reply:
        reply: Reply | None = None
        try:
            call = step.call(visit.filler)
            reply = await self._ask(call, step, visit, watch)
            if step.step.redirects:
                reply = await follow(
                    reply,
                    call,
                    step.step.redirects,
                    step.expected.welcomes,
                    lambda then: self._ask(then, step, visit, watch),
                )
            await step.judge(reply.answer, visit)
        except (Failure, OSError) as error:
            failure = understood(error)
            failure.detail = visit.masked(failure.detail)
            raise step.failed(failure, reply.answer if reply is not None else None) from None
        except asyncio.CancelledError as error:
            error.add_note(step.name)  # in case it was the deadline
            raise
        except ValueError as error:
            raise Failure(Reason.AUTH, f"{step.name}: the request cannot be made: {error}") from None
        return reply

    async def _ask(self, call: Call, step: _Taking, visit: _Visit, watch: Stopwatch) -> Reply:
        """Secrets go to the hosts that are configured, wherever a redirect leads."""
        method, url, where, content = call
        trusted = where.origin in self._trusted
        keep_body_home(call, self._trusted)
        headers = {**visit.cookie_header(url), **(step.headers(visit.filler) if trusted else {})}
        data = request(method, where, headers, content)
        reply = await self._converse(method, where, data, watch)
        visit.take_cookies(url, reply.answer)
        return reply

    async def _converse(self, method: str, where: Address, data: bytes, watch: Stopwatch) -> Reply:
        settings = self._settings
        if not where.literal:
            watch.enter(RESOLVE)
        addresses = await resolver().addresses(where.host)
        wants_peer = self._site is not None and self._site.needs_peer
        name = settings.tls.server_name if where.origin in self._trusted else None
        return await converse(
            method,
            where,
            data,
            addresses,
            watch,
            settings.tls,
            settings.max_body,
            server_name=name,
            wants_peer=wants_peer,
        )

    async def _facts(self, reply: Reply) -> Facts:
        site = None
        if self._site is not None:
            site = await self._site.of(reply, reply.answer.json() if self._site.needs_json else None)
        return Facts(served_by=site, tls_not_after=not_after(reply.certificate) if reply.certificate else None)


def _encoded(fields: Mapping[str, object], filler: Filler) -> str:
    return urlencode([(name, as_text(filler.document(value))) for name, value in fields.items()])

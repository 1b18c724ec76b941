"""The kind `http`: asks a URL, judges the answer, reads role and position from it, writes and reads canary markers."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import quote

from exporter.core.model import Instant, Reason
from exporter.core.numbers import possible
from exporter.probes.attempt import time_left
from exporter.probes.http_exchange import Call, Reply, converse, follow, keep_body_home
from exporter.probes.http_judge import Expectation, Reading, refused
from exporter.probes.http_message import Address, Answer, address, basic, request
from exporter.probes.http_question import AloneSettings, HttpQuestion, QuestionSettings
from exporter.probes.http_settings import HttpSettings
from exporter.probes.kind import Ask, Context, Deadline, Failure, Kind, Look, Probe, Question, Value
from exporter.probes.resolve import resolver
from exporter.probes.tripwire import Tripwire
from exporter.probes.wire import RESOLVE, Stopwatch, slowest
from exporter.settings import Secret

MARKERS_LIMIT = 1 << 20
"""Bytes of the list of markers that an endpoint may answer."""
MARKERS_SHARE = 0.5
"""Of the time that a look has left once the service has answered: so long the list may take. It never costs the look itself."""
_READ_ONLY = frozenset({405, 409, 423})
_NO_HEADERS: Mapping[str, str] = {}


class HttpProbe:
    """One URL. Every look makes a fresh connection: a kept one could hide a failover."""

    def __init__(self, settings: HttpSettings, known: Context) -> None:
        self._settings = settings
        self._vantage = known.vantage
        self._where = address(settings.url)
        self._content = settings.content
        self._expected = Expectation(settings.expect)
        self._reading = Reading(settings)
        self._put = address(settings.canary.put) if settings.canary else None
        self._get = address(settings.canary.get) if settings.canary else None
        self._trusted = {where.origin for where in (self._where, self._put, self._get) if where is not None}
        self._fixed = None if self._secrets() else self._request(settings.method, self._where, self._content)

    @property
    def target(self) -> str:
        return self._where.shown

    async def look(self, ask: Ask) -> Look:
        with Stopwatch() as watch:
            addresses = await self._resolve(self._where, watch)
            if self._settings.addresses == "all" and len(addresses) > 1:
                return await slowest([self._branch(one, ask, watch.branch()) for one in addresses])
            return await self._look_at(addresses, ask, watch)

    async def answer(self) -> Answer:
        """The answer itself, if it is as expected. Raises Failure."""
        with Stopwatch() as watch:
            return (await self._checked(await self._resolve(self._where, watch), watch)).answer

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        if self._put is None:
            raise Failure(Reason.INTERNAL, "this endpoint has no canary: it needs {put: URL, get: URL}")
        marker = json.dumps({"vantage": self._vantage, "seq": seq, "sent_at": sent_at}).encode()
        with Stopwatch() as watch:
            answer = await self._ask("PUT", self._put, watch, marker)
            if 200 <= answer.status < 300:
                return
            if answer.status in _READ_ONLY or _says_read_only(answer):
                raise Failure(Reason.READ_ONLY, f"the marker is not taken: answers {answer.status}")
            raise refused(answer, "2xx")

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        addresses = await resolver().addresses(self._where.host)
        await Tripwire(broken).hold(addresses, self._where.port)

    async def close(self) -> None:
        """Nothing is kept between looks."""

    async def _branch(self, one: str, ask: Ask, watch: Stopwatch) -> Look:
        with watch:
            return await self._look_at((one,), ask, watch)

    async def _look_at(self, addresses: Sequence[str], ask: Ask, watch: Stopwatch) -> Look:
        reply = await self._checked(addresses, watch)
        phases = watch.phases()
        markers = await self._markers(ask.markers_after)
        return Look(await self._reading.facts(reply, markers), phases)

    async def _checked(self, addresses: Sequence[str], watch: Stopwatch) -> Reply:
        """The answer, as expected, at the end of the redirects, as many as are allowed."""
        settings = self._settings
        data = self._fixed or self._request(settings.method, self._where, self._content)
        reply = await self._converse(settings.method, self._where, data, addresses, watch)
        if settings.redirects:
            call = Call(settings.method, settings.url, self._where, self._content)

            async def ask(then: Call) -> Reply:
                method, _, where, content = then
                keep_body_home(then, self._trusted)
                data = self._request(method, where, content)
                return await self._converse(method, where, data, await self._resolve(where, watch), watch)

            reply = await follow(reply, call, settings.redirects, self._expected.welcomes, ask)
        await self._expected.check(reply.answer)
        return reply

    async def _markers(self, after: int | None) -> tuple[int, ...] | None:
        """The markers that can be read; None when they cannot, or not in time: that proves nothing, and is no reason to call the service dead."""
        if after is None or self._get is None:
            return None
        path = f"{self._get.path}{'&' if '?' in self._get.path else '?'}after={after}&vantage={quote(self._vantage, safe='')}"
        try:
            with Deadline(asyncio.get_running_loop().time() + MARKERS_SHARE * time_left()):
                answer = await self._ask("GET", self._get._replace(path=path), Stopwatch())
            document = answer.json() if answer.status == 200 else None
        except (Failure, OSError):
            return None
        seqs = document.get("seqs") if isinstance(document, dict) else None
        if not isinstance(seqs, list):
            return None
        return tuple(sorted({seq for seq in possible(seqs) if seq > after}))

    async def _ask(self, method: str, where: Address, watch: Stopwatch, content: bytes | None = None) -> Answer:
        question = self._request(
            method, where, content, {"Content-Type": "application/json"} if content else _NO_HEADERS
        )
        addresses = await self._resolve(where, watch)
        return (await self._converse(method, where, question, addresses, watch, MARKERS_LIMIT)).answer

    async def _resolve(self, where: Address, watch: Stopwatch) -> Sequence[str]:
        if where.literal:
            return (where.host,)
        watch.enter(RESOLVE)
        return await resolver().addresses(where.host)

    def _converse(
        self,
        method: str,
        where: Address,
        question: bytes,
        addresses: Sequence[str],
        watch: Stopwatch,
        max_body: int | None = None,
    ) -> Awaitable[Reply]:
        settings = self._settings
        return converse(
            method,
            where,
            question,
            addresses,
            watch,
            settings.tls,
            settings.max_body if max_body is None else max_body,
            server_name=settings.tls.server_name if where.origin == self._where.origin else None,
            wants_peer=self._reading.needs_peer,
        )

    def _secrets(self) -> bool:
        settings = self._settings
        values = [*settings.headers.values(), settings.basic_auth, settings.bearer]
        return any(value is not None and not isinstance(value, str) for value in values)

    def _request(
        self, method: str, where: Address, content: bytes | None, usual: Mapping[str, str] = _NO_HEADERS
    ) -> bytes:
        """Secrets are read anew for each request, so that a rotated one is used, and go to the configured origins only."""
        settings = self._settings
        headers = dict(usual)
        if content is not None and settings.document is not None:
            headers["Content-Type"] = "application/json"
        try:
            if where.origin in self._trusted:
                headers |= {name: _revealed(value) for name, value in settings.headers.items()}
                if settings.basic_auth is not None:
                    auth = settings.basic_auth
                    headers["Authorization"] = basic(f"{auth.username}:{auth.password.reveal()}")
                elif settings.bearer is not None:
                    headers["Authorization"] = f"Bearer {settings.bearer.reveal()}"
            return request(method, where, headers, content)
        except ValueError as error:
            raise Failure(Reason.AUTH, f"the request cannot be made: {error}") from None


def _revealed(value: str | Secret) -> str:
    return value if isinstance(value, str) else value.reveal()


def _says_read_only(answer: Answer) -> bool:
    try:
        document = answer.json()
    except Failure:
        return False
    return isinstance(document, dict) and document.get("error") == "read_only"


def _question(
    settings: QuestionSettings, beside: HttpSettings | None, _: Probe | None
) -> Callable[[], Awaitable[Value]]:
    return HttpQuestion(settings, HttpProbe(settings.request(beside), Context(vantage="")).answer).ask


KIND = Kind(
    name="http",
    settings=HttpSettings,
    build=HttpProbe,
    stateful=lambda settings: settings.role is not None or settings.writable is not None,
    canary=lambda settings: settings.canary is not None,
    tells_site=lambda settings: settings.served_by is not None,
    names_sites=lambda settings: settings.served_by.named if settings.served_by is not None else (),
    short="url",
    question=Question(QuestionSettings, _question, alone=Question(AloneSettings, _question)),
)

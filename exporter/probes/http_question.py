"""One scalar out of an HTTP answer: what parity compares between sites, and what a KPI is measured by.

{path: /kpi, json: $.opm}                                  beside an endpoint of kind http, with its credentials
{url: "http://10.1.0.7:8080/kpi", header: X-Orders}
"""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import urljoin

from pydantic import Field, model_validator

from exporter.core.model import Reason
from exporter.probes.http_message import Answer
from exporter.probes.http_place import Finder, HeaderName, Place, storable
from exporter.probes.http_settings import BasicAuth, Expect, HeaderValue, HttpSettings, Url
from exporter.probes.kind import Failure
from exporter.probes.tls import Tls
from exporter.settings import Secret

EXACT = 2**53
"""A whole number from here on may not be told apart from its neighbour as a float, and stays text."""
_CREDENTIALS = ("headers", "basic_auth", "bearer", "tls")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?")


class QuestionSettings(Place):
    """What is asked, and where in the answer the scalar stands."""

    url: Url | None = None
    path: str | None = None
    """Relative to the URL of the endpoint beside which it is asked; its headers, credentials and TLS settings are used."""
    headers: dict[HeaderName, HeaderValue] = Field(default={})
    basic_auth: BasicAuth | None = None
    bearer: Secret | None = None
    tls: Tls = Tls()
    max_body: Annotated[int, Field(ge=0, le=64 << 20)] = 1 << 20
    """Bytes; a longer body is a failure."""
    expect: Expect = Expect()

    @model_validator(mode="after")
    def _one_address(self) -> "QuestionSettings":
        if self.path is not None and not re.match(r"/(?!/)", self.path):
            raise ValueError(f"{self.path!r} is not a path; write one like /kpi, or the whole address as url")
        if (self.url is None) == (self.path is None):
            raise ValueError("needs exactly one of url and path, like {path: /kpi, json: $.opm}")
        if self.basic_auth is not None and self.bearer is not None:
            raise ValueError("basic_auth and bearer exclude each other; keep one")
        if self.path is not None and self.model_fields_set & set(_CREDENTIALS):
            raise ValueError("a path is asked as its endpoint is; write url to ask with other headers or credentials")
        return self

    def request(self, beside: HttpSettings | None) -> HttpSettings:
        """What has to be asked. `beside`: the settings of the endpoint; a path needs them."""
        own = {name: getattr(self, name) for name in ("max_body", "expect")}
        if self.path is None:
            return HttpSettings(**own, **{name: getattr(self, name) for name in ("url", *_CREDENTIALS)})
        assert beside is not None, "see AloneSettings"
        shared = {name: getattr(beside, name) for name in ("redirects", *_CREDENTIALS)}
        return HttpSettings(url=urljoin(beside.url, self.path), **own, **shared)


class AloneSettings(QuestionSettings):
    """The same without an endpoint beside it."""

    @model_validator(mode="after")
    def _whole_address(self) -> "AloneSettings":
        if self.url is None:
            raise ValueError("a path needs a component of kind http; write the whole address as url")
        return self


class HttpQuestion:
    """`settings`, ready to be asked; `answer` fetches what `settings.request()` describes."""

    def __init__(self, settings: QuestionSettings, answer: Callable[[], Awaitable[Answer]]) -> None:
        self._answer = answer
        self._place = settings
        self._finder = Finder(settings)

    async def ask(self) -> str | float:
        """A number where one is told, else text; lists and objects as JSON with sorted keys. The deadline is the caller's.

        Raises Failure, as a look does; `assertion` where nothing is told.
        """
        answer = await self._answer()
        value = await self._finder.find(answer, answer.json() if self._finder.needs_json else None)
        if value is None:
            raise Failure(Reason.ASSERTION, f"the answer tells no value: {self._place} is not there")
        if isinstance(value, str):
            told = value.strip()
            return float(told) if not self._finder.needs_json and _NUMBER.fullmatch(told) else told
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < EXACT:
            return float(value)
        return storable(json.dumps(value, ensure_ascii=False, sort_keys=True))

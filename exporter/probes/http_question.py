"""One scalar out of an HTTP answer: what parity compares between sites, and what a KPI is measured by.

{path: /kpi, json: $.opm}                                  beside an endpoint of kind http, with its credentials
{url: "http://10.1.0.7:8080/kpi", header: X-Orders}
"""

import json
import re
from typing import Annotated
from urllib.parse import urljoin

from pydantic import Field, model_validator

from exporter.core.model import Reason
from exporter.probes.http import HttpProbe
from exporter.probes.http_place import Finder, HeaderName, Place
from exporter.probes.http_settings import BasicAuth, Expect, HeaderValue, HttpSettings, Url
from exporter.probes.kind import Context, Failure
from exporter.probes.tls import Tls
from exporter.settings import Secret

EXACT = 2**53
"""A whole number from here on may not be told apart from its neighbour as a float, and stays text."""
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
        if self.path is not None and self.model_fields_set & {"headers", "basic_auth", "bearer", "tls"}:
            raise ValueError("a path is asked as its endpoint is; write url to ask with other headers or credentials")
        return self


class HttpQuestion:
    """`settings`, ready to be asked. A path needs `beside`, the settings of the endpoint; raises ValueError without."""

    def __init__(self, settings: QuestionSettings, beside: HttpSettings | None = None) -> None:
        self._probe = HttpProbe(_asked(settings, beside), Context(vantage=""))
        self._place = Place(**settings.model_dump(include={"header", "value", "regex"}, by_alias=True))
        self._finder = Finder(self._place)

    @property
    def target(self) -> str:
        """URL for people, secrets masked."""
        return self._probe.target

    async def ask(self) -> str | float:
        """A number where one is told, else text; lists and objects as JSON with sorted keys. The deadline is the caller's.

        Raises Failure, as a look does; `assertion` where nothing is told.
        """
        answer = await self._probe.answer()
        value = await self._finder.find(answer, answer.json() if self._finder.needs_json else None)
        if value is None:
            raise Failure(Reason.ASSERTION, f"the answer tells no value: {self._place} is not there")
        if isinstance(value, str):
            told = value.strip()
            return float(told) if not self._finder.needs_json and _NUMBER.fullmatch(told) else told
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < EXACT:
            return float(value)
        return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _asked(settings: QuestionSettings, beside: HttpSettings | None) -> HttpSettings:
    common = {"max_body": settings.max_body, "expect": settings.expect}
    if settings.path is None:
        own = {name: getattr(settings, name) for name in ("url", "headers", "basic_auth", "bearer", "tls")}
        return HttpSettings(**own, **common)
    if beside is None:
        raise ValueError("a path needs an endpoint of kind http beside it; write the whole url")
    shared = {name: getattr(beside, name) for name in ("headers", "basic_auth", "bearer", "tls", "redirects")}
    return HttpSettings(url=urljoin(beside.url, settings.path), **shared, **common)

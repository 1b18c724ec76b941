"""What can be written under `flow:`."""

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from exporter.probes.flow_text import Document, Fields, FlowUrl, places
from exporter.probes.http_place import HeaderName, Place
from exporter.probes.http_settings import BasicAuth, Expect, HeaderValue
from exporter.probes.http_site import ServedBy
from exporter.probes.tls import Tls
from exporter.settings import Settings

METHODS = ("get", "post", "put", "patch", "delete", "head")


def _name(name: str) -> str:
    if not re.fullmatch(r"\w+", name, re.ASCII):
        raise ValueError(f"{name!r} is no name for a kept value; use letters, digits and _, like order_id")
    return name


class Kept(Place):
    """Where an answer tells a value to keep."""

    RIGHT: ClassVar[str] = "exactly one of header, json, regex and cookie, like $.token or {cookie: SESSION}"

    cookie: str | None = None

    @property
    def ways(self) -> tuple[object, ...]:
        return *super().ways, self.cookie

    def __str__(self) -> str:
        return f"the cookie {self.cookie}" if self.cookie is not None else super().__str__()


class Step(Settings):
    """One request of a flow, and what its answer must be."""

    get: FlowUrl | None = None
    post: FlowUrl | None = None
    put: FlowUrl | None = None
    patch: FlowUrl | None = None
    delete: FlowUrl | None = None
    head: FlowUrl | None = None
    query: Fields = Field(default={})
    """Added to the URL; here a secret may stand that has to be sent in it."""
    headers: dict[HeaderName, HeaderValue] = Field(default={})
    document: Document = Field(default=None, alias="json")
    """A body in JSON. `{env: NAME}` and `password_file:` are secrets at any depth."""
    form: Fields | None = None
    """A body as HTML forms send it."""
    body: str | None = None
    basic_auth: BasicAuth | None = None
    bearer: HeaderValue | None = None
    """A kept value like "{token}", or a secret."""
    redirects: Annotated[int, Field(ge=0, le=20)] = 0
    """How many to follow. With 0 a redirect is a failure, unless its status is expected."""
    expect: Expect = Expect()
    save: dict[Annotated[str, AfterValidator(_name)], Kept] = Field(default={})

    @model_validator(mode="after")
    def _one_of_each(self) -> "Step":
        if len(self._requests) != 1:
            raise ValueError(f"a step makes one request; write exactly one of {', '.join(METHODS)}, with its URL")
        if sum(body is not None for body in (self.document, self.form, self.body)) > 1:
            raise ValueError("json, form and body exclude each other; write the one that is to be sent")
        if self.basic_auth is not None and self.bearer is not None:
            raise ValueError("basic_auth and bearer exclude each other; keep one")
        return self

    @property
    def _requests(self) -> list[tuple[str, str]]:
        urls = ((method, getattr(self, method)) for method in METHODS)
        return [(method.upper(), url) for method, url in urls if url is not None]

    @property
    def method(self) -> str:
        return self._requests[0][0]

    @property
    def url(self) -> str:
        return self._requests[0][1]

    @property
    def wanted(self) -> set[str]:
        """The names of the kept values that it sends or expects."""
        sent = [self.url, self.query, self.headers, self.document, self.form, self.body, self.bearer]
        return set(places([*sent, self.expect.values]))


class FlowSettings(Settings):
    """Steps that are taken one after the other within one look, each on a connection of its own."""

    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=50)]
    login_steps: Annotated[int, Field(ge=0, le=50)] = 1
    """The first so many steps are the login: an answer there that is not as expected means "cannot log in"."""
    tls: Tls = Tls()
    max_body: Annotated[int, Field(ge=0, le=64 << 20)] = 1 << 20
    """Bytes of each answer; a longer body is a failure."""
    served_by: ServedBy | None = None
    """Read from the last answer."""

    @model_validator(mode="after")
    def _kept_before_used(self) -> "FlowSettings":
        known: set[str] = set()
        for number, step in enumerate(self.steps, 1):
            for name in sorted(step.wanted - known):
                right = f"write one of {', '.join(sorted(known))}" if known else "add it to `save` of a step before"
                raise ValueError(
                    f"step {number} wants {{{name}}}, which no earlier step saves; {right}, or {{{{{name}}}}} for that text itself"
                )
            known |= step.save.keys()
        return self

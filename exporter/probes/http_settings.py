"""What can be written under `http:`."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from exporter.json_path import JsonPath
from exporter.probes.http_message import address
from exporter.probes.http_place import HeaderName, Place, RolePlace, WritablePlace
from exporter.probes.http_site import ServedBy
from exporter.probes.pattern import Regex
from exporter.probes.tls import Tls
from exporter.settings import Secret, Settings


def _url(value: str) -> str:
    address(value)
    return value


def _one_line(value: str | Secret) -> str | Secret:
    if isinstance(value, str) and re.search(r"[\x00\r\n]", value):
        raise ValueError("the value holds a line break; a header is one line")  # it may be a secret: it is not quoted
    return value


Url = Annotated[str, AfterValidator(_url)]
HeaderValue = Annotated[str | Secret, AfterValidator(_one_line)]
Status = Annotated[int, Field(ge=200, le=599)]
Code = bool | int | str | None


class ErrorCode(Place):
    """Where an answer with a good status tells how it really went."""

    ok: tuple[Code, ...] = (0,)
    """Codes of success; null: there is none."""
    permission: tuple[Code, ...] = ()
    """Codes that say: this is known to be you, but you may not. The reason of the failure is then `permission`."""
    auth: tuple[Code, ...] = ()
    """Codes that say: who are you? The reason is then `auth`; for all other codes it is `error_code`."""
    detail: Place | None = None
    """Where a finer code stands. It decides permission and auth, where it is told."""


class Expect(Settings):
    """What a good answer looks like. All that is written must hold."""

    status: tuple[Status, ...] = ()
    """Default: any 2xx."""
    content: Literal["json"] | None = None
    """The body must be JSON, whatever it says. Whoever reads a value from it needs not write this."""
    error_code: ErrorCode | None = None
    header: dict[HeaderName, Regex] = Field(default={})
    values: dict[JsonPath, Any] = Field(default={}, alias="json")
    """JSON path -> the value that must stand there."""
    body_regex: Regex | None = None
    """Must be found somewhere in the body; bytes that are not UTF-8 are seen as U+FFFD."""


class BasicAuth(Settings):
    username: str
    password: Secret


class CanaryUrls(Settings):
    """Where canary markers are written and read.

    `PUT put` carries `{"vantage": "hk-noc-1", "seq": 17, "sent_at": 1790000000.25}` and is acknowledged by any 2xx, once the marker is as
    durable as the service's other writes. `seq` grows, with gaps, and may need 64 bits. A site that takes no writes answers 405, 409 or 423, or any error whose JSON says
    `{"error": "read_only"}`. `GET get?vantage=hk-noc-1&after=12` answers `{"seqs": [13, 14, 17]}`: the markers of that
    vantage above 12 that can be read there now, within half of the time that the look has left. Markers older than 15 minutes may
    be deleted.
    """

    put: Url
    get: Url


class HttpSettings(Settings):
    """An HTTP endpoint."""

    url: Url
    method: Literal["GET", "HEAD", "POST", "PUT", "OPTIONS"] = "GET"
    headers: dict[HeaderName, HeaderValue] = Field(default={})
    body: str | None = None
    document: Any = Field(default=None, alias="json")
    """A body in JSON."""
    basic_auth: BasicAuth | None = None
    bearer: Secret | None = None
    tls: Tls = Tls()
    addresses: Literal["first", "all"] = "first"
    """`all`: look at every address of the name; the endpoint is as good as the worst of them."""
    redirects: Annotated[int, Field(ge=0, le=20)] = 0
    """How many to follow. With 0 a redirect is a failure, unless its status is expected. One that would carry the body to
    another origin is one always."""
    max_body: Annotated[int, Field(ge=0, le=64 << 20)] = 1 << 20
    """Bytes; a longer body is a failure."""
    expect: Expect = Expect()
    role: RolePlace | None = None
    writable: WritablePlace | None = None
    epoch: Place | None = None
    position: Place | None = None
    """An integer that grows with every write, or a log position like 0/16B3748."""
    applied: Place | None = None
    connected: WritablePlace | None = None
    served_by: ServedBy | None = None
    canary: CanaryUrls | None = None

    @model_validator(mode="after")
    def _once(self) -> "HttpSettings":
        if self.body is not None and self.document is not None:
            raise ValueError("body and json exclude each other; write the one that is to be sent")
        if self.basic_auth is not None and self.bearer is not None:
            raise ValueError("basic_auth and bearer exclude each other; keep one")
        return self

    @property
    def content(self) -> bytes | None:
        """The body of the request."""
        if self.document is not None:
            return json.dumps(self.document, ensure_ascii=False).encode()
        return None if self.body is None else self.body.encode()

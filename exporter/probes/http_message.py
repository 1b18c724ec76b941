"""HTTP/1.1 as it is spoken here: where a URL leads, the bytes of a request, and what an answer is."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from exporter.core.model import Reason
from exporter.probes.kind import Failure
from exporter.probes.resolve import is_address

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!--|(?:!doctype\s+html|html|head|body|meta)\b)", re.IGNORECASE)


class Address(NamedTuple):
    """Where a URL leads, and what to ask there."""

    secure: bool
    host: str
    port: int
    authority: str
    """host[:port] as it stands in the Host header."""
    path: str
    """With the query; ready to be sent."""
    login: str | None
    """user:password out of the URL."""
    literal: bool
    """The host is an IP address."""

    @property
    def origin(self) -> tuple[bool, str, int]:
        return self.secure, self.host, self.port

    @property
    def shown(self) -> str:
        """The URL for people: without login and query, in which secrets may stand."""
        return f"http{'s' if self.secure else ''}://{self.authority}{self.path.partition('?')[0]}"


def address(url: str) -> Address:
    """Raises ValueError with what would be right."""
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
    except ValueError:
        parts, host, port = SplitResult("", "", "", "", ""), "", None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("this is not a URL of http or https; write one like http://10.1.0.7:8080/healthz")
    if re.search(r"[\x00-\x20\x7f]", url.strip()):
        raise ValueError("a URL holds no spaces or control characters; write %20 for a space")
    secure = parts.scheme == "https"
    default = 443 if secure else 80
    shown = f"[{host}]" if ":" in host else host
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=-._~") + (
        "?" + quote(parts.query, safe="/?%:@!$&'()*+,;=-._~[]") if parts.query else ""
    )
    login = parts.netloc.rpartition("@")[0] or None
    authority = shown if port in (None, default) else f"{shown}:{port}"
    return Address(secure, host, port or default, authority, path, login, is_address(host))


def redirected(origin: Address, base: str, location: str) -> tuple[str, Address]:
    """The absolute URL to which `location` leads. Raises Failure(redirect)."""
    url = urljoin(base, location)
    try:
        return url, address(url)
    except ValueError:
        raise Failure(
            Reason.REDIRECT, f"{origin.shown} redirects to something that is not a URL of http or https"
        ) from None


def basic(login: str) -> str:
    """The Authorization header for `user:password`."""
    return "Basic " + b64encode(login.encode()).decode("ascii")


def request(method: str, where: Address, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """The whole request. `headers` replace the usual ones of the same name. Raises ValueError for a line break in one."""
    lines = {
        "host": ("Host", where.authority),
        "user-agent": ("User-Agent", "rto-rpo-exporter"),
        "accept": ("Accept", "*/*"),
        "accept-encoding": ("Accept-Encoding", "identity"),
        "connection": ("Connection", "close"),
    }
    if where.login is not None:
        lines["authorization"] = ("Authorization", basic(where.login))
    if body is not None:
        lines["content-length"] = ("Content-Length", str(len(body)))
    for name, value in headers.items():
        if re.search(r"[\x00\r\n]", name + value):
            raise ValueError(f"the header {name!r} holds a line break; a header is one line")
        lines[name.lower()] = (name, value)
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.values())
    return f"{method} {where.path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b"")


class Answer(NamedTuple):
    """One HTTP answer, as far as it was read."""

    status: int
    headers: Mapping[bytes, bytes]
    """By lower-case name; several of one name are joined with a comma."""
    body: bytes

    def header(self, name: str) -> str | None:
        value = self.headers.get(name.lower().encode())
        return None if value is None else value.decode("utf-8", "replace")

    def json(self) -> object:
        """Raises Failure(protocol) when the body is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            html = "html" in (self.header("content-type") or "") or _HTML.match(self.body)
            raise Failure(Reason.PROTOCOL, "HTML where JSON is due" if html else "the answer is not JSON") from None


def is_redirect(answer: Answer) -> bool:
    return answer.status in _REDIRECTS and b"location" in answer.headers

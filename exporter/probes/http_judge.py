"""What an HTTP answer is worth: is it what was expected, and what does it tell?"""

import json
import re

from exporter.core.model import NO_FACTS, Facts, Reason, Role
from exporter.probes.http_message import Answer
from exporter.probes.http_settings import Expect, HttpSettings
from exporter.probes.json_path import Keys, keys, pick
from exporter.probes.kind import Failure
from exporter.probes.pattern import Pattern
from exporter.probes.tls import not_after

_ROLES = {
    **dict.fromkeys(("primary", "master", "leader", "main", "source", "active", "writer"), Role.PRIMARY),
    **dict.fromkeys(
        ("standby", "replica", "slave", "secondary", "follower", "passive", "reader", "hot_standby", "hot-standby"),
        Role.STANDBY,
    ),
}
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_REASONS = {401: Reason.AUTH, 407: Reason.AUTH, 403: Reason.PERMISSION}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def is_redirect(answer: Answer) -> bool:
    return answer.status in _REDIRECTS and b"location" in answer.headers


class Expectation:
    """`expect:`, ready to be applied."""

    def __init__(self, expect: Expect) -> None:
        self._statuses = frozenset(expect.status)
        self._headers = [(name, Pattern(pattern)) for name, pattern in expect.header.items()]
        self._values = [(path, keys(path), value) for path, value in expect.values.items()]
        self._body = Pattern(expect.body_regex) if expect.body_regex is not None else None

    def welcomes(self, status: int) -> bool:
        return status in self._statuses if self._statuses else 200 <= status < 300

    async def check(self, answer: Answer) -> None:
        """Raises Failure: by the status, else `assertion`."""
        if not self.welcomes(answer.status):
            raise refused(answer, " or ".join(map(str, sorted(self._statuses))) or "2xx")
        for name, pattern in self._headers:
            value = answer.header(name)
            if value is None or not await pattern.found(value.encode()):
                what = "has no header" if value is None else "has another header"
                raise Failure(Reason.ASSERTION, f"the answer {what} {name}; expected: {pattern.text}")
        if self._values:
            document = answer.json()
            for path, steps, expected in self._values:
                found = pick(document, steps)
                if not _same(found, expected):
                    raise Failure(Reason.ASSERTION, f"{path} is {_shown(found)}, not {_shown(expected)}")
        if self._body is not None and not await self._body.found(_utf8(answer.body)):
            raise Failure(Reason.ASSERTION, f"the body does not match {self._body.text}")


def refused(answer: Answer, expected: str) -> Failure:
    """A status that was not expected, as a failure."""
    if is_redirect(answer):
        # A query may hold a token, and what stands before @ a password.
        target = re.sub(r"//[^/]*@", "//", (answer.header("location") or "").partition("?")[0])
        return Failure(Reason.REDIRECT, f"answers {answer.status} to {target[:120]}, and that redirect is not followed")
    wait = answer.header("retry-after")
    later = f" (Retry-After: {wait[:40]})" if wait is not None else ""
    return Failure(_REASONS.get(answer.status, Reason.STATUS), f"answers {answer.status}{later}; expected: {expected}")


class Reading:
    """`role:`, `writable:` and the other facts, ready to be read. What is absent, null or of another type is not told."""

    def __init__(self, settings: HttpSettings) -> None:
        self._needs_json = settings.tells_facts
        self._role = _steps(settings.role)
        self._writable = _steps(settings.writable)
        self._epoch = _steps(settings.epoch)
        self._position = _steps(settings.position)
        self._applied = _steps(settings.applied)
        self._connected = _steps(settings.connected)
        self._site_header = settings.served_by.header if settings.served_by else None
        self._site = _steps(settings.served_by.value) if settings.served_by else None
        self._silent = not self._needs_json and settings.served_by is None

    def facts(self, answer: Answer, certificate: bytes, markers: tuple[int, ...] | None) -> Facts:
        """Raises Failure(assertion) when a fact is to be read from a JSON answer that is none."""
        if self._silent and not certificate and markers is None:
            return NO_FACTS
        document = answer.json() if self._needs_json or self._site is not None else None
        return Facts(
            role=_role(_at(document, self._role)),
            writable=_boolean(_at(document, self._writable)),
            epoch=_text(_at(document, self._epoch)),
            position=_integer(_at(document, self._position)),
            applied=_integer(_at(document, self._applied)),
            connected=_boolean(_at(document, self._connected)),
            markers=markers,
            served_by=answer.header(self._site_header) if self._site_header else _text(_at(document, self._site)),
            tls_not_after=not_after(certificate) if certificate else None,
        )


def _utf8(body: bytes) -> bytes:
    return body if body.isascii() else body.decode("utf-8", "replace").encode()


def _steps(path: str | None) -> Keys | None:
    return None if path is None else keys(path)


def _at(document: object, path: Keys | None) -> object:
    return None if path is None else pick(document, path)


def _role(value: object) -> Role | None:
    return None if value is None else _ROLES.get(str(value).strip().lower(), Role.UNKNOWN)


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else _BOOLEANS.get(str(value).strip().lower())


def _text(value: object) -> str | None:
    return str(value)[:200] if isinstance(value, str | int) and not isinstance(value, bool) else None


def _integer(value: object) -> int | None:
    if isinstance(value, str) and len(value) <= 40 and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _same(found: object, expected: object) -> bool:
    """Equal as JSON: true is not 1."""
    return found == expected and isinstance(found, bool) == isinstance(expected, bool)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:60] + "…"

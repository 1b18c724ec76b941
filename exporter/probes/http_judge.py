"""What an HTTP answer is worth: is it what was expected, and what does it tell?"""

import json
import re
from collections.abc import Callable
from typing import Any

from exporter.core.model import NO_FACTS, Facts, Reason, Role
from exporter.core.position import counted
from exporter.json_path import keys, pick
from exporter.probes.http_exchange import Reply
from exporter.probes.http_message import Answer, is_redirect
from exporter.probes.http_place import Finder, Place, RolePlace, WritablePlace, storable, utf8, word
from exporter.probes.http_settings import ErrorCode, Expect, HttpSettings
from exporter.probes.http_site import Site
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
_LOG_POSITION = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")
_REASONS = {401: Reason.AUTH, 407: Reason.AUTH, 403: Reason.PERMISSION}


class _ErrorCode:
    """`error_code:`, ready to be applied."""

    def __init__(self, settings: ErrorCode) -> None:
        self._place = settings
        self._find = Finder(settings).find
        self._detail = Finder(settings.detail) if settings.detail is not None else None
        self._ok = frozenset(map(word, settings.ok))
        self._reasons = dict.fromkeys(map(word, settings.permission), Reason.PERMISSION) | dict.fromkeys(
            map(word, settings.auth), Reason.AUTH
        )
        self.needs_json = settings.value is not None or (self._detail is not None and self._detail.needs_json)

    async def check(self, answer: Answer, document: object) -> None:
        code = await self._find(answer, document)
        if word(code) in self._ok:
            return
        if code is None:
            raise Failure(Reason.ASSERTION, f"the answer tells no error code: {self._place} is not there")
        told = f"{self._place} is {_shown(code)}"
        finer = await self._detail.find(answer, document) if self._detail is not None else None
        if finer is not None:
            told += f", {self._place.detail} is {_shown(finer)}"
            code = finer
        raise Failure(self._reasons.get(word(code), Reason.ERROR_CODE), told)


class Expectation:
    """`expect:`, ready to be applied."""

    def __init__(self, expect: Expect) -> None:
        self._statuses = frozenset(expect.status)
        self._headers = [(name, Pattern(pattern)) for name, pattern in expect.header.items()]
        self._values = [(path, keys(path), value) for path, value in expect.values.items()]
        self._body = Pattern(expect.body_regex) if expect.body_regex is not None else None
        self._code = _ErrorCode(expect.error_code) if expect.error_code is not None else None
        coded = self._code is not None and self._code.needs_json
        self._needs_json = bool(self._values) or coded or expect.content == "json"

    def welcomes(self, status: int) -> bool:
        return status in self._statuses if self._statuses else 200 <= status < 300

    async def check(self, answer: Answer, meant: Callable[[object], object] = lambda value: value) -> None:
        """Raises Failure: by the status, by the error code, `protocol` where JSON is due, else `assertion`.

        `meant`: from a value as it is written to the one that is expected in JSON now.
        """
        if not self.welcomes(answer.status):
            raise refused(answer, " or ".join(map(str, sorted(self._statuses))) or "2xx")
        document = answer.json() if self._needs_json else None
        if self._code is not None:
            await self._code.check(answer, document)
        for name, pattern in self._headers:
            value = answer.header(name)
            if value is None or not await pattern.found(value.encode()):
                what = "has no header" if value is None else "has another header"
                raise Failure(Reason.ASSERTION, f"the answer {what} {name}; expected: {pattern.text}")
        for path, steps, written in self._values:
            found, expected = pick(document, steps), meant(written)
            if not _same(found, expected):
                raise Failure(Reason.ASSERTION, f"{path} is {_shown(found)}, not {_shown(expected)}")
        if self._body is not None and not await self._body.found(utf8(answer.body)):
            raise Failure(Reason.ASSERTION, f"the body does not match {self._body.text}")


def refused(answer: Answer, expected: str) -> Failure:
    """A status that was not expected, as a failure."""
    if is_redirect(answer):
        # A query or a fragment may hold a token, and what stands before @ a password.
        target = re.sub(r"//[^/]*@", "//", re.split(r"[?#]", answer.header("location") or "", maxsplit=1)[0])
        return Failure(Reason.REDIRECT, f"answers {answer.status} to {target[:120]}, and that redirect is not followed")
    wait = answer.header("retry-after")
    later = f" (Retry-After: {wait[:40]})" if wait is not None else ""
    return Failure(_REASONS.get(answer.status, Reason.STATUS), f"answers {answer.status}{later}; expected: {expected}")


class Reading:
    """`role:`, `writable:` and the other facts, ready to be read. What is absent, null or of another type is not told."""

    def __init__(self, settings: HttpSettings) -> None:
        role, writable, connected = settings.role, settings.writable, settings.connected
        wanted: list[tuple[str, Place | None, Callable[[object], object]]] = [
            ("role", role, _roles(role)),
            ("writable", writable, _booleans(writable)),
            ("epoch", settings.epoch, _text),
            ("position", settings.position, _position),
            ("applied", settings.applied, _position),
            ("connected", connected, _booleans(connected)),
        ]
        self._facts = [(name, Finder(place), meaning) for name, place, meaning in wanted if place is not None]
        self._site = Site(settings.served_by) if settings.served_by is not None else None
        self._needs_json = any(finder.needs_json for _, finder, _ in self._facts)
        if self._site is not None:
            self._needs_json |= self._site.needs_json
        self._silent = not self._facts and self._site is None
        self.needs_peer = self._site is not None and self._site.needs_peer

    async def facts(self, reply: Reply, markers: tuple[int, ...] | None) -> Facts:
        """Raises Failure(protocol) when a fact is to be read from a JSON answer that is none."""
        if self._silent and not reply.certificate and markers is None:
            return NO_FACTS
        document = reply.answer.json() if self._needs_json else None
        answer, told = reply.answer, dict[str, Any]()
        for name, finder, meaning in self._facts:
            value = finder.find_at_once(answer, document) if finder.quick else await finder.find(answer, document)
            told[name] = meaning(value)
        return Facts(
            **told,
            markers=markers,
            served_by=await self._site.of(reply, document) if self._site is not None else None,
            tls_not_after=not_after(reply.certificate) if reply.certificate else None,
        )


def _roles(place: RolePlace | None) -> Callable[[object], Role | None]:
    own = (dict.fromkeys(place.primary, Role.PRIMARY) | dict.fromkeys(place.standby, Role.STANDBY)) if place else {}
    words = _ROLES | own
    return lambda value: None if value is None else words.get(word(value), Role.UNKNOWN)


def _booleans(place: WritablePlace | None) -> Callable[[object], bool | None]:
    own = (dict.fromkeys(place.yes, True) | dict.fromkeys(place.no, False)) if place else {}
    words = _BOOLEANS | own
    return lambda value: words.get(word(value))


def _text(value: object) -> str | None:
    return str(value)[:200] if isinstance(value, str | int) and not isinstance(value, bool) else None


def _position(value: object) -> int | None:
    """An integer of 64 bits, as such or as text, or PostgreSQL's way to write one: 0/16B3748."""
    if isinstance(value, str):
        text = value.strip()
        if log := _LOG_POSITION.fullmatch(text):
            return int(log[1], 16) << 32 | int(log[2], 16)
        value = int(text) if len(text) <= 40 and text.isascii() and text.isdigit() else None
    try:
        return counted(value) if isinstance(value, int) and not isinstance(value, bool) else None
    except ValueError:
        return None


def _same(found: object, expected: object) -> bool:
    """Equal as JSON: true is not 1."""
    return found == expected and isinstance(found, bool) == isinstance(expected, bool)


def _shown(value: object) -> str:
    text = storable(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= 60 else text[:60] + "…"

"""What people ask to be changed, as JSON: who may, in which form, and what each value has to be.

Only `application/json` is taken: a page of somebody else's cannot send that without asking first. With the bearer token it
could not anyway.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from math import isfinite
from typing import Any

from aiohttp import web

from exporter.core.drilling import Refused
from exporter.web.answers import problem
from exporter.web.token import refusal

NAME_MOST = 200
"""Characters of a name."""
TEXT_MOST = 2000
"""Characters of a sentence or two."""
JSON = "application/json"


class Unusable(Exception):  # noqa: N818 - it is an answer, not an error
    """The request cannot be followed as it is; the sentence says what would be right."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


class Wish:
    """One JSON object. Every method raises Unusable for what is not as it should be; `null` is as good as left out."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {key: value for key, value in values.items() if value is not None}

    def has(self, key: str) -> bool:
        return key in self._values

    def only(self, *keys: str) -> None:
        """Nothing else may be asked for: a misspelt key must not be passed over."""
        for key in self._values:
            if key not in keys:
                shown = key[:40] if key.isprintable() else repr(key)[:40]
                raise Unusable(f"{shown} is not known here; choose from: {', '.join(keys)}")

    def text(self, key: str, example: str, *, most: int = TEXT_MOST, needed: bool = True) -> str:
        """One line of at most `most` characters: runs of white space become one space, and what cannot be shown, or would turn
        the writing direction, U+FFFD. Empty only if it is not needed."""
        value = self._values.get(key, "")
        if not isinstance(value, str):
            raise Unusable(f"{key} is not text; give {example}")
        if needed and not value.strip():
            raise Unusable(f"{key} is missing; give {example}")
        if len(value) > most:
            raise Unusable(f"{key} is too long; give at most {most} characters, {example}")
        return "".join(char if char.isprintable() else "\ufffd" for char in " ".join(value.split()))

    def name(self, key: str, example: str, *, needed: bool = True) -> str:
        return self.text(key, example, most=NAME_MOST, needed=needed)

    def number(self, key: str, least: float, most: float, right: str) -> float:
        """From `least` to `most`; `right` says in words what that means."""
        value = self._values.get(key)
        if value is None:
            raise Unusable(f"{key} is missing; give {right}")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not isfinite(value) or not least <= value <= most:
            raise Unusable(f"{key} is not usable; give {right}")
        return float(value)

    def choice(self, key: str, *choices: str, default: str | None = None) -> str:
        value = self._values.get(key, default)
        if value not in choices:
            given = "missing" if value is None else "not possible here"
            raise Unusable(f"{key} is {given}; choose from: {', '.join(choices)}")
        return str(value)

    def day(self, key: str) -> str:
        """A date as it is written, YYYY-MM-DD."""
        value = self._values.get(key, "")
        try:
            if isinstance(value, str) and len(value) == 10:
                return date.fromisoformat(value).isoformat()
        except ValueError:
            pass
        raise Unusable(f"{key} is not a date; write it like 2026-10-01")


Handler = Callable[[web.Request, Wish], Awaitable[web.Response]]


def change(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler of something that changes: only with the token, only with JSON, and every refusal is a sentence."""

    async def answer(request: web.Request) -> web.Response:
        refused = refusal(request)
        if refused is not None:
            return refused
        try:
            return await handler(request, await _wish(request))
        except Unusable as error:
            return problem(error.status, str(error))
        except Refused as error:
            return problem(409, str(error))
        except OSError as error:
            return problem(503, str(error))

    return answer


async def _wish(request: web.Request) -> Wish:
    if not request.can_read_body:
        if request.method == "DELETE":
            return Wish({})
        raise Unusable("there is no body; send a JSON object, with Content-Type: application/json")
    if request.content_type != JSON:
        raise Unusable(f"the body is {request.content_type}; send a JSON object, with Content-Type: {JSON}", 415)
    try:
        values = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise Unusable("the body is no JSON; send an object in UTF-8") from None
    if not isinstance(values, dict):
        raise Unusable("the body is no JSON object; send one, like {…}")
    return Wish(values)

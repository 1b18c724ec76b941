"""Where an HTTP answer tells something: a header, a value in JSON, or a text that a regular expression finds."""

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from exporter.json_path import JsonPath, keys, pick
from exporter.probes.http_message import Answer
from exporter.probes.pattern import Pattern, Regex
from exporter.settings import Settings


def word(value: object) -> str:
    """How a short value is compared with a written one: true is `true`, Leader is `leader`."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value).strip().lower()


def utf8(body: bytes) -> bytes:
    """The same as UTF-8; bytes that are none become U+FFFD."""
    return body if body.isascii() else body.decode("utf-8", "replace").encode()


def storable(text: str) -> str:
    """The same without halves of characters: JSON can tell them, and no file or database takes them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _header_name(name: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise ValueError(f"{name!r} is not the name of a header; write one like X-Site")
    return name


HeaderName = Annotated[str, AfterValidator(_header_name)]
Words = tuple[Annotated[str, BeforeValidator(word)], ...]


class Place(Settings):
    """`$.path` is short for `{json: $.path}`."""

    RIGHT: ClassVar[str] = "exactly one of header, json and regex, like {header: X-Role} or $.role"

    header: HeaderName | None = None
    value: JsonPath | None = Field(default=None, alias="json")
    regex: Regex | None = None
    """Searched in the body. Its first group is what is told, or the whole match if it has none."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"json": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_way(self) -> "Place":
        if sum(way is not None for way in self.ways) != 1:
            raise ValueError(f"write {self.RIGHT}")
        return self

    @property
    def ways(self) -> tuple[object, ...]:
        """Those that exclude each other."""
        return self.header, self.value, self.regex

    def __str__(self) -> str:
        if self.header is not None:
            return f"the header {self.header}"
        return self.value if self.value is not None else f"the match of {self.regex}"


class RolePlace(Place):
    """Its words, besides the usual ones (primary, master, leader; standby, replica, slave, follower...)."""

    primary: Words = ()
    standby: Words = ()


class WritablePlace(Place):
    """Its words, besides true, yes, on, 1 and false, no, off, 0."""

    yes: Words = ()
    no: Words = ()


class Finder:
    """A place, ready to be looked up in answers."""

    def __init__(self, place: Place) -> None:
        self._header = place.header
        self._steps = None if place.value is None else keys(place.value)
        self._pattern = None if place.regex is None else Pattern(place.regex, captures=True)
        self.quick = self._pattern is None
        self.needs_json = place.value is not None
        """Whether `find` wants the answer's document."""

    async def find(self, answer: Answer, document: object) -> object:
        """What stands there; None where nothing does."""
        if self._pattern is None:
            return self.find_at_once(answer, document)
        found = await self._pattern.first_group(utf8(answer.body))
        return None if found is None else found.decode("utf-8", "replace")

    def find_at_once(self, answer: Answer, document: object) -> object:
        """The same for what is `quick`; a look has several facts, and each await costs a microsecond."""
        if self._steps is not None:
            value = pick(document, self._steps)
            return storable(value) if isinstance(value, str) else value
        return None if self._header is None else answer.header(self._header)

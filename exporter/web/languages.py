"""The page's languages: one catalogue of texts each, and which of them a browser would like best.

A language is one file in `locales/`; its texts hold placeholders like `{name}`, the same in every language.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from aiohttp import hdrs, web

COOKIE = "lang"
"""Set by the page's own script when somebody chooses a language; a plain GET changes nothing."""
HEADER_MOST = 500
"""Characters of Accept-Language that are read."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_TRADITIONAL = ("hant", "tw", "hk", "mo")


@dataclass(frozen=True, slots=True)
class Language:
    """`code` as in `<html lang>`; `texts` by key."""

    code: str
    texts: Mapping[str, str]

    @property
    def name(self) -> str:
        """In the language itself."""
        return self.texts["language"]

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return self.texts["direction"]

    def text(self, key: str, /, **values: object) -> str:
        """The text, with its placeholders filled in. Raises KeyError for a key that no catalogue has."""
        return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), self.texts[key])


def _load() -> dict[str, Language]:
    found = {}
    for entry in files("exporter.web").joinpath("locales").iterdir():
        code, _, suffix = entry.name.rpartition(".")
        if suffix == "json":
            found[code] = Language(code, json.loads(entry.read_text(encoding="utf-8")))
    return dict(sorted(found.items(), key=lambda item: (item[0] != "en", item[0])))


LANGUAGES = _load()
"""Code -> language, English first."""
ENGLISH = LANGUAGES["en"]


def match(tag: str) -> Language | None:
    """The language that we have for a tag like `zh-TW`; None if we have none."""
    subtags = tag.strip().lower().split("-")
    if subtags[0] == "zh":
        return LANGUAGES["zh-Hant" if any(part in _TRADITIONAL for part in subtags) else "zh-Hans"]
    return LANGUAGES.get(subtags[0])


def wanted(request: web.Request) -> Language:
    """By `?lang=`, else by the cookie, else by Accept-Language, else English."""
    chosen = (request.query.get("lang", ""), request.cookies.get(COOKIE, ""))
    for tag in (*chosen, *_preferred(request.headers.get(hdrs.ACCEPT_LANGUAGE, "")[:HEADER_MOST])):
        if (language := match(tag)) is not None:
            return language
    return ENGLISH


def _preferred(header: str) -> Iterable[str]:
    """The tags of an Accept-Language header, the most liked first."""
    liked = []
    for place, item in enumerate(header.split(",")):
        tag, _, weight = item.partition(";")
        try:
            share = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if share > 0:
            liked.append((-share, place, tag))
    return [tag for _, _, tag in sorted(liked)]

"""The page's languages: their catalogues are whole, and the right one is chosen."""

import re
from pathlib import Path

import aiohttp
import pytest

from exporter.core.checklist import CHECKS, Standing, Why
from exporter.core.model import Reason, Role
from exporter.core.past import PHASES, Kind
from exporter.core.state import Mode
from exporter.web.languages import ENGLISH, LANGUAGES, Language, match
from tests.web.fakes import Stage, serving

WEB = Path(__file__).parents[2] / "exporter/web"
SOURCES = [*sorted((WEB / "static").glob("*.js")), *sorted((WEB / "templates").glob("*.html"))]
FAMILIES = ("check", "checklist", "classified", "kind", "look", "mark", "marks", "objective", "phase", "proof", "reason", "role", "scenario",
            "source", "standing", "state", "step", "verdict", "filter", "missing", "why")  # fmt: skip
"""First words of keys that the page puts together from what the exporter tells."""


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w*)\}", text))


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_catalogue_is_whole(code: str) -> None:
    """The same keys in the same order as in English, the same placeholders, and nothing empty."""
    texts = LANGUAGES[code].texts
    assert list(texts) == list(ENGLISH.texts)
    assert [
        key for key, text in texts.items() if not text.strip() or placeholders(text) != placeholders(ENGLISH.texts[key])
    ] == []
    assert texts["direction"] in ("ltr", "rtl")


def test_the_languages_are_those_that_were_promised() -> None:
    """English first."""
    assert list(LANGUAGES) == ["en", "ar", "id", "ms", "th", "vi", "zh-Hans", "zh-Hant"]


def test_what_the_page_says_is_in_the_catalogue() -> None:
    """Every key that a module or a template names exists, and every key that exists is named somewhere."""
    sources = [path.read_text(encoding="utf-8") for path in SOURCES]
    said = {key for text in sources for key in re.findall(r"""\bt\("([^"]+)"[,)]""", text)}
    assert said - ENGLISH.texts.keys() == set()
    named = {word for text in sources for word in re.findall(r'"([a-z_]+(?:\.[a-z_]+)*)"', text)}
    known = {key for key in ENGLISH.texts if key.split(".")[0] not in FAMILIES}
    assert known - named - {"language", "direction"} == set()


def test_the_exporters_own_words_are_translated() -> None:
    """Every state, role, reason, kind and phase that can be told has a word."""
    words = {
        "state": Mode,
        "checklist": CHECKS,
        "standing": Standing,
        "why": Why,
        "role": Role,
        "reason": Reason,
        "kind": Kind,
        "phase": PHASES,
    }
    assert {f"{family}.{word}" for family, known in words.items() for word in known} - ENGLISH.texts.keys() == set()


@pytest.mark.parametrize(
    ("tag", "code"),
    [("en-GB", "en"), ("zh", "zh-Hans"), ("zh-SG", "zh-Hans"), ("zh-TW", "zh-Hant"), ("zh-HK", "zh-Hant"), ("zh-Hant-MO", "zh-Hant"),
     ("AR-eg", "ar"), ("vi", "vi"), ("fr", None), ("", None), ("*", None)],
)  # fmt: skip
def test_the_language_of_a_tag(tag: str, code: str | None) -> None:
    """Regions of Chinese have the script that is read there; what we do not have is None."""
    found: Language | None = match(tag)
    assert (found and found.code) == code


@pytest.mark.parametrize(
    ("query", "cookie", "accept", "code"),
    [
        ("", "", "fr, th;q=0.3, id;q=0.8", "id"),
        ("", "", "id;q=0, ms;q=nonsense, vi;q=0.1", "vi"),
        ("", "th", "id", "th"),
        ("?lang=ar", "th", "id", "ar"),
        ("?lang=xx", "yy", "zz;q=", "en"),
        ("", "", "x" * 4000, "en"),
    ],
)
async def test_who_decides_the_language(query: str, cookie: str, accept: str, code: str) -> None:
    """The URL, then what was chosen, then the browser, then English; what makes no sense counts for nothing."""
    async with (
        serving(Stage()) as url,
        aiohttp.ClientSession(cookies={"lang": cookie}) as session,
        session.get(f"{url}/{query}", headers={"Accept-Language": accept}) as answer,
    ):
        body = await answer.text()
    assert f'<html lang="{code}"' in body
    assert "Set-Cookie" not in answer.headers

"""Reading a request's query. Each function raises ValueError with a sentence that says what would be right."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from aiohttp import web

EARLIEST, LATEST = -62_135_596_800, 253_402_300_799
"""Unix seconds: the years 1 to 9999."""
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?", re.ASCII)
_LEAP = re.compile(r"(?<=:)60(?=[^0-9])", re.ASCII)


def number(request: web.Request, key: str, default: int | None, most: int | None) -> int | None:
    """A whole number from 1 to `most`."""
    text = request.query.get(key)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= (most or 10**18)):
        reach = f"from 1 to {most}" if most else "from the `next` of the page before"
        raise ValueError(f"{key} is not usable; give a whole number {reach}")
    return int(text)


def flag(request: web.Request, key: str) -> bool:
    """False if it is not given."""
    text = request.query.get(key, "false")
    if text not in ("true", "false"):
        raise ValueError(f"{key} is not usable; give true or false")
    return text == "true"


def choices(request: web.Request, key: str, possible: Iterable[str]) -> frozenset[str]:
    """Any of these values, as often as wanted; empty if none is given."""
    known = [str(one) for one in possible]
    given = frozenset(request.query.getall(key, []))
    if not given.issubset(known):
        raise ValueError(f"{key} is not usable; give one of {', '.join(known)}, or several")
    return given


def instant(request: web.Request, key: str) -> float | None:
    """Unix seconds, given as such or as a time of RFC 3339; None if it is not given."""
    text = request.query.get(key)
    if text is None:
        return None
    try:
        found = float(text) if _NUMBER.fullmatch(text) else _rfc3339(text)
    except (ValueError, OverflowError):
        found = float("inf")
    if not EARLIEST <= found <= LATEST:
        raise ValueError(f"{key} is not usable; give Unix seconds, or a time like 2026-10-01T08:00:00Z")
    return found


def _rfc3339(text: str) -> float:
    if not text.isascii() or len(text) < len("2026-10-01T08:00:00Z"):
        raise ValueError
    if text[-6] == " ":  # a plus that was not escaped
        text = f"{text[:-6]}+{text[-5:]}"
    plain, leaps = _LEAP.subn("59", text.upper())
    read = datetime.fromisoformat(plain)
    if read.tzinfo is None:
        raise ValueError
    return (read + timedelta(seconds=leaps)).timestamp()

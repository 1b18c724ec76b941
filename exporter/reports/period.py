"""The window of a report, and the months, quarters and years in it, by the calendar of one time zone."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from exporter.core.accounting import Span

ROLLING = 365 * 86_400.0
"""Seconds of the rolling window."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Period(NamedTuple):
    """A window with its name: `2026-09`, `2026Q3`, `2026`, or what was asked for."""

    name: str
    kind: str
    """`month`, `quarter`, `year`, `rolling_365d` or `custom`."""
    window: Span


def zone(name: str) -> ZoneInfo:
    """Raises ValueError with what would be right."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone; write one like UTC or Asia/Hong_Kong") from None


def instant(text: str, tz: ZoneInfo) -> float:
    """Unix seconds of a date (its first moment), of a date and a time, or of one with its own offset.

    Raises ValueError with what would be right.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time; write 2026-09-01 or 2026-09-01T12:00:00") from None
    return (found if found.tzinfo else found.replace(tzinfo=tz)).timestamp()


def between(start: str, end: str, tz: ZoneInfo) -> Period:
    """From the first moment of `start` to that of `end`; a date as `end` is included whole. Raises ValueError."""
    last = instant(end, tz)
    if _DAY.fullmatch(end):
        last = (datetime.fromisoformat(end) + timedelta(days=1)).replace(tzinfo=tz).timestamp()
    first = instant(start, tz)
    if last <= first:
        raise ValueError(f"the period from {start} to {end} is empty; give the earlier one first")
    return Period(f"{start} – {end}", "custom", Span(first, last))


def month(text: str, tz: ZoneInfo) -> Period:
    """`2026-09`. Raises ValueError."""
    found = re.fullmatch(r"(\d{4})-(\d{2})", text)
    if not found or not 1 <= int(found[2]) <= 12 or not 1970 <= int(found[1]) <= 9998:
        raise ValueError(f"{text!r} is not a month; write it like 2026-09")
    return _months(text, "month", int(found[1]), int(found[2]), 1, tz)


def quarter(text: str, tz: ZoneInfo) -> Period:
    """`2026Q3`. Raises ValueError."""
    found = re.fullmatch(r"(\d{4})-?Q([1-4])", text)
    if not found or not 1970 <= int(found[1]) <= 9998:
        raise ValueError(f"{text!r} is not a quarter; write it like 2026Q3")
    return _months(f"{found[1]}Q{found[2]}", "quarter", int(found[1]), 3 * int(found[2]) - 2, 3, tz)


def year(text: str, tz: ZoneInfo) -> Period:
    """`2026`. Raises ValueError."""
    if not re.fullmatch(r"\d{4}", text) or not 1970 <= int(text) <= 9998:
        raise ValueError(f"{text!r} is not a year; write it like 2026")
    return _months(text, "year", int(text), 1, 12, tz)


def budgets(window: Span, tz: ZoneInfo) -> list[Period]:
    """Every calendar year, quarter and month that the window touches, and the 365 days up to its end."""
    first = datetime.fromtimestamp(window.start, tz)
    last = datetime.fromtimestamp(window.end - 1e-3, tz)
    years = [year(str(y), tz) for y in range(first.year, last.year + 1)]
    months = [_months(f"{y}-{m:02d}", "month", y, m, 1, tz) for y, m in _each_month(first, last)]
    seen = dict.fromkeys((y, (m + 2) // 3) for y, m in _each_month(first, last))
    quarters = [_months(f"{y}Q{q}", "quarter", y, 3 * q - 2, 3, tz) for y, q in seen]
    rolling = Period("365d", "rolling_365d", Span(window.end - ROLLING, window.end))
    return [rolling, *years, *quarters, *months]


def iso(at: float | None, tz: ZoneInfo) -> str | None:
    """ISO 8601 with the offset of the zone at that instant, whole milliseconds; None stays None."""
    if at is None:
        return None
    told = datetime.fromtimestamp(round(at, 3), UTC).astimezone(tz)
    return told.isoformat(timespec="milliseconds" if told.microsecond else "seconds")


def _months(name: str, kind: str, of_year: int, first: int, count: int, tz: ZoneInfo) -> Period:
    after = first + count
    start = datetime(of_year, first, 1, tzinfo=tz)
    end = datetime(of_year + (after - 1) // 12, (after - 1) % 12 + 1, 1, tzinfo=tz)
    return Period(name, kind, Span(start.timestamp(), end.timestamp()))


def _each_month(first: datetime, last: datetime) -> Iterator[tuple[int, int]]:
    at = (first.year, first.month)
    while at <= (last.year, last.month):
        yield at
        at = (at[0] + at[1] // 12, at[1] % 12 + 1)

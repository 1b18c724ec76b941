"""Instants as backup tools write them: seconds or milliseconds since 1970, or ISO 8601; and zones for those that have none."""

import math
from datetime import UTC, datetime, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator

FAR = 1e11
"""As seconds in the year 5138, as milliseconds in 1973: what is above it counts milliseconds."""


def seconds(value: object, zone: tzinfo | None = None) -> float:
    """Unix seconds. A time without a zone is one of `zone`; where clocks were set back, the earlier of the two.

    Raises ValueError with what would be right.
    """
    number = _number(value)
    if number is not None:
        number = number / 1000 if number >= FAR else number
    elif isinstance(value, str):
        number = _iso(value, zone)
    if number is None or not 0 <= number < FAR:
        raise ValueError(
            f"{str(value)[:40]!r} is not a time; expected seconds since 1970, or one like 2026-01-31T02:00:00Z"
        )
    return number


def earliest(moment: datetime, zone: tzinfo | None) -> float:
    """Unix seconds of a moment that may have no zone of its own. Raises ValueError when there is none at all."""
    if moment.tzinfo is None:
        if zone is None:
            raise ValueError("the time has no zone; write one, like 2026-01-31T02:00:00Z")
        moment = moment.replace(tzinfo=zone)
    try:
        return min(moment.replace(fold=fold).timestamp() for fold in (0, 1))
    except (OverflowError, ValueError):
        raise ValueError("the time lies outside of what can be dated") from None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _iso(text: str, zone: tzinfo | None) -> float | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return earliest(moment, zone)


def utc(instant: float) -> str:
    """1795380156.0 -> `2026-11-22 20:42:36 UTC`."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ValueError(f"{name!r} is not a time zone; write one like UTC or Asia/Hong_Kong") from None
    return name


Time = Annotated[float, BeforeValidator(seconds)]
"""Unix seconds, from what a tool wrote."""
ZoneName = Annotated[str, AfterValidator(_zone)]

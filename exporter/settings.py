"""Value types that the config schema and the probe kinds share: durations, ratios, secrets.

Durations are written `250ms 5s 15m 4h 90d` and read as seconds; ratios as `99.9%` or `0.999`.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


def parse_duration(value: object) -> float:
    """`1h30m` -> 5400.0 seconds. Raises ValueError with what would be right."""
    text = str(value).strip()
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration; write a number and a unit, like 250ms, 5s, 15m, 4h or 90d")
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def format_duration(seconds: float) -> str:
    """The shortest exact way to write it: 5400.0 -> `90m`, 0.25 -> `250ms`."""
    for unit in ("w", "d", "h", "m", "s"):
        count = seconds / UNITS[unit]
        if count >= 1 and count == int(count) and not (unit == "w" and count < 1):
            return f"{int(count)}{unit}"
    return f"{seconds * 1000:g}ms"


def _positive(value: object) -> float:
    seconds = parse_duration(value)
    if seconds <= 0:
        raise ValueError(f"{value!r} must be longer than nothing")
    return seconds


def parse_ratio(value: object) -> float:
    """`99.9%` or 0.999 -> 0.999. Raises ValueError with what would be right."""
    text = str(value).strip()
    try:
        number = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a ratio; write a percentage like 99.9% or a number like 0.999") from None
    if not 0 <= number <= 1:
        raise ValueError(f"{text!r} is not between 0% and 100%; write a percentage like 99.9% or a number like 0.999")
    return number


Duration = Annotated[float, BeforeValidator(_positive)]
"""Seconds, longer than 0."""
DurationOrZero = Annotated[float, BeforeValidator(parse_duration)]
Ratio = Annotated[float, BeforeValidator(parse_ratio)]


class Settings(BaseModel):
    """Base of everything that is written in the configuration: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Secret(Settings):
    """A secret by reference: from the environment, from a file, or (with a warning) plain. Never printed."""

    env: str | None = None
    file: str | None = None
    plain: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_string(cls, value: Any) -> Any:
        return {"plain": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_source(self) -> "Secret":
        if sum(part is not None for part in (self.env, self.file, self.plain)) != 1:
            raise ValueError("a secret needs exactly one of env and file, like {env: NAME}")
        return self

    def reveal(self) -> str:
        """The secret itself, read anew each time so that a rotated one is used.

        Raises ValueError naming the missing variable or file.
        """
        if self.plain is not None:
            return self.plain
        if self.env is not None:
            if self.env not in os.environ:
                raise ValueError(f"the environment has no {self.env}; set it, or use a file")
            return os.environ[self.env]
        try:
            return Path(str(self.file)).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise ValueError(f"cannot read the secret file {self.file}: {error.strerror}") from None

    def __repr__(self) -> str:
        return f"Secret({'env=' + self.env if self.env else 'file=' + self.file if self.file else '***'})"

    __str__ = __repr__

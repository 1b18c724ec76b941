"""Value types that the config schema and the probe kinds share: durations, ratios, secrets, and how secrets are masked.

Durations are written `250ms 5s 15m 4h 90d 7y` and read as seconds, a year as 365 days; ratios as `99.9%` or `0.999`.
"""

import os
import re
import stat
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, model_serializer, model_validator

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 365 * 86400.0}
LONGEST = 100 * 365 * UNITS["d"]
"""Seconds: a longer duration is a typing error, and would overflow a date."""
SECRET_SIZE = 64 * 1024
"""Bytes: more than any password, key or token has."""
MASK = "<secret>"

_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(ms|s|m|h|d|w|y)")
_SIZE = re.compile(r"([0-9]{1,12})\s*(KiB|MiB)?")
_SECRET_WORD = r"(?:password|passwd|passphrase|pwd|secret|token|bearer|authorization|cookie|api[-_]?key|credentials?|(?<![a-z])pin)"  # noqa: S105 - a pattern, no secret
_SECRET_KEY = re.compile(rf"(?:^|[-_.])(?:[a-z]*{_SECRET_WORD})(?:[-_.]|$)", re.IGNORECASE)
_PLAIN = (
    re.compile(r"(?<=://)([^\s/?#:@]*:)(?!<secret>)[^\s/?#]+(?=@)"),
    re.compile(rf"(\b\w*{_SECRET_WORD}=)(?!<secret>)(?:'(?:[^'\\]|\\.)*'|[^\s&;'\"]+)", re.IGNORECASE),
    re.compile(
        rf"(\"\w*{_SECRET_WORD}\"\s*:\s*)(?!\"<secret>)(?:\"(?:[^\"\\]|\\.)*\"|-?[0-9][-+.0-9eE]*)", re.IGNORECASE
    ),
    re.compile(r"([?&](?:key|sig|sign|signature|auth|code|session)=)(?!<secret>)[^\s&#'\"]+", re.IGNORECASE),
    re.compile(r"(\b(?:Bearer|Basic)\s+)(?!<secret>)(?=[a-z]*[A-Z0-9._~+/=-])[A-Za-z0-9._~+/=-]{8,}"),
)
_MAYBE = re.compile(r'[@="]|Bearer|Basic')


def mask(text: str) -> str:
    """The same text with every password in it replaced: in URLs, DSNs, query strings, JSON bodies, Authorization values."""
    # Most texts hold nothing of the kind: a large configuration has tens of thousands of them.
    if not _MAYBE.search(text):
        return text
    for pattern in _PLAIN:
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return text


def is_secret_key(key: str) -> bool:
    """Whether a key's name says that its value is a secret. `password_file` is not: it only names where the secret is."""
    return not key.endswith("_file") and _SECRET_KEY.search(key) is not None


def parse_duration(value: object) -> float:
    """`1h30m` -> 5400.0 seconds. Raises ValueError with what would be right."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("this is not a duration; write a number and a unit, like 250ms, 5s, 15m, 4h or 90d")  # noqa: TRY004 - pydantic reports ValueErrors
    text = str(value).strip()
    if text == "0":
        return 0.0
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text[:60]!r} is not a duration; write a number and a unit, like 250ms, 5s, 15m, 4h or 90d")
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    if seconds > LONGEST:
        raise ValueError(
            f"{text[:60]!r} is longer than 100 years; write a number and a unit, like 250ms, 5s, 15m, 4h or 90d"
        )
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest exact way to write it: 5400.0 -> `90m`, 0.25 -> `250ms`."""
    for unit in ("w", "d", "h", "m", "s"):
        count = seconds / UNITS[unit]
        if count >= 1 and count == int(count):
            return f"{int(count)}{unit}"
    return f"{seconds * 1000:.6f}".rstrip("0").rstrip(".") + "ms" if seconds else "0s"


def _positive(value: object) -> float:
    seconds = parse_duration(value)
    if seconds <= 0:
        raise ValueError(f"{str(value)!r} is no time at all; write something longer, like 250ms or 5s")
    return seconds


def parse_ratio(value: object) -> float:
    """`99.9%` or 0.999 -> 0.999. Raises ValueError with what would be right."""
    text = str(value).strip()
    try:
        number = round(float(text[:-1]) / 100, 15) if text.endswith("%") else float(text)
    except ValueError:
        raise ValueError(
            f"{text[:60]!r} is not a ratio; write a percentage like 99.9% or a number like 0.999"
        ) from None
    if not 0 <= number <= 1:
        right = f"{text}" + "%" if 1 < number <= 100 and not text.endswith("%") else "a percentage like 99.9%"
        raise ValueError(f"{text[:60]!r} is not between 0% and 100%; write {right} or a number like 0.999")
    return number


def format_ratio(value: float) -> str:
    """0.999 -> `99.9%`."""
    return f"{value * 100:.10g}%"


def parse_size(value: object) -> int:
    """`64KiB` or 65536 -> 65536 bytes. Raises ValueError with what would be right."""
    found = _SIZE.fullmatch(str(value).strip())
    if isinstance(value, bool) or found is None:
        raise ValueError(f"{str(value)[:60]!r} is not a size; write a number of bytes, or one like 64KiB or 1MiB")
    return int(found[1]) << {"": 0, "KiB": 10, "MiB": 20}[found[2] or ""]


_AS_DURATION = PlainSerializer(format_duration, return_type=str, when_used="json")
Duration = Annotated[float, BeforeValidator(_positive), _AS_DURATION]
"""Seconds, longer than 0, at most 100 years."""
DurationOrZero = Annotated[float, BeforeValidator(parse_duration), _AS_DURATION]
Size = Annotated[int, BeforeValidator(parse_size)]
"""Bytes."""
Ratio = Annotated[float, BeforeValidator(parse_ratio), PlainSerializer(format_ratio, return_type=str, when_used="json")]


class Settings(BaseModel):
    """Base of everything that is written in the configuration: unknown keys are errors, values do not change.

    Wherever a field `password` is a Secret, the key `password_file` may be written instead: `password: {file: …}`.
    """

    # Deferred: a configuration names few of the kinds, and to build what checks the settings of all was part of each start.
    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False, defer_build=True
    )

    @classmethod
    def written_keys(cls) -> dict[str, str]:
        """Every key that may be written -> the field that it fills."""
        names = {field.alias or name: name for name, field in cls.model_fields.items()}
        return names | {f"{name}_file": name for name in cls._secrets() if f"{name}_file" not in names}

    @classmethod
    @cache
    def _secrets(cls) -> list[str]:
        return [name for name, field in cls.model_fields.items() if field.annotation in (Secret, Secret | None)]

    @model_validator(mode="before")
    @classmethod
    def _from_files(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for name in cls._secrets():
            key = f"{name}_file"
            if key in value and key not in cls.model_fields:
                if name in value:
                    raise ValueError(f"{name} and {key} are both given; keep one of them")
                value = {k: v for k, v in value.items() if k != key} | {name: {"file": value[key]}}
        return value


class Secret(Settings):
    """A secret by reference: from the environment, from a file, or (with a warning) plain. Never printed."""

    env: str | None = None
    file: str | None = None
    plain: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_string(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"plain": value}
        if not isinstance(value, dict | Secret):
            raise ValueError("this is not a secret; write {env: NAME} or {file: /run/secrets/name}")  # noqa: TRY004 - pydantic reports ValueErrors
        return value

    @model_validator(mode="after")
    def _one_source(self) -> "Secret":
        if sum(part is not None for part in (self.env, self.file, self.plain)) != 1:
            raise ValueError(
                "a secret needs exactly one of env and file, like {env: NAME} or {file: /run/secrets/name}"
            )
        return self

    @model_serializer(mode="plain", when_used="json")
    def _masked(self) -> str:
        return MASK

    def reveal(self) -> str:
        """The secret itself, read anew each time so that a rotated one is used.

        Raises ValueError naming the missing or empty variable or file.
        """
        if self.plain is not None:
            return self.plain
        if self.env is not None:
            if not os.environ.get(self.env):
                raise ValueError(f"the environment has no {self.env}; set it, or use a file")
            return os.environ[self.env]
        return read_secret_file(Path(str(self.file)))

    def __repr__(self) -> str:
        return f"Secret({'env=' + self.env if self.env else 'file=' + self.file if self.file else '***'})"

    __str__ = __repr__


def read_secret_file(path: Path) -> str:
    """The text of a regular file of at most SECRET_SIZE bytes, without the line end. Raises ValueError that tells why not."""
    try:
        # A FIFO or a device would block, or never end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError(f"the secret file {path} is not a regular file; name one that holds only the secret")
        with path.open("rb") as file:
            content = file.read(SECRET_SIZE + 1)
    except OSError as error:
        raise ValueError(
            f"cannot read the secret file {path}: {error.strerror}; create it, readable by this process"
        ) from None
    if len(content) > SECRET_SIZE:
        raise ValueError(f"the secret file {path} is larger than 64 KiB; name one that holds only the secret")
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"the secret file {path} is not UTF-8 text; name one that holds only the secret") from None
    if not text:
        raise ValueError(f"the secret file {path} is empty; write the secret into it")
    return text

"""Values in the words of a language: nothing unobserved becomes a number, and no number loses its bounds."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

LANGUAGES = ("en", "zh")
HTML_LANG = {"en": "en", "zh": "zh-Hans"}
SYMBOLS = {
    "met": "✓", "missed": "✗", "not_proven": "?", "no_objective": "–",
    "proven": "✓", "failed": "✗", "stale": "⧖", "missing": "○",
}  # fmt: skip
"""A sign beside every word and colour, for those who cannot tell the colours apart and for printers that have none."""
NO_BREAK = "\N{NO-BREAK SPACE}"
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0


@cache
def words(language: str) -> Mapping[str, str]:
    """The catalogue of a language."""
    text = resources.files("exporter.reports").joinpath(f"words/{language}.json").read_text(encoding="utf-8")
    found: Mapping[str, str] = json.loads(text)
    return found


class Teller:
    """One language, one time zone."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.language = language
        self.zone = zone
        self._words = words(language)

    @property
    def html_lang(self) -> str:
        return HTML_LANG[self.language]

    def word(self, key: str, **values: object) -> str:
        """Raises KeyError for what is in no catalogue: better than a key on a board's table."""
        return self._words[key].format(**values)

    def named(self, group: str, name: object) -> str:
        """`kind.failover` and the like; a name that is in no catalogue stays itself."""
        return self._words.get(f"{group}.{name}", str(name))

    @property
    def unknown(self) -> str:
        return self.word("value.unknown")

    def instant(self, at: float | None) -> str:
        """With the offset of the zone at that instant."""
        if at is None:
            return self.unknown
        told = datetime.fromtimestamp(round(at, 3), UTC).astimezone(self.zone)
        offset = "Z" if self.zone.key == "UTC" else told.strftime("%z")
        fraction = f".{told.microsecond // 1000:03d}" if told.microsecond else ""
        return f"{told:%Y-%m-%d %H:%M:%S}{fraction} {offset}"

    def day(self, at: float | None) -> str:
        return self.word("value.never") if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"

    def duration(self, seconds: float | None) -> str:
        """Two units at most, rounded to what can be read; below a minute with hundredths, below ten with tenths."""
        if seconds is None:
            return self.unknown
        sign, value = ("−" if seconds < 0 else ""), abs(seconds)
        if value < 0.0995:
            told = f"{value * 1000:.0f} {self.word('unit.ms')}" if value else f"0 {self.word('unit.s')}"
        elif value < _MINUTE - 0.005:
            told = f"{value:.2f} {self.word('unit.s')}"
        elif value < 10 * _MINUTE - 0.05:
            told = self._two(value, _MINUTE, "unit.min", 0.1, "unit.s")
        elif value < _HOUR - 0.5:
            told = self._two(value, _MINUTE, "unit.min", 1.0, "unit.s")
        elif value < _DAY - 30:
            told = self._two(value, _HOUR, "unit.h", _MINUTE, "unit.min")
        else:
            told = self._two(value, _DAY, "unit.d", _HOUR, "unit.h")
        return sign + told.replace(" ", NO_BREAK)

    def _two(self, value: float, big: float, big_unit: str, small: float, small_unit: str) -> str:
        parts = round(value / small)
        whole, rest = divmod(parts, round(big / small))
        told = f"{whole} {self.word(big_unit)}"
        return f"{told} {rest * min(small, 1.0):g} {self.word(small_unit)}" if rest else told

    def interval(self, found: Mapping[str, float] | None) -> str:
        """`[lower, upper]`, both with their units."""
        if found is None:
            return self.unknown
        lower, upper = self.duration(found["lower"]), self.duration(found["upper"])
        return lower if lower == upper else f"[{lower}, {upper}]"

    def percent(self, ratio: float | None) -> str:
        """As many decimals as nines need, rounded down: 99.996 % never reads as 100 %."""
        if ratio is None:
            return self.unknown
        scaled = int(ratio * 1e6 + 1e-6) / 1e4
        return f"{scaled:.4f}".rstrip("0").rstrip(".") + f"{NO_BREAK}%"

    def money(self, found: Mapping[str, object] | None) -> str:
        if found is None:
            return self.word("value.none")
        lower, upper = (f"{float(str(found[side])):,.0f}".replace("-", "−") for side in ("lower", "upper"))
        return f"{found['currency']} " + (lower if lower == upper else f"[{lower}, {upper}]")

    def flag(self, value: bool | None) -> str:
        return self.unknown if value is None else self.word("value.yes" if value else "value.no")

    def signed(self, group: str, name: str) -> str:
        """A verdict or a standing with its sign before it."""
        return f"{SYMBOLS.get(name, '')} {self.named(group, name)}".strip()

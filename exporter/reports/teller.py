"""Values in the words of a language: nothing unobserved becomes a number, and no number loses its bounds."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from math import ceil, floor, inf
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
_STEPS = ((0.0995, 0.001), (_MINUTE, 0.01), (10 * _MINUTE, 0.1), (_HOUR, 1.0), (_DAY, _MINUTE), (inf, _HOUR))
"""Below how many seconds a duration is told in steps of how many."""
_NOISE = 1e-6
"""What the arithmetic of floats may have added to a number, and is no part of it."""


@cache
def words(language: str) -> Mapping[str, str]:
    """The catalogue of a language."""
    text = resources.files("exporter.reports").joinpath(f"words/{language}.json").read_text(encoding="utf-8")
    found: Mapping[str, str] = json.loads(text)
    return found


def _step(seconds: float) -> float:
    return next(step for below, step in _STEPS if abs(seconds) < below)


def _count(value: float, step: float, rounding: Callable[[float], int]) -> float:
    """The value in whole steps."""
    noise = _NOISE if rounding is floor else -_NOISE if rounding is ceil else 0.0
    return round(rounding((value + noise) / step) * step, 3)


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
        return self.unknown if seconds is None else self._lasting(_count(seconds, _step(seconds), round))

    def exactly(self, seconds: float) -> str:
        """What was promised: to the hundredth, however long it is."""
        return self._lasting(_count(seconds, 0.01, round))

    def _lasting(self, rounded: float) -> str:
        """Seconds that are rounded already, every unit of them that is not zero."""
        sign, rest, parts = "−" if rounded < 0 else "", abs(rounded), []
        if 0 < rest < 0.0995:
            parts = [f"{rest * 1000:.0f} {self.word('unit.ms')}"]
        elif 0 < rest < _MINUTE:
            parts = [f"{rest:.2f} {self.word('unit.s')}"]
        else:
            for size, unit in ((_DAY, "unit.d"), (_HOUR, "unit.h"), (_MINUTE, "unit.min")):
                count, rest = divmod(rest, size)
                parts += [f"{count:.0f} {self.word(unit)}"] if count else []
            rest = round(rest, 3)
            parts += [f"{rest:g} {self.word('unit.s')}"] if rest or not parts else []
        return sign + " ".join(parts).replace(" ", NO_BREAK)

    def bounds(self, found: Mapping[str, float]) -> tuple[str, str]:
        """Lower bound rounded down and upper bound rounded up, as fine as it takes to tell them apart.

        They are the same only where not even the hundredths of a second (below a tenth: the milliseconds) differ.
        """
        lower, upper = found["lower"], found["upper"]
        for finest in (_HOUR, _MINUTE, 1.0, 0.1, 0.01):
            steps = min(_step(lower), finest), min(_step(upper), finest)
            if _count(lower, steps[0], round) != _count(upper, steps[1], round):
                return self._lasting(_count(lower, steps[0], floor)), self._lasting(_count(upper, steps[1], ceil))
        return (self._lasting(_count(upper, steps[1], ceil)),) * 2

    def interval(self, found: Mapping[str, float] | None) -> str:
        """`[lower, upper]`, both with their units."""
        if found is None:
            return self.unknown
        lower, upper = self.bounds(found)
        return lower if lower == upper else f"[{lower}, {upper}]"

    def percent(self, ratio: float | None) -> str:
        """As many decimals as nines need, rounded down: 99.996 % never reads as 100 %."""
        if ratio is None:
            return self.unknown
        scaled = int(ratio * 1e6 + 1e-6) / 1e4
        return f"{scaled:.4f}".rstrip("0").rstrip(".") + f"{NO_BREAK}%"

    def money(self, found: Mapping[str, object] | None) -> str:
        """`[lower, upper]` in whole units, outwards; in hundredths where that would tell nothing of the bounds."""
        if found is None:
            return self.word("value.none")
        least, most = (float(str(found[side])) for side in ("lower", "upper"))
        digits = 0 if round(least) != round(most) or least == most == round(most) else 2
        lower, upper = (
            f"{_count(value, 0.1**digits, rounding):,.{digits}f}".replace("-", "−")
            for value, rounding in ((least, floor), (most, ceil))
        )
        if round(least, digits) == round(most, digits):
            lower = upper
        return f"{found['currency']} " + (lower if lower == upper else f"[{lower}, {upper}]")

    def flag(self, value: bool | None) -> str:
        return self.unknown if value is None else self.word("value.yes" if value else "value.no")

    def signed(self, group: str, name: str) -> str:
        """A verdict or a standing with its sign before it."""
        return f"{SYMBOLS.get(name, '')} {self.named(group, name)}".strip()

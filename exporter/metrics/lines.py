"""Lines of the exposition format whose labels are made once, so that a scrape only fills in values.

A `Block` holds all lines that one family has for a few systems as one %-template: one call into C writes them all. They are
bytes from the start: Python formats those in about half the time, and they need no encoding later.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

from exporter.catalogue.metrics import Metric

Value: TypeAlias = float | None
"""None: not known, so there is no line."""

NUMBER = "%r"
"""Every digit; slow for fractions."""
COUNT = "%d"
SECONDS = "%.6f"
"""Durations to the microsecond: half the cost of every digit."""
INSTANT = "%.3f"
"""Unix time to the millisecond: finer than any two clocks agree."""
WHOLE = "%.0f"
"""Unix time of what happens now and then: a drift of the clocks must not make it look as if it had happened again."""


@lru_cache(maxsize=4096)
def escape(value: str) -> str:
    """A label value as both formats want it; what is not valid Unicode becomes `?`."""
    clean = value.encode("utf-8", "replace").decode("utf-8")
    return clean.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def series(metric: Metric, *values: str) -> str:
    """`name{label="value",...}`: the values in the order of the catalogue's labels."""
    if not metric.labels:
        return metric.name
    pairs = [f'{label}="{escape(value)}"' for label, value in zip(metric.labels, values, strict=True)]
    return f"{metric.name}{{{','.join(pairs)}}}"


def line(metric: Metric, *values: str, value: float) -> bytes:
    """One finished line with every digit of its value."""
    return f"{series(metric, *values)} {value!r}\n".encode()


def state_set(metric: Metric, *values: str, states: Iterable[str]) -> dict[str, bytes]:
    """For each state, which is the last label, the whole set of lines while it holds."""
    names = tuple(states)
    heads = [series(metric, *values, name) for name in names]
    return {
        active: "".join(f"{head} {int(name == active)}\n" for head, name in zip(heads, names, strict=True)).encode()
        for active in names
    }


def template(head: str, form: str) -> bytes:
    """A %-template of one line."""
    return f"{head.replace('%', '%%')} {form}\n".encode()


class Block:
    """The lines of one family for some systems: ready heads, one template. Values that did not change keep their text."""

    __slots__ = ("_absent", "_lines", "_template", "_text", "_values")

    def __init__(self, heads: Iterable[str], form: str = COUNT) -> None:
        self._lines = tuple(template(head, form) for head in heads)
        self._template = b"".join(self._lines)
        self._absent = [False] * len(self._lines)
        self._values: list[Value] = []
        self._text = b""

    def fill(self, values: list[Value]) -> bytes:
        """One line for each value that is known. `values` stand in the order of the heads and are not changed later."""
        if values == self._values:
            return self._text
        absent = [value is None for value in values]
        if absent != self._absent:
            self._template = b"".join([line for line, gone in zip(self._lines, absent, strict=True) if not gone])
            self._absent = absent
        self._values = values
        self._text = self._template % tuple([value for value in values if value is not None])
        return self._text

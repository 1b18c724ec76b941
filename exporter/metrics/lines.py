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


class StateSet(dict[str, bytes]):
    """For a state, which is the last label, the whole set of lines while it holds; made when it is first asked for, because
    most systems never see most states."""

    __slots__ = ("_labels", "_metric", "_states")

    def __init__(self, metric: Metric, *values: str, states: Iterable[str]) -> None:
        super().__init__()
        self._metric, self._labels, self._states = metric, values, states

    def __missing__(self, active: str) -> bytes:
        lines = [f"{series(self._metric, *self._labels, name)} {int(name == active)}\n" for name in self._states]
        self[active] = "".join(lines).encode()
        return self[active]


def template(head: str, form: str) -> bytes:
    """A %-template of one line."""
    return f"{head.replace('%', '%%')} {form}\n".encode()


class Block:
    """The lines of one family for some systems: ready heads, one template. Values that did not change keep their text."""

    __slots__ = ("_absent", "_template", "_text", "_values", "_whole")

    def __init__(self, heads: Iterable[str], form: str = COUNT) -> None:
        self._whole = b"".join([template(head, form) for head in heads])
        """One piece and not a line each: thousands of systems have a hundred lines each. No head holds a line break."""
        self._template = self._whole
        self._absent: list[bool] = []
        """Empty: there is a value for each line."""
        self._values: list[Value] = []
        self._text = b""

    def fill(self, values: list[Value]) -> bytes:
        """One line for each value that is known. `values` stand in the order of the heads and are not changed later."""
        if values == self._values:
            return self._text
        absent = [value is None for value in values] if None in values else []
        if absent != self._absent:
            self._template = self._without(absent)
            self._absent = absent
        self._values = values
        known = [value for value in values if value is not None] if absent else values
        self._text = self._template % tuple(known)
        return self._text

    def _without(self, absent: list[bool]) -> bytes:
        if not absent:
            return self._whole
        lines = self._whole.split(b"\n")[:-1]  # splitlines would split at a \r of a label, too
        return b"".join([line + b"\n" for line, gone in zip(lines, absent, strict=True) if not gone])

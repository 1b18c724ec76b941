"""A value that is known between two bounds, and what that proves about an objective."""

from enum import StrEnum
from typing import Annotated, NamedTuple, TypeAlias


class Verdict(StrEnum):
    MET = "met"
    MISSED = "missed"
    NOT_PROVEN = "not_proven"
    NO_OBJECTIVE = "no_objective"


class Interval(NamedTuple):
    """The truth lies in [lower, upper]; `best` is the most likely value, if anything better than the middle is known."""

    lower: float
    upper: float
    best: float | None = None

    @property
    def estimate(self) -> float:
        """`best` kept inside the bounds, else the middle."""
        if self.best is None:
            return (self.lower + self.upper) / 2
        return min(max(self.best, self.lower), self.upper)

    @property
    def width(self) -> float:
        return self.upper - self.lower


When: TypeAlias = Annotated[Interval, "instant"]
"""An interval of instants, not of durations."""


def difference(start: Interval, end: Interval) -> Interval:
    """How long it was from `start` to `end`: [end.lower - start.upper, end.upper - start.lower], never below 0."""
    lower = max(0.0, end.lower - start.upper)
    upper = max(lower, end.upper - start.lower)
    return Interval(lower, upper, max(0.0, end.estimate - start.estimate))


def verdict(value: Interval | None, objective: float | None) -> Verdict:
    """`met` only if even the upper bound keeps the objective, `missed` only if even the lower bound breaks it."""
    if objective is None:
        return Verdict.NO_OBJECTIVE
    if value is None:
        return Verdict.NOT_PROVEN
    if value.upper <= objective:
        return Verdict.MET
    if value.lower > objective:
        return Verdict.MISSED
    return Verdict.NOT_PROVEN

"""The exporter's account of a failover beside the truth: pure functions over both."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from exporter.core.interval import Interval
from exporter.demo.truth import Truth, inside

PHASES = {
    "last_good": "last good look",
    "first_bad": "first failed look",
    "declared": "outage declared",
    "decided": "failover decided",
    "role_moved": "the role is seen at the standby",
    "first_good": "first good look",
    "validated": "permissions and parity hold",
    "stable": "stable: the incident is closed",
    "failback_started": "failback started",
    "failback_done": "failback done",
}


class Row(NamedTuple):
    """One claim of the exporter beside the truth."""

    what: str
    said: str
    true: str
    holds: bool


class Moment(NamedTuple):
    """Something at `at` seconds since the kill, seen by the exporter or done by the demo."""

    at: float
    what: str
    truth: bool


def bounds(told: Mapping[str, Any] | None) -> Interval | None:
    """An interval as the API tells it; None if it tells none."""
    return None if told is None else Interval(told["lower"], told["upper"], told["estimate"])


def seconds(interval: Interval | None) -> str:
    """`1.02 .. 3.40 s`; what is not known is said so."""
    return "not measured" if interval is None else f"{interval.lower:.2f} .. {interval.upper:.2f} s"


def compare(incident: Mapping[str, Any], truth: Truth, killed: Interval, lost_markers: int | None) -> list[Row]:
    """All claims that the demo can check. `killed` in Unix seconds; `lost_markers`: how many the survivor lacks of what
    the dead primary had, None where that cannot be told."""
    start = bounds(incident["start"])
    rows = [
        _claim("outage began", start and _shift(start, -killed.lower), _shift(killed, -killed.lower)),
        _claim("RTO", bounds(incident["rto"]), truth.rto),
        _claim("RPO", bounds(incident["rpo"]), truth.rpo),
    ]
    if lost_markers is not None:
        rows.append(_markers(incident["markers"], lost_markers))
    return rows


def timeline(incident: Mapping[str, Any], killed: float, done: Mapping[str, float]) -> list[Moment]:
    """What the exporter saw and what the demo did (`done`: what -> when), in order. All instants in Unix seconds."""
    seen = [
        Moment(at - killed, what, truth=False)
        for phase, what in PHASES.items()
        if (at := incident["phases"].get(phase)) is not None
    ]
    return sorted([*seen, *(Moment(at - killed, what, truth=True) for what, at in done.items())])


def _claim(what: str, said: Interval | None, true: Interval) -> Row:
    return Row(what, seconds(said), seconds(true), said is not None and inside(true, said))


def _markers(said: Mapping[str, int] | None, true: int) -> Row:
    what = "canary markers lost"
    if said is None:
        return Row(what, "not counted", str(true), holds=False)
    # The dead primary may have stored markers that it had no time to acknowledge: those are indeterminate.
    return Row(what, str(said["lost"]), str(true), said["lost"] <= true <= said["lost"] + said["indeterminate"])


def _shift(interval: Interval, by: float) -> Interval:
    return Interval(interval.lower + by, interval.upper + by, None if interval.best is None else interval.best + by)

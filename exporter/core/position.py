"""Places in a stream of writes: GTID sets and offsets in binary logs, beside the plain numbers that other servers count.

`a <= b` means that b holds every write that a holds. That is a partial order: two sets may each hold what the other lacks,
and positions of different types are never comparable.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from exporter.core.model import Position

Spans: TypeAlias = tuple[tuple[int, int], ...]
"""Transactions by number, first and last of each run: ascending, disjoint and not even touching."""
_LEAST, _MOST = -(2**63), 2**64 - 1


@dataclass(frozen=True, slots=True)
class GtidSet:
    """Which transactions of which streams a server holds: MySQL's and MariaDB's global transaction identifiers.

    A stream is a server's uuid in MySQL (`uuid:tag` where 8.4 tags them) and a domain's number in MariaDB, where a server
    that holds number n holds all before it. Made by `parse`; two sets with the same transactions are equal.
    """

    streams: Mapping[str, Spans] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "GtidSet":
        """Reads MySQL's `uuid:1-5:7,…`, MariaDB's `domain-server-number,…`, and what `str` writes. Raises ValueError."""
        return _parsed(text)

    def __str__(self) -> str:
        return ",".join(
            ":".join([stream, *(f"{first}-{last}" if first != last else f"{first}" for first, last in spans)])
            for stream, spans in sorted(self.streams.items())
        )

    def __le__(self, other: Any) -> bool:
        if not isinstance(other, GtidSet):
            return False
        return all(
            _overlap(spans, other.streams.get(stream, ())) == _count(spans) for stream, spans in self.streams.items()
        )

    def __ge__(self, other: Any) -> bool:
        return isinstance(other, GtidSet) and other <= self

    def __or__(self, other: "GtidSet") -> "GtidSet":
        names = self.streams.keys() | other.streams.keys()
        return GtidSet(
            {name: _merged((*self.streams.get(name, ()), *other.streams.get(name, ()))) for name in names},
        )

    def beyond(self, other: "GtidSet") -> int:
        """How many transactions are here and not in `other`."""
        return sum(
            _count(spans) - _overlap(spans, other.streams.get(stream, ())) for stream, spans in self.streams.items()
        )


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A place in a primary's binary logs: `binlog.000012` and the bytes in it. Files of other base names are other logs."""

    file: str
    offset: int

    @classmethod
    def parse(cls, text: str) -> "LogPosition":
        """Reads `binlog.000012:345`. Raises ValueError."""
        file, _, offset = text.rpartition(":")
        place = cls(file, _number(offset, text))
        _number(place._order[1], text)
        return place

    def __str__(self) -> str:
        return f"{self.file}:{self.offset}"

    def __le__(self, other: Any) -> bool:
        if not isinstance(other, LogPosition):
            return False
        (base, number), (other_base, other_number) = self._order, other._order
        if base != other_base:
            return False
        return (int(number), self.offset) <= (int(other_number), other.offset)

    def __ge__(self, other: Any) -> bool:
        return isinstance(other, LogPosition) and other <= self

    @property
    def _order(self) -> tuple[str, str]:
        base, _, number = self.file.rpartition(".")
        return base, number


def counted(number: int) -> int:
    """The same, if it has 64 bits, with a sign or without: no server counts further, and what is beyond a float cannot be measured. Raises ValueError."""
    if not _LEAST <= number <= _MOST:
        raise ValueError("a position has no more than 64 bits")
    return number


def read_position(stored: int | str) -> Position:
    """What `str` made of a position, or the number that one was, as a position again. Raises ValueError."""
    if not isinstance(stored, str):
        return stored
    return LogPosition.parse(stored) if "." in stored else GtidSet.parse(stored)


def overruns(told: Position, written: Position) -> bool:
    """Whether a standby told more than its primary had written by a later look, so that it is none of this stream. False in doubt.

    Of MariaDB's domains any counts that both have: another server's number is no place in it. MySQL's sets tell nothing: a
    primary that waits for semi-synchronous standbys counts a transaction as executed only after they have it, and what a standby
    executed of its own takes nothing from what it holds of the primary's.
    """
    if isinstance(told, GtidSet) and isinstance(written, GtidSet):
        return any(
            spans[-1][1] > written.streams[stream][-1][1]
            for stream, spans in told.streams.items()
            if stream.isdigit() and stream in written.streams
        )
    return written <= told and not told <= written


def gap(behind: Position | None, ahead: Position | None) -> float | None:
    """How much `ahead` has that `behind` lacks: transactions of GTID sets, else units of the position (bytes of a log).

    Never below 0; None where it cannot be told, as between two files of a log, or for what is no position (see `counted`).
    """
    if isinstance(behind, int) and isinstance(ahead, int):
        return float(max(0, ahead - behind)) if _LEAST <= min(behind, ahead) <= max(behind, ahead) <= _MOST else None
    if isinstance(behind, GtidSet) and isinstance(ahead, GtidSet):
        return float(ahead.beyond(behind))
    if isinstance(behind, LogPosition) and isinstance(ahead, LogPosition):
        if ahead <= behind:
            return 0.0
        return float(ahead.offset - behind.offset) if ahead.file == behind.file else None
    return None


def gap_bytes(behind: Position | None, ahead: Position | None) -> float | None:
    """The same where it is in bytes; None for GTID sets, which count transactions."""
    return None if isinstance(ahead, GtidSet) else gap(behind, ahead)


@lru_cache(maxsize=128)
def _parsed(text: str) -> GtidSet:
    """An idle server tells the same set at every look, and two servers often do."""
    streams: dict[str, list[tuple[int, int]]] = {}
    for part in "".join(text.split()).split(","):
        if not part:
            continue
        source, *rest = part.lower().split(":")
        if rest:
            _read_spans(source, rest, streams, part)
        else:
            domain, number = _read_mariadb(part)
            streams.setdefault(domain, []).append((1, number))
    return GtidSet({stream: merged for stream, spans in streams.items() if (merged := _merged(spans))})


def _read_spans(source: str, rest: list[str], streams: dict[str, list[tuple[int, int]]], part: str) -> None:
    """`1-5`, `7`, and tags, each of which names the stream of all the spans that follow it."""
    stream = source
    for piece in rest:
        if piece[:1].isdigit():
            first, run, last = piece.partition("-")
            span = (_number(first, part), _number(last if run else first, part))
            streams.setdefault(stream, []).append(span)
        else:
            stream = f"{source}:{piece}"


def _read_mariadb(part: str) -> tuple[str, int]:
    domain, _, rest = part.partition("-")
    return str(_number(domain, part)), _number(rest.rpartition("-")[2], part)


def _number(text: str, whole: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise ValueError(f"{whole[:60]!r} is not a position; one is like 3e11fa47-…:1-5, 0-1-100 or binlog.000012:345")
    return int(text)


def _merged(spans: Iterable[tuple[int, int]]) -> Spans:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if last < first:
            continue
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def _count(spans: Spans) -> int:
    return sum(last - first + 1 for first, last in spans)


def _overlap(some: Spans, others: Spans) -> int:
    """How many numbers are in both; both are walked once."""
    if some == others:
        return _count(some)
    common = here = there = 0
    while here < len(some) and there < len(others):
        common += max(0, min(some[here][1], others[there][1]) - max(some[here][0], others[there][0]) + 1)
        if some[here][1] <= others[there][1]:
            here += 1
        else:
            there += 1
    return common

"""A system's state as plain JSON and back, so that an exporter that was killed goes on where it was.

Histories of positions and the markers are left out: the former are proven anew within seconds, the latter have a table of
their own.
"""

import dataclasses
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from exporter.core.interval import Interval
from exporter.core.model import Position, Proven
from exporter.core.position import GtidSet, LogPosition, read_position
from exporter.core.state import CanaryState, SystemState, Track

HOLDS: Mapping[Any, Callable[[Any], bool]] = {
    Track: lambda track: track.count == 0 or (track.count > 0 and track.bad is not None),
    Interval: lambda interval: interval.lower <= interval.upper,
}
"""What the rules rely on, of what is read back: whatever wrote it kept to it, whoever altered it may not have."""
LEFT_OUT = {(SystemState, "histories"), (CanaryState, "markers")}


_KNOWN: dict[Any, dict[str, Any]] = {}
_PLAIN = frozenset({NoneType, bool, int, float, str})
_WRITERS: dict[Any, Callable[[Any], Any]] = {}


def _fields(kind: Any) -> dict[str, Any]:
    if kind not in _KNOWN:
        _KNOWN[kind] = _read_fields(kind)
    return _KNOWN[kind]


def _read_fields(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    names = [f.name for f in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else list(kind._fields)
    return {name: hints[name] for name in names if (kind, name) not in LEFT_OUT}


def encode(value: Any) -> Any:
    """Anything that a SystemState holds, as JSON: mappings and sets become lists, fields without a value are left out.

    Every heartbeat comes through here, so how a type is written is found out once and then remembered.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind not in _WRITERS:
        _WRITERS[kind] = _writer(kind)
    return _WRITERS[kind](value)


def _writer(kind: Any) -> Callable[[Any], Any]:
    if issubclass(kind, Enum):
        return lambda value: value.value
    if kind in (GtidSet, LogPosition):
        return str
    if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"):
        return partial(_told, tuple(_fields(kind)))
    if issubclass(kind, Mapping):
        return lambda value: [[encode(key), encode(part)] for key, part in value.items()]
    if issubclass(kind, (tuple, list, frozenset)):
        return lambda value: [encode(part) for part in value]
    raise TypeError(f"a state cannot hold a {kind.__name__}")


def _told(names: tuple[str, ...], value: Any) -> dict[str, Any]:
    told = {}
    for name in names:
        part = getattr(value, name)
        kind = type(part)
        if kind in _PLAIN:
            if part is not None:
                told[name] = part
        elif part or kind not in (tuple, dict):
            told[name] = encode(part)
    return told


class Decoder:
    """Reads what `encode` wrote; instants are moved by `shift` seconds, and by `slack` their intervals are widened and what
    is proven up to an instant is put back."""

    def __init__(self, shift: float = 0.0, slack: float = 0.0) -> None:
        self.shift = shift
        self.slack = slack

    def state(self, value: Mapping[str, Any]) -> SystemState:
        """Raises ValueError when it is not a state of this version: a checkpoint stands outside of the chain, and anything else
        that is believed here would be met much later, in the middle of a look."""
        try:
            read = self._read(SystemState, value)
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
            raise ValueError(f"the checkpoint is not readable: {error}") from error
        assert isinstance(read, SystemState)
        return read

    def _read(self, hint: Any, value: Any) -> Any:
        origin = get_origin(hint)
        if origin is Annotated:
            return self._moved(hint, self._read(get_args(hint)[0], value))
        if origin in (Union, UnionType):
            if value is None:
                return None
            return self._read(next(arm for arm in get_args(hint) if arm is not NoneType), value)
        if origin is tuple:
            arms = get_args(hint)
            if arms[-1] is Ellipsis:
                return tuple(self._read(arms[0], part) for part in value)
            return tuple(self._read(arm, part) for arm, part in zip(arms, value, strict=True))
        if origin is frozenset:
            return frozenset(self._read(get_args(hint)[0], part) for part in value)
        if origin is not None:
            key, part = get_args(hint)
            return {self._read(key, k): self._read(part, v) for k, v in value}
        return self._plain(hint, value)

    def _plain(self, hint: Any, value: Any) -> Any:
        if hint is Position:
            return read_position(value)
        if isinstance(hint, type):
            if issubclass(hint, Enum):
                return hint(value)
            if dataclasses.is_dataclass(hint) or hasattr(hint, "_fields"):
                fields = _fields(hint)
                read = hint(**{name: self._read(fields[name], part) for name, part in value.items() if name in fields})
                if hint in HOLDS and not HOLDS[hint](read):
                    raise ValueError(f"a {hint.__name__} contradicts itself")
                return read
        return _leaf(hint, value)

    def _moved(self, hint: Any, value: Any) -> Any:
        if isinstance(value, Interval):
            best = None if value.best is None else value.best + self.shift
            return Interval(value.lower + self.shift - self.slack, value.upper + self.shift + self.slack, best)
        return value + self.shift - (self.slack if hint == Proven else 0.0)


def _leaf(hint: Any, value: Any) -> Any:
    """A number, a text or a truth, as the field wants it. Raises ValueError for anything else."""
    if hint is float:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value):
            return float(value)
    elif type(value) is hint:
        return value
    raise ValueError(f"a {type(value).__name__} stands where a {getattr(hint, '__name__', hint)} should")

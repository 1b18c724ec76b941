"""What a ledger holds, as reports read it: entries in their order, and what is kept beside the chain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from exporter.core.ports import Json
from exporter.core.snapshot import Head


class Entry(NamedTuple):
    """One record. `at` is Unix seconds."""

    n: int
    at: float
    kind: str
    system: str
    sentence: str
    data: Mapping[str, Any]


class KeptConfig(NamedTuple):
    """A configuration with its secrets masked. `hash` is the SHA-256 that the exporter shows and records."""

    hash: str
    at: float
    """Unix seconds at which it was loaded first."""
    data: Json


class KeptState(NamedTuple):
    """The newest checkpoint of a system: its state on the monotonic clock, and when it was written on both."""

    mono: float
    wall: float
    state: Json


@dataclass(frozen=True, slots=True)
class Evidence:
    """A ledger as it was read at one moment."""

    entries: Sequence[Entry]
    head: Head
    first: int = 1
    """The number of the oldest record that is kept."""
    states: Mapping[str, KeptState] = field(default_factory=dict)
    configs: Sequence[KeptConfig] = ()
    """Oldest first."""

    @property
    def known_until(self) -> float:
        """Unix seconds until which the exporter is known to have run; 0 for a ledger in which nothing was watched."""
        return max((kept.wall for kept in self.states.values()), default=0.0)

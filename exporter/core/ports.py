"""The protocols that the engine and the web speak, so that neither needs to know who stands behind them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from exporter.core.model import Moment
from exporter.core.snapshot import Head
from exporter.core.state import Marker, Record
from exporter.core.wanted import Wanted

Json = Mapping[str, Any]


class Loaded(NamedTuple):
    """What an earlier run left, its instants already translated to this run's monotonic clock."""

    checkpoints: Mapping[str, Json]
    """By system: the newest core state, as `exporter.core.codec.encode` made it."""
    written: Mapping[str, Moment]
    """By system: when its checkpoint was made, on this run's clocks."""
    shift: Mapping[str, float]
    """By system: seconds to add to the instants in its checkpoint; 0 within one boot."""
    slack: Mapping[str, float]
    """By system: by how many seconds `shift` may be wrong; 0 within one boot."""
    markers: Mapping[tuple[str, str], Sequence[Marker]]
    """By (system, component): those of the last 15 minutes, ascending, instants already shifted."""


class Query(NamedTuple):
    """Which records are asked for."""

    kinds: Sequence[str]
    limit: int
    """How many at most."""
    system: str | None = None
    about: tuple[str, Sequence[str]] | None = None
    """Only those whose data has one of these texts under this key."""
    before: int | None = None
    """Only those with a lower number."""


class Kept(NamedTuple):
    """Something beside the chain to which a record of the chain refers by its hash."""

    kind: str
    """`config` (the masked configuration) or `samples` (what was seen around an incident)."""
    about: str
    """The id of the incident; "" for a configuration."""
    system: str
    hash: str
    text: str


class Ledger(Protocol):
    """The append-only evidence and the tables beside it. All I/O happens in a thread of its own."""

    @property
    def head(self) -> Head: ...

    @property
    def writable(self) -> bool: ...

    @property
    def waiting(self) -> int:
        """Records that wait in memory because they could not be written."""
        ...

    async def load(self, now: Moment) -> Loaded: ...

    async def append(self, records: Sequence[Record], checkpoints: Mapping[str, Json], now: Moment) -> None:
        """Returns when they are on disk, in one transaction, or when it is clear that they have to wait. Never raises."""
        ...

    def beat(self, checkpoints: Mapping[str, Json], now: Moment) -> None:
        """Refresh checkpoints without a record; survives `kill -9`, not a power cut. Returns at once."""
        ...

    def mark(self, system: str, component: str, marker: Marker, now: Moment) -> None:
        """Keep a marker (again when it is acknowledged). Returns at once."""
        ...

    def figure(self, system: str, name: str, value: float, now: Moment) -> None:
        """Keep a business figure, for comparison a week later. Returns at once."""
        ...

    def keep(self, kept: Kept, now: Moment) -> None:
        """Keep it beside the chain, once. Returns at once."""
        ...

    async def week_ago(self, system: str, name: str, now: Moment) -> float | None:
        """What the figure was a week before `now`: the mean within a quarter of an hour of then; None if none is kept."""
        ...

    async def incidents(self, wanted: Wanted, *, before: int | None, limit: int) -> Sequence[Json]:
        """Closed incidents and moves that are wanted, newest first: the `data` of their records plus `n`, the record's number."""
        ...

    async def incident(self, wanted: str) -> Json | None:
        """The closed incident or blip with this id, as `incidents` gives it; None if there is none."""
        ...

    async def told(self, query: Query) -> Sequence[Json]:
        """The `data` of these records, newest first, plus `n`, the record's number."""
        ...

    async def close(self) -> None: ...

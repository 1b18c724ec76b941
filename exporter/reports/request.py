"""What somebody asked for."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from exporter.reports.period import Period


class Request(NamedTuple):
    """What somebody asked for, and what the report says of itself."""

    period: Period
    zone: ZoneInfo
    systems: Sequence[str] = ()
    """Empty: all."""
    version: str = ""
    made: float = 0.0
    """Unix seconds."""
    config: Mapping[str, Any] = {}
    """The configuration of today, masked, where one was named: for what the ledger did not keep."""
    config_hash: str | None = None

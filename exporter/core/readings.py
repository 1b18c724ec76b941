"""What is derived from "how long ago" or from several parts at once: computed when it is read, never stored."""

from collections.abc import Mapping
from typing import NamedTuple

from exporter.core.model import Instant, Role, System
from exporter.core.state import SystemState


class Exposure(NamedTuple):
    """The live RPO of one scenario: seconds of writes that would be lost now; `known` False: counted from our start."""

    seconds: float
    known: bool


class Totals(NamedTuple):
    """Seconds, growing."""

    observed: float
    downtime: float
    blind: float


def exposure(system: System, state: SystemState, scenario: str, now: Instant) -> Exposure: ...
def rto_clock(state: SystemState, now: Instant) -> float: ...
def rto_estimate(system: System, state: SystemState, now: Instant) -> float | None: ...
def functional_ratio(system: System, state: SystemState) -> float | None: ...
def site_role(system: System, state: SystemState, site: str) -> Role: ...
def writable_sites(system: System, state: SystemState) -> int | None: ...
def readiness(system: System, state: SystemState, site: str, now: Instant) -> Mapping[str, bool]: ...
def totals(state: SystemState, now: Instant) -> Totals: ...

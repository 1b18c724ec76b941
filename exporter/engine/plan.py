"""What the engine is to watch."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from exporter.core.model import Part, System
from exporter.engine.eye import calm_interval
from exporter.engine.inspector import Inspections
from exporter.probes.kind import Probe


class Plan(NamedTuple):
    """One system to watch. Two plans with equal `key` are the same; `probes` is called only for a new one."""

    system: System
    probes: Callable[[], Mapping[Part, Probe]]
    kinds: Mapping[Part, str]
    key: object
    inspections: Callable[[Mapping[Part, Probe]], Inspections] = lambda probes: Inspections()
    """What else is asked, some of it through the probes."""


Reference = Callable[[], Awaitable[bool]]
"""Asks one reference target; True: it answered. The engine bounds it."""


def looks_a_second(plans: Iterable[Plan]) -> float:
    """How many looks these are in calm times."""
    return sum(
        1 / calm_interval(plan.system.policy, plan.system.components.get(part.component))
        for plan in plans
        for part in plan.kinds
    )

"""One system that is watched, with all that is busy for it: what the engine starts with it, and ends with it."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from exporter.core.model import ENTRY, Part
from exporter.core.snapshot import Target
from exporter.core.state import Step
from exporter.engine.eye import Eye
from exporter.engine.inspector import Inspector
from exporter.engine.pace import Pace
from exporter.engine.plan import Plan
from exporter.engine.tools import Tools
from exporter.engine.watch import Watch
from exporter.probes.kind import Probe


class Running(NamedTuple):
    """Looked at from its start until `stop`; then `close` ends its connections."""

    plan: Plan
    watch: Watch
    pace: Pace
    inspector: Inspector
    probes: Mapping[Part, Probe]
    targets: Mapping[Part, Target]

    @classmethod
    def start(cls, plan: Plan, begun: Step, phase: float, tools: Tools, before: Watch | None = None) -> "Running":
        """`phase`: where in its interval it begins, in [0, 1). `before`: who watched it under another configuration."""
        probes = plan.probes()
        system = plan.system
        eyes = {
            part: Eye(part, probe, system.policy, None if part == ENTRY else system.components[part.component])
            for part, probe in probes.items()
        }
        watch = Watch(system, eyes, begun.state, tools, before)
        watch.accept(begun)
        pace = Pace(watch, phase)
        inspector = Inspector(watch, plan.inspections(probes), phase)
        targets = {part: Target(plan.kinds[part], probe.target) for part, probe in probes.items()}
        pace.start()
        inspector.start()
        return cls(plan, watch, pace, inspector, probes, targets)

    def stop(self) -> None:
        self.pace.stop()
        self.inspector.stop()

    async def close(self) -> None:
        await asyncio.gather(*(probe.close() for probe in self.probes.values()), return_exceptions=True)

"""From a configuration to what the engine runs: probes, questions and inspections, each built from its own settings."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from exporter import backups, probes
from exporter.backups import SOURCES
from exporter.backups.failure import BackupFailure
from exporter.backups.verified import Verified
from exporter.config import Config, Loaded, SystemConfig, load
from exporter.config.inspections import BackupPlan, QuestionPlan
from exporter.core.backup import BackupFacts
from exporter.core.model import Part
from exporter.engine.inspector import Inspection, Inspections, Question
from exporter.engine.plan import Plan, Reference
from exporter.probes import KINDS
from exporter.probes.kind import Context, Failure, Probe
from exporter.probes.references import Reference as Target
from exporter.probes.references import answers


def read_config(path: Path, *, allow_exec: bool) -> Loaded:
    """The configuration, in which only who starts the exporter may allow commands. Raises ConfigError."""
    kinds, sources = probes.permitted(allow_exec=allow_exec), backups.permitted(allow_exec=allow_exec)
    return load(path, kinds, sources)


def build_probes(system: SystemConfig, vantage: str) -> dict[Part, Probe]:
    """The probes of one system, by its configuration. Does no I/O."""
    built = {}
    for part, endpoint in system.endpoints.items():
        table = system.canary_tables.get(part.component)
        context = Context(vantage, table) if table else Context(vantage)
        built[part] = KINDS[endpoint.kind].build(endpoint.settings, context)
    return built


def build_inspections(system: SystemConfig, allow_exec: bool, built: Mapping[Part, Probe]) -> Inspections:
    """What is asked of one system beside the looks, by its configuration. Does no I/O."""
    mine = system.inspections
    return Inspections(
        {name: _inspection(plan, allow_exec) for name, (_, plan) in mine.backups.items()},
        {name: _question(system, plan, built) for name, (_, plan) in mine.parity.items()},
        {name: _question(system, plan, built) for name, (_, plan) in mine.kpis.items()},
    )


def _inspection(plan: BackupPlan, allow_exec: bool) -> Inspection:
    verified = plan.verified if isinstance(plan.verified, Verified) else None
    inspector = SOURCES[plan.source].build(plan.settings, verified, allow_exec=allow_exec)

    async def inspect() -> BackupFacts:
        try:
            return await inspector.inspect()
        except BackupFailure as failure:
            raise Failure(failure.reason, failure.detail) from None

    return Inspection(plan.every, plan.timeout, inspect)


def _question(system: SystemConfig, plan: QuestionPlan, built: Mapping[Part, Probe]) -> Question:
    asks = {}
    for site, asked in plan.asked.items():
        kind = KINDS[asked.kind].question
        assert kind is not None, "the configuration asks no kind that has no question"
        if asked.part is not None:
            asks[site] = kind.build(asked.settings, system.endpoints[asked.part].settings, built[asked.part])
        else:
            assert kind.alone is not None
            asks[site] = kind.alone.build(asked.settings, None, None)
    return Question(plan.every, plan.timeout, asks)


def plans(config: Config, *, allow_exec: bool = False) -> list[Plan]:
    """The systems of this shard: each name belongs to exactly one, whatever else is configured."""
    return [
        Plan(
            system.model,
            partial(build_probes, system, config.vantage),
            {part: endpoint.kind for part, endpoint in system.endpoints.items()},
            (system, config.vantage),
            partial(build_inspections, system, allow_exec),
        )
        for name, system in config.systems.items()
        if config.shard.owns(name)
    ]


def references(config: Config) -> Mapping[str, Reference]:
    return {str(target): partial(answers, Target(target.host, target.port)) for target in config.references}

"""`check --once`: one look at everything, as a table."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from exporter import descriptors
from exporter.config import Config, SystemConfig
from exporter.core.backup import BackupFacts
from exporter.core.model import Part, Sample
from exporter.engine.inspector import Asking, Inspections
from exporter.plans import build_inspections, build_probes
from exporter.probes.attempt import attempt
from exporter.probes.kind import Ask, Deadline, Look, Probe
from exporter.probes.references import Reference, answers
from exporter.table import aligned

COLUMNS = ("system", "site", "component", "kind", "found", "took", "facts")


class _Row(NamedTuple):
    """What is looked at, and how to tell what was found."""

    system: str
    part: Part
    kind: str
    look: Awaitable[Sample]
    canary: bool = False


async def look_once(config: Config, *, allow_exec: bool = False) -> tuple[str, int]:
    """Look at every endpoint, ask every question and inspect every backup once, all together, and write nothing.

    Returns the table and how many of them failed.
    """
    descriptors.allow(descriptors.needed(config))
    rows: list[_Row] = []
    built: list[Probe] = []
    for system in config.systems.values():
        probes = build_probes(system, config.vantage)
        built += probes.values()
        rows += [*_looks(system, probes), *_inspections(system, build_inspections(system, allow_exec, probes))]
    try:
        samples = await asyncio.gather(*(row.look for row in rows))
    finally:
        await asyncio.gather(*(probe.close() for probe in built), return_exceptions=True)
    table = [
        (row.system, row.part.site or "-", row.part.component, row.kind, _found(sample),
         f"{(sample.ended - sample.started) * 1000:.0f} ms", _facts(sample, canary=row.canary))
        for row, sample in zip(rows, samples, strict=True)
    ]  # fmt: skip
    for target in config.references:
        found = await _reference(Reference(target.host, target.port))
        table.append(("-", "-", str(target), "reference", found, "", ""))
    return aligned([COLUMNS, *table]), sum(not sample.ok for sample in samples)


def _looks(system: SystemConfig, probes: Mapping[Part, Probe]) -> Iterator[_Row]:
    model = system.model
    for part, probe in sorted(probes.items()):
        component = model.components.get(part.component) if part.site else None
        canary = component is not None and component.canary_every is not None
        ask = Ask(fresh=True, markers_after=0 if canary else None)
        look = _sample(part, partial(probe.look, ask), model.policy.timeout)
        yield _Row(model.name, part, system.endpoints[part].kind, look, canary)


def _inspections(system: SystemConfig, asked: Inspections) -> Iterator[_Row]:
    name = system.model.name
    for backup, inspection in asked.backups.items():
        part = Part(system.model.backups[backup].site, backup)
        yield _Row(name, part, "backup", _sample(part, partial(_inspect, inspection.inspect), inspection.timeout))
    for kind, questions in (("parity", asked.parity), ("kpi", asked.kpis)):
        for question, plan in questions.items():
            for site, ask in plan.ask.items():
                part = Part(site, question)
                yield _Row(name, part, kind, _sample(part, partial(_answer, ask), plan.timeout))


async def _inspect(inspect: Callable[[], Awaitable[BackupFacts]]) -> Look:
    facts = await inspect()
    point = "nothing to restore" if facts.point is None else f"recovery point {_second(facts.point)}"
    versions = "" if facts.versions is None else f"  versions {facts.versions}"
    return Look(detail="  ".join([point + versions, *facts.notes]))


async def _answer(ask: Asking) -> Look:
    value = await ask()
    said = "nothing" if value is None else value[:60] if isinstance(value, str) else f"{value:g}"
    return Look(detail=f"answers {said}")


async def _sample(part: Part, look: Callable[[], Awaitable[Look]], timeout: float) -> Sample:
    return await attempt(part, look, Deadline(time.monotonic() + timeout), time.monotonic)


async def _reference(target: Reference) -> str:
    try:
        async with asyncio.timeout(2.0):
            return "answers" if await answers(target) else "silent"
    except TimeoutError:
        return "silent"


def _found(sample: Sample) -> str:
    if sample.reason is None:
        return "ok"
    return f"{sample.reason}: {sample.detail}" if sample.detail else str(sample.reason)


def _facts(sample: Sample, *, canary: bool) -> str:
    facts = sample.facts
    told = {
        "role": facts.role,
        "writable": None if facts.writable is None else "yes" if facts.writable else "no",
        "epoch": facts.epoch,
        "connected": None if facts.connected is None else "yes" if facts.connected else "no",
        "standbys": ",".join(follower.name for follower in facts.followers) or None,
        "served by": facts.served_by,
        "certificate until": None if facts.tls_not_after is None else _day(facts.tls_not_after),
        "canary": None if not canary or not sample.ok else "readable" if facts.markers is not None else "NOT READABLE",
    }
    words = [f"{name} {value}" for name, value in told.items() if value is not None]
    return "  ".join([*words, *([sample.detail] if sample.ok and sample.detail else [])])


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _second(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

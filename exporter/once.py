"""`check --once`: one look at everything, as a table."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from exporter.config import Config
from exporter.core.model import Part, Sample
from exporter.plans import build_probes
from exporter.probes.attempt import attempt
from exporter.probes.kind import Ask, Deadline, Probe
from exporter.probes.references import Reference, answers

COLUMNS = ("system", "site", "component", "kind", "found", "took", "facts")


async def look_once(config: Config) -> tuple[str, int]:
    """Look at every endpoint once, all together, and write nothing. Returns the table and how many looks failed."""
    rows, looks = [], []
    for name, system in config.systems.items():
        probes = build_probes(system, config.vantage)
        for part, probe in sorted(probes.items()):
            component = system.model.components.get(part.component) if part.site else None
            above = 0 if component is not None and component.canary_every is not None else None
            looks.append(_look(part, probe, Ask(fresh=True, markers_after=above), system.model.policy.timeout))
            rows.append((name, part, system.endpoints[part].kind, above is not None))
    samples = await asyncio.gather(*looks)
    table = [
        (name, part.site or "-", part.component, kind, _found(sample), f"{(sample.ended - sample.started) * 1000:.0f} ms",
         _facts(sample, canary=canary))
        for (name, part, kind, canary), sample in zip(rows, samples, strict=True)
    ]  # fmt: skip
    for target in config.references:
        found = await _reference(Reference(target.host, target.port))
        table.append(("-", "-", str(target), "reference", found, "", ""))
    return _aligned([COLUMNS, *table]), sum(not sample.ok for sample in samples)


async def _look(part: Part, probe: Probe, ask: Ask, timeout: float) -> Sample:
    try:
        return await attempt(part, lambda: probe.look(ask), Deadline(time.monotonic() + timeout), time.monotonic)
    finally:
        await probe.close()


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


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[index]) for row in rows) for index in range(len(COLUMNS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)

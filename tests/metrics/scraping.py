"""Scrapes of made-up snapshots, parsed."""

from collections.abc import Collection, Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.core.model import Moment, System
from exporter.core.snapshot import Clocked, Snapshot
from exporter.core.state import SystemState
from exporter.metrics.exposition import Exposition
from tests.metrics import scenes

Labels = dict[str, str]


async def scrape(
    snapshot: Snapshot, now: Moment = scenes.NOW, *, exposition: Exposition | None = None, names: Collection[str] = ()
) -> dict[str, list[tuple[Labels, float]]]:
    """By the name of the series: its labels and values, in text 0.0.4."""
    text = await plain(snapshot, now, exposition=exposition, names=names)
    found: dict[str, list[tuple[Labels, float]]] = {}
    for family in parse_text(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


async def plain(
    snapshot: Snapshot,
    now: Moment = scenes.NOW,
    *,
    exposition: Exposition | None = None,
    openmetrics: bool = False,
    names: Collection[str] = (),
) -> str:
    pieces = (exposition or Exposition()).pieces(Clocked(snapshot, now), openmetrics=openmetrics, names=names)
    return b"".join([piece async for piece in pieces]).decode()


async def values(state: SystemState, name: str, *labels: str, of: System | None = None) -> dict[tuple[str, ...], float]:
    """The series `name` of one system in this state, by the values of these labels."""
    of = of or scenes.system()
    found = await scrape(scenes.snapshot(scenes.watched(of, state)), names=(name,))
    return {tuple(have[label] for label in labels): value for have, value in found.get(name, [])}


def parse_openmetrics(text: str) -> Iterator[Metric]:
    """prometheus_client's strict parser, which has no types."""
    yield from openmetrics_parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # prometheus_client leaves it without types


def sample_names(families: Iterable[Metric]) -> set[str]:
    return {sample.name for family in families for sample in family.samples}


def own_samples(families: Iterable[Metric]) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    samples = [sample for family in families for sample in family.samples if sample.name.startswith("dr_")]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}

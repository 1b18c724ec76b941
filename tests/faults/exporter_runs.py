"""The table of what happens to the exporter itself: its clock, its life, its ledger, its files."""

from collections.abc import Iterator

from tests.faults import exporter_page, exporter_pair
from tests.faults.table import Run


def pair(times: int, seed: int) -> Iterator[Run]:
    """While a real pair of databases fails and moves."""
    with exporter_pair.watched(seed) as stage:
        for name, fault in exporter_pair.FAULTS.items():
            for _ in range(times):
                yield stage.play(name, fault)


def house(times: int, seed: int) -> Iterator[Run]:
    """Its own house; what needs a disk of its own is left out where none may be mounted."""
    with exporter_page.house(seed) as (stage, mounted):
        for name, fault in exporter_page.FAULTS.items():
            if name in exporter_page.ON_A_DISK and not mounted:
                print(f"{name}: left out, no disk may be mounted here", flush=True)
                continue
            for _ in range(times):
                yield stage.play(name, fault)

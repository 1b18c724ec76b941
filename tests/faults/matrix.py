"""The table of faults: which are played on which system, in which phase, how often."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial

from tests.faults import exporter_runs, names, services
from tests.faults.crashes import CRASHES, FLAPS
from tests.faults.disk import DISK, disk_missing
from tests.faults.mariadb_runs import UNAPPLIED
from tests.faults.network import NETWORK
from tests.faults.pairs import Scene, scene
from tests.faults.redis_runs import SENTINEL_FAULTS, sentinel_scene
from tests.faults.replication import REPLICATION
from tests.faults.stage import Fault, Stage
from tests.faults.table import Run

DIRECT: Mapping[str, Mapping[str, Fault]] = {
    "postgres": {**CRASHES, **FLAPS, **REPLICATION, **({} if disk_missing() else DISK)},
    "mariadb": {**CRASHES, **UNAPPLIED, **FLAPS, **REPLICATION},
    "redis": {
        **CRASHES,
        **FLAPS,
        **{name: fault for name, fault in REPLICATION.items() if name != "replication paused"},
    },
}
"""Kind -> what is played on a pair that everybody reaches directly. Where a disk cannot be mounted, none runs full."""


def played(stage: Stage, faults: Mapping[str, Fault], times: int) -> Iterator[Run]:
    """Each fault so many times, in each of its phases in turn, on the same stage."""
    for name, fault in faults.items():
        for number in range(times):
            yield stage.play(name, fault, fault.phases[number % len(fault.phases)])


def _on(make: Callable[[], AbstractContextManager[Scene]], faults: Mapping[str, Fault], times: int) -> Iterator[Run]:
    with make() as stage:
        yield from played(stage, faults, times)


def crashes(kind: str, times: int, seed: int) -> Iterator[Run]:
    """A pair of this kind that everybody reaches directly."""
    yield from _on(partial(scene, seed, kind), DIRECT[kind], times)
    for number in range(times if kind == "redis" else 0):
        for name in SENTINEL_FAULTS:
            with sentinel_scene(seed + number) as (stage, faults):
                yield stage.play(name, faults[name])


def network(kind: str, times: int, seed: int) -> Iterator[Run]:
    """A pair of this kind that everybody reaches through a proxy."""
    yield from _on(partial(scene, seed, kind, fronted=True), NETWORK, times)


Table = Callable[[int, int], Iterator[Run]]
TABLES: dict[str, Table] = {
    "services": services.table,
    "names": names.table,
    **{kind: partial(crashes, kind) for kind in DIRECT},
    **{f"{kind}-network": partial(network, kind) for kind in DIRECT},
    "exporter": exporter_runs.pair,
    "exporter-house": exporter_runs.house,
}
"""Name -> its runs: so many of each fault, with this seed."""

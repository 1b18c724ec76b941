"""The same faults on real Redis pairs, promoted by hand or by three Sentinels. Redis acknowledges before it replicates, so
that a cut link loses what was acknowledged: that is counted.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from tests.faults import runs
from tests.faults.exporter import Exporter
from tests.faults.runs import FAULTS, Fault, Scene
from tests.faults.table import Run
from tests.servers import Writer
from tests.servers.redis import RedisPair, Sentinels


@contextmanager
def scene(seed: int, *, under_sentinels: bool = False) -> Iterator[Scene]:
    """Everything up and healthy; everything down at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dr-faults-")))
        pair = stack.enter_context(RedisPair())
        ports = (str(pair.a.port), str(pair.b.port))
        writer = stack.enter_context(Writer(*ports, program="tests.servers.redis_writer_process"))
        faults = FAULTS
        if under_sentinels:
            sentinels = stack.enter_context(Sentinels(pair, down_after=2.0))
            faults = {name: Fault(partial(act, sentinels), crash=True) for name, act in SENTINEL_FAULTS.items()}
        exporter = stack.enter_context(Exporter(folder, pair.a.url(), pair.b.url(), kind="redis"))
        yield Scene(pair, writer, exporter, random.Random(seed), faults)


def _kill(sentinels: Sentinels, scene: Scene) -> float:
    at = scene.pair.kill()
    sentinels.wait_failover()
    return at


def _cut_kill(sentinels: Sentinels, scene: Scene) -> float:
    """The Sentinels are cut off with the standby, and wait 2 s; until then the primary acknowledges in vain."""
    scene.pair.link.cut()
    time.sleep(scene.dice.uniform(1.2, 1.8))
    at = scene.pair.kill()
    sentinels.wait_failover()
    return at


SENTINEL_FAULTS: dict[str, Callable[[Sentinels, Scene], float]] = {
    "kill, Sentinels": _kill,
    "cut, kill, Sentinels": _cut_kill,
}
"""The standby is promoted by whom it is in earnest. Each needs a pair of its own: Sentinels remember every address."""


def table(faults: int, seed: int) -> Iterator[Run]:
    """Each fault so many times."""
    yield from runs.table(faults, seed, scene)
    for name in SENTINEL_FAULTS:
        for number in range(faults):
            with scene(seed + number, under_sentinels=True) as stage:
                yield stage.run(name)

"""Real Redis pairs promoted by three Sentinels. Redis acknowledges before it replicates, so that a cut link loses what was
acknowledged: that is counted.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from tests.faults.judge import Outage
from tests.faults.pairs import Scene, scene
from tests.faults.stage import Fault
from tests.servers.redis import RedisPair, Sentinels


@contextmanager
def sentinel_scene(seed: int) -> Iterator[tuple[Scene, dict[str, Fault]]]:
    """A pair under Sentinels, and its faults."""
    with scene(seed, "redis") as made:
        assert isinstance(made.pair, RedisPair)
        with Sentinels(made.pair, down_after=2.0) as sentinels:
            yield made, {name: Fault(partial(act, sentinels)) for name, act in SENTINEL_FAULTS.items()}


def _kill(sentinels: Sentinels, scene: Scene) -> list[Outage]:
    at = scene.pair.kill()
    sentinels.wait_failover()
    return [scene.outage(at, crash=True)]


def _cut_kill(sentinels: Sentinels, scene: Scene) -> list[Outage]:
    """The Sentinels are cut off with the standby, and wait 2 s; until then the primary acknowledges in vain."""
    scene.pair.link.cut()
    time.sleep(scene.dice.uniform(1.2, 1.8))
    at = scene.pair.kill()
    sentinels.wait_failover()
    return [scene.outage(at, crash=True)]


SENTINEL_FAULTS: dict[str, Callable[[Sentinels, Scene], list[Outage]]] = {
    "kill, Sentinels": _kill,
    "cut, kill, Sentinels": _cut_kill,
}
"""The standby is promoted by whom it is in earnest. Each needs a pair of its own: Sentinels remember every address."""

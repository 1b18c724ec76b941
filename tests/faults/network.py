"""Faults of the network before the primary, which lives on: everybody but its standby reaches it through a proxy."""

import time
from collections.abc import Callable
from functools import partial

from tests.faults.judge import HANG_WIDTH, Outage
from tests.faults.pairs import Scene
from tests.faults.stage import PHASES, Fault
from tests.servers import Proxy

DELAY, JITTER = 0.05, 0.1
"""Seconds each way: a login takes several ways, and must stay below the time-out of a look."""


def _passing(breaks: Callable[[Proxy], None], scene: Scene, *, at_once: bool = False) -> list[Outage]:
    """It goes by. `at_once`: whoever is connected or connects is told."""
    at = time.monotonic()
    breaks(scene.front)
    time.sleep(scene.dice.uniform(3.0, 4.5))
    scene.front.heal()
    return [scene.outage(at, crash=at_once)]


def _promote(breaks: Callable[[Proxy], None], scene: Scene, *, at_once: bool = False) -> list[Outage]:
    """It stays, and the standby takes over."""
    at = time.monotonic()
    breaks(scene.front)
    time.sleep(scene.dice.uniform(1.5, 3.0))
    scene.pair.promote()
    return [scene.outage(at, crash=at_once)]


def _slow(proxy: Proxy) -> None:
    """Every answer comes after all time-outs."""
    proxy.delay(3.0)


def _late(scene: Scene, seconds: float, jitter: float) -> list[Outage]:
    """Slower than ever, but in time: no outage."""
    scene.front.delay(seconds, jitter)
    time.sleep(8)
    scene.front.delay(0.0)
    return []


def _shaken(scene: Scene) -> list[Outage]:
    """Every connection is reset once; new ones work. At most a blip."""
    at = time.monotonic()
    scene.front.shake()
    scene.writer.wait_for_acks(50)
    return [Outage(*scene.gap(at), ("blip",), HANG_WIDTH, certain=False)]


NETWORK: dict[str, Fault] = {
    "refuse": Fault(partial(_passing, Proxy.refuse, at_once=True), phases=PHASES),
    "reset": Fault(partial(_passing, Proxy.cut, at_once=True), phases=PHASES),
    "blackhole": Fault(partial(_passing, Proxy.blackhole), phases=PHASES),
    "half-open": Fault(partial(_passing, Proxy.hang), phases=PHASES),
    "slow": Fault(partial(_passing, _slow), phases=PHASES),
    "refuse, promote": Fault(partial(_promote, Proxy.refuse, at_once=True)),
    "blackhole, promote": Fault(partial(_promote, Proxy.blackhole)),
    "packet delay": Fault(partial(_late, seconds=DELAY, jitter=0.0)),
    "jitter": Fault(partial(_late, seconds=0.0, jitter=JITTER)),
    "connections reset once": Fault(_shaken),
}

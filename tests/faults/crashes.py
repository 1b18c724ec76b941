"""Faults of the servers themselves: killed, frozen, started again, one promoted instead of the other."""

import time

from tests.faults.judge import HANG_WIDTH, Outage
from tests.faults.pairs import Scene, frozen
from tests.faults.stage import PHASES, Fault


def _react(scene: Scene, least: float = 1.0, most: float = 3.0) -> None:
    """The operator's reaction, or the length of the fault."""
    time.sleep(scene.dice.uniform(least, most))


def _kill_promote(scene: Scene) -> list[Outage]:
    at = scene.pair.kill()
    _react(scene)
    scene.pair.promote()
    return [scene.outage(at, crash=True)]


def _kill_robot(scene: Scene) -> list[Outage]:
    """A robot promotes before anything is declared."""
    at = scene.pair.kill()
    scene.pair.promote()
    return [scene.outage(at, crash=True)]


def _cut_kill_promote(scene: Scene) -> list[Outage]:
    scene.pair.link.cut()
    scene.writer.wait_for_acks(10)
    _react(scene, 0.5)  # acknowledged writes that never arrive
    at = scene.pair.kill()
    _react(scene, 0.5, 2.0)
    scene.pair.promote()
    return [scene.outage(at, crash=True)]


def _freeze_promote(scene: Scene) -> list[Outage]:
    at = frozen(scene.pair.primary)
    _react(scene)
    scene.pair.promote()
    return [scene.outage(at)]


def down(scene: Scene, least: float = 1.5, most: float = 3.0) -> float:
    """Kill it and start it again; returns the instant of the kill."""
    server = scene.pair.primary
    at = server.kill()
    server.wait_gone()
    _react(scene, least, most)
    server.start()
    return at


def _restart(scene: Scene) -> list[Outage]:
    return [scene.outage(down(scene), crash=True)]


def _freeze_thaw(scene: Scene) -> list[Outage]:
    at = frozen(scene.pair.primary)
    _react(scene, 2.5, 4.0)
    scene.pair.primary.thaw()
    return [scene.outage(at)]


def _flap(scene: Scene) -> list[Outage]:
    """Down again within `stable_for`, twice: one outage, from the first end of service to the last return."""
    kills = []
    for _ in range(3):
        kills.append(down(scene, 1.5, 2.0))
        time.sleep(0.4)  # long enough for a good look, much shorter than `stable_for`
    first, last = scene.outage(kills[0], crash=True), scene.outage(kills[-1])
    return [first._replace(end=last.end)]


def _flap_slowly(scene: Scene) -> list[Outage]:
    """Stable in between: two outages, each told once."""
    first = _restart(scene)
    scene.exporter.wait_calm()
    _react(scene, 0.0, 1.0)
    return [*first, *_restart(scene)]


def _blink(scene: Scene) -> list[Outage]:
    """Too short to be declared, and maybe to be seen: blips at most. Two may look like one."""
    outages = []
    for _ in range(3):
        at = frozen(scene.pair.primary)
        _react(scene, 0.2, 0.5)
        scene.pair.primary.thaw()
        scene.writer.wait_for_acks(20)
        outages.append(Outage(*scene.gap(at), ("blip",), HANG_WIDTH, certain=False))
        _react(scene)
    return outages


CRASHES: dict[str, Fault] = {
    "kill, promote": Fault(_kill_promote, phases=PHASES),
    "kill, robot": Fault(_kill_robot),
    "cut, kill, promote": Fault(_cut_kill_promote),
    "freeze, promote": Fault(_freeze_promote, phases=PHASES),
    "kill, restart": Fault(_restart, phases=PHASES),
    "freeze, thaw": Fault(_freeze_thaw, phases=PHASES),
}
FLAPS: dict[str, Fault] = {
    "flapping": Fault(_flap),
    "flapping slowly": Fault(_flap_slowly),
    "blinking": Fault(_blink),
}

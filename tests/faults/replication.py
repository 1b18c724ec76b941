"""Faults of the replication and of the roles, while the primary serves: no outage may be told, and no exposure below the truth."""

import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from exporter.core.interval import Interval
from tests.faults.books import entries
from tests.faults.judge import REFUSED_WIDTH, Loss, Outage
from tests.faults.pairs import Scene
from tests.faults.stage import Fault
from tests.faults.table import Miss, Wrong
from tests.servers import until
from tests.servers.truth import Ack

LATE = 1.5
"""Seconds by which the exposure may be told too high, before the machine's stalls: markers and looks are 1 s apart."""


def expose(scene: Scene, missing: Callable[[Ack], bool], seconds: float, late: float = LATE) -> None:
    """Hold each told exposure against the writer's rows that are missing at the standby, none of which arrives meanwhile.

    `late`: by how much it may be told too high.
    """
    wrong: dict[Miss, str] = {}
    highest, truth, over = 0.0, 0.0, time.monotonic() + seconds
    while time.monotonic() < over:
        asked = time.monotonic()
        told, known = scene.exporter.metric("dr_rpo_seconds"), scene.exporter.metric("dr_rpo_known")
        answered, acks = time.monotonic(), scene.writer.acks()
        gone = scene.writer.lost
        lost = next((ack for ack in acks if ack.acked <= asked and ack.id not in gone and missing(ack)), None)
        kept = max((ack.sent for ack in acks if lost is None or ack.acked < lost.acked), default=0.0)
        least = asked - lost.acked if lost else 0.0
        highest, truth = max(highest, told or 0.0), max(truth, least)
        stall = 2 * scene.meter.worst(over - seconds)
        if told is None or told < least - 0.001:
            wrong[Miss.BOUND] = f"exposure {told} s, was {least:.2f} s"
        elif told > answered - kept + late + stall:
            wrong[Miss.WIDTH] = f"exposure {told:.2f} s, was {answered - kept:.2f} s"
        if known != 1:
            wrong[Miss.KIND] = "the exposure is said to be unknown"
        time.sleep(0.1)
    scene.found += [Wrong(*one) for one in wrong.items()]
    scene.figures = {"rpo": f"{highest:.2f}", "true_rpo": f"{truth:.2f}"}


def _stopped(scene: Scene, stop: Callable[[], object], go_on: Callable[[], object]) -> list[Outage]:
    """The standby gets nothing, and says nothing of it or the contrary."""
    stop()
    time.sleep(0.5)  # what was on its way has arrived
    there = scene.pair.standby.written()
    expose(scene, lambda ack: ack.id not in there, scene.dice.uniform(3.0, 5.0))
    assert scene.pair.standby.written() == there, "the replication goes on"
    go_on()
    scene.pair.wait_streaming()
    return []


def _cut(scene: Scene) -> list[Outage]:
    return _stopped(scene, scene.pair.link.cut, scene.pair.link.heal)


def _half_open(scene: Scene) -> list[Outage]:
    return _stopped(scene, scene.pair.link.blackhole, scene.pair.link.heal)


def _paused(scene: Scene) -> list[Outage]:
    """PostgreSQL's receiver stands still, MariaDB applies nothing; both look connected."""
    standby: Any = scene.pair.standby
    if scene.kind == "mariadb":
        return _stopped(
            scene, partial(standby.sql, "STOP SLAVE SQL_THREAD"), partial(standby.sql, "START SLAVE SQL_THREAD")
        )
    (receiver,) = (one for one in standby.family() if "walreceiver" in one.title)
    return _stopped(scene, partial(receiver.signal, signal.SIGSTOP), partial(receiver.signal, signal.SIGCONT))


def _standby_killed(scene: Scene) -> list[Outage]:
    """Its loss is told, once, and its return."""
    at = scene.pair.standby.kill()
    scene.pair.standby.wait_gone()
    expose(scene, lambda ack: ack.sent > at, scene.dice.uniform(4.0, 5.0))
    scene.pair.reclone()
    scene.exporter.wait_calm(scene.system)  # its return is told by then
    return []


# --- roles


def _switch_over(scene: Scene) -> list[Outage]:
    """As planned, each kind in its own way, and nothing is lost. PostgreSQL must be stopped first, which a look may see."""
    old: Any = scene.pair.primary
    new: Any = scene.pair.standby
    at = time.monotonic()
    if scene.kind == "postgres":
        old.stop()
    elif scene.kind == "mariadb":
        old.sql("SET GLOBAL read_only = 1")
        scene.pair.wait_streaming()
    else:
        assert old.cli("FAILOVER", "TO", "127.0.0.1", str(new.port)) == "OK"
        until(lambda: old.info()["role"] == "slave", "the roles are changed")
        new.promote = lambda: None  # it is one already
    scene.pair.promote()
    if scene.kind == "redis":
        del new.promote
    outage = scene.outage(at, planned=scene.kind != "postgres")
    return [outage._replace(kinds=(*outage.kinds, "switchover")) if scene.kind == "postgres" else outage]


def _told(scene: Scene, kind: str) -> None:
    """Until this event is recorded; at most so long that it must have been."""
    last = max(one.number for one in entries(scene.exporter.ledger))
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and not any(one.kind == kind for one in entries(scene.exporter.ledger, last)):
        time.sleep(0.1)


def _rival(scene: Scene) -> list[Outage]:
    """The standby is promoted beside the primary, and made a standby again. Who writes to the primary notices nothing."""
    rival: Any = scene.pair.standby
    rival.promote()
    _told(scene, "split_brain")
    time.sleep(scene.dice.uniform(0, 2))
    scene.pair.reclone()
    scene.writer.forgive(scene.pair.primary)
    return []


def _replaced(scene: Scene) -> list[Outage]:
    """The standby is promoted beside the primary, which is killed later: what that has acknowledged since is lost."""
    old = scene.pair.primary
    there = scene.pair.promote()
    _told(scene, "split_brain")
    time.sleep(scene.dice.uniform(0, 2))
    at = scene.pair.standby.kill()
    time.sleep(0.5)
    written = there.written()
    acks = [ack for ack in scene.writer.acks() if ack.port == scene.port(old) and ack.acked <= at + 0.1]
    lost = [ack for ack in acks if ack.id not in written and ack.id not in scene.writer.lost]
    rpo = Interval(max(0.0, acks[-1].acked - lost[0].acked), acks[-1].acked - lost[0].sent) if lost else Interval(0, 0)
    scene.writer.forgive(there)
    start = Interval(min(at, acks[-1].acked), max(at, acks[-1].acked))
    kind = "failback" if scene.site(there) == "hk" else "failover"
    loss = Loss(rpo, scene.markers_lost())
    return [Outage(start, Interval(start.lower, start.upper + 0.05), (kind,), REFUSED_WIDTH, None, loss)]


SPLIT = {"split_brain": 1, "split_brain_over": 1}
REPLICATION: dict[str, Fault] = {
    "replication cut": Fault(_cut),
    "replication half-open": Fault(_half_open),
    "replication paused": Fault(_paused),
    "standby killed": Fault(_standby_killed, {"standby_lost": 1, "standby_back": 1}),
    "switchover": Fault(_switch_over),
    "split brain, given up": Fault(_rival, SPLIT),
    "split brain, old killed": Fault(_replaced, SPLIT),
}
"""Redis has no `replication paused` of its own."""

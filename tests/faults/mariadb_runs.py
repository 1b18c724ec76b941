"""What only MariaDB can do wrong: its standby is promoted by STOP SLAVE and RESET SLAVE ALL, and what it had received and not
applied is lost, and counted.
"""

import time
from typing import Any

from tests.faults.judge import Outage
from tests.faults.pairs import Scene
from tests.faults.stage import Fault


def _unapplied_kill_promote(scene: Scene) -> list[Outage]:
    """Its SQL thread stands still while the standby receives everything; then it is promoted as if nothing were."""
    standby: Any = scene.pair.standby
    standby.sql("STOP SLAVE SQL_THREAD")
    scene.writer.wait_for_acks(10)
    time.sleep(scene.dice.uniform(1.5, 3.0))
    at = scene.pair.kill()
    scene.pair.promote()
    return [scene.outage(at, crash=True)]


UNAPPLIED: dict[str, Fault] = {"unapplied, kill": Fault(_unapplied_kill_promote)}

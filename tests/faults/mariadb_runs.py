"""The same faults on real MariaDB pairs, whose standby is promoted by STOP SLAVE and RESET SLAVE ALL: what it had received and
not applied is lost, and counted.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from tests.faults import runs
from tests.faults.exporter import Exporter
from tests.faults.runs import FAULTS, Fault, Scene
from tests.faults.table import Run
from tests.servers import Writer
from tests.servers.mariadb_pair import MariadbPair


@contextmanager
def scene(seed: int) -> Iterator[Scene]:
    """Everything up and healthy; everything down at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dr-faults-")))
        pair = stack.enter_context(MariadbPair())
        dsns = (pair.a.dsn("writer"), pair.b.dsn("writer"))
        writer = stack.enter_context(Writer(*dsns, program="tests.servers.mariadb_writer_process"))
        exporter = stack.enter_context(Exporter(folder, pair.a.dsn(), pair.b.dsn(), kind="mariadb"))
        unapplied = Fault(partial(_unapplied_kill_promote, pair), crash=True)
        yield Scene(pair, writer, exporter, random.Random(seed), {**FAULTS, UNAPPLIED: unapplied})


UNAPPLIED = "unapplied, kill"


def _unapplied_kill_promote(pair: MariadbPair, scene: Scene) -> float:
    """Its SQL thread stands still while the standby receives everything; then it is promoted as if nothing were."""
    pair.standby.sql("STOP SLAVE SQL_THREAD")
    scene.writer.wait_for_acks(10)
    time.sleep(scene.dice.uniform(1.5, 3.0))
    at = pair.kill()
    pair.promote()
    return at


def table(faults: int, seed: int) -> Iterator[Run]:
    """Each fault so many times."""
    yield from runs.table(faults, seed, scene)
    with scene(seed) as stage:
        for _ in range(faults):
            run = stage.run(UNAPPLIED)
            yield run
            runs.mend(stage, run)

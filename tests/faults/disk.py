"""The disk of a PostgreSQL standby runs full: it receives nothing more, while the primary serves."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.faults.judge import Outage
from tests.faults.pairs import Scene
from tests.faults.replication import expose
from tests.faults.stage import Fault
from tests.servers import until

SIZE = 512
"""MiB of the small disk for the standby's write-ahead log."""


def disk_missing() -> str:
    """Why it cannot be played here; empty when it can."""
    if os.geteuid() != 0:
        return "only root may mount a small disk"
    done = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return "" if done.returncode == 0 else "no mounts here"


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """What is in it moves to a disk of its own; nothing is kept of that."""
    kept = folder.with_name("kept")
    folder.rename(kept)
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}m,mode=700", "none", str(folder)], check=True)
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        shutil.rmtree(kept)
        subprocess.run(["chown", "-R", "postgres:postgres", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(folder: Path) -> None:
    with suppress(OSError), (folder / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(1 << 16))


def _full(scene: Scene) -> list[Outage]:
    standby: Any = scene.pair.standby
    primary: Any = scene.pair.primary
    standby.stop()
    with _small_disk(standby.data / "pg_wal"):
        standby.start()
        scene.pair.wait_streaming()
        _fill(standby.data / "pg_wal")

        def behind() -> bool:
            """It streams no more, though the primary has gone on to another segment."""
            primary.sql("SELECT pg_switch_wal()")
            return bool(primary.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == "0")

        until(behind, "the standby receives nothing more", step=1.5)
        gone = time.monotonic()  # or earlier, so that only too low an exposure would be wrong
        expose(scene, lambda ack: ack.sent > gone, scene.dice.uniform(4.0, 6.0), late=60.0)
        standby.close()
    scene.pair.reclone()
    return []


DISK: dict[str, Fault] = {"standby's disk full": Fault(_full)}

"""Instants across restarts: within one boot the monotonic clock goes on, across a reboot the wall clock bridges."""

from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from exporter.core.model import Moment

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Stamp(NamedTuple):
    """A moment that outlives a reboot: `mono` (seconds) means something only beside its `boot`, `wall` is Unix time."""

    boot: str
    mono: float
    wall: float


class Shift(NamedTuple):
    """Add `seconds` to an instant of the earlier run to have it on this run's clock; it may be wrong by `slack`."""

    seconds: float
    slack: float


def boot_id() -> str:
    """The kernel's name for this boot; where it has none, a new one each time, so that no boot is taken for another."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return str(uuid4())


def shift(stamp: Stamp, boot: str, now: Moment, wall_error: float) -> Shift:
    """How instants that were written beside `stamp` read on the clock of `now`, in the boot `boot`.

    `wall_error` is what the wall clock may have been wrong by in between, in seconds. What was written cannot lie in
    the future: where the wall clock says so, it is moved to now, and the slack grows by what the clock must be wrong.
    """
    if stamp.boot == boot and stamp.mono <= now.mono:
        return Shift(0.0, 0.0)
    seconds = (now.mono - now.wall) - (stamp.mono - stamp.wall)
    ahead = max(0.0, stamp.wall - now.wall)
    return Shift(seconds - ahead, wall_error + ahead)

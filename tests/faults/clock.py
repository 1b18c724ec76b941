"""The wall clock of one exporter, which jumps when it is told to; its monotonic clock and everybody else's stay.

libfaketime would do it from outside, but each of its answers costs so much that the exporter stands still. So `python -m
tests.faults.clock FILE python -m exporter ARGUMENTS` is the exporter whose `time.time` adds what stands in FILE, in seconds.
"""

import mmap
import struct
import sys
import time
from pathlib import Path

from exporter import cli

_OFFSET = struct.Struct("d")


class Clock:
    """Sets the clock of whatever runs behind `wrapper`, at once."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._file.write_bytes(_OFFSET.pack(0.0))
        self.offset = 0.0

    @property
    def wrapper(self) -> tuple[str, ...]:
        """What stands before the command of the exporter."""
        return (sys.executable, "-m", "tests.faults.clock", str(self._file))

    def jump_to(self, offset: float) -> None:
        """It is off by so many seconds from now on."""
        with self._file.open("r+b") as file:
            file.write(_OFFSET.pack(offset))
        self.offset = offset


def main() -> None:
    """The exporter with that clock."""
    file, _, _, _, *arguments = sys.argv[1:]
    with Path(file).open("rb") as opened:
        offset = mmap.mmap(opened.fileno(), _OFFSET.size, prot=mmap.PROT_READ)
    real = time.time
    time.time = lambda: real() + _OFFSET.unpack_from(offset)[0]
    cli.main(arguments)


if __name__ == "__main__":
    main()

"""What really happened, from the notes of an independent writer and the rows of the surviving server."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from exporter.core.interval import Interval
from tests.servers.wait import until

ROOT = Path(__file__).parents[2]


class Written(Protocol):
    """A server to which the writer writes."""

    name: str
    port: int

    def written(self) -> set[int]:
        """The ids that are there."""
        ...


class Ack(NamedTuple):
    """One acknowledged write. Instants are CLOCK_MONOTONIC."""

    id: int
    sent: float
    acked: float
    port: int
    failed: float | None = None
    """Begin of the last attempt at this port that failed, if the one before this did."""


@dataclass(frozen=True)
class Truth:
    """One outage, measured by the application itself."""

    fault: float
    last_before: Ack
    """The newest write that the lost server acknowledged."""
    first_after: Ack
    """The first write that the surviving server acknowledged after the fault."""
    lost: tuple[int, ...]
    """Ids that were acknowledged, and are not on the surviving server; those that an earlier outage had cost are not repeated."""
    first_lost: Ack | None
    noticed: float
    """End of the writer's first failed attempt after the fault: by then the service had certainly ended."""

    @property
    def start(self) -> Interval:
        """The service ended with the fault, or an instant later: a dying server may still answer."""
        return Interval(min(self.fault, self.last_before.acked), max(self.fault, self.last_before.acked))

    @property
    def end(self) -> Interval:
        """The service returned after the last attempt that failed had begun, and before the first acknowledgement."""
        failed = self.first_after.sent if self.first_after.failed is None else self.first_after.failed
        return Interval(max(self.fault, failed), self.first_after.acked)

    @property
    def rto(self) -> Interval:
        """Seconds from the fault until the service returned."""
        return Interval(self.end.lower - self.start.upper, self.end.upper - self.start.lower)

    @property
    def rpo(self) -> Interval:
        """Seconds of acknowledged writes that were lost, up to the fault; [0, 0] if none was."""
        if self.first_lost is None:
            return Interval(0.0, 0.0)
        return Interval(
            max(0.0, self.last_before.acked - self.first_lost.acked), max(0.0, self.start.upper - self.first_lost.sent)
        )


class Writer:
    """Starts the writer's process for as long as the `with` lasts. `every`: seconds between two writes; `program`: the
    module that knows how to write to this kind of server."""

    def __init__(self, *dsns: str, every: float = 0.01, program: str = "tests.servers.writer_process") -> None:
        self._dsns = dsns
        self._program = program
        self._every = every
        self._folder = tempfile.TemporaryDirectory(prefix="dr-writer-")
        self.lost: set[int] = set()
        """Ids that are known to be lost already."""
        self._notes = Path(self._folder.name) / "acks.jsonl"
        self._known: list[dict[str, Any]] = []
        self._acks: list[Ack] = []
        self._offset = self._seen = 0

    def __enter__(self) -> Self:
        command = [
            sys.executable,
            "-m",
            self._program,
            "--out",
            str(self._notes),
            "--every",
            str(self._every),
        ]
        self._process = subprocess.Popen([*command, *self._dsns], cwd=ROOT)
        try:
            self.wait_for_acks(1, within=90)  # it has to start first
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._process.kill()
        self._process.wait(10)
        self._folder.cleanup()

    def acks(self) -> list[Ack]:
        """All acknowledged writes so far, in the order of their acknowledgement."""
        notes = self._read()
        if self._seen < len(notes):
            self._acks += (Ack(**note) for note in notes[self._seen :] if "acked" in note)
            self._acks.sort(key=lambda ack: ack.acked)
            self._seen = len(notes)
        return self._acks

    def _read(self) -> list[dict[str, Any]]:
        """All notes so far; only what is new is read from the file."""
        if self._notes.exists():
            with self._notes.open("rb") as notes:
                notes.seek(self._offset)
                whole, _, _ = notes.read().rpartition(b"\n")  # a last line without its end is still being written
            if whole:
                self._offset += len(whole) + 1
                self._known += [json.loads(line) for line in whole.split(b"\n")]
        return self._known

    def wait_for_acks(self, more: int, within: float = 15.0) -> None:
        """Until `more` writes have been acknowledged since now."""
        wanted = len(self.acks()) + more
        until(lambda: len(self.acks()) >= wanted, f"{more} more acknowledged writes", within)

    def forgive(self, survivor: Written) -> None:
        """What was acknowledged until now and is not there is known to be lost: no later outage had cost it."""
        acked = {ack.id for ack in self.acks()}
        self.lost |= acked - survivor.written()

    def truth(self, fault: float, survivor: Written, within: float = 30.0, *, port: int | None = None) -> Truth:
        """The outage that began at `fault` and ended on `survivor` (reached by the writer at `port`, if through a proxy)."""
        port = port or survivor.port

        def resumed() -> Ack | None:
            """A dying server may still answer: the service is back with the first success after a failure."""
            return next((a for a in self.acks() if a.port == port and a.sent > fault and a.failed is not None), None)

        first_after = until(resumed, f"{survivor.name} acknowledges a write", within)
        assert first_after is not None
        before = [ack for ack in self.acks() if ack.acked < first_after.acked]
        there = survivor.written()
        lost = [ack for ack in before if ack.id not in there | self.lost]
        self.lost |= {ack.id for ack in lost}
        failures = [note["ended"] for note in self._read() if "error" in note and note["ended"] >= fault]
        noticed = min([*failures, first_after.acked])
        return Truth(fault, before[-1], first_after, tuple(ack.id for ack in lost), lost[0] if lost else None, noticed)

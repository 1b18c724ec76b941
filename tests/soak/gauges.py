"""What a process holds, every few seconds, and whether it grows: a slope that a few odd samples do not bend."""

import statistics
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

MOST_POINTS = 400
"""Of a fit: more of them are thinned out evenly."""


class Sample(NamedTuple):
    """At one instant."""

    at: float
    """Seconds since the begin."""
    rss: float
    """Memory, in units of 10^6 bytes."""
    descriptors: float
    threads: float
    ledger: float
    """Its files, in units of 10^6 bytes."""
    records: float

    def words(self) -> str:
        return (
            f"{self.rss:6.1f} MB, {self.descriptors:.0f} descriptors, {self.threads:.0f} threads, "
            f"ledger {self.ledger:.2f} MB with {self.records:.0f} records"
        )


def sample(at: float, pid: int, ledger: Path, records: float) -> Sample:
    """Of another process, from /proc."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    files = [path.stat().st_size for path in ledger.parent.glob(f"{ledger.name}*")]
    return Sample(
        at,
        int(status["VmRSS"].split()[0]) * 1024 / 1e6,
        len(list(Path(f"/proc/{pid}/fd").iterdir())),
        int(status["Threads"]),
        sum(files) / 1e6,
        records,
    )


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs (Theil 1950, Sen 1968): up to 29 % of the points may be anything."""
    step = max(1, len(points) // MOST_POINTS)
    thin = points[::step]
    return statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(thin, 2) if b[0] > a[0])


def an_hour(samples: Sequence[Sample], warm: float) -> Mapping[str, float]:
    """How much each grows in an hour, from `warm` seconds on."""
    late = [one for one in samples if one.at >= warm]
    return {
        name: slope([(one.at / 3600, getattr(one, name)) for one in late])
        for name in ("rss", "descriptors", "threads", "ledger", "records")
    }

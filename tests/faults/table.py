"""What one run of the matrix brings, whoever made it; and the sums of all of them, as a table and as a file."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.rig import machine

RESULTS = Path(__file__).parent / "results"


class Miss(StrEnum):
    """The ways in which the exporter can be wrong, worst last."""

    WIDTH = "too wide"
    """Right, but less precise than is promised."""
    KIND = "wrong classification"
    BOUND = "missed bound"
    FALSE = "false incident"
    LOST = "lost record"
    DUPLICATED = "duplicated record"


class Wrong(NamedTuple):
    """One thing that was not as it should have been."""

    miss: Miss
    words: str


@dataclass
class Run:
    """What one run brought, and whether it was right. Texts are as printed; `-` is what does not apply."""

    fault: str
    system: str
    """What was broken: a kind of server, or `exporter`."""
    phase: str
    """What the exporter was doing when the fault came."""
    kind: str
    """As what it was told."""
    wrong: list[Wrong] = field(default_factory=list)
    rto: str = "-"
    true_rto: str = "-"
    width: float = 0.0
    """Of the RTO, in seconds."""
    start_error: float = 0.0
    """Seconds from the fault to its estimated instant."""
    rpo: str = "-"
    true_rpo: str = "-"
    lost: str = "-"
    """Markers: told/true."""
    stall: float = 0.0
    """Seconds by which the machine is known to have made everything later meanwhile: what may be wider by as much."""

    def row(self) -> str:
        """One line of the table under HEAD."""
        verdict = "; ".join(f"{one.miss}: {one.words}" for one in self.wrong) or "ok"
        return (
            f"{self.fault:<24} {self.system:<9} {self.phase:<9} {self.kind:<16} {self.rto:>15} {self.true_rto:>7} "
            f"{self.width:>6.2f} {self.start_error * 1000:>8.1f} {self.rpo:>15} {self.true_rpo:>7} {self.lost:>9} "
            f"{self.stall * 1000:>8.0f}  {verdict}"
        )


HEAD = (
    f"{'fault':<24} {'system':<9} {'phase':<9} {'told as':<16} {'RTO told, s':>15} {'true':>7} {'width':>6} {'start,ms':>8} "
    f"{'RPO told, s':>15} {'true':>7} {'lost/true':>9} {'stall,ms':>8}"
)


def counted(runs: Iterable[Run]) -> dict[str, int]:
    """How many runs there were, and how many things of each class were wrong in them."""
    found = {"runs": 0, **{str(miss): 0 for miss in Miss}}
    for run in runs:
        found["runs"] += 1
        for one in run.wrong:
            found[one.miss] += 1
    return found


def summary(runs: Sequence[Run]) -> Iterator[str]:
    """A Markdown table by fault and system, with the sum in its last line."""
    columns = ["runs", *map(str, Miss)]
    yield f"| fault | system | {' | '.join(columns)} | widest RTO, s |"
    yield f"|---|---|{'--:|' * (len(columns) + 1)}"
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.fault, run.system), []).append(run)
    for (fault, system), those in [*groups.items(), (("**all**", ""), list(runs))]:
        figures = [str(counted(those)[column]) for column in columns]
        yield f"| {fault} | {system} | {' | '.join(figures)} | {max((run.width for run in those), default=0.0):.2f} |"


def save(name: str, runs: Sequence[Run]) -> None:
    """To results/NAME.json, with the machine's description beside them."""
    RESULTS.mkdir(exist_ok=True)
    result = {"machine": machine(), "sums": counted(runs), "runs": [asdict(run) for run in runs]}
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")


def saved(name: str) -> list[Run]:
    """What `save` wrote."""
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return [Run(**{**run, "wrong": [Wrong(Miss(m), words) for m, words in run["wrong"]]}) for run in result["runs"]]

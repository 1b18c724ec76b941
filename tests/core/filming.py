"""Films: one letter a tick of one second, each tick one instantaneous look at everything.

h home serves        s the standby serves     o nothing answers (refused)   r both are read-only
b both take writes   t nothing answers at all (time-outs)                   x the exporter is not looking
"""

import json
from copy import copy
from dataclasses import dataclass, field, replace

from exporter.core import fold
from exporter.core.codec import Decoder, encode
from exporter.core.model import Component, Facts, Moment, Objectives, Part, Policy, Reason, Role, Sample, System
from exporter.core.state import Record, Step, SystemState

POLICY = Policy(interval=1, fast_interval=1, declare_after=3, declare_min=1, stable_for=2, stuck_after=5)
HK, SG = Part("hk", "database"), Part("sg", "database")
SYSTEM = System(
    name="orders",
    home="hk",
    sites=("hk", "sg"),
    components={"database": Component("database", critical=True, stateful=True)},
    parts=frozenset({HK, SG}),
    objectives=Objectives(rto=30.0, rpo={"site_loss": 5.0}),
    policy=POLICY,
)
WALL = 1_800_000_000.0


def moment(at: float) -> Moment:
    return Moment(at, WALL + at)


@dataclass
class Projector:
    """Shows a film to the fold and keeps what came out."""

    system: System = SYSTEM
    state: SystemState = None  # type: ignore[assignment]  # set below: it needs the system
    records: list[Record] = field(default_factory=list)
    epochs: dict[str, str] = field(default_factory=lambda: {"hk": "1", "sg": "1"})
    holder: str = "hk"

    def __post_init__(self) -> None:
        self.state = fold.begin(self.system, moment(0))

    def fork(self) -> "Projector":
        """The same film so far, to be gone on with differently."""
        twin = copy(self)
        twin.records, twin.epochs = [*self.records], {**self.epochs}
        return twin

    def kill(self, at: float) -> None:
        """The exporter dies at `at`, and another one goes on at once from what was written down."""
        state = Decoder().state(json.loads(json.dumps(encode(self.state))))
        self.take(fold.resume(self.system, state, at, moment(at)))

    def take(self, step: Step) -> None:
        self.records += step.records
        self.state = step.state

    def look(self, part: Part, at: float, primary: bool | None, reason: Reason | None = None) -> None:
        """One instantaneous look; `primary` None: it failed for `reason`."""
        facts = Facts()
        if primary is not None:
            role = Role.PRIMARY if primary else Role.STANDBY
            facts = Facts(role, primary, epoch=self.epochs[part.site], position=int(at * 10), applied=int(at * 10))
        sample = Sample(part, at, at, reason, "", facts)
        self.take(fold.observe(self.system, self.state, sample, moment(at)))

    def frame(self, letter: str, at: float) -> None:
        match letter:
            case "h" | "s" | "b":
                holder = {"h": "hk", "s": "sg", "b": self.holder}[letter]
                if holder != self.holder:
                    self.holder = holder
                    self.epochs = dict.fromkeys(self.epochs, str(int(max(self.epochs.values())) + 1))
                other = HK if letter == "s" else SG
                first = SG if letter == "s" else HK
                self.look(other, at, letter == "b")
                self.look(first, at, True)
            case "r":
                self.look(HK, at, False)
                self.look(SG, at, False)
            case "o" | "t":
                reason = Reason.REFUSED if letter == "o" else Reason.TIMEOUT
                self.look(HK, at, None, reason)
                self.look(SG, at, None, reason)
            case "x":
                pass

    @property
    def incidents(self) -> list[tuple[tuple[int, int], tuple[int, int], str]]:
        """((start.lower, start.upper), (end.lower, end.upper), kind) of the closed ones, in ticks from 1."""
        return [_short(record) for record in self.records if record.kind == "incident"]

    @property
    def blips(self) -> list[tuple[tuple[int, int], tuple[int, int], str]]:
        return [_short(record) for record in self.records if record.kind == "blip"]

    def kinds(self, *without: str) -> list[str]:
        return [record.kind for record in self.records if record.kind not in without]


def _short(record: Record) -> tuple[tuple[int, int], tuple[int, int], str]:
    start, end = record.data["start"], record.data["end"]
    ticks = [round(value - WALL) for value in (start["lower"], start["upper"], end["lower"], end["upper"])]
    return (ticks[0], ticks[1]), (ticks[2], ticks[3]), record.data["kind"]


def film(letters: str, system: System = SYSTEM, **policy: float) -> Projector:
    """Show the whole film, first letter at second 1."""
    projector = Projector(replace(system, policy=replace(system.policy, **policy)))  # type: ignore[arg-type]  # whatever field each film names
    for at, letter in enumerate(letters, start=1):
        projector.frame(letter, float(at))
    return projector

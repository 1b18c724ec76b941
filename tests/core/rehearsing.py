"""Films with people in them: between two ticks somebody may act, which takes no time.

D a drill starts     M maintenance starts     Q what is open is stopped     K the exporter dies and goes on     a film's
letters: as in `filming`. Half a second after each tick the clock is looked at, as the engine does.
"""

from dataclasses import dataclass, replace
from typing import Any

from exporter.core import drilling
from exporter.core.drill import DrillType, Order
from exporter.core.model import Accounting, System
from exporter.core.readings import Totals, totals
from tests.core.filming import SYSTEM, Projector, moment

EXCLUDING = replace(SYSTEM, accounting=Accounting(drills=False, maintenance=False))


def order(type_: DrillType = DrillType.DRILL, seconds: float = 1000.0) -> Order:
    return Order("site_loss", "ops", "quarterly", "sg serves", seconds, type_)


@dataclass
class Rehearsal(Projector):
    """`seconds`: after which drills and maintenance expire."""

    seconds: float = 1000.0
    at: float = 0.0

    def play(self, letters: str) -> "Rehearsal":
        for letter in letters:
            match letter:
                case "D":
                    self.begin(DrillType.DRILL)
                case "M":
                    self.begin(DrillType.MAINTENANCE)
                case "Q":
                    self.end()
                case "K":
                    self.kill(self.at + 0.5)
                case _:
                    self.at += 1
                    self.frame(letter, self.at)
                    self.pass_by(0.5)
        return self

    def begin(self, type_: DrillType) -> None:
        now = moment(self.at + 0.5)
        self.take(drilling.start(self.system, self.state, order(type_, self.seconds), now))

    def end(self, by: str = "ops") -> None:
        assert self.state.drill is not None
        now = moment(self.at + 0.5)
        self.take(drilling.stop(self.system, self.state, self.state.drill.id, by, "", now))

    def pass_by(self, seconds: float) -> None:
        self.take(drilling.expire(self.system, self.state, moment(self.at + seconds)))

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The data of the records of this kind."""
        return [dict(record.data) for record in self.records if record.kind == kind]

    def sums(self, later: float = 10.5) -> Totals:
        """The totals, once what runs has settled."""
        return totals(self.state, self.at + later)


def rehearse(letters: str, system: System = SYSTEM, seconds: float = 1000.0) -> Rehearsal:
    return Rehearsal(system, seconds=seconds).play(letters)

"""Every short film of an active-active system, with what each site really holds beside it.

b both sites serve    h only hk does    s only sg does    o none does    e the entry is dead
d both serve, but sg keeps its writes to itself    w both answer, but take no write    x the exporter is not looking
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

from exporter.core import fold
from exporter.core.active import read_above_at, writer
from exporter.core.canary import Outcome
from exporter.core.model import Facts, Part, Reason, Role
from exporter.core.readings import exposure
from exporter.core.state import Marker, Mode
from tests.core.filming import HK, SG, moment
from tests.core.test_active import BOTH, DATABASE, DEAD, Two
from tests.core.test_sequences import coherent


@dataclass
class Real(Two):
    """Two sites that keep markers: what is written at one arrives at the other one tick later, while both run."""

    has: dict[str, set[int]] = field(default_factory=lambda: {"hk": set(), "sg": set()})
    acked: list[Marker] = field(default_factory=list)

    def fork(self) -> "Real":
        twin = super().fork()
        assert isinstance(twin, Real)
        twin.has, twin.acked = deepcopy(self.has), [*self.acked]
        return twin

    def kill(self, at: float) -> None:
        markers = {name: canary.markers for name, canary in self.state.canaries.items()}
        super().kill(at)
        self.state = fold.with_markers(self.state, markers)

    def frame(self, letter: str, at: float) -> None:
        if letter == "x":
            return
        alive = {"h": ["hk"], "s": ["sg"], "o": []}.get(letter, ["hk", "sg"])
        dead = {site: None if site in alive else DEAD for site in ("hk", "sg")}
        here, there = self.has["hk"], self.has["sg"]
        if letter in "bdew":
            self.has = {"hk": here if letter == "d" else here | there, "sg": there | here}
        self.see(at, **dead, entry=None if letter in "oe" else alive[0])
        for part in (HK, SG):
            if part.site in alive:
                self._read(part, at)
        for tick in (0.1, 0.2):
            self._mark(at + tick, takes=letter != "w")

    def _read(self, part: Part, at: float) -> None:
        above = read_above_at(self.state, part)
        there = None if above is None else tuple(sorted(seq for seq in self.has[part.site] if seq > above))
        self.one(part, at, None, Facts(Role.PRIMARY, writable=True, markers=there), above)

    def _mark(self, at: float, *, takes: bool) -> None:
        site = writer(self.system, self.state, DATABASE)
        if site is None:
            return
        self.state, marker = fold.marker_sent(self.state, "database", site, at)
        outcome = Outcome(at) if takes else Outcome(at, Reason.READ_ONLY)
        if takes:
            self.has[site].add(marker.seq)
            self.acked.append(marker._replace(acked=at))
        self.take(fold.marker_finished(self.system, self.state, "database", marker, outcome, moment(at)))

    def proves(self, letters: str, now: float) -> None:
        """Of what was acknowledged before the recovery point nothing is at one site only."""
        seconds, known = exposure(self.system, self.state, "site_loss", now)
        incident = self.state.incident
        if not known or (incident is not None and incident.declared and incident.end is None):
            return
        for marker in self.acked:
            if marker.sent < now - seconds - 1e-9:
                assert all(marker.seq in there for there in self.has.values()), (letters, marker)


def every(alphabet: str, length: int, check: Callable[[str, Real], None]) -> None:
    """Show all films of up to `length` letters after a healthy beginning."""

    def go_on(letters: str, shown: Real) -> None:
        check(letters, shown)
        if len(letters) <= length:
            for letter in alphabet:
                twin = shown.fork()
                twin.frame(letter, len(letters) + 1.0)
                go_on(letters + letter, twin)

    begun = Real(BOTH)
    begun.frame("b", 1.0)
    go_on("b", begun)


def told_once(letters: str, shown: Real, *, died: bool = False) -> None:
    """Nothing is told twice, and what is told of a site is its loss and its return in turn."""
    coherent(letters, shown, died=died)
    for site in ("hk", "sg"):
        told = [r.kind for r in shown.records if r.kind in ("site_lost", "site_back") and r.data["site"] == site]
        assert told == (["site_lost", "site_back"] * len(told))[: len(told)], letters


def test_no_recovery_point_without_proof() -> None:
    """Whichever sites serve, come and go: all that was acknowledged before the recovery point is at the other site too."""

    def check(letters: str, shown: Real) -> None:
        told_once(letters, shown)
        for later in (0.3, 0.9):
            shown.proves(letters, len(letters) + later)

    every("bhsd", 6, check)


def test_a_death_at_any_point_tells_nothing_twice() -> None:
    """The next run goes on with what was open, tells its end once, and proves no more than the one before."""

    def check(letters: str, shown: Real) -> None:
        before, after = shown.state.incident, shown.fork()
        after.kill(len(letters) + 0.5)
        for tick, letter in enumerate("bbbbb", start=len(letters) + 1):
            after.frame(letter, float(tick))
            told_once(letters, after, died=True)
            after.proves(letters, tick + 0.3)
        assert after.state.mode is Mode.HEALTHY, letters
        if before is not None:
            told = [r for r in after.records if r.kind in ("incident", "blip") and r.data["id"] == before.id]
            assert len(told) == 1, letters

    every("bhoewx", 3, check)

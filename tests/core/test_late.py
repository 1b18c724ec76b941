"""A look that is answered late, after one at the same endpoint that began later: it tells nothing new of what is there."""

from dataclasses import replace

import pytest

from exporter.core import fold
from exporter.core.canary import Outcome
from exporter.core.model import Component, Facts, Instant, Part, Reason, Role, Sample, System
from exporter.core.readings import exposure
from tests.core.filming import HK, SG, SYSTEM, Projector, moment

MARKED = replace(SYSTEM, components={"database": Component("database", critical=True, stateful=True, canary_every=1.0)})
BOTH = replace(MARKED, mode="active-active")


class Seen(Projector):
    """Looks that take a while, at two databases whose positions grow by ten a second."""

    def look_for(self, part: Part, begun: Instant, ended: Instant, seen: Facts | Reason) -> None:
        facts, reason = (seen, None) if isinstance(seen, Facts) else (Facts(), seen)
        sample = Sample(part, begun, ended, reason, "", facts)
        self.take(fold.observe(self.system, self.state, sample, moment(ended), above=0))

    def mark(self, at: Instant) -> int:
        """A marker that hk takes."""
        self.state, marker = fold.marker_sent(self.state, "database", "hk", at)
        done = Outcome(at + 0.01)
        self.take(fold.marker_finished(self.system, self.state, "database", marker, done, moment(at + 0.01)))
        return marker.seq


def primary(at: Instant, epoch: str = "1") -> Facts:
    return Facts(Role.PRIMARY, writable=True, epoch=epoch, position=int(at * 10))


def standby(at: Instant, *markers: int, epoch: str = "1") -> Facts:
    has = int(at * 10)
    return Facts(Role.STANDBY, writable=False, epoch=epoch, position=has, applied=has, markers=markers)


@pytest.mark.parametrize("system", [MARKED, BOTH])
def test_it_takes_no_recovery_point_back(system: System) -> None:
    """A login at the standby hung for a moment: the marker that it did not see yet was seen there before it was answered."""
    film = Seen(system)
    there: list[int] = []
    for at in range(1, 6):
        film.look_for(HK, at, at + 0.01, primary(at))
        there.append(film.mark(at + 0.1))
        film.look_for(HK, at + 0.2, at + 0.21, primary(at + 0.2))
        film.look_for(SG, at + 0.3, at + 0.31, standby(at + 0.2, *there))
    before = exposure(film.system, film.state, "site_loss", 5.5)
    film.look_for(SG, 4.9, 5.4, standby(4.9, *there[:-1]))
    assert exposure(film.system, film.state, "site_loss", 5.5) == before
    assert "source_refuted" not in film.kinds()
    assert film.state.parts[SG].attempts == 6


def test_it_moves_no_role() -> None:
    """A login at the old primary was asked before the switchover, and is answered when a look at the new one has just failed."""
    film = Seen()
    for at in range(1, 6):
        film.look_for(HK, at, at + 0.01, primary(at))
        film.look_for(SG, at + 0.1, at + 0.11, standby(at))
    film.look_for(HK, 6.5, 6.51, standby(6.5, epoch="2"))
    film.look_for(SG, 6.6, 6.61, primary(6.6, epoch="2"))
    film.look_for(SG, 6.9, 7.0, Reason.REFUSED)
    film.look_for(HK, 6.0, 7.1, primary(6.0))
    for at in range(8, 14):
        film.look_for(HK, at, at + 0.01, standby(at, epoch="2"))
        film.look_for(SG, at + 0.1, at + 0.11, primary(at, epoch="2"))
    moves = [kind for kind in film.kinds() if kind in ("switchover", "failover", "failback", "split_brain")]
    assert moves == ["switchover"]
    assert film.state.roles["database"].site == "sg"

"""A standby that says that it is primary now, and takes no writes yet: what it was before must not date the outage."""

from exporter.core import fold
from exporter.core.model import Facts, Part, Reason, Role, Sample
from tests.core.filming import HK, SG, Projector, moment

PRIMARY = Facts(Role.PRIMARY, writable=True, epoch="1")
STANDBY = Facts(Role.STANDBY, writable=False, epoch="1")
CLAIMS = Facts(Role.PRIMARY, writable=False, epoch="2")
TAKES = Facts(Role.PRIMARY, writable=True, epoch="2")


def see(film: Projector, part: Part, at: float, seen: Facts | Reason) -> None:
    """One look."""
    reason, facts = (seen, Facts()) if isinstance(seen, Reason) else (None, seen)
    sample = Sample(part, at, at + 0.1, reason, "", facts)
    film.take(fold.observe(film.system, film.state, sample, moment(at + 0.1)))


def half_a_minute() -> Projector:
    """All is well for 30 s; then the primary is dead."""
    film = Projector()
    for tick in range(30):
        see(film, HK, tick, PRIMARY)
        see(film, SG, tick + 0.5, STANDBY)
    see(film, HK, 30.0, Reason.REFUSED)
    return film


def test_the_outage_begins_with_the_old_holder() -> None:
    """PostgreSQL leaves recovery before it takes writes: half a minute as a standby is no outage, and declares none."""
    film = half_a_minute()
    see(film, SG, 30.5, CLAIMS)
    assert str(film.state.mode) == "suspected", film.state.sentence
    incident = film.state.incident
    assert incident is not None
    assert (incident.kind, incident.declared) == ("failover", False)
    for tick in range(31, 36):
        see(film, SG, tick, TAKES)
    (closed,) = film.incidents
    assert closed == ((29, 30), (30, 31), "failover")
    assert film.state.last is not None
    assert film.state.last.rto is not None
    assert film.state.last.rto.upper < 3


def test_it_is_declared_by_what_it_fails_from_then_on() -> None:
    """One that holds the role and goes on taking no writes is an outage, after as many looks as any other."""
    film = half_a_minute()
    modes = []
    for number in range(3):
        see(film, SG, 30.5 + number, CLAIMS)
        modes.append(str(film.state.mode))
    assert modes == ["suspected", "suspected", "outage"]
    assert film.state.incident is not None
    assert (film.state.incident.start.lower, film.state.incident.start.upper) == (29, 30.1)

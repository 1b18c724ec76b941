"""Our own trouble at one site of an active-active system: it hides nothing that another site shows, and no hour that was seen."""

from dataclasses import dataclass, field, replace

from exporter.core.model import Facts, Instant, Part, Reason, Role
from exporter.core.readings import totals
from exporter.core.state import Mode
from exporter.engine.trouble import Trouble
from tests.core.filming import HK, SG, moment
from tests.core.test_active import DATABASE, DEAD, Two
from tests.core.test_active_figures import PLAIN, write

LOCKED = Reason.INTERNAL
MARKED = replace(PLAIN, components={"database": DATABASE})
"""The same with a canary."""


@dataclass
class Watched(Two):
    """Two sites that are looked at one after the other, by an exporter that may have trouble of its own."""

    trouble: Trouble = field(default_factory=lambda: Trouble(PLAIN))

    def looked(self, part: Part, at: Instant, reason: Reason | None) -> None:
        self.one(part, at, reason, Facts(Role.PRIMARY, writable=True))
        sample = self.state.parts[part].sample
        assert sample is not None
        for own in self.trouble.told(self.state, sample, moment(at)):
            self.take(own)

    def tick(self, ticks: range, hk: Reason | None = None, sg: Reason | None = None) -> None:
        for tick in ticks:
            self.looked(SG, float(tick), sg)
            self.looked(HK, tick + 0.1, hk)

    def blindness(self) -> list[str]:
        return [record.kind for record in self.records if record.kind.startswith("blind")]


def locked(until: int = 1000) -> Watched:
    """The password for hk cannot be read from 4 on."""
    film = Watched(PLAIN)
    film.tick(range(1, 4))
    film.tick(range(4, until), hk=LOCKED)
    return film


def test_another_site_that_is_seen_to_serve_is_enough() -> None:
    """Not blind, whichever site has the trouble: the time counts as observed."""
    for first, second in ((HK, SG), (SG, HK)):
        film = locked(4)
        for tick in range(4, 1000):
            film.looked(first, tick + 0.0, LOCKED)
            film.looked(second, tick + 0.1, None)
        assert (film.state.mode, film.blindness()) == (Mode.HEALTHY, [])
        assert totals(film.state, 1000.0).observed > 980


def test_blindness_begins_when_the_last_site_was_seen_to_serve() -> None:
    """It fails after many minutes: whether the other one serves nobody knows from then on, and what was observed stays so."""
    film = locked()
    film.tick(range(1000, 1012), hk=LOCKED, sg=DEAD)
    assert (film.state.mode, film.state.blind_since, film.state.incident) == (Mode.UNKNOWN, 999.0, None)
    assert totals(film.state, 1011.0)[:3] == (998.0, 0.0, 2.0)


def test_blindness_ends_with_any_site_that_is_seen_to_serve() -> None:
    """The trouble goes on, but the other site is back; silence that is forgotten is not that."""
    film = locked(20)
    film.tick(range(20, 30), hk=LOCKED, sg=Reason.TIMEOUT)
    assert (film.state.blind_since, film.blindness()) == (19.0, ["blind_began"])
    film.tick(range(30, 40), hk=LOCKED)
    assert (film.state.mode, film.state.serving, film.state.blind_since) == (Mode.HEALTHY, ("sg",), None)
    assert film.blindness() == ["blind_began", "blind_ended"]
    assert film.state.counters.blind == 11.0


def test_trouble_at_all_sites_leaves_nobody_to_tell() -> None:
    """Blind from the last answer of any on, and seen again with the first of any."""
    film = locked(10)
    film.tick(range(10, 20), hk=LOCKED, sg=LOCKED)
    assert film.state.blind_since == 9.0
    film.looked(HK, 20.0, None)
    assert film.blindness() == ["blind_began", "blind_ended"]


def test_a_site_that_takes_no_marker_does_not_tell_for_another() -> None:
    """Its looks go well, but as many markers as declare an outage failed; one that failed is no such proof."""
    film = Watched(MARKED, trouble=Trouble(MARKED))
    film.tick(range(1, 4))
    write(film, "sg", 3.5, None)
    film.tick(range(4, 8), hk=LOCKED)
    write(film, "sg", 7.5, DEAD)
    film.tick(range(8, 10), hk=LOCKED)
    assert film.blindness() == []
    for at in (9.6, 9.7):
        write(film, "sg", at, DEAD)
    film.tick(range(10, 20), hk=LOCKED)
    assert film.state.blind_since == 3.5
    film.looked(HK, 20.0, None)
    assert film.blindness() == ["blind_began", "blind_ended"]

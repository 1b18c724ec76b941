"""Active-active systems: which sites serve, what is lost with one of them, and when it is an outage."""

from dataclasses import replace

import pytest

from exporter.core import fold, watching
from exporter.core.active import traffic_share, writer
from exporter.core.canary import Outcome
from exporter.core.model import ENTRY, Component, Facts, Part, Reason, Role, Sample
from exporter.core.past import Kind
from exporter.core.readings import exposure, functional_ratio, writable_sites
from exporter.core.reload import reconfigure
from exporter.core.state import Mode
from tests.core.filming import HK, SG, SYSTEM, Projector, moment

DATABASE = Component("database", critical=True, weight=3, stateful=True, canary_every=1.0)
LOGIN = Component("login", weight=1)
LOGINS = (Part("hk", "login"), Part("sg", "login"))
BOTH = replace(
    SYSTEM,
    mode="active-active",
    components={"database": DATABASE, "login": LOGIN},
    parts=SYSTEM.parts | {ENTRY, *LOGINS},
    entry_tells_site=True,
)
DEAD = Reason.REFUSED


class Two(Projector):
    """A film of two sites that both serve; each look may fail, and the entry answers from one of them."""

    def see(
        self,
        at: float,
        hk: Reason | None = None,
        sg: Reason | None = None,
        entry: str | None = "hk",
        login: Reason | None = None,
    ) -> None:
        """One look at everything; `entry` None: it does not answer; `login` fails at both sites."""
        for part, reason in ((HK, hk), (SG, sg), (LOGINS[0], hk), (LOGINS[1], sg)):
            told = Facts(Role.PRIMARY, writable=True) if part.component == "database" and reason is None else Facts()
            self.one(part, at, reason or (login if part in LOGINS else None), told)
        self.one(ENTRY, at, None if entry else DEAD, Facts(served_by=entry))

    def one(self, part: Part, at: float, reason: Reason | None, told: Facts, above: int | None = None) -> None:
        sample = Sample(part, at, at, reason, "", told if reason is None else Facts())
        self.take(fold.observe(self.system, self.state, sample, moment(at), above=above))

    def mark(self, at: float) -> str:
        """Write a marker to the site whose turn it is; returns the site."""
        site = writer(self.system, self.state, DATABASE)
        assert site is not None
        self.state, marker = fold.marker_sent(self.state, "database", site, at)
        self.take(fold.marker_finished(self.system, self.state, "database", marker, Outcome(at), moment(at)))
        return site


def shown(until: int = 4) -> Two:
    film = Two(BOTH)
    for tick in range(1, until):
        film.see(float(tick))
    return film


def kinds(film: Projector) -> list[str]:
    return [str(record.kind) for record in film.records if record.kind != "transition"]


def test_both_sites_serve() -> None:
    """Two writable sites are as it should be: no split brain, no contest, everything works."""
    film = shown()
    assert (film.state.mode, film.state.serving) == (Mode.HEALTHY, ("hk", "sg"))
    assert (writable_sites(BOTH, film.state), functional_ratio(BOTH, film.state)) == (2, 1.0)
    assert kinds(film) == []


def test_losing_a_site_is_an_event_but_no_outage() -> None:
    """Told once, degraded while it lasts, told again when it is back; no incident, and no component counts as down."""
    film = shown()
    for tick in range(4, 10):
        film.see(float(tick), sg=DEAD)
    assert (film.state.mode, film.state.serving) == (Mode.DEGRADED, ("hk",))
    assert film.state.incident is None
    assert functional_ratio(BOTH, film.state) == 1.0
    for tick in range(10, 13):
        film.see(float(tick))
    assert (film.state.mode, film.state.serving) == (Mode.HEALTHY, ("hk", "sg"))
    assert kinds(film) == [Kind.SITE_LOST, "site_back"]


def test_losing_home_is_no_move_of_anything() -> None:
    """No failover is told where nothing had to be switched."""
    film = shown()
    for tick in range(4, 10):
        film.see(float(tick), hk=DEAD, entry="sg")
    assert (film.state.mode, film.state.serving, film.state.believed) == (Mode.DEGRADED, ("sg",), "sg")
    assert kinds(film) == [Kind.SITE_LOST]


def test_it_is_down_when_it_works_nowhere() -> None:
    """The outage begins with the site that failed last and ends with the one that is back first."""
    film = shown()
    film.see(4.0, sg=DEAD)
    for tick in range(5, 10):
        film.see(float(tick), hk=DEAD, sg=DEAD)
    incident = film.state.incident
    assert film.state.mode is Mode.OUTAGE
    assert incident is not None
    assert incident.start[:2] == (4.0, 5.0)
    for tick in range(10, 14):
        film.see(float(tick), hk=DEAD, entry="sg")
    last = film.state.last
    assert last is not None
    assert last.end is not None
    assert (last.end[:2], last.kind) == ((9.0, 10.0), Kind.SITE_LOST)


def test_an_entry_that_fails_is_an_outage_whatever_the_sites_say() -> None:
    """Users come through the entry; both sites work, so it ends in place."""
    film = shown()
    for tick in range(4, 8):
        film.see(float(tick), entry=None)
    assert film.state.mode is Mode.OUTAGE
    for tick in range(8, 12):
        film.see(float(tick))
    assert film.state.last is not None
    assert film.state.last.kind is Kind.OUTAGE_IN_PLACE


def test_a_function_that_works_nowhere_lowers_the_ratio() -> None:
    """Three quarters of the weight stay, and the system is degraded as long as it is not critical."""
    film = shown()
    for tick in range(4, 8):
        film.see(float(tick), login=DEAD)
    assert functional_ratio(BOTH, film.state) == 0.75
    assert film.state.mode is Mode.DEGRADED


def test_the_share_of_traffic_is_counted_at_the_entry() -> None:
    """Of the last answers, where the entry tells its site; nothing is made up where it does not."""
    assert traffic_share(BOTH, Two(BOTH).state) == {}
    film = shown()
    for tick in range(4, 10):
        film.see(float(tick), entry="sg")
    assert traffic_share(BOTH, film.state) == {"hk": pytest.approx(3 / 9), "sg": pytest.approx(6 / 9)}


def exposed(film: Two, now: float) -> float:
    """The known exposure to the loss of a site, in seconds."""
    seconds, known = exposure(BOTH, film.state, "site_loss", now)
    assert known
    return seconds


def read(film: Two, at: float, part: Part, visible: tuple[int, ...], above: int = 0) -> None:
    seen = tuple(seq for seq in visible if seq > above)
    film.one(part, at, None, Facts(Role.PRIMARY, writable=True, markers=seen), above)


def test_the_worst_site_to_lose_counts() -> None:
    """Markers go to the sites in turn; what only one site has seen would be lost with it."""
    film = shown()
    assert [film.mark(4.0 + tick / 10) for tick in range(4)] == ["hk", "sg", "hk", "sg"]
    assert exposure(BOTH, film.state, "site_loss", 5.0).known is False
    read(film, 5.0, SG, (1, 2, 3, 4))
    assert exposure(BOTH, film.state, "site_loss", 5.0).known is False, "nobody knows yet what hk has of sg"
    read(film, 5.1, HK, (1, 3))
    assert exposure(BOTH, film.state, "site_loss", 5.1).known is False, "hk has nothing of sg"
    read(film, 5.2, HK, (1, 2, 3))
    assert exposed(film, 6.0) == pytest.approx(6.0 - 4.1)
    read(film, 5.3, HK, (1, 2, 3, 4))
    assert exposed(film, 6.0) == pytest.approx(6.0 - 4.2), "now hk is the worse loss"


def test_a_lost_site_gets_no_marker_and_its_exposure_is_settled() -> None:
    """The survivor takes all markers; nobody reads them elsewhere, so its exposure grows."""
    film = shown()
    for tick in range(4):
        film.mark(4.0 + tick / 10)
    for part in (HK, SG):
        read(film, 5.0, part, (1, 2, 3, 4))
    for tick in range(5, 10):
        film.see(float(tick), sg=DEAD)
    assert {film.mark(10.0 + tick) for tick in range(3)} == {"hk"}
    assert exposed(film, 20.0) == pytest.approx(20.0 - 4.2)


def test_a_restart_and_blindness_keep_what_was_known() -> None:
    """After a restart the sites serve again once they were seen, without an event."""
    film = shown()
    film.kill(4.0)
    assert not film.state.serving
    film.see(5.0)
    assert (film.state.mode, film.state.serving) == (Mode.HEALTHY, ("hk", "sg"))
    assert kinds(film) == []


def refused(film: Two, at: float, reason: Reason | None = Reason.READ_ONLY) -> str:
    """A marker to the site whose turn it is, which does not take it; returns the site."""
    site = writer(BOTH, film.state, DATABASE)
    assert site is not None
    film.state, marker = fold.marker_sent(film.state, "database", site, at)
    film.take(fold.marker_finished(BOTH, film.state, "database", marker, Outcome(at, reason), moment(at)))
    return site


def test_sites_that_answer_but_take_no_write_do_not_serve() -> None:
    """No marker is acknowledged anywhere: an outage, which begins with the site that refused last and ends with a marker."""
    film = shown()
    assert [film.mark(3.1), film.mark(3.2)] == ["hk", "sg"]
    for tick in range(4, 8):
        film.see(float(tick))
        refused(film, tick + 0.1)
        refused(film, tick + 0.2)
    incident = film.state.incident
    assert film.state.mode is Mode.OUTAGE
    assert incident is not None
    assert (incident.start[:2], incident.cause) == ((3.2, 4.2), "canary of database at sg: read_only")
    film.see(8.0)
    assert film.state.mode is Mode.OUTAGE, "looks alone do not prove that it serves"
    film.mark(8.1)
    assert (film.state.mode, film.state.serving) == (Mode.RECOVERING, ("hk",))
    incident = film.state.incident
    assert incident is not None
    assert incident.end is not None
    assert incident.end[:2] == (7.1, 8.1)


def test_a_site_that_takes_no_write_is_lost() -> None:
    """The other one serves on; it is back when it takes a marker again."""
    film = shown()
    for tick in range(4, 9):
        film.see(float(tick))
        assert {film.mark(tick + 0.1), refused(film, tick + 0.2)} == {"hk", "sg"}
    film.see(9.0)
    assert (film.state.mode, film.state.serving, film.state.incident) == (Mode.DEGRADED, ("hk",), None)
    film.mark(9.1)
    film.mark(9.2)
    film.see(10.0)
    assert (film.state.mode, film.state.serving) == (Mode.HEALTHY, ("hk", "sg"))
    assert kinds(film) == [Kind.SITE_LOST, Kind.SITE_BACK]


def test_a_marker_of_before_is_no_proof_that_a_site_takes_writes_again() -> None:
    """None goes to a site that does not answer, so none failed: the outage lasts until one is taken, which bounds its end."""
    film = shown()
    assert [film.mark(3.1), film.mark(3.2)] == ["hk", "sg"]
    for tick in range(4, 8):
        film.see(float(tick), hk=DEAD, sg=DEAD)
    for tick in range(8, 12):
        film.see(float(tick))
        assert (film.state.mode, film.state.serving) == (Mode.OUTAGE, ()), "looks alone do not prove that it serves"
        refused(film, tick + 0.1)
        refused(film, tick + 0.2)
    film.mark(12.1)
    incident = film.state.incident
    assert (film.state.mode, film.state.serving) == (Mode.RECOVERING, ("hk",))
    assert incident is not None
    assert incident.end is not None
    assert incident.end[:2] == (11.1, 12.1)


def test_the_site_that_is_heard_first_need_not_have_been_back_first() -> None:
    """No look at the other one failed since 6, and one that is answered later may have been the first to be served."""
    film = shown()
    for tick in range(4, 7):
        film.see(float(tick), hk=DEAD, sg=DEAD)
    for tick in range(7, 9):
        film.one(HK, float(tick), DEAD, Facts())
    film.one(HK, 9.0, None, Facts(Role.PRIMARY, writable=True))
    incident = film.state.incident
    assert incident is not None
    assert incident.end is not None
    assert incident.end[:2] == (6.0, 9.0)


def test_an_outage_ends_with_the_first_marker_that_is_taken() -> None:
    """No marker was refused, yet the one of before dates nothing: it ends between the last failed look and the first marker."""
    film = shown()
    assert [film.mark(3.1), film.mark(3.2)] == ["hk", "sg"]
    for tick in range(4, 8):
        film.see(float(tick), hk=DEAD, sg=DEAD)
    film.see(8.0, sg=DEAD)
    film.see(9.0, sg=DEAD)
    film.mark(9.1)
    incident = film.state.incident
    assert incident is not None
    assert incident.end is not None
    assert incident.end[:2] == (7.0, 9.1)


def test_a_site_that_answers_again_and_takes_no_write_fails_since_it_did_not_answer() -> None:
    """The other one failed last and dates the outage, though the first refusal of a marker came later."""
    film = shown()
    assert [film.mark(3.1), film.mark(3.2)] == ["hk", "sg"]
    for tick in range(4, 8):
        film.see(float(tick), hk=DEAD, entry="sg")
    for tick in range(8, 12):
        film.see(float(tick), sg=DEAD)
        assert refused(film, tick + 0.1) == "hk"
    incident = film.state.incident
    assert film.state.mode is Mode.OUTAGE
    assert incident is not None
    assert incident.start[:2] == (7.0, 8.0)


def test_a_site_serves_no_more_on_a_marker_of_before_a_restart() -> None:
    """It was seen to answer since, and to take no write yet; it is not lost either."""
    film = shown()
    assert [film.mark(3.1), film.mark(3.2)] == ["hk", "sg"]
    film.kill(4.0)
    film.see(5.0)
    assert (film.state.mode, film.state.serving) == (Mode.UNKNOWN, ())
    film.mark(5.1)
    assert (film.state.mode, film.state.serving) == (Mode.HEALTHY, ("hk",))
    film.mark(5.2)
    assert (film.state.serving, kinds(film)) == (("hk", "sg"), [])


def test_a_site_is_not_back_before_it_takes_a_marker() -> None:
    """It answers again, and refuses the markers: lost once, and back once, when it takes one."""
    film = shown()
    assert [film.mark(3.1), film.mark(3.2)] == ["hk", "sg"]
    for tick in range(4, 8):
        film.see(float(tick), sg=DEAD)
        film.mark(tick + 0.1)
    for tick in range(8, 12):
        film.see(float(tick))
        assert {film.mark(tick + 0.1), refused(film, tick + 0.2)} == {"hk", "sg"}
    assert (film.state.serving, kinds(film)) == (("hk",), [Kind.SITE_LOST])
    film.mark(12.1)
    film.mark(12.2)
    film.see(13.0)
    assert (film.state.serving, kinds(film)) == (("hk", "sg"), [Kind.SITE_LOST, Kind.SITE_BACK])


def test_a_site_is_back_with_the_last_of_its_critical_components() -> None:
    """One works again before the other, which began to fail meanwhile, is lost: that is one loss, and one return."""
    system = replace(BOTH, components={"database": DATABASE, "login": replace(LOGIN, critical=True)})
    film = Two(system)
    for tick in range(1, 16):
        for part, dead in ((HK, range(4, 9)), (LOGINS[0], range(8, 14)), (SG, ()), (LOGINS[1], ())):
            told = Facts(Role.PRIMARY, writable=True) if part.component == "database" else Facts()
            film.one(part, float(tick), DEAD if tick in dead else None, told)
        film.one(ENTRY, float(tick), None, Facts(served_by="sg"))
        if tick == 13:
            assert kinds(film) == [Kind.SITE_LOST]
    assert kinds(film) == [Kind.SITE_LOST, Kind.SITE_BACK]


def test_blindness_brings_no_site_back() -> None:
    """It hides that the markers to a lost site wait in vain; it is back with the first that it takes, and lost until then."""
    film = shown()
    assert [film.mark(3.1), film.mark(3.2)] == ["hk", "sg"]
    for tick in range(4, 9):
        film.see(float(tick))
        assert {film.mark(tick + 0.1), refused(film, tick + 0.2, Reason.TIMEOUT)} == {"hk", "sg"}
    film.take(fold.blinded(BOTH, film.state, 3.5, moment(9)))
    film.take(fold.sighted(BOTH, film.state, moment(10)))
    film.see(11.0)
    film.mark(11.1)
    film.see(12.0)
    assert (film.state.mode, film.state.serving, kinds(film)) == (Mode.DEGRADED, ("hk",), [Kind.SITE_LOST])
    film.mark(12.1)
    film.see(13.0)
    assert (film.state.serving, kinds(film)) == (("hk", "sg"), [Kind.SITE_LOST, Kind.SITE_BACK])


def test_a_site_that_is_watched_again_is_not_judged_by_markers_of_before() -> None:
    """It was taken out while it refused them; nobody has written to it since."""
    film = shown()
    assert [film.mark(3.1), film.mark(3.2)] == ["hk", "sg"]
    for tick in range(4, 9):
        film.see(float(tick))
        assert {film.mark(tick + 0.1), refused(film, tick + 0.2)} == {"hk", "sg"}
    alone = replace(BOTH, sites=("hk",), parts=BOTH.parts - {SG, LOGINS[1]})
    film.state = reconfigure(BOTH, reconfigure(alone, film.state, moment(9)), moment(10))
    film.see(11.0)
    assert (film.state.serving, kinds(film)) == (("hk", "sg"), [Kind.SITE_LOST])


def test_what_only_a_lost_site_has_stays_exposed() -> None:
    """Its acknowledged markers are nowhere else: that it serves no more is no proof that they are."""
    film = shown()
    for tick in range(4):
        film.mark(4.0 + tick / 10)
    read(film, 5.0, SG, (1, 2, 4))
    read(film, 5.0, HK, (1, 2, 3, 4))
    assert exposed(film, 6.0) == pytest.approx(2.0)
    for tick in range(6, 10):
        film.see(float(tick), hk=DEAD, entry="sg")
    assert film.state.serving == ("sg",)
    assert exposed(film, 20.0) == pytest.approx(16.0)


def test_a_site_that_was_lost_long_ago_makes_no_outage_worse() -> None:
    """Nothing of it was exposed any more: the outage of the other one is no reason to count from then."""
    film = shown()
    for tick in range(4):
        film.mark(4.0 + tick / 10)
    for part in (HK, SG):
        read(film, 5.0, part, (1, 2, 3, 4))
    for tick in range(6, 10):
        film.see(float(tick), hk=DEAD, entry="sg")
    assert exposed(film, 20.0) == pytest.approx(20.0 - 4.3), "of sg's own markers the newest that hk has"
    for tick in range(20, 25):
        film.see(float(tick), hk=DEAD, sg=DEAD, entry=None)
    assert exposed(film, 30.0) == pytest.approx(20.0 - 4.3)


def test_an_outage_beside_a_lost_site_is_not_its_loss() -> None:
    """The site was lost long before the entry failed."""
    film = shown()
    for tick in range(4, 10):
        film.see(float(tick), sg=DEAD)
    for tick in range(10, 14):
        film.see(float(tick), sg=DEAD, entry=None)
    for tick in range(14, 18):
        film.see(float(tick), sg=DEAD)
    assert film.state.last is not None
    assert film.state.last.kind is Kind.OUTAGE_IN_PLACE


def test_a_lost_site_that_is_no_longer_watched_is_forgotten() -> None:
    """A reload without it: nobody is left to tell that it is back, and nothing is amiss any more."""
    film = shown()
    for tick in range(4, 10):
        film.see(float(tick), sg=DEAD)
    alone = replace(BOTH, sites=("hk",), parts=BOTH.parts - {SG, LOGINS[1]})
    film.system, film.state = alone, reconfigure(alone, film.state, moment(10))
    film.one(HK, 10.0, None, Facts(Role.PRIMARY, writable=True))
    assert (film.state.mode, film.state.sentence) == (Mode.HEALTHY, "serves from hk")
    assert traffic_share(alone, film.state) == {"hk": 1.0}


def test_a_reload_to_active_active_ends_a_split_brain() -> None:
    """Both sites may take writes now: it is told to be over, by a reload or a restart, and nothing is amiss any more."""
    system = replace(SYSTEM, components={"database": DATABASE})
    both = replace(system, mode="active-active")
    film = Projector(system)
    for tick, letter in enumerate("hhhbbbb", start=1):
        film.frame(letter, float(tick))
    assert kinds(film) == ["split_brain"]
    reloaded = watching.reconfigured(both, film.state, moment(8))
    for step in (reloaded, fold.resume(both, film.state, 7.5, moment(8))):
        assert [record.kind for record in step.records].count("split_brain_over") == 1
        assert (step.state.contests, step.state.roles, step.state.histories) == ({}, {}, {})
    film.system = both
    film.take(reloaded)
    film.frame("b", 9.0)
    assert (film.state.mode, film.state.serving) == (Mode.HEALTHY, ("hk", "sg"))


def test_a_share_of_traffic_that_nobody_tells_any_more_is_forgotten() -> None:
    """An entry that is down tells nothing, nor does a blind exporter; one that stops to name its site fades out."""
    film = shown()
    for tick in range(4, 8):
        film.see(float(tick), entry=None)
    assert traffic_share(BOTH, film.state) == {}
    film = shown()
    film.take(fold.blinded(BOTH, film.state, 3.5, moment(4)))
    assert traffic_share(BOTH, film.state) == {}
    film = shown()
    for tick in range(4, 7):
        film.one(ENTRY, float(tick), None, Facts())
    assert traffic_share(BOTH, film.state) == {}

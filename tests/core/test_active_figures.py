"""Active-active systems: what is told of them where components, sites or restarts differ, and what it may not claim."""

import json
from dataclasses import replace

import pytest

from exporter.core import drilling, fold, watching
from exporter.core.active import read_above_at
from exporter.core.canary import Outcome
from exporter.core.codec import Decoder, encode
from exporter.core.drill import Order
from exporter.core.exposed import written_until
from exporter.core.model import ENTRY, Component, Facts, Instant, Objectives, Part, Reason, Role
from exporter.core.past import Kind
from exporter.core.readings import decisive, exposure, recovery_point, writable_expected, writable_sites
from exporter.core.state import Mode
from tests.core.filming import HK, SG, moment
from tests.core.test_active import BOTH, DATABASE, DEAD, Two, shown

STORE = Component("database", critical=True, stateful=True)
PLAIN = replace(BOTH, components={"database": STORE}, parts=frozenset({HK, SG}), entry_tells_site=False)
"""Two sites with one database, no entry and no canary."""
QUEUE_AT_HK, QUEUE_AT_SG = Part("hk", "queue"), Part("sg", "queue")
QUEUED = replace(
    PLAIN,
    components={"database": STORE, "queue": Component("queue", critical=True, stateful=True)},
    parts=frozenset({HK, SG, QUEUE_AT_HK, QUEUE_AT_SG}),
)


class Sites(Two):
    """Looks at single parts, and markers to single sites."""

    def all(self, at: Instant, **reasons: Reason) -> None:
        """One look at each part; those whose component or site is named fail."""
        for part in sorted(self.system.parts):
            self.part(part, at, reasons.get(part.site, reasons.get(part.component)))

    def part(self, part: Part, at: Instant, reason: Reason | None = None) -> None:
        self.one(part, at, reason, Facts(Role.PRIMARY, writable=True) if part.site else Facts())


# --- how many sites take writes


def test_the_component_that_takes_writes_at_fewest_sites_counts() -> None:
    """A database that is well hides no queue that takes writes at one site, or at none."""
    film = Sites(QUEUED)
    for tick in range(1, 4):
        film.all(float(tick))
    assert writable_sites(QUEUED, film.state) == 2
    film.part(QUEUE_AT_SG, 4.0, DEAD)
    assert writable_sites(QUEUED, film.state) == 1
    for tick in range(5, 9):
        for part in (QUEUE_AT_HK, QUEUE_AT_SG):
            film.part(part, float(tick), Reason.READ_ONLY)
    assert (writable_sites(QUEUED, film.state), film.state.mode) == (0, Mode.OUTAGE)


def test_as_many_sites_are_expected_as_there_can_be() -> None:
    """A queue that is at one site only takes writes at one when all is well; elsewhere it is one site, or each."""
    alone = replace(QUEUED, parts=QUEUED.parts - {QUEUE_AT_SG})
    film = Sites(alone)
    film.all(1.0)
    assert writable_expected(alone) == writable_sites(alone, film.state) == 1
    standby = replace(PLAIN, mode="active-standby")
    stateless = replace(PLAIN, components={"database": replace(STORE, stateful=False)})
    assert [writable_expected(system) for system in (PLAIN, standby, stateless)] == [2, 1, None]


# --- what only a lost site has, across a restart


class Marked(Sites):
    """Three sites that keep markers: each that is up reads what all have got so far."""

    has: tuple[int, ...] = ()

    def tick(self, at: Instant, *up: str) -> None:
        for part in sorted(self.system.parts):
            self.part(part, at, None if part.site in up else DEAD)
        for number, site in enumerate(up, start=1):
            self.has += (self.write(site, at + number / 10),)
        for part in sorted(self.system.parts):
            above = read_above_at(self.state, part)
            if part.site in up and above is not None:
                seen = tuple(seq for seq in self.has if seq > above)
                self.one(part, at + 0.5, None, Facts(Role.PRIMARY, writable=True, markers=seen), above)

    def write(self, site: str, at: Instant, reason: Reason | None = None) -> int:
        """One marker to this site; returns its number."""
        self.state, marker = fold.marker_sent(self.state, "database", site, at)
        outcome = Outcome(at, reason)
        self.take(fold.marker_finished(self.system, self.state, "database", marker, outcome, moment(at)))
        return marker.seq

    def restart(self, at: Instant, checkpoint: str, slack: float = 0.0) -> None:
        """Another exporter goes on from a checkpoint and the markers that are kept beside it."""
        markers = {name: canary.markers for name, canary in self.state.canaries.items()}
        state = fold.with_markers(Decoder(0.0, slack).state(json.loads(checkpoint)), markers)
        self.take(fold.resume(self.system, state, at, moment(at)))

    @property
    def checkpoint(self) -> str:
        return json.dumps(encode(self.state))

    def exposed(self, at: Instant) -> float:
        told = exposure(self.system, self.state, "site_loss", at)
        assert told.known
        return told.seconds


def of_three(until: int = 6) -> Marked:
    three = replace(BOTH, sites=("hk", "sg", "tk"), components={"database": DATABASE}, entry_tells_site=False)
    film = Marked(replace(three, parts=frozenset({HK, SG, Part("tk", "database")})))
    for tick in range(1, until):
        film.tick(float(tick), "hk", "sg", "tk")
    return film


def test_a_marker_after_the_last_checkpoint_stays_exposed() -> None:
    """It was acknowledged at the site that died with the exporter, and is nowhere else: the loaded markers tell of it."""
    film = of_three()
    checkpoint = film.checkpoint
    film.write("hk", 6.0)
    film.restart(7.0, checkpoint)
    for tick in range(8, 20):
        film.tick(float(tick), "sg", "tk")
    assert film.state.served == ("sg", "tk")
    assert film.exposed(20.0) == pytest.approx(20.0 - 5.1), "of hk's markers the newest that another site has"
    assert {source.source for source in decisive(film.system, film.state)} == {"canary:hk"}


def test_what_is_elsewhere_is_so_after_a_reboot() -> None:
    """What is proven up to an instant is put back by the slack of the clocks; numbers know no clock."""
    film = of_three()
    for tick in (6, 7, 8, *range(50, 1000, 50)):
        film.tick(float(tick), "sg", "tk")
    film.restart(1000.0, film.checkpoint, slack=2.0)
    for tick in range(1001, 1010):
        film.tick(float(tick), "sg", "tk")
    assert film.state.served == ("sg", "tk")
    assert film.exposed(1010.0) == pytest.approx(1010.0 - 1009.1)


def test_a_checkpoint_that_knows_instants_only_is_read() -> None:
    """An earlier exporter kept no numbers: they follow from the markers, and where none is left, nothing counts as settled."""
    film = of_three()
    for tick in range(6, 10):
        film.tick(float(tick), "sg", "tk")
    old = json.loads(film.checkpoint)
    ((_, canary),) = old["canaries"]
    del canary["acknowledged"]
    canary["newest"] = [["hk", 5.1], ["sg", 9.1], ["tk", 9.2]]
    twin = replace(film, records=[])
    film.restart(10.0, json.dumps(old))
    film.tick(11.0, "sg", "tk")
    assert film.exposed(12.0) == pytest.approx(12.0 - 11.1)
    twin.state = fold.with_markers(twin.state, {})
    twin.restart(10.0, json.dumps(old))
    assert recovery_point(twin.system, twin.state, "site_loss") == pytest.approx(5.1)


# --- what is proven by the loss of a site

BEHIND = replace(PLAIN, parts=frozenset({HK, SG, ENTRY}), objectives=Objectives(rto=30.0, drill_every=86400.0))
"""The same with an entry, and with drills that are promised."""


def drilled(film: Sites, at: Instant, seconds: float = 600.0) -> None:
    film.take(drilling.start(BEHIND, film.state, Order("site_loss", "me", "test", "-", seconds), moment(at)))


def stopped(film: Sites, at: Instant) -> bool:
    """Whether the drill that is stopped now proves the recovery."""
    assert film.state.drill is not None
    film.take(drilling.stop(BEHIND, film.state, film.state.drill.id, "me", "all well", moment(at)))
    return film.state.proof is not None


def shown_behind() -> Sites:
    film = Sites(BEHIND)
    for tick in range(1, 4):
        film.all(float(tick))
    return film


def test_blindness_makes_the_loss_of_a_site_no_younger() -> None:
    """The site hung long before the entry failed: that the run of its looks begins anew makes the outage no loss of it."""
    film = shown_behind()
    for tick in range(4, 30):
        film.all(float(tick), sg=Reason.TIMEOUT)
    for tick in range(30, 36):
        film.all(float(tick), sg=Reason.TIMEOUT, entry=DEAD)
    film.take(watching.blinded(BEHIND, film.state, 35.0, moment(36)))
    film.take(watching.sighted(BEHIND, film.state, moment(37)))
    film.kill(37.5)
    for tick in range(38, 42):
        film.all(float(tick), sg=Reason.TIMEOUT, entry=DEAD)
    for tick in range(42, 46):
        film.all(float(tick), sg=Reason.TIMEOUT)
    assert film.state.last is not None
    assert (film.state.last.kind, film.state.proof) == (Kind.OUTAGE_IN_PLACE, None)


def test_a_drill_that_nobody_noticed_proves_the_recovery() -> None:
    """A site was lost in it, the other one served on, and all of it was watched."""
    film = shown_behind()
    drilled(film, 4.0)
    for tick in range(5, 15):
        film.all(float(tick), sg=DEAD)
    assert stopped(film, 15.0)


@pytest.mark.parametrize("back", [False, True])
def test_a_drill_that_nobody_watched_proves_nothing(back: bool) -> None:
    """Blind when it is stopped, or blind for a part of it: what users met meanwhile nobody knows."""
    film = shown_behind()
    drilled(film, 4.0)
    for tick in range(5, 10):
        film.all(float(tick), sg=DEAD)
    film.take(watching.blinded(BEHIND, film.state, 9.0, moment(10)))
    if back:
        film.take(watching.sighted(BEHIND, film.state, moment(200)))
        for tick in range(201, 205):
            film.all(float(tick))
        assert film.state.mode is Mode.HEALTHY
    assert not stopped(film, 300.0)


def test_a_site_that_failed_before_the_drill_is_not_lost_in_it() -> None:
    """Its loss is told in the drill, but what began before was a disaster."""
    film = shown_behind()
    for tick in (4, 5):
        film.all(float(tick), sg=DEAD)
    drilled(film, 5.5)
    for tick in range(6, 9):
        film.all(float(tick), sg=DEAD)
    assert "site_lost" in film.kinds()
    assert not stopped(film, 9.0)


@pytest.mark.parametrize("until", [16, 20])
def test_a_drill_that_ends_in_an_outage_proves_nothing(until: int) -> None:
    """In doubt or declared: it began after the drill had expired, so it is not the drill's, and it is an outage all the same."""
    film = shown_behind()
    drilled(film, 4.0, seconds=10.0)
    for tick in range(5, 15):
        film.all(float(tick), sg=DEAD)
    film.take(drilling.expire(BEHIND, film.state, moment(15)))
    for tick in range(15, until):
        film.all(float(tick), hk=DEAD, sg=DEAD)
    assert not stopped(film, float(until))


# --- until when writes are taken in an outage


def down_at(film: Two, first: int, last: int, *sites: str, now: Reason | None = DEAD) -> None:
    """The entry is dead, and at these sites all looks and markers fail."""
    for tick in range(first, last):
        for site in ("hk", "sg"):
            write(film, site, tick + 0.1, DEAD if site in sites else None)
        film.see(tick + 0.5, **dict.fromkeys(sites, now), entry=None)


def write(film: Two, site: str, at: Instant, reason: Reason | None, ended: Instant | None = None) -> None:
    film.state, marker = fold.marker_sent(film.state, "database", site, at)
    outcome = Outcome(at if ended is None else ended, reason)
    film.take(fold.marker_finished(film.system, film.state, "database", marker, outcome, moment(outcome.ended)))


def test_writes_end_in_an_outage_with_the_last_site_that_takes_any() -> None:
    """The entry is dead, and the sites take markers from others; then hk fails, and at last sg."""
    film = shown()
    down_at(film, 4, 10)
    assert film.state.mode is Mode.OUTAGE
    assert written_until(BOTH, film.state, 9.9) == 9.9
    down_at(film, 10, 20, "hk")
    assert written_until(BOTH, film.state, 19.9) == 19.9
    down_at(film, 20, 30, "hk", "sg")
    assert written_until(BOTH, film.state, 3600.0) == 20.1
    film.see(31.0, hk=DEAD, entry=None)
    write(film, "sg", 31.1, None)
    assert written_until(BOTH, film.state, 3600.0) == 3600.0, "it takes writes again"


def test_a_site_that_answers_may_take_writes() -> None:
    """No marker goes to it, and none failed there."""
    film = shown()
    down_at(film, 4, 10)
    for tick in range(10, 20):
        film.see(float(tick), hk=DEAD, entry=None)
    assert written_until(BOTH, film.state, 30.0) == 30.0


def test_a_marker_that_is_acknowledged_late_is_a_write() -> None:
    """Those that went to the other site meanwhile were acknowledged before the outage began."""
    film = shown()
    film.state, late = fold.marker_sent(film.state, "database", "hk", 3.1)
    write(film, "sg", 3.2, None)
    for tick in range(4, 10):
        film.see(float(tick), entry=None)
    assert written_until(BOTH, film.state, 9.5) == 4.0
    film.take(fold.marker_finished(BOTH, film.state, "database", late, Outcome(9.6), moment(9.6)))
    assert written_until(BOTH, film.state, 20.0) == 20.0

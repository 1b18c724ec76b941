"""Recovery points: histories of positions, markers, and what refutes a position."""

from dataclasses import replace

from exporter.core import fold
from exporter.core.canary import Outcome
from exporter.core.model import Component, Facts, Role, Sample
from exporter.core.readiness import readiness
from exporter.core.readings import exposure
from exporter.core.recovery_point import (
    HISTORY_LENGTH,
    History,
    from_markers,
    from_position,
    proven,
    read_above,
    refutes,
    remember,
)
from exporter.core.state import Marker, SourceState
from tests.core.filming import HK, SG, SYSTEM, Projector, film, moment

STREAMING = SourceState("sg", "database", "streaming")
CANARY = SourceState("sg", "database", "canary")
MARKERS = [Marker(n, "hk", float(n), n + 0.1) for n in range(1, 11)]
WITH_CANARY = replace(
    SYSTEM, components={"database": Component("database", critical=True, stateful=True, canary_every=1)}
)


def grown(length: int) -> History:
    history: History = ()
    for n in range(length):
        history = remember(history, float(n), n * 10)
    return history


def test_an_idle_primary_keeps_proving_now() -> None:
    """Of one position only the newest instant is kept."""
    history = remember(remember((), 1.0, 10), 2.0, 10)
    assert history == ((2.0, 10),)
    assert proven(history, 10) == 2.0
    assert proven(history, 9) is None


def test_a_late_look_changes_nothing() -> None:
    """A look that began before the newest one is no news, whatever it saw."""
    history = grown(3)
    assert remember(history, 1.5, 999) is history


def test_a_position_that_falls_begins_anew() -> None:
    """Another stream of writes: nothing of the old one proves anything."""
    assert remember(grown(5), 9.0, 7) == ((9.0, 7),)


def test_thinning_only_makes_it_older() -> None:
    """A long history is bounded, and every position is proven no later than by all looks."""
    history = grown(3 * HISTORY_LENGTH)
    assert len(history) <= HISTORY_LENGTH + 1
    newest = 3 * HISTORY_LENGTH - 1
    assert proven(history, newest * 10) == newest
    for position in range(0, newest * 10, 997):
        found = proven(history, position)
        assert found is None or found <= position / 10


def test_a_standby_that_falls_back_proves_less() -> None:
    """It was restarted with less than it had: T falls to what is left; one that merely stands still keeps its T."""
    history = grown(10)
    source = from_position(STREAMING, history, Facts(position=70, applied=50), 10.0)
    assert (source.at, source.applied_at, source.backlog, source.lag_bytes) == (7.0, 5.0, 20.0, 20.0)
    assert from_position(source, (), Facts(position=70, applied=50), 11.0).at == 7.0
    assert from_position(source, history, Facts(position=35, applied=35), 11.0).at == 3.0
    assert from_position(source, (), Facts(position=35, applied=35), 11.0).at is None


def test_a_hole_stops_the_markers() -> None:
    """T is the sending of the newest marker before the first acknowledged one that is missing."""
    assert from_markers(CANARY, MARKERS, [1, 2, 3, 5, 6], 0, 20.0).at == 3.0
    unsure = [m._replace(acked=None) if m.seq == 4 else m for m in MARKERS]
    assert from_markers(CANARY, unsure, [1, 2, 3, 5, 6], 0, 20.0).at == 6.0


def test_a_marker_on_its_way_is_no_hole() -> None:
    """What was acknowledged only after the look began may rightly be missing in it."""
    assert from_markers(CANARY, MARKERS, [1, 2, 3, 5], 0, 4.05).at == 5.0


def test_the_markers_of_a_standby_that_fell_back_are_read_again() -> None:
    """The last marker that was seen is asked for again; when it is gone the whole memory is."""
    source = from_markers(CANARY, MARKERS, range(1, 9), 0, 20.0)
    assert (source.position, read_above(source, MARKERS)) == (8, 7)
    fallen = from_markers(source, MARKERS, [], 7, 21.0)
    assert (fallen.at, fallen.position) == (None, None)
    assert read_above(fallen, MARKERS) == 0
    assert from_markers(fallen, MARKERS, range(1, 4), 0, 22.0).at == 3.0


def test_a_marker_that_is_acknowledged_late_and_missing_is_a_hole() -> None:
    """It was passed over while nobody had acknowledged it: it is asked for again, with the one before it."""
    waiting = [m._replace(acked=None) if m.seq == 4 else m for m in MARKERS]
    source = from_markers(CANARY, waiting, [1, 2, 3, 5], 0, 5.5)
    assert (source.at, source.position) == (5.0, 5)
    late = [m._replace(acked=6.0) if m.seq == 4 else m for m in MARKERS]
    for known in (waiting, late):
        assert read_above(source, known) == 2
    assert from_markers(source, late, [3, 5, 6], 2, 7.0).at == 3.0
    assert from_markers(source, late, [3, 4, 5, 6], 2, 7.0).at == 6.0


def test_the_one_before_it_may_be_far_below() -> None:
    """The exporter was restarted between the two, and its numbers went on far above: without the earlier one nothing would be proven."""
    far = [m._replace(seq=m.seq + 100_000, acked=None if m.seq == 4 else m.acked) if m.seq >= 4 else m for m in MARKERS]
    source = from_markers(CANARY, far, [1, 2, 3, 100_005], 0, 5.5)
    assert read_above(source, far) == 2


def test_a_marker_that_was_given_up_is_not_asked_for_for_ever() -> None:
    """Nobody acknowledged it within half a minute: nobody will."""
    waiting = [m._replace(acked=None) if m.seq == 4 else m for m in MARKERS]
    source = from_markers(CANARY, waiting, [1, 2, 3, 5, 6, 7, 8], 0, 40.0)
    assert read_above(source, waiting) == 7


def test_read_above_without_markers() -> None:
    """Nothing was written: everything there may be read."""
    assert read_above(CANARY, []) == 0
    assert read_above(replace(CANARY, position=3), MARKERS[4:]) == 4


def test_a_position_is_refuted_by_a_missing_marker() -> None:
    """It claims what was acknowledged before, and that is not there; without a claim nothing is refuted."""
    assert refutes(MARKERS, [1, 2], 0, claimed=3.5)
    assert not refutes(MARKERS, [1, 2, 3], 0, claimed=3.5)
    assert not refutes(MARKERS, [], 0, claimed=None)
    assert not refutes([m._replace(acked=None) for m in MARKERS], [], 0, claimed=9.0)


class Canaries:
    """A pair with a canary: hk writes, sg has the first so many markers."""

    def __init__(self) -> None:
        self.shown = Projector(WITH_CANARY)
        self.shown.frame("h", 0.5)

    def write(self, at: float, site: str = "hk") -> Marker:
        self.shown.state, marker = fold.marker_sent(self.shown.state, "database", site, at)
        self.shown.take(
            fold.marker_finished(
                WITH_CANARY, self.shown.state, "database", marker, Outcome(at + 0.01), moment(at + 0.01)
            )
        )
        return marker

    def read(self, at: float, there: int, above: int = 0, *, primary: bool = False) -> None:
        facts = Facts(
            Role.PRIMARY if primary else Role.STANDBY,
            primary,
            epoch="2" if primary else "1",
            position=int(at * 10),
            applied=int(at * 10),
            markers=tuple(range(above + 1, there + 1)),
        )
        sample = Sample(SG, at, at + 0.01, None, "", facts)
        self.shown.take(fold.observe(WITH_CANARY, self.shown.state, sample, moment(at + 0.01), above=above))


def test_a_lying_position_is_told_once_and_does_not_count() -> None:
    """The position goes on, the markers stay away: refuted, the exposure counts from the markers, the site is not ready."""
    pair = Canaries()
    for n in range(1, 12):
        pair.write(float(n))
        pair.shown.look(HK, n + 0.2, True)
        pair.read(n + 0.3, there=min(n, 4))
    assert pair.shown.kinds("transition") == ["source_refuted"]
    assert exposure(WITH_CANARY, pair.shown.state, "site_loss", 12.0).seconds == 8.0
    assert readiness(WITH_CANARY, pair.shown.state, "sg", 12.0)["replicating"] is False


def test_survivors_are_counted_by_a_look_that_read_them_all() -> None:
    """A look asked for the newest markers only, while the site was a standby, must not count the others as lost."""
    pair = Canaries()
    for n in range(1, 6):
        pair.write(float(n))
        pair.read(n + 0.3, there=n)
    pair.read(6.0, there=5, above=4, primary=True)
    pair.shown.look(HK, 6.2, False)
    pair.read(6.1, there=5, above=4, primary=True)
    assert pair.shown.state.incident is not None
    assert pair.shown.state.incident.markers is None
    pair.read(6.3, there=5, above=0, primary=True)
    assert pair.shown.state.incident is not None
    assert pair.shown.state.incident.markers == (0, 5, 0)


def test_the_exposure_goes_on_while_a_marker_is_on_its_way() -> None:
    """Writes go on in a declared outage: the newest marker, not acknowledged yet, does not make the exposure fall."""
    pair = Canaries()
    pair.write(1.0)
    pair.read(1.3, there=1)
    state = film("hhooo", system=WITH_CANARY).state
    shown = replace(pair.shown.state, incident=replace(state.incident, declared=True) if state.incident else None)
    pair.shown.state = shown
    pair.write(6.0)
    before = exposure(WITH_CANARY, pair.shown.state, "site_loss", 7.0)
    pair.shown.state, _ = fold.marker_sent(pair.shown.state, "database", "hk", 6.9)
    assert exposure(WITH_CANARY, pair.shown.state, "site_loss", 7.0) == before
    assert before.seconds == 6.0


def test_positions_of_another_epoch_prove_nothing() -> None:
    """A returning old primary shows a higher position of another epoch: its T stays where it was."""
    shown = film("hhooossss")
    known = shown.state.sources["hk", "database", "streaming"].at
    shown.epochs["hk"] = "1"
    for tick in range(10, 15):
        shown.look(HK, float(tick), False)
        shown.look(SG, float(tick), True)
    assert shown.state.sources["hk", "database", "streaming"].at == known == 8.0


def test_a_demoted_holder_proves_nothing() -> None:
    """What a standby says is no position of the primary, even before anybody else claims the role."""
    shown = film("hhrrr")
    assert shown.state.histories["database"][-1] == (2.0, 20)

"""The state machine as films: what every short sequence of looks makes of an incident."""

from itertools import pairwise

from exporter.core import fold
from exporter.core.model import Reason
from exporter.core.state import Mode, Span, Track
from exporter.core.track import judge
from tests.core.filming import HK, film


def test_a_flap_is_one_outage() -> None:
    """Serving again for less than stable_for continues the same incident."""
    assert film("hhooosoosss").incidents == [((2, 3), (8, 9), "failover")]


def test_an_outage_in_place() -> None:
    """Coming back where it was is no failover."""
    shown = film("hhooohhh")
    assert shown.incidents == [((2, 3), (5, 6), "outage_in_place")]
    assert shown.state.mode is Mode.HEALTHY


def test_a_blip_is_counted_but_no_incident() -> None:
    """Two failed looks are not enough to declare."""
    shown = film("hhoohhh")
    assert (shown.incidents, shown.blips) == ([], [((2, 3), (4, 5), "blip")])
    assert shown.state.counters.blips == 1


def test_a_switchover_is_an_event_however_short() -> None:
    """The role moves between two looks that both went well: still an incident with its own RTO."""
    assert film("hhsss").incidents == [((2, 3), (2, 3), "switchover")]


def test_going_home_is_a_failback() -> None:
    """A move of the role to home is a failback, whatever went before."""
    assert [kind for _, _, kind in film("hhooossssooohhh").incidents] == ["failover", "failback"]


def test_two_writers_are_a_split_brain() -> None:
    """Two writable sites for longer than the grace are told once, and not again."""
    shown = film("hhbbbbbhh")
    assert shown.kinds("transition") == ["split_brain", "split_brain_over"]


def test_nobody_writable_is_no_primary() -> None:
    """Every site answers and is read-only: an outage with an event of its own."""
    shown = film("hhrrrrr")
    assert shown.kinds("transition") == ["no_primary"]
    assert shown.state.mode is Mode.OUTAGE


def test_never_seen_is_unknown() -> None:
    """Without one good look there is no outage to date back."""
    assert film("ooooooo").state.mode is Mode.UNKNOWN


def test_a_restart_is_a_link_of_the_chain() -> None:
    """After a restart the transitions go on from where they were, through unknown, without a gap."""
    shown = film("hh")
    shown.kill(3.0)
    shown.frame("h", 4.0)
    moves = [(r.data["from"], r.data["to"]) for r in shown.records if r.kind == "transition"]
    assert all(before[1] == after[0] for before, after in pairwise(moves)), moves


def test_a_late_good_look_dates_nothing() -> None:
    """A look that began before a failed one and ended after it proves neither when it worked nor that it works."""
    track = judge(judge(Track(), Span(1, 1.1), None), Span(2.2, 2.3), Reason.REFUSED)
    assert judge(track, Span(2.0, 2.5), None) == track


def test_a_tripwire_that_rings_after_the_look_still_dates() -> None:
    """A look was refused some milliseconds before the idle connection ended: the start is not the middle, but that look."""
    at_once = fold.tripped(film("hho").state, HK, 3.01).incident
    later = fold.tripped(film("hho").state, HK, 3.5).incident
    assert [one.start.best for one in (at_once, later) if one is not None] == [3, None]

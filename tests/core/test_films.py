"""The state machine as films: what every short sequence of looks makes of an incident."""

from exporter.core.state import Mode
from tests.core.filming import film


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

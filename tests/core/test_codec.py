"""A state that was written down is the state that is read back."""

from dataclasses import replace

from exporter.core.codec import Decoder, encode
from tests.core.filming import film


def test_round_trip() -> None:
    """Whatever a film leaves behind survives JSON, but for what is left out on purpose."""
    for letters in ("hh", "hhoo", "hhooosoo", "hhooosssh", "hhbbb", "ttt", "hhsss"):
        state = film(letters).state
        assert Decoder().state(encode(state)) == replace(state, histories={})


def test_another_boot_moves_and_widens() -> None:
    """Across a reboot instants move to the new clock, and bounds widen by what the wall clock may be wrong."""
    state = film("hhooo").state
    moved = Decoder(shift=1000.0, slack=2.0).state(encode(state))
    assert state.incident is not None
    assert moved.incident is not None
    assert moved.incident.start[:2] == (state.incident.start.lower + 998, state.incident.start.upper + 1002)
    assert moved.since == state.since + 1000

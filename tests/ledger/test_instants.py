"""Instants across restarts and reboots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.core.model import Moment
from exporter.ledger.instants import Shift, Stamp, boot_id, shift

seconds = st.floats(0, 1e9)


def test_within_one_boot_nothing_moves() -> None:
    """The monotonic clock survives a restart of the exporter, whatever the wall clock did."""
    assert boot_id() == boot_id()
    assert shift(Stamp("a", 100.0, 5000.0), "a", Moment(130.0, 1.0), 2.0) == Shift(0.0, 0.0)


@given(mono=seconds, wall=seconds, now=seconds, away=st.floats(0, 1e6))
def test_across_a_reboot_the_wall_clock_bridges(mono: float, wall: float, now: float, away: float) -> None:
    """What was written `away` seconds ago by the wall clock was that long ago."""
    moved = shift(Stamp("a", mono, wall), "b", Moment(now, wall + away), 2.0)
    assert now - (mono + moved.seconds) == pytest.approx(away, abs=1e-3)
    assert moved.slack == 2.0


def test_a_wall_clock_that_went_back_widens_the_slack() -> None:
    """Nothing was written in the future: it is moved to now, and the clock is trusted that much less."""
    moved = shift(Stamp("a", 100.0, 5000.0), "b", Moment(7.0, 4970.0), 2.0)
    assert 100.0 + moved.seconds == 7.0
    assert moved.slack == 32.0


def test_a_monotonic_clock_that_went_back_is_another_boot() -> None:
    """A container's clock can begin anew under the same boot id."""
    moved = shift(Stamp("a", 100.0, 5000.0), "a", Moment(7.0, 5010.0), 2.0)
    assert moved == Shift(-103.0, 2.0)

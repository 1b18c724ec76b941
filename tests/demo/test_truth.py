"""The truth of a failover, from ledgers small enough to check by hand."""

import pytest

from exporter.core.interval import Interval
from exporter.demo.truth import Attempt, find, inside, loss, read_ledger, restoration

KILLED = Interval(10.0, 10.01)
BEFORE = [Attempt(1, 9.0, 9.1, True), Attempt(2, 9.3, 9.4, True), Attempt(3, 9.6, 9.7, True)]
DOWN = [Attempt(4, 9.99, 10.02, False), Attempt(5, 11.0, 11.01, False)]
AFTER = [Attempt(6, 12.0, 12.1, True), Attempt(7, 12.2, 12.3, True)]


def test_the_outage_ends_between_the_last_failure_and_the_first_acknowledgement() -> None:
    """The restoration lies after the start of the newest failed order and before the end of the first good one."""
    assert restoration([*BEFORE, *DOWN, *AFTER], KILLED) == (11.0, 12.1, None)


def test_without_a_failure_in_between_the_kill_bounds_the_restoration() -> None:
    """A switch that no order saw fail cannot have ended before the kill."""
    assert restoration([*BEFORE, *AFTER], KILLED) == (10.0, 12.1, None)


def test_an_outage_that_goes_on_has_no_restoration() -> None:
    """An order that was on its way when the kill came says nothing about the time after it."""
    assert restoration([*BEFORE, Attempt(4, 10.005, 10.02, True)], KILLED) is None


def test_what_the_survivor_lacks_is_lost() -> None:
    """The recovery point lies between the newest order that all before it share and the first lost one."""
    rpo, acknowledged, lost = loss([*BEFORE, *DOWN, *AFTER], KILLED, {1, 6, 7})
    assert (rpo.lower, rpo.upper) == pytest.approx((0.6, 1.01))
    assert (acknowledged, lost) == (3, 2)


def test_a_hole_stops_the_recovery_point() -> None:
    """An order that survived behind a lost one does not move the recovery point."""
    rpo, _, lost = loss(BEFORE, KILLED, {1, 3})
    assert (rpo.lower, rpo.upper) == pytest.approx((0.6, 1.01))
    assert lost == 1


def test_nothing_lost_may_be_zero() -> None:
    """If every acknowledged order survived, the loss is anything from nothing to the age of the newest one."""
    rpo, acknowledged, lost = loss(BEFORE, KILLED, {1, 2, 3})
    assert (rpo.lower, rpo.upper) == pytest.approx((0.0, 0.41))
    assert (acknowledged, lost) == (3, 0)


def test_everything_lost_goes_back_to_the_first_order() -> None:
    """With no surviving order the first one bounds the loss."""
    rpo, _, lost = loss(BEFORE, KILLED, set())
    assert (rpo.lower, rpo.upper) == pytest.approx((0.9, 1.01))
    assert lost == 3


def test_orders_that_were_never_acknowledged_are_not_lost() -> None:
    """A failed order that is absent at the survivor is no loss: nobody was promised anything."""
    _, acknowledged, lost = loss([*BEFORE, *DOWN], KILLED, {1, 2, 3})
    assert (acknowledged, lost) == (3, 0)


def test_no_order_at_all_loses_nothing() -> None:
    """An empty ledger is an empty loss."""
    assert loss([], KILLED, set()) == (Interval(0.0, 0.0), 0, 0)


def test_the_whole_truth() -> None:
    """RTO, RPO and counts of one failover."""
    found = find([*BEFORE, *DOWN, *AFTER], KILLED, {1, 6, 7})
    assert (found.rto.lower, found.rto.upper) == pytest.approx((0.99, 2.1))
    assert (found.acknowledged, found.lost, found.restored) == (3, 2, (11.0, 12.1, None))


def test_no_end_no_truth() -> None:
    """Without an order after the kill there is nothing to compare with."""
    with pytest.raises(ValueError, match="no order was acknowledged after the kill"):
        find([*BEFORE, *DOWN], KILLED, {1})


def test_a_torn_last_line_is_not_an_attempt() -> None:
    """The writer may be in the middle of a line when the ledger is read."""
    whole = '{"id": 1, "sent": 1.0, "done": 1.5, "ok": true}\n'
    assert read_ledger(whole + '{"id": 2, "se') == [Attempt(1, 1.0, 1.5, True)]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [((2.0, 4.0), True), ((2.9, 2.95), True), ((3.1, 4.0), False), ((1.0, 2.7), False), ((3.0, 9.0), True)],
)
def test_inside_is_overlap(bounds: tuple[float, float], expected: bool) -> None:
    """A truth known to lie in [2.8, 3.0] is inside bounds that it can lie in."""
    assert inside(Interval(2.8, 3.0), Interval(*bounds)) is expected

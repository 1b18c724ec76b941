"""The rig tells the truth: what it says was lost is what is missing, and a standby that has everything loses nothing."""

import os
from collections.abc import Iterator

import pytest

from tests.servers import PostgresPair, Writer, postgres_missing

pytestmark = [pytest.mark.postgres, pytest.mark.faults]


@pytest.fixture(autouse=True)
def postgres() -> Iterator[None]:
    if postgres_missing() and os.environ.get("CI") != "true":
        pytest.skip(postgres_missing())
    yield


def test_what_a_cut_link_had_kept_back_is_lost() -> None:
    """Asynchronous: all that was acknowledged after the cut is lost, once, and the bounds hold the time it spans."""
    with PostgresPair() as pair, Writer(pair.a.dsn("writer"), pair.b.dsn("writer")) as writer:
        writer.wait_for_acks(20)
        safe = writer.acks()[-1]
        pair.wait_streaming()
        pair.link.cut()
        writer.wait_for_acks(20)
        truth = writer.truth(pair.kill(), pair.promote())
        assert len(truth.lost) >= 20
        assert truth.first_lost is not None
        assert truth.first_lost.id > safe.id
        assert 0 < truth.rpo.lower <= truth.last_before.acked - safe.sent
        assert 0 < truth.rto.lower <= truth.rto.upper
        pair.link.heal()
        pair.reclone()
        writer.wait_for_acks(5)
        pair.wait_streaming()
        again = writer.truth(pair.primary.freeze(), pair.promote())
        assert not set(again.lost) & set(truth.lost)
        pair.rewind()


def test_a_synchronous_pair_loses_nothing() -> None:
    """What waits for the standby's answer is there when the standby takes over."""
    with PostgresPair(synchronous=True) as pair, Writer(pair.a.dsn("writer"), pair.b.dsn("writer")) as writer:
        writer.wait_for_acks(20)
        truth = writer.truth(pair.kill(), pair.promote())
        assert truth.lost == ()
        assert truth.rpo == (0.0, 0.0, None)

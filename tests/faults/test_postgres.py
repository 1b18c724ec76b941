"""Real failovers of a real PostgreSQL pair, in short; `make faults` runs them many times and prints the table."""

import time
from collections.abc import Iterator
from functools import partial

import pytest

from tests.faults.crashes import CRASHES
from tests.faults.pairs import Scene, scene
from tests.servers import PostgresPair, postgres_missing, until

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.faults,
    pytest.mark.skipif(bool(postgres_missing()), reason=postgres_missing() or "PostgreSQL is there"),
]


@pytest.fixture(scope="module")
def stage() -> Iterator[Scene]:
    with scene(seed=int(time.time())) as made:
        yield made


@pytest.mark.parametrize("fault", CRASHES)
def test_the_truth_lies_inside(stage: Scene, fault: str) -> None:
    """RTO, RPO, their bounds, the kind and the count of lost markers are what the independent writer saw."""
    run = stage.play(fault, CRASHES[fault])
    assert not run.wrong, run.row()


def test_a_cut_link_is_seen_while_both_look_healthy(stage: Scene) -> None:
    """The exposure follows the last write that arrived, within one canary interval; and falls again only with proof."""
    stage.exporter.wait_calm()
    stage.pair.link.blackhole()
    until(lambda: (stage.exporter.metric("dr_rpo_seconds") or 0) > 3, "the exposure grows")
    there = stage.pair.standby.written()
    arrived = max(ack.acked for ack in stage.writer.acks() if ack.id in there)
    asked = time.monotonic()
    told = stage.exporter.metric("dr_rpo_seconds")
    assert told is not None
    assert asked - arrived - 0.1 <= told <= time.monotonic() - arrived + 1.5
    assert stage.exporter.metric("dr_rpo_known") == 1
    stage.pair.link.cut()
    stage.pair.link.heal()
    stage.exporter.wait_calm()
    assert stage.exporter.incidents()[0]["open"] is False


def test_synchronous_replication_loses_nothing() -> None:
    """With a synchronous standby no acknowledged marker is lost, and the count says so."""
    with scene(seed=int(time.time()), pair=partial(PostgresPair, synchronous=True)) as made:
        run = made.play("kill, promote", CRASHES["kill, promote"])
        assert not run.wrong, run.row()
        assert run.lost == "0/0"

"""Real failovers of real Redis servers, in short; `make faults` runs them many times and prints the table."""

import time
from collections.abc import Iterator

import pytest

from tests.faults.crashes import CRASHES
from tests.faults.pairs import Scene, scene
from tests.faults.redis_runs import SENTINEL_FAULTS, sentinel_scene
from tests.faults.replication import REPLICATION
from tests.servers import until
from tests.servers.redis import RedisPair, redis_missing

pytestmark = [
    pytest.mark.redis,
    pytest.mark.faults,
    pytest.mark.skipif(bool(redis_missing()), reason=redis_missing() or "Redis is there"),
]


@pytest.fixture(scope="module")
def stage() -> Iterator[Scene]:
    with scene(int(time.time()), "redis") as made:
        yield made


@pytest.mark.parametrize("fault", CRASHES)
def test_the_truth_lies_inside(stage: Scene, fault: str) -> None:
    """RTO, RPO, their bounds, the kind and the count of lost markers are what the independent writer saw."""
    run = stage.play(fault, CRASHES[fault])
    assert not run.wrong, run.row()


@pytest.mark.parametrize("fault", SENTINEL_FAULTS)
def test_the_truth_lies_inside_when_sentinels_decide(fault: str) -> None:
    """The same when three Sentinels promote the standby; what was acknowledged behind a cut link is lost, and counted."""
    with sentinel_scene(int(time.time())) as (made, faults):
        run = made.play(fault, faults[fault])
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


def test_a_standby_that_joins_late_is_no_incident() -> None:
    """A primary renames its stream when its first standby attaches: nothing has happened to those who use it."""
    with scene(1, "redis") as made:
        pair = made.pair
        assert isinstance(pair, RedisPair)
        made.exporter.wait_calm()
        pair.standby.close()
        pair.primary.configure(repl_backlog_ttl="1")
        before = pair.primary.info()["master_replid"]
        until(lambda: pair.primary.info()["master_replid"] != before, "the backlog is given up, and the name with it")
        looks = made.exporter.metric("dr_probe_attempts_total", site="hk") or 0
        until(lambda: (made.exporter.metric("dr_probe_attempts_total", site="hk") or 0) > looks + 2, "it is looked at")
        pair.standby.start("--replicaof", "127.0.0.1", str(pair.link.port), wait=False)
        pair.wait_streaming()
        made.exporter.wait_calm()
        assert made.exporter.incidents() == []
        until(lambda: (made.exporter.metric("dr_rpo_seconds") or 9) < 2, "the standby is proven to be near again")


def test_an_old_primary_that_takes_writes_too_is_a_split_brain(stage: Scene) -> None:
    """Both take writes: told once, and that it is over, once the old one is a standby again."""
    run = stage.play("split brain", REPLICATION["split brain, given up"])
    assert not run.wrong, run.row()

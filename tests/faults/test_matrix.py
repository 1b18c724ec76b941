"""A few runs of the matrix on services, names and the network before a real server; `make faults` has all of them."""

import time
from collections.abc import Iterator

import pytest

from tests.faults import names
from tests.faults.network import NETWORK
from tests.faults.pairs import scene
from tests.faults.services import HEALTHY, Service, faults, street, undisturbed
from tests.faults.table import Miss, Run, Wrong, counted, summary
from tests.servers.redis import redis_missing

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, Service]]:
    with street(int(time.time())) as made:
        yield made


@pytest.mark.parametrize(
    ("service", "fault"), [("http0", "half-open"), ("https0", "certificate expired"), ("tcp0", "refuse")]
)
def test_a_service_that_fails(services: dict[str, Service], service: str, fault: str) -> None:
    """It is told as it was, once, within bounds that hold the instants at which it was broken; its neighbour is not disturbed."""
    stage = services[service]
    run = stage.play(fault, faults(stage.kind)[fault])
    assert not run.wrong, run.row()
    assert not undisturbed(services[HEALTHY]).wrong


@pytest.mark.skipif(bool(names.names_missing()), reason=names.names_missing() or "names can be played")
def test_a_name_that_moves() -> None:
    """Home dies, and users reach the other site once the name server says so: an outage that ends there."""
    with names.town(int(time.time())) as town:
        run = town.play("DNS flip", names.NAMES["DNS flip"])
    assert not run.wrong, run.row()


@pytest.mark.redis
@pytest.mark.skipif(bool(redis_missing()), reason=redis_missing() or "Redis is there")
def test_what_is_late_and_in_time_is_no_outage() -> None:
    """Packets are delayed before the primary, and its black hole is told as an outage in place."""
    with scene(int(time.time()), "redis", fronted=True) as made:
        for fault in ("packet delay", "blackhole"):
            run = made.play(fault, NETWORK[fault])
            assert not run.wrong, run.row()


def test_the_sums() -> None:
    """Every run is counted under its fault and system, every wrong thing under its class, and the last line has them all."""
    runs = [
        Run("kill", "redis", "calm", "failover", [Wrong(Miss.BOUND, "RTO"), Wrong(Miss.BOUND, "start")], width=1.5),
        Run("kill", "redis", "doubt", "failover"),
        Run("slow", "http", "calm", "-", [Wrong(Miss.FALSE, "blip")]),
    ]
    assert counted(runs)["runs"] == 3
    assert counted(runs)[Miss.BOUND] == 2
    *_, kill, slow, total = summary(runs)
    assert kill.startswith("| kill | redis | 2 | 0 | 0 | 2 | 0 |")
    assert slow.startswith("| slow | http | 1 | 0 | 0 | 0 | 1 |")
    assert total.startswith("| **all** |  | 3 | 0 | 0 | 2 | 1 |")

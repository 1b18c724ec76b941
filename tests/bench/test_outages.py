"""The bench judges outages rightly: what it prints of us and of others is held against what the services note themselves."""

import json
import sys
import urllib.request
from collections import Counter
from time import monotonic
from typing import Any

import pytest

from tests.bench.breakable import Outage
from tests.bench.judged import Look, ours, percentile, stray, theirs
from tests.bench.outage_rows import LENGTHS
from tests.bench.outages import APART, plans
from tests.bench.rig import ask, running
from tests.servers import until

OFFSET = 1_000_000.0
OUTAGE = Outage(0, "crash", 2.0, (100.0, 100.001), (102.0, 102.001))


def incident(start: tuple[float, float, float], end: tuple[float, float, float]) -> dict[str, Any]:
    """As the API tells it: lower, estimate and upper of both ends on CLOCK_MONOTONIC, here."""
    names = ("lower", "estimate", "upper")
    rto = (end[0] - start[2], end[1] - start[1], end[2] - start[0])
    told = {"start": [at + OFFSET for at in start], "end": [at + OFFSET for at in end], "rto": rto}
    return {name: dict(zip(names, values, strict=True)) for name, values in told.items()}


def test_bounds_that_hold_the_truth_are_right() -> None:
    """Start, end and length lie inside; the error of the estimate is that of the length."""
    found = ours(OUTAGE, [incident((99.5, 100.0, 100.2), (101.9, 102.1, 102.3))], OFFSET, {"outage": 101.5})
    assert found.missed == ()
    assert found.told.error == pytest.approx(0.1)
    assert found.told.declared == pytest.approx(1.499)
    assert found.start_error == pytest.approx(-0.0005)


def test_bounds_that_miss_the_truth_are_named() -> None:
    """A start that is told too late, and so a length that is told too short."""
    found = ours(OUTAGE, [incident((100.5, 100.6, 100.7), (101.9, 102.0, 102.1))], OFFSET, {})
    assert found.missed == ("start", "length")


def test_what_nobody_noticed_is_wrong_by_all_of_its_length() -> None:
    """Whoever reports no outage reports one of no length."""
    elsewhere = incident((50.0, 50.5, 51.0), (60.0, 60.5, 61.0))
    found = ours(OUTAGE, [elsewhere], OFFSET, {})
    assert found.told.seconds is None
    assert found.told.error == pytest.approx(2.0)
    assert stray([OUTAGE], [elsewhere], [], OFFSET) == 1
    assert stray([OUTAGE], [elsewhere], [(59.0, 59.5)], OFFSET) == 0


def test_failed_samples_are_counted_as_people_do() -> None:
    """Two failed samples at 5 s are 10 s; those of other outages do not count."""
    looks = [Look(at, at + 0.1, not 90 < at < 106) for at in (80.0, 85.0, 90.0, 100.5, 101.5, 110.0)]
    told = theirs(OUTAGE, [*looks, Look(200.0, 200.1, False)], 5, [104.0])
    assert told.seconds == 10
    assert told.declared == pytest.approx(3.999)
    assert told.noticed == pytest.approx(0.599)
    assert theirs(OUTAGE, looks[:3], 5, []).seconds is None


def test_the_plan_has_all_lengths_and_stays_apart() -> None:
    """A thousand outages of 0.5 to 90 s; each service is well for long enough in between, and none gets much more than its share."""
    plan = plans(1000, 60)
    suffered = [outage for service in plan for outage in service]
    counted = Counter(min(LENGTHS, key=lambda length: abs(length - outage[2])) for outage in suffered)
    assert len(suffered) == 1000
    assert set(counted) == set(LENGTHS)
    assert all(APART[0] <= good <= APART[1] for good, _, _ in suffered)
    lasting = [sum(good + length for good, _, length in service) for service in plan]
    assert max(lasting) < 1.5 * min(lasting)
    assert plan == plans(1000, 60)


def test_a_percentile_is_a_value_that_was_seen() -> None:
    """The 99th of a hundred is their last."""
    assert percentile(map(float, range(100)), 0.99) == 99.0
    assert percentile([1.0], 0.99) == 1.0


@pytest.mark.parametrize("fault", ["crash", "error", "freeze"])
def test_a_service_breaks_when_it_says(fault: str) -> None:
    """In the outage it does not serve, afterwards it does, and it notes both instants."""
    with running(sys.executable, "-m", "tests.bench.breakable", "1") as services:
        port = int(ask(services))
        assert _serves(port)
        begun = monotonic()
        assert services.stdin is not None
        services.stdin.write(json.dumps([[[0.2, fault, 1.5]]]) + "\n")
        until(lambda: not _serves(port), "it is broken")
        outage = Outage(*json.loads(ask(services)))
        assert begun + 0.2 <= outage.broken[0] <= outage.broken[1] <= outage.mended[0] - 1.4
        until(lambda: _serves(port), "it serves again")
        assert "still" in json.loads(ask(services))


def _serves(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=0.3) as answer:
            return b'"ok"' in answer.read()
    except OSError:
        return False

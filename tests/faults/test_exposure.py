"""The live exposure and what is found after an absence, on a real PostgreSQL pair without any load."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.exporter import Exporter, instants
from tests.servers import PostgresPair, postgres_missing, until

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.faults,
    pytest.mark.skipif(bool(postgres_missing()), reason=postgres_missing() or "PostgreSQL is there"),
]


@pytest.fixture
def pair() -> Iterator[PostgresPair]:
    with PostgresPair() as made:
        yield made


def _highest(exporter: Exporter, seconds: float) -> float:
    """The highest exposure that is scraped within so many seconds."""
    seen = []
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        seen.append(exporter.metric("dr_rpo_seconds"))
        time.sleep(0.1)
    assert None not in seen
    return max(value for value in seen if value is not None)


def test_an_idle_primary_keeps_proving_now(pair: PostgresPair, tmp_path: Path) -> None:
    """Nobody writes but the canary: the exposure stays under two of its intervals."""
    with Exporter(tmp_path, pair.a.dsn(), pair.b.dsn()) as exporter:
        exporter.wait_calm()
        assert _highest(exporter, 15) < 2


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed")
def test_the_clock_of_the_standby_does_not_matter(pair: PostgresPair, tmp_path: Path) -> None:
    """A standby whose clock is 744 s off is neither ahead nor behind."""
    pair.standby.stop()
    pair.standby.environment = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": "-744s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    pair.standby.start()
    off = float(pair.standby.sql("SELECT extract(epoch FROM now())")) - time.time()
    assert abs(off + 744) < 5
    pair.wait_streaming()
    with Exporter(tmp_path, pair.a.dsn(), pair.b.dsn()) as exporter:
        exporter.wait_calm()
        assert _highest(exporter, 5) < 2


def test_a_standby_that_was_never_seen_is_unknown(pair: PostgresPair, tmp_path: Path) -> None:
    """Nothing was ever proven: the exposure counts from our start, and is said to be unknown."""
    pair.standby.stop()
    with Exporter(tmp_path, pair.a.dsn(), pair.b.dsn()) as exporter:
        until(lambda: exporter.system()["state"] == "degraded", "it serves without a standby", step=0.1)
        first = exporter.metric("dr_rpo_seconds")
        assert exporter.metric("dr_rpo_known") == 0
        assert first is not None
        assert first > 0
        until(lambda: (exporter.metric("dr_rpo_seconds") or 0) > first + 2, "the exposure grows", step=0.1)


def test_a_failover_while_we_were_away_is_found(pair: PostgresPair, tmp_path: Path) -> None:
    """The exporter is dead while the standby is promoted: the timeline tells, and the bounds hold the truth."""
    with Exporter(tmp_path, pair.a.dsn(), pair.b.dsn()) as exporter:
        exporter.wait_calm()
        exporter.kill()
        fault = pair.kill()
        pair.promote()
        back = time.monotonic()
        exporter.start()
        told = exporter.wait_closed(0)
        assert (told["kind"], told["inferred"]) == ("failover", True)
        assert instants(told["start"]).lower <= fault <= instants(told["end"]).upper
        assert told["rto"]["lower"] <= back - fault <= told["rto"]["upper"]
        assert told["markers"]["lost"] == 0
        assert exporter.metric("dr_failovers_total", kind="failover") == 1

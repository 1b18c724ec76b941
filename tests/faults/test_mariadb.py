"""Real failovers of a real MariaDB pair, in short, and what only its replication can do wrong."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.crashes import CRASHES
from tests.faults.exporter import Exporter
from tests.faults.mariadb_runs import UNAPPLIED
from tests.faults.pairs import Scene, scene
from tests.servers import until
from tests.servers.mariadb import MariadbServer, mariadb_missing
from tests.servers.mariadb_pair import MariadbPair

pytestmark = [
    pytest.mark.mariadb,
    pytest.mark.faults,
    pytest.mark.skipif(bool(mariadb_missing()), reason=mariadb_missing() or "MariaDB is there"),
]
FAULTS = {**CRASHES, **UNAPPLIED}
WRITE = "INSERT INTO truth SELECT coalesce(max(id), 0) + 1 FROM truth"


@pytest.fixture(scope="module")
def stage() -> Iterator[Scene]:
    with scene(int(time.time()), "mariadb") as made:
        yield made


@pytest.fixture
def pair() -> Iterator[MariadbPair]:
    with MariadbPair() as made:
        yield made


@pytest.mark.parametrize("fault", FAULTS)
def test_the_truth_lies_inside(stage: Scene, fault: str) -> None:
    """RTO, RPO, their bounds, the kind and the count of lost markers are what the independent writer saw."""
    run = stage.play(fault, FAULTS[fault])
    assert not run.wrong, run.row()


def growing(exporter: Exporter, beyond: float = 3.0) -> None:
    """Until the exposure has grown beyond so many seconds, and is known."""
    until(lambda: (exporter.metric("dr_rpo_seconds") or 0) > beyond, "the exposure grows", step=0.1)
    assert exporter.metric("dr_rpo_known") == 1


@pytest.mark.parametrize("canary", [True, False])
@pytest.mark.parametrize("stopped", ["SQL_THREAD", "IO_THREAD"])
def test_a_stopped_thread_lets_the_exposure_grow(pair: MariadbPair, tmp_path: Path, stopped: str, canary: bool) -> None:
    """With the SQL thread stopped MariaDB tells no lag at all, which is not none. With a canary, and from positions alone."""
    with Exporter(tmp_path, pair.a.dsn(), pair.b.dsn(), kind="mariadb", canary=canary) as exporter:
        exporter.wait_calm()
        pair.standby.sql(f"STOP SLAVE {stopped}")
        pair.primary.sql(WRITE)
        growing(exporter)
        pair.primary.sql(WRITE)
        growing(exporter, 4.0)
        pair.standby.sql(f"START SLAVE {stopped}")
        until(lambda: (exporter.metric("dr_rpo_seconds") or 9) < 2, "the exposure falls again", step=0.1)


def test_a_filter_is_refuted(pair: MariadbPair, tmp_path: Path) -> None:
    """Both threads say Yes, the GTIDs are level, and the rows are not there: the position is refuted, the exposure grows."""
    with Exporter(tmp_path, pair.a.dsn(), pair.b.dsn(), kind="mariadb") as exporter:
        exporter.wait_calm()
        pair.standby.sql("STOP SLAVE; SET GLOBAL replicate_ignore_db = 'rto_rpo,app'; START SLAVE")
        growing(exporter)
        assert pair.standby.status("Slave_IO_Running") == pair.standby.status("Slave_SQL_Running") == "Yes"
        assert pair.standby.status("Seconds_Behind_Master") == "0"
        assert exporter.metric("dr_source_refuted", source="streaming", site="sg") == 1
        assert exporter.metric("dr_site_ready", site="sg") == 0


def wait_event(exporter: Exporter, kind: str) -> None:
    """Until the ledger has a record of this kind."""
    until(lambda: kind in exporter.recorded(), f"{kind} is recorded", within=30, step=0.1)


def test_a_promotion_that_stays_read_only_is_stuck(pair: MariadbPair, tmp_path: Path) -> None:
    """The role has moved, nobody can write: a stuck switch, and no recovery is claimed until a write is acknowledged."""
    with Exporter(tmp_path, pair.a.dsn(), pair.b.dsn(), kind="mariadb", stuck_after="2s") as exporter:
        exporter.wait_calm()
        pair.kill()
        pair.standby.sql("STOP SLAVE; RESET SLAVE ALL")
        wait_event(exporter, "stuck_switch")
        assert exporter.system()["state"] == "outage"
        (incident,) = exporter.incidents()
        assert (incident["open"], incident["end"], incident["kind"]) == (True, None, "failover")
        pair.standby.sql("SET GLOBAL read_only = 0")
        told = exporter.wait_closed(0)
        assert told["kind"] == "failover"


def test_an_old_primary_that_comes_back_writable_is_a_split_brain(pair: MariadbPair, tmp_path: Path) -> None:
    """Two sites take writes: told within two looks after both were seen."""
    with Exporter(tmp_path, pair.a.dsn(), pair.b.dsn(), kind="mariadb") as exporter:
        exporter.wait_calm()
        pair.kill()
        pair.promote()
        exporter.wait_closed(0)
        pair.start_again()
        wait_event(exporter, "split_brain")
        assert exporter.metric("dr_writable_sites") == 2


def test_a_fenced_old_primary_is_no_rival(pair: MariadbPair, tmp_path: Path) -> None:
    """It starts read-only and follows nobody: no split brain, and the role stays where it is."""
    with Exporter(tmp_path, pair.a.dsn(), pair.b.dsn(), kind="mariadb") as exporter:
        exporter.wait_calm()
        pair.kill()
        pair.promote()
        exporter.wait_closed(0)
        old: MariadbServer = pair.standby
        old.read_only = True
        pair.start_again()
        until(lambda: exporter.metric("dr_probe_success", site="hk") == 1, "it is looked at", step=0.1)
        markers = len(exporter.acknowledged())
        until(lambda: len(exporter.acknowledged()) > markers + 2, "writes go on", step=0.1)
        assert "split_brain" not in exporter.recorded()
        assert exporter.metric("dr_writable_sites") == 1

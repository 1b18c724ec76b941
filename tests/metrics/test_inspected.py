"""Backups, parity, business figures, shares and contacts in a scrape."""

from dataclasses import replace

import pytest

from exporter.core.model import Moment
from exporter.metrics.exposition import Exposition
from tests.metrics import scenes
from tests.metrics.scraping import Labels, scrape


def told(found: dict[str, list[tuple[Labels, float]]], name: str) -> dict[str, float]:
    """The series of the shop by their last label."""
    rows = [(labels, value) for labels, value in found.get(name, []) if labels.get("system") == "shop"]
    return {list(labels.values())[-1]: value for labels, value in rows}


async def test_what_a_backup_told() -> None:
    """Each fact is a series; what it did not tell, and a backup that told nothing, has none."""
    found = await scrape(scenes.everything())
    assert told(found, "dr_backup_last_success_timestamp_seconds") == {"nightly": scenes.NOW.wall - 3000.25}
    assert told(found, "dr_backup_last_verified_timestamp_seconds") == {"nightly": round(scenes.NOW.wall - 86400.4)}
    for fact, value in (("encrypted", 1), ("immutable", 0), ("versions", 12), ("size_bytes", 1.5e9)):
        assert told(found, f"dr_backup_{fact}") == {"nightly": value}
    point = {"system": "shop", "site": "sg", "source": "nightly"}
    assert (point, scenes.NOW.wall - 3600.5) in found["dr_recovery_point_timestamp_seconds"]
    assert ({"system": "shop", "scenario": "data_corruption"}, 1) in found["dr_rpo_known"]


async def test_what_was_promised_of_backups_and_figures() -> None:
    """Objectives are series, so that an alert needs no number of its own."""
    found = await scrape(scenes.everything())
    assert told(found, "dr_backup_interval_objective_seconds") == {"nightly": 86400}
    assert told(found, "dr_backup_verify_interval_objective_seconds") == {"nightly": 30 * 86400}
    assert told(found, "dr_backup_versions_objective") == {"nightly": 7}
    assert told(found, "dr_kpi_objective_ratio") == {"orders_per_minute": 0.88}


async def test_a_drift_of_the_clocks_is_no_new_backup() -> None:
    """Seconds later, with a wall clock that was slewed by milliseconds, the same backup has the same times."""
    exposition, snapshot, now = Exposition(), scenes.everything(), scenes.NOW
    names = ("dr_backup_last_success_timestamp_seconds", "dr_backup_last_verified_timestamp_seconds")
    before = await scrape(snapshot, now, exposition=exposition, names=names)
    later = Moment(now.mono + 10, now.wall + 10.003)
    assert await scrape(snapshot, later, exposition=exposition, names=names) == before


async def test_parity_and_figures() -> None:
    """A site that differs makes no match; what was not compared or answered is absent."""
    found = await scrape(scenes.everything())
    assert (told(found, "dr_parity_match"), told(found, "dr_parity_difference")) == ({"grants": 0}, {"grants": 3})
    figure = told(found, "dr_kpi_value"), told(found, "dr_kpi_normal")
    assert figure == ({"orders_per_minute": 1044.5}, {"orders_per_minute": 1200})


async def test_shares_of_the_traffic() -> None:
    """Of an active-active system whose entry tells who answers; of no other."""
    found = await scrape(scenes.everything())
    assert [labels["system"] for labels, _ in found["dr_traffic_share"]] == ["shop", "shop"]
    assert told(found, "dr_traffic_share") == {"hk": 0.75, "sg": 0.25}
    kinds = {labels["kind"] for labels, _ in found["dr_incidents_total"] if labels["system"] == "shop"}
    assert kinds == {"outage_in_place", "site_lost", "failover"}, "failover is in the made-up counters"


async def test_contacts() -> None:
    """When somebody last made sure; a contact that nobody ever confirmed has no time."""
    found = await scrape(scenes.everything())
    assert found["dr_contact_confirmed_timestamp_seconds"] == [({"contact": "DR commander"}, 1_759_900_000)]


async def test_a_new_inspection_shows_at_the_next_scrape() -> None:
    """Ready lines are made anew when an answer is another one."""
    exposition, shop = Exposition(), scenes.inspected_system()
    state = scenes.inspected(shop)
    await scrape(scenes.snapshot(scenes.watched(shop, state)), exposition=exposition)
    figure = replace(state.kpis["orders_per_minute"], value=None)
    later = replace(state, kpis={"orders_per_minute": figure}, traffic_seen=())
    found = await scrape(scenes.snapshot(scenes.watched(shop, later)), exposition=exposition)
    assert "dr_kpi_value" not in found
    assert "dr_traffic_share" not in found
    assert told(found, "dr_kpi_normal") == pytest.approx({"orders_per_minute": 1200})

"""What the numbers in a scrape mean."""

from dataclasses import replace
from math import inf

import pytest

from exporter.core.model import ENTRY, Component, Moment, Objectives, Part, System
from exporter.core.past import MarkerCount
from exporter.core.state import Mode, SourceState, SystemState
from exporter.metrics.exposition import Exposition
from tests.metrics import scenes
from tests.metrics.scraping import scrape, values


async def test_what_was_never_seen_has_no_series() -> None:
    """A system that was not looked at yet shows its exposure as unknown, and no look, role or event at all."""
    of = scenes.system()
    found = await scrape(scenes.snapshot(scenes.watched(of, scenes.unknown(of))))
    for name in found:
        assert not name.startswith(("dr_last_", "dr_component_up", "dr_probe_success", "dr_probe_last_run"))
    assert {"dr_recovery_point_timestamp_seconds", "dr_replication_lag_seconds", "dr_writable_sites"}.isdisjoint(found)
    assert [value for _, value in found["dr_rpo_known"]] == [0, 0]
    assert all(value >= 3.0 for _, value in found["dr_rpo_seconds"])
    assert ({"system": "orders", "state": "unknown"}, 1) in found["dr_state"]


async def test_state_sets_have_one_series_per_state() -> None:
    """Exactly one state of each set holds."""
    states = await values(scenes.outage(scenes.system()), "dr_state", "state")
    assert states == {(mode.value,): float(mode is Mode.OUTAGE) for mode in Mode}
    roles = await values(scenes.healthy(scenes.system()), "dr_site_role", "site", "role")
    assert [key for key, value in roles.items() if value] == [("hk", "primary"), ("sg", "standby")]


async def test_instants_become_unix_seconds() -> None:
    """A look that began 0.4 s ago has the wall-clock time of 0.4 s ago."""
    runs = await values(scenes.healthy(scenes.system()), "dr_probe_last_run_timestamp_seconds", "site", "component")
    assert runs["", "entry"] == pytest.approx(scenes.NOW.wall - 0.4, abs=1e-3)


async def test_timestamps_follow_a_stepped_clock_but_do_not_jitter() -> None:
    """Microseconds between two clock readings change no timestamp; an hour's step changes all."""
    of = scenes.system()
    snapshot, exposition = scenes.snapshot(scenes.watched(of, scenes.healthy(of))), Exposition()
    now, name = scenes.NOW, "dr_probe_last_run_timestamp_seconds"
    first = await scrape(snapshot, now, exposition=exposition, names=(name,))
    jitter = await scrape(snapshot, Moment(now.mono, now.wall + 5e-4), exposition=exposition, names=(name,))
    stepped = await scrape(snapshot, Moment(now.mono, now.wall + 3600), exposition=exposition, names=(name,))
    assert first == jitter
    assert [value + 3600 for _, value in first[name]] == pytest.approx([value for _, value in stepped[name]])


async def test_lag_grows_between_two_scrapes_of_one_state() -> None:
    """Nothing new was seen, so ten seconds later the lag and the exposure are ten seconds more."""
    of = scenes.system()
    snapshot, exposition = scenes.snapshot(scenes.watched(of, scenes.healthy(of))), Exposition()
    now = scenes.NOW
    before = await scrape(snapshot, now, exposition=exposition)
    after = await scrape(snapshot, Moment(now.mono + 10, now.wall + 10), exposition=exposition)
    for name, wanted in (
        ("dr_rpo_seconds", {"scenario": "site_loss"}),
        ("dr_replication_lag_seconds", {"source": "streaming", "stage": "transport"}),
    ):
        then, later = (
            next(value for labels, value in found[name] if wanted.items() <= labels.items())
            for found in (before, after)
        )
        assert later - then == pytest.approx(10)
    assert before["dr_recovery_point_timestamp_seconds"] == after["dr_recovery_point_timestamp_seconds"]


async def test_a_source_that_is_ahead_of_its_primary_is_told_as_refuted() -> None:
    """As in the ledger: it claims what cannot be."""
    state = scenes.healthy(scenes.system())
    key = ("sg", "database", "streaming")
    ahead = replace(state, sources={**state.sources, key: replace(state.sources[key], at=None, ahead=7)})
    assert (await values(ahead, "dr_source_refuted", "source")) == {("streaming",): 1, ("canary",): 0}


async def test_a_site_is_as_far_back_as_its_worst_component() -> None:
    """Two stateful components: the older recovery point counts; unproven in one is unproven for the site."""
    of = scenes.system()
    state = scenes.healthy(of)
    known = state.sources["sg", "database", "streaming"]
    other = replace(known, component="queue", at=scenes.NOW.mono - 30, applied_at=scenes.NOW.mono - 31, refuted=True)
    key = ("sg", "queue", "streaming")
    both = replace(state, sources={**state.sources, key: other})
    name = "dr_recovery_point_timestamp_seconds"
    assert (await values(both, name, "source"))["streaming",] == pytest.approx(scenes.NOW.wall - 30)
    assert (await values(both, "dr_source_refuted", "source")) == {("streaming",): 1, ("canary",): 0}
    lag = await values(both, "dr_replication_lag_seconds", "source", "stage")
    assert lag["streaming", "transport"] == pytest.approx(30)
    assert lag["streaming", "apply"] == pytest.approx(1)
    unproven = replace(both, sources={**both.sources, key: SourceState("sg", "queue", "streaming")})
    assert ("streaming",) not in await values(unproven, name, "source")


async def test_a_dead_standby_has_no_opinion_of_its_link() -> None:
    """Facts of an endpoint that stopped answering are old, so whether it is connected is not known."""
    of = scenes.system()
    state = scenes.healthy(of)
    assert await values(state, "dr_replication_connected", "site", "source") == {("sg", "streaming"): 1}
    part = Part("sg", "database")
    dead = replace(state, parts={**state.parts, part: scenes.bad_part(part, 4999.0)})
    assert await values(dead, "dr_replication_connected", "site", "source") == {}
    assert (await values(dead, "dr_component_up", "site", "component"))["sg", "database"] == 0


async def test_the_last_incident_in_numbers() -> None:
    """Bounds, phases from the earliest start, and an RPO objective of 0 judged by the count of lost markers."""
    state = scenes.healthy(scenes.system())
    rto = await values(state, "dr_last_rto_seconds", "bound")
    assert rto == pytest.approx({("lower",): 29.8, ("estimate",): 30.8, ("upper",): 31.4})
    phases = await values(state, "dr_last_incident_phase_seconds", "phase")
    assert phases == pytest.approx({("last_good",): 0, ("first_bad",): 1.2, ("declared",): 2.3, ("role_moved",): 20})
    verdicts = await values(state, "dr_last_verdict", "objective", "verdict")
    assert [key for key, value in verdicts.items() if value] == [("rto", "met"), ("rpo", "missed")]
    assert await values(state, "dr_canary_markers", "outcome") == {
        ("lost",): 2,
        ("surviving",): 880,
        ("indeterminate",): 1,
    }


async def test_a_loss_that_nothing_bounds_has_no_upper_bound() -> None:
    """Four markers are gone, and nobody knows what else: that is neither nothing nor absent."""
    lost = replace(scenes.failover(), rpo=None, at_least=30.0, markers=MarkerCount(4, 0, 1))
    state = replace(scenes.healthy(scenes.system()), last=lost, loss=lost)
    assert await values(state, "dr_last_loss_seconds", "bound") == {("lower",): 30.0, ("upper",): inf}
    assert await values(state, "dr_last_rpo_seconds", "bound") == {}


async def test_counters_begin_at_zero_and_cost_follows_downtime() -> None:
    """increase() needs the 0 before the first failover; 31.4 s at 26,000 USD a minute."""
    of = scenes.system()
    kinds = await values(scenes.unknown(of), "dr_failovers_total", "kind", "drill")
    assert kinds == {(kind, "false"): 0 for kind in ("failover", "switchover", "failback")}
    ends = await values(scenes.unknown(of), "dr_incidents_total", "kind", "drill")
    ways = ("outage_in_place", "traffic_moved", "failover", "switchover", "failback")
    assert ends == {(kind, "false"): 0 for kind in ways}
    cost = await values(scenes.healthy(of), "dr_downtime_cost_total", "currency")
    assert cost["USD",] == pytest.approx(31.4 / 60 * 26000)


async def test_a_system_without_data_has_no_exposure() -> None:
    """One stateless site: nothing to lose, no role, no writable sites."""
    part = Part("hk", "web")
    of = System(
        "www",
        "hk",
        ("hk",),
        {"web": Component("web", critical=True)},
        frozenset({part, ENTRY}),
        objectives=Objectives(),
    )
    state = SystemState(
        watched_since=4000.0, mode=Mode.HEALTHY, serving=("hk",), parts={part: scenes.good_part(part, 4999.0)}
    )
    found = await scrape(scenes.snapshot(scenes.watched(of, state)))
    absent = {
        "dr_rpo_seconds",
        "dr_site_role",
        "dr_writable_sites",
        "dr_writable_sites_expected",
        "dr_downtime_cost_total",
    }
    assert absent.isdisjoint(found)
    assert found["dr_serving_site"] == [({"system": "www", "site": "hk"}, 1)]

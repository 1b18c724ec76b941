"""What a scrape says: every family, every format, nothing made up."""

import asyncio
import gzip
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from time import perf_counter

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.catalogue.metrics import METRICS, Type
from exporter.core.model import ENTRY, Component, Moment, Objectives, Part, System
from exporter.core.snapshot import Clocked, Snapshot
from exporter.core.state import Mode, SourceState, SystemState
from exporter.metrics.exposition import TURN, Exposition
from tests.metrics import scenes

Labels = dict[str, str]


async def scrape(
    snapshot: Snapshot, now: Moment = scenes.NOW, *, exposition: Exposition | None = None, names: Collection[str] = ()
) -> dict[str, list[tuple[Labels, float]]]:
    """By the name of the series: its labels and values, in text 0.0.4."""
    text = await plain(snapshot, now, exposition=exposition, names=names)
    found: dict[str, list[tuple[Labels, float]]] = {}
    for family in parse_text(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


async def plain(
    snapshot: Snapshot,
    now: Moment = scenes.NOW,
    *,
    exposition: Exposition | None = None,
    openmetrics: bool = False,
    names: Collection[str] = (),
) -> str:
    pieces = (exposition or Exposition()).pieces(Clocked(snapshot, now), openmetrics=openmetrics, names=names)
    return b"".join([piece async for piece in pieces]).decode()


async def values(state: SystemState, name: str, *labels: str, of: System | None = None) -> dict[tuple[str, ...], float]:
    """The series `name` of one system in this state, by the values of these labels."""
    of = of or scenes.system()
    found = await scrape(scenes.snapshot(scenes.watched(of, state)), names=(name,))
    return {tuple(have[label] for label in labels): value for have, value in found.get(name, [])}


def parse_openmetrics(text: str) -> Iterator[Metric]:
    """prometheus_client's strict parser, which has no types."""
    yield from openmetrics_parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]


def sample_names(families: Iterable[Metric]) -> set[str]:
    return {sample.name for family in families for sample in family.samples}


def own_samples(families: Iterable[Metric]) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    samples = [sample for family in families for sample in family.samples if sample.name.startswith("dr_")]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


async def test_every_declared_metric_is_served_and_nothing_else() -> None:
    """The catalogue and the exposition hold the same names, with the same labels."""
    found = await scrape(scenes.usual())
    ours = {name: rows for name, rows in found.items() if name.startswith("dr_")}
    histograms = {
        m.name + end for m in METRICS.values() if m.type is Type.HISTOGRAM for end in ("_bucket", "_sum", "_count")
    }
    plain_names = {m.name for m in METRICS.values() if m.type is not Type.HISTOGRAM}
    assert ours.keys() == plain_names | histograms
    for name in plain_names:
        assert {frozenset(labels) for labels, _ in ours[name]} == {frozenset(METRICS[name].labels)}


async def test_openmetrics_parses_and_holds_the_same_series() -> None:
    """Both formats carry the same samples; OpenMetrics is strict about names, units and its last line."""
    snapshot = scenes.usual()
    text = await plain(snapshot, openmetrics=True)
    assert text.endswith("# EOF\n")
    assert "# UNIT dr_rpo_seconds seconds\n" in text
    assert own_samples(parse_openmetrics(text)) == own_samples(parse_text(await plain(snapshot)))


@pytest.mark.prometheus
async def test_promtool_finds_nothing_to_complain_about() -> None:
    """`promtool check metrics` is clean."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is missing; install Debian's prometheus")
    text = await plain(scenes.usual(), names=tuple(METRICS))
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)  # noqa: ASYNC221
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


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


async def test_no_series_is_none_or_nan() -> None:
    """What is not known is absent: never a word, never NaN."""
    text = await plain(scenes.usual())
    assert "None" not in text
    assert "nan" not in text.lower()


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


async def test_counters_begin_at_zero_and_cost_follows_downtime() -> None:
    """increase() needs the 0 before the first failover; 31.4 s at 26,000 USD a minute."""
    of = scenes.system()
    kinds = await values(scenes.unknown(of), "dr_failovers_total", "kind", "drill")
    assert kinds == {(kind, "false"): 0 for kind in ("failover", "switchover", "failback")}
    cost = await values(scenes.healthy(of), "dr_downtime_cost_total", "currency")
    assert cost["USD",] == pytest.approx(31.4 / 60 * 26000)


@pytest.mark.parametrize(
    "name",
    [
        "100%",
        "%s%d%%",
        'say "hi"',
        "back\\slash",
        "two\nlines",
        "<script>",
        "\u202eevil",
        "x" * 200,
        "{}",
        "\u6838\u5fc3",
    ],
)
async def test_any_name_survives_a_scrape(name: str) -> None:
    """Percent signs, quotes, backslashes and newlines in a system's name come back as they were, in both formats."""
    of = scenes.system(name)
    snapshot = scenes.snapshot(scenes.watched(of, scenes.healthy(of)))
    for families in (
        parse_text(await plain(snapshot)),
        parse_openmetrics(await plain(snapshot, openmetrics=True)),
    ):
        assert {s.labels["system"] for family in families for s in family.samples if "system" in s.labels} == {name}


async def test_a_broken_name_does_not_blank_the_rest() -> None:
    """A lone surrogate has no UTF-8: it is replaced."""
    of = scenes.system("a\ud800b")
    found = await scrape(scenes.snapshot(scenes.watched(of, scenes.healthy(of))), names=("dr_state",))
    assert {labels["system"] for labels, _ in found["dr_state"]} == {"a?b"}


async def test_name_picks_families() -> None:
    """Only what was asked for, ours and the process's alike."""
    found = await scrape(
        scenes.usual(), names=("dr_state", "process_open_fds", "dr_exporter_probe_lateness_seconds_count")
    )
    assert {name.partition("_seconds_")[0] for name in found} == {
        "dr_state",
        "process_open_fds",
        "dr_exporter_probe_lateness",
    }


async def test_the_histogram_is_cumulative() -> None:
    """Buckets add up to the count."""
    found = await scrape(scenes.usual(), names=("dr_exporter_probe_lateness_seconds",))
    buckets = {labels["le"]: value for labels, value in found["dr_exporter_probe_lateness_seconds_bucket"]}
    assert buckets == {"0.001": 10, "0.01": 15, "0.1": 16, "+Inf": 16}
    assert found["dr_exporter_probe_lateness_seconds_count"] == [({}, 16)]


async def test_a_reload_changes_and_removes_systems() -> None:
    """A changed system gets new labels, a removed one leaves nothing."""
    exposition, of = Exposition(), scenes.system()
    chat = scenes.system("chat")
    both = scenes.snapshot(scenes.watched(of, scenes.healthy(of)), scenes.watched(chat, scenes.healthy(chat)))
    await scrape(both, exposition=exposition)
    changed = replace(of, owner="someone-else")
    found = await scrape(scenes.snapshot(scenes.watched(changed, scenes.healthy(changed))), exposition=exposition)
    assert [labels["owner"] for labels, _ in found["dr_system_info"]] == ["someone-else"]
    assert len(exposition._prepared) == 1


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


async def test_overlapping_scrapes_see_their_own_snapshot() -> None:
    """Two scrapes that take turns mix nothing up."""
    exposition, systems = Exposition(), [scenes.system(f"s{i}") for i in range(200)]
    snapshots = [
        scenes.snapshot(*(scenes.watched(of, scenes.healthy(of, attempts=count)) for of in systems))
        for count in (1000, 2000)
    ]
    name = "dr_probe_attempts_total"
    found = await asyncio.gather(*(scrape(each, exposition=exposition, names=(name,)) for each in snapshots))
    assert [{value for _, value in each[name]} for each in found] == [{1000.0}, {2000.0}]


async def test_others_get_their_turn_during_a_scrape() -> None:
    """A neighbour on the loop runs at least once for every few turns that the scrape takes."""
    systems = [scenes.system(f"s{i}") for i in range(300)]
    snapshot = scenes.snapshot(*(scenes.watched(of, scenes.healthy(of)) for of in systems))
    turns, done = 0, False

    async def neighbour() -> None:
        nonlocal turns
        while not done:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(neighbour())
    began = perf_counter()
    await plain(snapshot)
    took, done = perf_counter() - began, True
    await other
    assert turns >= took / TURN / 10


async def test_gzip_and_content_types_are_negotiated() -> None:
    """The answer says what it is, and unpacks to the same text."""
    exposition, clocked = Exposition(), Clocked(scenes.usual(), scenes.NOW)
    answer = exposition.answer(clocked, "text/plain;version=0.0.4", "gzip, deflate", ("dr_state",))
    packed = b"".join([piece async for piece in answer.body])
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert sample_names(parse_text(gzip.decompress(packed).decode())) == {"dr_state"}

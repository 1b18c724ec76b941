"""What a scrape says: every family, every format, nothing made up."""

import asyncio
import gzip
import shutil
import subprocess
from dataclasses import replace
from math import isnan
from time import thread_time

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.catalogue.metrics import METRICS, Type
from exporter.core.snapshot import Clocked
from exporter.metrics.exposition import TURN, Exposition
from tests.metrics import scenes
from tests.metrics.scraping import own_samples, parse_openmetrics, plain, sample_names, scrape


async def test_every_declared_metric_is_served_and_nothing_else() -> None:
    """The catalogue and the exposition hold the same names, with the same labels."""
    found = await scrape(scenes.everything())
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
    snapshot = scenes.everything()
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
    text = await plain(scenes.everything(), names=tuple(METRICS))
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)  # noqa: ASYNC221 - nobody else waits for this loop
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


async def test_no_series_is_none_or_nan() -> None:
    """What is not known is absent: never a word, never NaN."""
    told = [line.rpartition(" ")[2] for line in (await plain(scenes.everything())).splitlines() if line[0] != "#"]
    assert not [value for value in told if "None" in value or isnan(float(value))]


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
    began = thread_time()  # what others have of the machine is no fault of the scrape
    await plain(snapshot)
    took, done = thread_time() - began, True
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

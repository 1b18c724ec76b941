"""The rules of grafana/dashboard-linter, under its names, and those of our own boards."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from dashboards.frame import TAG
from exporter.catalogue.metrics import METRICS, Type
from tests.dashboards.conftest import BUILT, GENERIC
from tests.dashboards.questions import Json, Question, asked_for, panels, questions
from tests.servers.prometheus import prometheus_missing

SELECTOR = re.compile(r"\b([a-zA-Z_:][\w:]*)\{([^}]*)\}")
WORD = re.compile(r"\b(?:dr_\w+|scrape_\w+|up)\b(?!\{)")
UNITS = {
    "none", "short", "percentunit", "s", "bytes", "cps", "dateTimeFromNow", "dateTimeAsLocalNoDateIfToday",
}  # fmt: skip
"""Those of Grafana that we use."""

GROWN = (
    r"clamp_min\((?P<one>\w+\{[^}]*\}) - "
    r"\(last_over_time\((?P=one)\[\w+\] offset (\w+|\$__range)\) or (?P=one) \* 0\), 0\)"
)
"""Exempt from target-counter-agg-rule: how much a counter grew in a month or a year, from a few samples. `increase` would read
millions of them, and these counters go on after a restart of the exporter."""
PRICE = r"dr_downtime_cost_total\{[^}]*\} / on \(system, job, instance\) group_left \(\) \(dr_downtime_seconds_total\{[^}]*\} > 0\)"
"""Exempt as well: the price of a minute is the quotient of two counters that grow together."""


def variable(board: Json, name: str) -> Json:
    found: Json = next(each for each in board["templating"]["list"] if each["name"] == name)
    return found


def asked(board: Json) -> list[Question]:
    """Queries of panels and annotations."""
    return [each for each in questions(board) if each.panel != "variables"]


def test_template_datasource_rule(board: Json) -> None:
    """There is one data source to choose, of Prometheus, and it is called what people expect."""
    chosen = [each for each in board["templating"]["list"] if each["type"] == "datasource"]
    assert [(each["name"], each["label"], each["query"]) for each in chosen] == [
        ("datasource", "Data source", "prometheus")
    ]


@pytest.mark.parametrize("name", ["job", "instance"])
def test_template_job_and_instance_rule(board: Json, name: str) -> None:
    """One exporter can be looked at alone, and all of them together."""
    found = variable(board, name)
    assert found["type"] == "query"
    assert found["label"] == name.title()
    assert found["multi"]
    assert found["includeAll"]
    assert found["allValue"] == ".+"
    assert found["datasource"]["uid"] == "${datasource}"


def test_template_label_promql_rule(board: Json) -> None:
    """Variables are asked with a function that Grafana knows; that its query parses is shown by a real Prometheus."""
    for each in board["templating"]["list"]:
        if each["type"] == "query":
            assert asked_for(each["query"])


def test_template_on_time_change_reload_rule(board: Json) -> None:
    """A system that is added appears without loading the page again."""
    assert {each["refresh"] for each in board["templating"]["list"] if each["type"] == "query"} == {2}


def test_panel_datasource_rule(board: Json) -> None:
    """Every panel, query, variable and annotation asks the data source that was chosen."""
    used = [one for panel in panels(board) for one in (panel, *panel["targets"])] + board["annotations"]["list"]
    assert all(each["datasource"] == {"type": "prometheus", "uid": "${datasource}"} for each in used)


def test_panel_title_description_rule(board: Json) -> None:
    """Every panel says what it shows, in a sentence, and no two are called the same."""
    titles = [panel["title"] for panel in panels(board)]
    assert len(set(titles)) == len(titles)
    assert all(panel["title"] and panel["description"].endswith(".") for panel in panels(board))


def test_panel_units_rule(board: Json) -> None:
    """Every panel has a unit, and every column of a table its own."""
    for panel in panels(board):
        fields = panel["fieldConfig"]
        units = [one["value"] for each in fields["overrides"] for one in each["properties"] if one["id"] == "unit"]
        assert {fields["defaults"]["unit"], *units} <= UNITS, panel["title"]


def test_panel_no_targets_rule(board: Json) -> None:
    """Every panel asks something."""
    assert all(panel["targets"] for panel in panels(board))


def selectors(question: Question) -> Iterator[tuple[str, str]]:
    """(metric, matchers) of each selector."""
    yield from SELECTOR.findall(question.expr)


def test_target_job_and_instance_rule(board: Json) -> None:
    """Every selector asks for the chosen jobs and instances, and none stands without."""
    for question in asked(board):
        found = list(selectors(question))
        assert found, question
        assert not WORD.findall(SELECTOR.sub("", question.expr)), question
        for _, matchers in found:
            assert 'job=~"$job"' in matchers, question
            assert 'instance=~"$instance"' in matchers, question


def test_only_declared_metrics_are_asked(board: Json) -> None:
    """Every metric is in the catalogue, with all its labels, or is one that Prometheus writes itself."""
    known = {name for name, metric in METRICS.items() if metric.type is not Type.HISTOGRAM}
    known |= {f"{name}_bucket" for name, metric in METRICS.items() if metric.type is Type.HISTOGRAM}
    known |= {"scrape_duration_seconds", "scrape_samples_scraped"}
    assert {name for question in asked(board) for name, _ in selectors(question)} <= known


def test_target_rate_interval_rule(board: Json) -> None:
    """A rate is taken over $__rate_interval, which no scrape interval is too long for."""
    for question in asked(board):
        assert set(re.findall(r"\brate\([^[]*\[([^\]]*)\]", question.expr)) <= {"$__rate_interval"}, question


def test_target_counter_agg_rule(board: Json) -> None:
    """A counter is asked how fast it grows, or how much it grew, never what it stands at."""
    for question in asked(board):
        rest = re.sub(rf"(rate|increase)\(\w+\{{[^}}]*\}}\[[^\]]*\]\)|{GROWN}|{PRICE}", "", question.expr)
        counters = [name for name, _ in selectors(Question("", "", "", rest, False)) if name.endswith("_total")]
        assert not counters, question


def test_uneditable_rule(board: Json) -> None:
    """What is generated is not edited by hand: the change would be gone with the next build."""
    assert board["editable"] is False


@pytest.mark.prometheus
@pytest.mark.skipif(bool(prometheus_missing()), reason=prometheus_missing() or "Prometheus is there")
def test_every_query_parses(board: Json, tmp_path_factory: pytest.TempPathFactory) -> None:
    """By promtool, with each query as if it were a rule."""
    rules = tmp_path_factory.mktemp("rules") / "rules.yml"
    lines = ["groups:", "- name: boards", "  rules:"]
    for question in questions(board):
        expr = re.sub(r"\$__(rate_interval|interval|range)", "5m", question.expr)
        lines += [f"  - record: board:{question.ref.lower().replace(' ', '_')}:{len(lines)}", f"    expr: {expr!r}"]
    rules.write_text("\n".join(lines), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_all_boards_share(board: Json) -> None:
    """A shared crosshair, a fixed address, links that keep time and variables, and a schema that keeps thresholds."""
    assert board["graphTooltip"] == 1
    assert board["tags"] == [TAG]
    assert board["schemaVersion"] >= 39
    links = [link for link in board["links"] if link["type"] == "dashboards"]
    assert [(link["tags"], link["keepTime"], link["includeVars"]) for link in links] == [([TAG], True, True)]


def test_the_addresses_never_change() -> None:
    """People bookmark boards, and alerts link to them."""
    assert [BUILT[name]["uid"] for name in GENERIC] == [
        "dr-overview",
        "dr-system",
        "dr-failovers",
        "dr-sla",
        "dr-backups",
        "dr-exporter",
    ]
    assert BUILT[GENERIC[0]]["refresh"] == "5s"


def test_nothing_known_has_a_word(board: Json) -> None:
    """An empty panel, or cell, says that nothing is known instead of showing nothing, or 0."""
    for panel in panels(board):
        assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]


def test_stats_and_tables_ask_once(board: Json) -> None:
    """What shows only the newest value asks for that alone, as a table."""
    for panel in panels(board):
        once = panel["type"] in ("stat", "table", "barchart")
        for target in panel["targets"]:
            assert (target["instant"], target["range"]) == (once, not once), panel["title"]
            assert target["format"] == ("table" if once else "time_series"), panel["title"]


def test_only_shares_have_thresholds(board: Json) -> None:
    """Objectives differ by system, so a colour that comes from a number comes from a share of its objective."""
    for panel in panels(board):
        fields = panel["fieldConfig"]
        assert len(fields["defaults"]["thresholds"]["steps"]) == 1, panel["title"]
        for each in fields["overrides"]:
            found = {one["id"]: one["value"] for one in each["properties"]}
            if "thresholds" in found:
                steps = [step["value"] for step in found["thresholds"]["steps"]]
                assert steps in ([None, 0.8, 1.0], [None, 1.0]), panel["title"]
                assert found["unit"] == "percentunit" or "Over" in each["matcher"]["options"]


def test_a_word_beside_every_colour(board: Json) -> None:
    """No value is told by its colour alone: it has a word, a symbol, or the number itself."""
    for mapping in mappings(board):
        if mapping["type"] == "value":
            texts = [result["text"] for result in mapping["options"].values()]
            assert all(texts)
            assert len(set(texts)) == len(texts)


def mappings(board: Json) -> Iterator[Json]:
    """Those of panels and of columns."""
    for panel in panels(board):
        yield from panel["fieldConfig"]["defaults"].get("mappings", [])
        for each in panel["fieldConfig"]["overrides"]:
            yield from (one for two in each["properties"] if two["id"] == "mappings" for one in two["value"])


def test_panels_do_not_overlap(board: Json) -> None:
    """Each place of the grid belongs to one panel, and none stands out at the right."""
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        mine = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not mine & taken, panel["title"]
        taken |= mine


def urls(value: object) -> Iterator[str]:
    """Every `url` anywhere in it."""
    if isinstance(value, dict):
        yield from (inner for key, inner in value.items() if key == "url" and inner)
        yield from (url for inner in value.values() for url in urls(inner))
    elif isinstance(value, list):
        yield from (url for inner in value for url in urls(inner))


def test_links_to_boards_and_pages_lead_somewhere(board: Json) -> None:
    """Every link leads to a board that is built, or to the exporter's page about a system."""
    uids = {BUILT[name]["uid"] for name in GENERIC}
    for link in urls(board):
        own = re.match(r"/d/([\w-]+)\?", link)
        assert (own and own[1] in uids) or link.startswith(("${exporter_url}/systems/", "${exporter_url}/")), link


def test_the_import_page_asks(imported: Json) -> None:
    """The data source and the exporter's address are asked for, and nothing else is missing at the importer's."""
    assert [(one["name"], one["type"]) for one in imported["__inputs"]] == [
        ("DS_PROMETHEUS", "datasource"),
        ("VAR_EXPORTER_URL", "constant"),
    ]
    kinds = {panel["type"] for panel in panels(imported)}
    assert kinds == {one["id"] for one in imported["__requires"] if one["type"] == "panel"}
    assert set(re.findall(r"\$\{([A-Z_]+)\}", str(imported))) == {"DS_PROMETHEUS", "VAR_EXPORTER_URL"}

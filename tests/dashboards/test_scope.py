"""Boards for a given configuration: only what exists is drawn, and every state has its word."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dashboards import marks
from dashboards.build import files
from dashboards.panels import graph
from dashboards.promql import select
from dashboards.scope import Feature, Scope, scope_of
from exporter.catalogue import metrics as m
from exporter.core.interval import Verdict
from exporter.core.model import Role
from exporter.plans import read_config
from exporter.web.page import WORST_FIRST
from tests.dashboards.questions import panels, questions

ROOT = Path(__file__).parents[2]
PLAIN = """
systems:
  shop:
    home: hk
    components: {web: {critical: true}}
    sites:
      hk: {web: {http: "http://192.0.2.1/"}}
"""


def built(scope: Scope) -> dict[str, Any]:
    return {name: json.loads(text) for name, text in files(scope).items()}


@pytest.fixture
def plain(tmp_path: Path) -> Scope:
    """One site, one web server: no standby, no database, nothing else."""
    path = tmp_path / "dr.yml"
    path.write_text(PLAIN, encoding="utf-8")
    return scope_of(read_config(path, allow_exec=False).config, "https://dr.example.com")


def test_only_what_exists_is_drawn(plain: Scope) -> None:
    """No board of backups without any, no roles without a database, no standby with a single site, no cost without a price."""
    boards = built(plain)
    assert "provisioned/dr-backups.json" not in boards
    asked = "\n".join(each.expr for board in boards.values() for each in questions(board))
    for metric in (m.BACKUP_SUCCESS, m.PARITY_MATCH, m.KPI_VALUE, m.SITE_ROLE, m.SITE_READY, m.CANARY_WRITES,
                   m.DOWNTIME_COST, m.TRAFFIC_SHARE, m.REFERENCE_UP, m.CONTACT_CONFIRMED):  # fmt: skip
        assert f"{metric.name}{{" not in asked
    for metric in (m.STATE, m.RTO, m.RTO_OBJECTIVE, m.COMPONENT_UP, m.DRILL_DUE):
        assert f"{metric.name}{{" in asked


def test_no_section_is_empty(plain: Scope) -> None:
    """A title has panels under it."""
    for board in built(plain).values():
        kinds = [panel["type"] for panel in board["panels"]]
        assert ("row", "row") not in set(zip(kinds, [*kinds[1:], "row"], strict=True))


def test_links_lead_to_the_given_exporter(plain: Scope) -> None:
    """Its address is the variable's value, and the first system is the one that is shown at first."""
    board = built(plain)["provisioned/dr-system.json"]
    values = {each["name"]: each["current"]["value"] for each in board["templating"]["list"]}
    assert values["exporter_url"] == "https://dr.example.com"
    assert values["system"] == "shop"


def test_everything_is_drawn_when_nothing_is_known() -> None:
    """Boards for any configuration ask for every metric that is about systems, backups or exporters."""
    asked = "\n".join(each.expr for board in built(Scope()).values() for each in questions(board))
    unasked = {name for name in m.METRICS if name not in asked}
    assert unasked <= NOT_DRAWN.keys(), unasked - NOT_DRAWN.keys()
    assert not [name for name in NOT_DRAWN if name in asked]


NOT_DRAWN = {
    m.BLIP_SECONDS.name: "the blips are counted",
    m.DRILL_DOWNTIME.name: "reports book it apart; the boards show what counts",
    m.MAINTENANCE_DOWNTIME.name: "as that of drills",
    m.EVENT_ACTIVE.name: "alerts are made of it; the sites that take writes are drawn",
    m.LAST_DRILL.name: "alerts are made of it; the events are drawn by drill",
    m.LAST_LOSS_DRILL.name: "as that",
    m.MAINTENANCE_ACTIVE.name: "it changes no number and mutes nothing",
    m.PROBE_SUCCESS.name: "the components and the failed looks are drawn",
}
"""Metric -> why no board shows it."""


def test_every_state_has_a_word_and_a_rank() -> None:
    """Those of the core, in the order and with the symbols of the exporter's own page."""
    assert tuple(sorted(marks.STATES, key=lambda state: -marks.STATES[state])) == WORST_FIRST
    words = {int(value): result["text"] for value, result in marks.STATE[0]["options"].items()}
    module = (ROOT / "exporter/web/static/live.js").read_text(encoding="utf-8")
    signs = dict(re.findall(r'(\w+): "(.)"', module[module.index("SIGN = {") :].split("}")[0]))
    assert {state: words[rank][0] for state, rank in marks.STATES.items()} == signs
    assert set(marks.ROLES) == set(Role)
    assert set(marks.VERDICTS) == set(Verdict)


def test_objectives_are_dashed_lines() -> None:
    """An objective is a query of its own, drawn dashed: it differs by system."""
    for name, board in built(Scope()).items():
        for panel in (each for each in panels(board) if each["type"] == "timeseries"):
            dashed = {
                each["matcher"]["options"]
                for each in panel["fieldConfig"]["overrides"]
                if any(one["id"] == "custom.lineStyle" for one in each["properties"])
            }
            objectives = {one["refId"] for one in panel["targets"] if "objective" in one["legendFormat"]}
            assert objectives <= dashed, f"{name}: {panel['title']}"


@pytest.mark.parametrize("matcher", ['site="hk"', "system", 'scenario=site_loss"', 'state="outage'])
def test_a_label_that_is_not_there_is_refused(matcher: str) -> None:
    """A query that could never find anything is not built."""
    with pytest.raises(ValueError, match="does not match"):
        select(m.STATE, matcher)


def test_a_histogram_is_asked_for_a_part() -> None:
    """Its name alone has no series."""
    with pytest.raises(ValueError, match="a part"):
        select(m.LATENESS)


def test_panels_say_what_they_need() -> None:
    """A panel that needs what is not there is left out."""
    placed = graph("a title", "A sentence.", [], needs=Feature.CANARY)
    assert not Scope(features=frozenset()).has(placed.needs)
    assert Scope().has(placed.needs)

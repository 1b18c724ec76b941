"""The rules that ship: fresh, clean, and shown to do for every alert what it owes."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import standing_alarms
from dashboards.frame import BACKUPS, EXPORTER, FAILOVERS, OVERVIEW, SLA, SYSTEM
from dashboards.rules import Wanted, rule_files
from exporter.catalogue.alerts import ALERTS, InDrill, Severity
from exporter.catalogue.metrics import METRICS
from exporter.cli import main
from exporter.core.checks import LATE
from exporter.core.contacts import CONFIRMED_FOR
from tests.rules.__main__ import OUT
from tests.rules.story import Story
from tests.rules.written import rule_tests, stories

RULES = OUT.parent / "rules"
OWED = ("fires", "silent", "lost scrape", "own drill", "other drill", "death")
PROMTOOL = shutil.which("promtool")
needs_promtool = [
    pytest.mark.prometheus,
    pytest.mark.skipif(PROMTOOL is None, reason="promtool is missing; install Debian's prometheus"),
]
DOCUMENTS = {name: yaml.safe_load(text) for name, text in rule_files(Wanted()).items()}


def rules() -> Iterator[dict[str, Any]]:
    for document in DOCUMENTS.values():
        for group in document["groups"]:
            yield from group["rules"]


def alerting() -> Iterator[dict[str, Any]]:
    return (rule for rule in rules() if "alert" in rule)


def told() -> Iterator[Story]:
    for _, each in stories().values():
        yield from each


def test_the_rules_that_ship_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    """`build rules --check` finds nothing to do; after a change of dashboards/ it names what is stale."""
    with pytest.raises(SystemExit) as left:
        main(["build", "rules", "--out", str(RULES), "--check"])
    assert (left.value.code, capsys.readouterr().err) == (0, "")


def test_the_rule_tests_that_ship_are_fresh() -> None:
    """deploy/prometheus/tests holds the stories as they are told here; `python -m tests.rules --write` writes them."""
    assert {path.name: path.read_text(encoding="utf-8") for path in OUT.glob("*.yml")} == rule_tests()


def test_every_alert_has_rules_as_it_was_declared() -> None:
    """Each alert of the catalogue fires with each severity it was declared with, and no rule is of another."""
    made = {(rule["alert"], rule["labels"]["severity"]) for rule in alerting()}
    assert made == {(alert.name, str(severity)) for alert in ALERTS.values() for severity in alert.severities}


def test_what_pages_waits_for_nothing() -> None:
    """A critical alert has no `for`: its time was measured in the exporter, and would eat the objective."""
    assert [
        rule["alert"] for rule in alerting() if rule["labels"]["severity"] == Severity.CRITICAL and "for" in rule
    ] == []


def test_every_alert_bridges_a_lost_scrape() -> None:
    """`keep_firing_for` is there for all but what is only information."""
    lacking = {rule["alert"] for rule in alerting() if "keep_firing_for" not in rule}
    assert lacking == {alert.name for alert in ALERTS.values() if alert.severities == (Severity.INFO,)}


def test_an_alert_is_muted_by_a_drill_or_by_none() -> None:
    """Rules come in pairs, one for each value of `drill`, unless the alert pages in a drill, too."""
    drills: dict[str, set[str]] = {}
    for rule in alerting():
        drills.setdefault(rule["alert"], set()).add(rule["labels"]["drill"])
    for name, alert in ALERTS.items():
        assert drills[name] == ({"true", "false"} if alert.in_drill is InDrill.MUTED else {"false"}), name


def test_every_alert_says_what_to_do() -> None:
    """A summary, a description, a runbook at the exporter itself and a board."""
    for rule in alerting():
        notes = rule["annotations"]
        assert notes.keys() == {"summary", "description", "runbook_url", "dashboard_url"}
        assert notes["runbook_url"].endswith(f"/runbooks/{rule['alert']}")


def test_no_description_of_a_system_asks_prometheus() -> None:
    """Where a thousand systems may fire at once, a query in a template would hold up the evaluation for seconds."""
    asking = {
        rule["alert"] for rule in alerting() if "query" in rule["annotations"]["description"].replace("urlquery", "")
    }
    assert [name for name in asking if ALERTS[name].of_system] == []


def test_recorded_names_tell_level_metric_and_operation() -> None:
    """`level:metric:operations`, and nothing is recorded twice."""
    names = [rule["record"] for rule in rules() if "record" in rule]
    assert [name for name in names if not re.fullmatch(r"[a-z_]+:dr_[a-z_]+:[a-z0-9_]+", name)] == []
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_rules_read_only_what_is_served_or_recorded() -> None:
    """No metric is misspelt: each name in an expression or annotation is of the catalogue, or recorded."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for rule in rules():
        text = rule["expr"] + rule.get("annotations", {}).get("description", "")
        names = set(re.findall(r"[a-z_]+:dr_[a-z_]+:[a-z0-9_]+|(?<![:\w])dr_[a-z_]+", text))
        assert names <= recorded | METRICS.keys(), rule.get("alert", rule.get("record"))


def test_the_rules_are_as_patient_as_the_exporter() -> None:
    """A late backup is the same for the readiness check and the alert; a stale contact too, for whatever time is configured."""
    assert standing_alarms.BACKUP_LATE == LATE
    for wanted, seconds in ((Wanted(), CONFIRMED_FOR), (Wanted(contacts_confirmed_for=92 * 86400.0), 7948800)):
        text = "".join(rule_files(wanted).values())
        assert f"dr_contact_confirmed_timestamp_seconds[6h])) > {seconds:.12g}\n" in text


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_is_shown_to_do_what_it_owes(name: str) -> None:
    """It fires, stays silent, survives a lost scrape and the exporter's death, and knows its own drill from another's."""
    mine = [story for story in told() if story.name.split()[0] == name]
    assert mine, f"nobody tells a story of {name}"
    for story in mine:
        assert set(OWED) <= {check.shows.partition(":")[0] for check in story.checks}, story.name


@pytest.mark.parametrize("name", sorted(rule_tests()))
class TestWithPromtool:
    """promtool itself, file by file."""

    pytestmark = needs_promtool

    def test_the_stories_come_true(self, name: str) -> None:
        """`promtool test rules` finds every expected alert, and no other."""
        ran = subprocess.run([str(PROMTOOL), "test", "rules", OUT / name], capture_output=True, text=True, timeout=600)
        assert ran.returncode == 0, ran.stdout + ran.stderr


CONFIGURED = """
exporter: {references: ["tcp://192.0.2.1:443"], ledger: "sqlite:///led.db"}
contacts:
  - {name: DR commander, who: ops@example.com}
  - {name: DBA, who: dba@example.com, confirmed: 2026-10-01}
systems:
  orders:
    home: hk
    components: {web: {critical: true}}
    sites: {hk: {web: {http: {url: "http://192.0.2.7/"}}}}
  "a \\"quoted\\" \\\\ name": {home: hk, components: {web: {critical: true}}, sites: {hk: {web: {http: {url: "http://192.0.2.8/"}}}}}
"""


class TestForAConfiguration:
    """`--config.file`: what is expected by name is watched by name."""

    pytestmark = needs_promtool

    def build(self, folder: Path, *more: str, configured: str = CONFIGURED) -> int:
        config = folder / "dr.yml"
        config.write_text(configured, encoding="utf-8")
        with pytest.raises(SystemExit) as left:
            main(["build", "rules", "--config.file", str(config), "--out", str(folder / "rules"), *more])
        return int(left.value.code or 0)

    def test_each_system_and_unconfirmed_contact_has_a_rule(self, tmp_path: Path) -> None:
        """A system that no exporter tells, and a contact without a date, are missed by name; promtool accepts any name."""
        assert self.build(tmp_path) == 0
        made = yaml.safe_load((tmp_path / "rules/rto-rpo-configured.yml").read_text(encoding="utf-8"))
        found = {
            (rule["alert"], *set(rule["labels"].values()) - {"warning", "false"}) for rule in made["groups"][0]["rules"]
        }
        assert found >= {("DrExporterDown", "orders"), ("DrContactStale", "DR commander")}
        assert ("DrContactStale", "DBA") not in found
        files = sorted((tmp_path / "rules").glob("*.yml"))
        checked = subprocess.run([str(PROMTOOL), "check", "rules", *files], capture_output=True, text=True, timeout=60)
        assert (checked.returncode, checked.stderr) == (0, "")

    def test_links_lead_where_people_can_follow(self, tmp_path: Path) -> None:
        """The exporter's and Grafana's addresses and the name of the job are given on the command line."""
        given = (
            "--web.external-url=https://dr.example.com/",
            "--grafana.external-url=https://g.example.com",
            "--prometheus.job=dr",
        )
        assert self.build(tmp_path, *given) == 0
        text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "rules").glob("*.yml"))
        assert "runbook_url: https://dr.example.com/runbooks/DrOutage\n" in text
        assert "dashboard_url: https://g.example.com/d/dr-system?var-system=" in text
        assert 'up{job="dr"}' in text
        assert "localhost" not in text

    def test_what_the_configuration_says_once_is_not_asked_again(self, tmp_path: Path) -> None:
        """Grafana's address, and for how long a confirmed contact counts as right."""
        own = "exporter: {grafana_url: https://g.example.com, contacts_confirmed_for: 92d, "
        assert self.build(tmp_path, configured=CONFIGURED.replace("exporter: {", own, 1)) == 0
        text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "rules").glob("*.yml"))
        assert "dashboard_url: https://g.example.com/d/dr-overview\n" in text
        assert "> 7948800\n" in text

    def test_what_is_no_longer_made_is_stale(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """`--check` also finds a file that another configuration had needed."""
        self.build(tmp_path)
        assert self.build(tmp_path, "--check") == 0
        with pytest.raises(SystemExit) as left:
            main(["build", "rules", "--out", str(tmp_path / "rules"), "--check"])
        assert left.value.code == 1
        assert "rto-rpo-configured.yml is stale" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--web.external-url=example"], ['--prometheus.job=a"b']])
def test_a_wrong_address_is_refused(arguments: list[str], tmp_path: Path) -> None:
    """Nothing is written for links that nobody could follow, or a job that cannot be asked for."""
    with pytest.raises(SystemExit) as left:
        main(["build", "rules", "--out", str(tmp_path), *arguments])
    assert left.value.code in (1, 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.prometheus
@pytest.mark.skipif(PROMTOOL is None, reason="promtool is missing; install Debian's prometheus")
def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    """`promtool check rules` is clean."""
    checked = subprocess.run(
        [str(PROMTOOL), "check", "rules", "--lint-fatal", *sorted(RULES.glob("*.yml"))],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.prometheus
@pytest.mark.skipif(PROMTOOL is None, reason="promtool is missing; install Debian's prometheus")
def test_promtool_accepts_the_scrape_configuration() -> None:
    """`promtool check config` is clean, and it finds the rules."""
    config = RULES.parent / "prometheus.yml"
    checked = subprocess.run([str(PROMTOOL), "check", "config", config], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count("rules found") == len(DOCUMENTS)


def test_links_lead_to_boards_that_there_are() -> None:
    """Every board that an alert links to has that uid."""
    linked = {rule["annotations"]["dashboard_url"].partition("?")[0].rpartition("/")[2] for rule in alerting()}
    assert linked <= {OVERVIEW, SYSTEM, FAILOVERS, SLA, BACKUPS, EXPORTER}

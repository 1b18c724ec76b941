"""The routes and inhibitions that ship, in amtool and in a real Alertmanager."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.exporter.rig import until
from tests.servers.alertmanager import SHIPPED, Alertmanager, Inbox, alertmanager_missing, shipped

pytestmark = [
    pytest.mark.alertmanager,
    pytest.mark.skipif(bool(alertmanager_missing()), reason=alertmanager_missing() or "it is here"),
]
RECEIVERS = ("dr-critical", "dr-warning", "dr-info", "nobody", "not-through-the-exporter", "dead-mans-switch")
QUICK = {"group_wait": "1s", "group_interval": "1s", "repeat_interval": "1h"}


def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["amtool", *arguments], capture_output=True, text=True, timeout=60, check=False)


def fired(name: str, severity: str, system: str | None = "orders", **labels: str) -> dict[str, Any]:
    """As our rules label it: `drill` is always there."""
    own = {"alertname": name, "severity": severity, "drill": "false", **labels}
    return {"labels": own | ({"system": system} if system else {}), "annotations": {"summary": name}}


def test_the_configuration_is_right() -> None:
    """amtool finds nothing to complain about."""
    checked = amtool("check-config", str(SHIPPED))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("receivers", "labels"),
    [
        ("dr-critical", "alertname=DrOutage severity=critical system=orders drill=false"),
        ("dr-critical", "alertname=DrOutage severity=critical system=orders"),
        ("dr-warning", "alertname=DrRpoAtRisk severity=warning system=orders drill=false"),
        ("dr-warning", "alertname=SomebodyElses"),
        ("dr-info", "alertname=DrFailover severity=info system=orders drill=false"),
        ("nobody", "alertname=DrOutage severity=critical system=orders drill=true"),
        ("nobody", "alertname=DrFailover severity=info system=orders drill=true"),
        ("dr-critical", "alertname=DrRtoBreach severity=critical system=orders drill=false"),
        ("dr-critical", "alertname=DrDrillExpired severity=critical system=orders drill=false"),
        ("not-through-the-exporter,dr-critical", "alertname=DrExporterDown severity=critical drill=false"),
        ("not-through-the-exporter,dr-critical", "alertname=DrExporterBlind severity=critical vantage=hk"),
        ("dr-warning", "alertname=DrExporterDown severity=warning vantage=hk drill=false"),
        ("dead-mans-switch", "alertname=DrWatchdog severity=info drill=false"),
    ],
)
def test_routes(receivers: str, labels: str) -> None:
    """Who is told of what."""
    tested = amtool(
        "config", "routes", "test", f"--config.file={SHIPPED}", f"--verify.receivers={receivers}", *labels.split()
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_warnings_can_be_made_to_wait(tmp_path: Path) -> None:
    """What stands in the file for it, commented out, is right as soon as it is no comment; critical ones never wait."""
    text = SHIPPED.read_text(encoding="utf-8")
    begin, end = text.index('    # - matchers: [severity="warning"]'), text.index("inhibit_rules:")
    waiting = tmp_path / "alertmanager.yml"
    waiting.write_text(text[:begin] + re.sub(r"(?m)^( *)# ", r"\1", text[begin:end]) + text[end:], encoding="utf-8")
    config = yaml.safe_load(waiting.read_text(encoding="utf-8"))
    held = [route["matchers"] for route in config["route"]["routes"] if "active_time_intervals" in route]
    assert (held, len(config["time_intervals"])) == ([['severity="warning"']], 1)
    checked = amtool("check-config", str(waiting))
    assert checked.returncode == 0, checked.stdout + checked.stderr


async def test_one_outage_is_one_page(tmp_path: Path) -> None:
    """Its lag and probe alerts are inhibited; another system's are not, a drill mutes only its own system, and what an outage
    does not explain is told."""
    async with Inbox().serve() as inbox:
        config = shipped({name: inbox.webhook(name) for name in RECEIVERS}, QUICK)
        with Alertmanager(tmp_path, config) as alertmanager:
            alertmanager.fire(
                [
                    *(fired(name, "critical") for name in ("DrRpoBreach", "DrNoPrimary", "DrErrorBudgetBurn")),
                    *(fired(name, "warning") for name in ("DrRpoAtRisk", "DrReplicationBroken", "DrCanaryFailing")),
                    *(fired(name, "warning") for name in ("DrStandbyNotReady", "DrRtoAtRisk", "DrVantagesDisagree")),
                    fired("DrOutage", "critical"),
                    fired("DrBackupTooOld", "warning", backup="nightly"),
                    fired("DrRpoBreach", "critical", "chat"),
                    fired("DrOutage", "critical", "drilled", drill="true"),
                    fired("DrRpoBreach", "critical", "drilled", drill="true"),
                    fired("DrRtoBreach", "critical", "drilled"),
                    fired("DrExporterBlind", "warning", None, vantage="sg"),
                    fired("DrVantagesDisagree", "warning", "chat"),
                ]
            )

            async def told() -> bool:
                return len(inbox.names("dr-critical")) >= 3 and len(inbox.names("dr-warning")) >= 2

            await until(told, "the pages arrive", within=60)
            assert sorted(inbox.names("dr-critical")) == [["DrOutage"], ["DrRpoBreach"], ["DrRtoBreach"]]
            assert sorted(inbox.names("dr-warning")) == [["DrBackupTooOld"], ["DrExporterBlind"]]
            assert {page.firing[0]["system"] for page in inbox.pages if page.receiver == "dr-critical"} == {
                "orders",
                "chat",
                "drilled",
            }
            inhibited = {
                (alert["labels"]["alertname"], alert["labels"]["system"])
                for alert in alertmanager.alerts()
                if alert["status"]["inhibitedBy"]
            }
            assert ("DrRpoBreach", "orders") in inhibited
            assert ("DrVantagesDisagree", "chat") in inhibited
            assert not {name for name, system in inhibited if name in ("DrOutage", "DrRtoBreach", "DrBackupTooOld")}

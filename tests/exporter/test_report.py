"""A report of what a running exporter saw, made while it goes on, and checked by somebody who has only the bundle."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from exporter.demo.pair import AWAY, HOME
from tests.exporter.rig import Exporter, Sites

SECRET = "hunter2-of-the-probe"


def lines(checklist: list[dict[str, Any]]) -> dict[str, Any]:
    """What does not go on changing: readiness is recorded only once it has lasted."""
    return {
        line["check"]: [*list(line.values())[1:4], line["at"] and round(line["at"], 1)]
        for line in checklist
        if line["check"] not in ("standby_ready", "permissions_checked", "backup_verified")
    }


async def test_a_failover_is_reported_and_proven(exporter: Exporter, sites: Sites, tmp_path: Path) -> None:
    """Its bounds are recomputed from the samples; configuration and contacts are in the bundle, secrets are not; the live checklist says the same."""
    contacts = [{"name": "DR commander", "who": "Ann", "deputies": ["Bob"], "confirmed": "2024-02-29"}]
    system = sites.system() | {"cost_per_minute": {"amount": 26000, "currency": "USD"}, "baseline_rto": "4h"}
    entry = {"http": {"url": f"http://probe:{SECRET}@{sites.urls[HOME].removeprefix('http://')}/status"}}
    idle = {"home": HOME, "components": {"web": {"critical": True}}, "sites": {HOME: {"web": entry}}}
    exporter.configure({"orders": system, "idle": idle}, contacts=contacts)
    await exporter.start()
    await exporter.until_state("healthy")
    await sites.children.kill(HOME)
    await exporter.until_state("outage")
    await sites.promote()
    (closed,) = [one for one in await exporter.closed() if one["system"] == "orders"]
    folder, year = tmp_path / "bundle", time.strftime("%Y", time.gmtime())
    code, _, error = await exporter.run(
        "report", "--year", year, "--config.file", str(exporter.config), "--bundle", str(folder)
    )
    assert code == 0, error
    exporter.whole()
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    (event,) = [one for one in report["events"] if one["system"] == "orders"]
    assert (event["kind"], event["rto"], event["verdicts"]) == ("failover", closed["rto"], closed["verdicts"])
    assert event["cost"]["currency"] == "USD"
    assert event["savings"]["baseline_rto_seconds"] == 14400
    assert event["config_hash"] == report["config_hash"]
    assert [one["name"] for one in report["contacts"]] == ["DR commander"]
    told = {one["name"]: one for one in report["systems"]}
    assert told["orders"]["availability"]["observed_seconds"] > 0
    live = json.loads((await exporter.get("/api/v1/systems/orders/checklist"))[1])["items"]
    assert lines(live) == lines(told["orders"]["checklist"])
    checker = [sys.executable, "-I", str(folder / "verify.py")]
    checked = subprocess.run(checker, capture_output=True, text=True, check=False, cwd="/")  # noqa: ASYNC221 - nobody else waits for this loop
    assert checked.returncode == 0, checked.stdout
    assert f"{event['id']}: its bounds were not recomputed" not in checked.stdout
    for path in folder.rglob("*"):
        assert path.is_dir() or SECRET not in path.read_text(encoding="utf-8"), path
    assert AWAY in (folder / "ledger.jsonl").read_text(encoding="utf-8")
    assert await exporter.stop() == 0

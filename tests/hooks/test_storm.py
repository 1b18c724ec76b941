"""Real Alertmanager, real exporter, a DingTalk that refuses as the real one: every critical alert arrives, whatever happens."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.exporter.rig import Exporter, page, until
from tests.hooks.rig import TOKEN, alert, hooks, notification, two_robots
from tests.hostile import answer, message, serve
from tests.servers.alertmanager import Alertmanager, alertmanager_missing, shipped
from tests.servers.dingtalk import FakeDingTalk

STORM = 500
QUICK = {"group_wait": "1s", "group_interval": "10s", "repeat_interval": "1h"}
OPEN = answer(message(body=b"open"))


async def post(exporter: Exporter, body: bytes, token: str = TOKEN) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{exporter.url}/hooks/dingtalk", data=BytesIO(body), headers=headers) as told,
    ):
        return told.status, await told.json()


async def test_the_hook_of_a_running_exporter(exporter: Exporter, tmp_path: Path) -> None:
    """Off it is 404 and has no metric; a reload switches it on; it wants the token; large bodies are refused; nothing leaks."""
    async with serve(OPEN) as shop, FakeDingTalk().serve() as fake:
        (tmp_path / "api-token").write_text("api")
        api = {"token_file": "api-token"}
        exporter.configure({"shop": page(shop.port)}, api=api)
        await exporter.start()
        assert (await post(exporter, notification()))[0] == 404
        assert "dingtalk" not in (await exporter.get("/metrics"))[1]
        exporter.configure({"shop": page(shop.port)}, api=api, hooks=hooks(fake, tmp_path))
        assert (await exporter.post("/-/reload", "api"))[0] == 200
        assert (await post(exporter, notification(), "wrong"))[0] == 401
        assert (await post(exporter, notification(), "api"))[0] == 401
        assert (await post(exporter, notification())) == (200, {"status": "delivered"})
        assert (await post(exporter, b"x" * 1_500_000))[0] == 413
        assert (await post(exporter, b"{}"))[0] == 400
        fake.robots[0].mood = "errcode"
        status, told = await post(exporter, notification(alert("chat")))
        assert status == 502
        metrics = await exporter.metrics()
        assert metrics.value("dr_exporter_dingtalk_messages_total", robot="0", outcome="delivered") == 1
        assert metrics.value("dr_exporter_dingtalk_messages_total", robot="0", outcome="errcode") == 1
        assert metrics.value("dr_exporter_dingtalk_notifications_total", outcome="failed") == 1
        assert metrics.value("dr_exporter_dingtalk_waiting_alerts") == 0
        assert (await exporter.system("shop"))["state"] == "healthy"
        said = str(told) + (await exporter.get("/config"))[1] + exporter.log.read_text()
        assert "dingtalk" in (await exporter.get("/config"))[1]
        assert not [secret for secret in (fake.robots[0].token, fake.robots[0].secret, TOKEN) if secret in said]
        assert await exporter.stop() == 0


@pytest.mark.alertmanager
@pytest.mark.skipif(bool(alertmanager_missing()), reason=alertmanager_missing() or "it is here")
async def test_five_hundred_alerts_at_once(exporter: Exporter, tmp_path: Path) -> None:
    """500 systems go down at once, each a group of its own, while one of two robots is blocked and the other fails at first:
    every critical alert is named in an accepted message or counted there, DingTalk is never asked too fast, and a scrape
    meanwhile is answered."""
    async with serve(OPEN) as shop, FakeDingTalk(*two_robots()).serve() as fake:
        exporter.configure({"shop": page(shop.port)}, hooks=hooks(fake, tmp_path))
        await exporter.start()
        blocked, good = fake.robots
        blocked.blocked_until, good.mood = float("inf"), "status"
        hook = {
            "url": f"{exporter.url}/hooks/dingtalk",
            "http_config": {"authorization": {"credentials_file": str(tmp_path / "hook-token")}},
            "max_alerts": 400,
        }
        config = shipped({"dr-critical": hook, "dr-warning": hook}, QUICK)
        (tmp_path / "am").mkdir()
        with Alertmanager(tmp_path / "am", config) as alertmanager:
            alertmanager.fire(_storm())
            await until(lambda: _count(good.problems), "the first message failed", within=60)
            good.mood = "good"

            async def all_told() -> bool:
                metrics = await exporter.metrics()
                assert metrics.value("dr_exporter_blind") == 0
                lines = (line for text in good.texts for line in text.split("\n\n"))
                text = "\n".join(line for line in lines if line.startswith("- **CRITICAL**"))
                counted = metrics.value("dr_exporter_dingtalk_unnamed_alerts_total", severity="critical") or 0
                return sum(f" system-{number:04}" in text for number in range(STORM)) + counted >= STORM

            await until(all_told, "every critical alert is named or counted", within=120)
        assert "too fast" not in good.problems
        assert blocked.problems == ["too fast"] * len(blocked.tries)
        assert len(blocked.tries) <= 3
        assert (await exporter.system("shop"))["state"] == "healthy"
        assert "Traceback" not in exporter.log.read_text()


def _storm() -> list[Mapping[str, Any]]:
    """An outage of each system, and a warning of every fifth."""
    return [
        {"labels": one["labels"] | {"drill": "false"}, "annotations": one["annotations"]}
        for number in range(STORM)
        for one in (alert(f"system-{number:04}"), alert(f"system-{number:04}", "DrBackupTooOld", "warning"))
        if number % 5 == 0 or one["labels"]["severity"] == "critical"
    ]


async def _count(what: list[str]) -> int:
    return len(what)

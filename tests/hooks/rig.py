"""Notifications as Alertmanager makes them, and a hook of our own on a fake of DingTalk."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from exporter.config.hooks import Dingtalk, Robot
from exporter.hooks.alerts import Alert
from exporter.hooks.dingtalk import Answer, DingTalk
from exporter.settings import Secret
from tests.servers.dingtalk import FakeDingTalk, FakeRobot

TOKEN = "alertmanager-may"
RUNBOOK = "https://exporter.example.com/runbooks/DrOutage"
BOARD = "https://grafana.example.com/d/dr-system?var-system=orders"


def alert(
    system: str = "orders", name: str = "DrOutage", severity: str = "critical", status: str = "firing", **more: str
) -> dict[str, Any]:
    """`more`: annotations."""
    return {
        "status": status,
        "labels": {"alertname": name, "severity": severity, "system": system},
        "annotations": {"summary": f"{system} does not serve", "runbook_url": RUNBOOK, "dashboard_url": BOARD} | more,
        "startsAt": "2026-11-01T10:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": f"{name}-{system}",
    }


def notification(*alerts: dict[str, Any], group: str = "orders", truncated: int = 0) -> bytes:
    """The body of one request."""
    return json.dumps(
        {
            "version": "4",
            "groupKey": f'{{}}:{{system="{group}"}}',
            "truncatedAlerts": truncated,
            "status": "firing",
            "receiver": "dingtalk",
            "groupLabels": {},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": "http://alertmanager:9093",
            "alerts": alerts or [alert()],
        }
    ).encode()


def alerts(*written: dict[str, Any]) -> list[Alert]:
    return [Alert.model_validate(each) for each in written]


def hooks(fake: FakeDingTalk, folder: Path) -> dict[str, Any]:
    """The section that names the fake's robots, with its secrets in files."""
    (folder / "hook-token").write_text(TOKEN + "\n")
    robots = []
    for index, robot in enumerate(fake.robots):
        (folder / f"url{index}").write_text(fake.address(robot) + "\n")
        (folder / f"secret{index}").write_text(robot.secret + "\n")
        robots.append({"url_file": f"url{index}", "secret_file": f"secret{index}"})
    return {"dingtalk": {"robots": robots, "token_file": "hook-token"}}


def settings(fake: FakeDingTalk, **more: Any) -> Dingtalk:
    """The configuration that names the fake's robots."""
    robots = tuple(robot_settings(fake, robot) for robot in fake.robots)
    return Dingtalk(robots=robots, token=Secret(plain="hook-token"), **more)


def robot_settings(fake: FakeDingTalk, robot: FakeRobot) -> Robot:
    return Robot(url=Secret(plain=fake.address(robot)), secret=Secret(plain=robot.secret))


async def deliver(hook: DingTalk, body: bytes, *, is_there: bool = True) -> Answer:
    return await hook.deliver(body, lambda: is_there)


@asynccontextmanager
async def hooked(*robots: FakeRobot, **more: Any) -> AsyncIterator[tuple[DingTalk, FakeDingTalk]]:
    """A hook that sends to these robots (one, if none is named)."""
    async with FakeDingTalk(*robots).serve() as fake:
        hook = DingTalk(time.time)
        hook.apply(settings(fake, **more))
        sender = asyncio.create_task(hook.run())
        try:
            yield hook, fake
        finally:
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender


def counted(hook: DingTalk, outcome: str, robot: str | None = None) -> int:
    """Messages of this outcome by a robot, or notifications."""
    assert hook.state is not None
    return hook.state.notifications[outcome] if robot is None else hook.state.messages[robot, outcome]


def two_robots() -> Sequence[FakeRobot]:
    return FakeRobot("token-of-the-first-robot", "SEC-first-secret"), FakeRobot(
        "token-of-the-other", "SEC-other-secret"
    )

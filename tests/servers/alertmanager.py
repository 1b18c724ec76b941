"""A real Alertmanager of our own on loopback, and a receiver that remembers what it was sent."""

import json
import shutil
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import yaml
from aiohttp import web

from tests.servers.daemon import Daemon
from tests.servers.service import serving

SHIPPED = Path(__file__).parents[2] / "deploy/alertmanager/alertmanager.yml"
DEADLINE = 30.0
"""Seconds for one answer: the machine may be busy."""


def alertmanager_missing() -> str:
    """Why the rig cannot run here; empty when it can."""
    lacking = [name for name in ("prometheus-alertmanager", "amtool") if not shutil.which(name)]
    return f"{lacking[0]} is missing: apt-get install prometheus-alertmanager" if lacking else ""


class Alertmanager(Daemon):
    """Use as a context manager. `config` is what would stand in alertmanager.yml."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        super().__init__("prometheus-alertmanager", folder)
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(dict(config)), encoding="utf-8")

    def arguments(self) -> list[str]:
        return [
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]

    def fire(self, alerts: Iterable[Mapping[str, Any]]) -> None:
        """Alerts as Prometheus sends them: `labels`, `annotations`, `startsAt`, `endsAt`."""
        body = json.dumps(list(alerts)).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/v2/alerts", data=body, headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            assert answer.status == 200

    def alerts(self) -> list[dict[str, Any]]:
        """Those that it knows, each with `status.state` and `status.inhibitedBy`."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=DEADLINE) as answer:
            found: list[dict[str, Any]] = json.load(answer)
            return found


def shipped(webhooks: Mapping[str, Mapping[str, Any]], waits: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The configuration that ships, with these webhooks (by the receiver's name) in place of its own, and with `waits` (like
    `group_wait`) in every route: a test has no half hour."""
    config: dict[str, Any] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    for receiver in config["receivers"]:
        receiver.pop("webhook_configs", None)
        if receiver["name"] in webhooks:
            receiver["webhook_configs"] = [dict(webhooks[receiver["name"]])]
    for route in (config["route"], *config["route"]["routes"]):
        route.update(waits or {})
    return config


class Page(NamedTuple):
    """One notification: to whom, and about which alerts that fire and that are over."""

    receiver: str
    firing: list[dict[str, str]]
    resolved: list[dict[str, str]]
    at: float
    """Unix seconds."""
    annotations: list[dict[str, str]]
    """Of what fires, in the same order."""

    @property
    def names(self) -> list[str]:
        """Of what fires, sorted."""
        return sorted(labels["alertname"] for labels in self.firing)


class Inbox:
    """A webhook that takes everything."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.url = ""

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Self]:
        async with serving(web.post("/{name}", self._take)) as self.url:
            yield self

    def webhook(self, name: str) -> dict[str, Any]:
        return {"url": f"{self.url}/{name}"}

    async def _take(self, request: web.Request) -> web.Response:
        told = await request.json()
        firing, over = ([one for one in told["alerts"] if one["status"] == status] for status in ("firing", "resolved"))
        page = Page(
            request.match_info["name"],
            [alert["labels"] for alert in firing],
            [alert["labels"] for alert in over],
            time.time(),
            [alert["annotations"] for alert in firing],
        )
        self.pages.append(page)
        return web.Response()

    def names(self, receiver: str) -> list[list[str]]:
        """Of each page to this receiver, the names of what fires."""
        return [page.names for page in self.pages if page.receiver == receiver]

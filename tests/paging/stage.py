"""Seven systems, four exporters, the shipped rules in a real Prometheus, the shipped routes in a real Alertmanager, and who is paged.

Of what ships only this is replaced: addresses, the interval of the rules (1 s), and the waits of the routes that are longer
than 5 s. `for`, `keep_firing_for`, the 5 s in which the page of an outage gathers, routes and inhibition are as shipped.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from exporter.demo.process import Children
from tests.exporter.rig import Exporter, Sites, page, until
from tests.hooks.rig import hooks
from tests.hostile import answer, message, serve
from tests.servers import PASSWORD, PostgresPair, Proxy
from tests.servers.alertmanager import SHIPPED, Alertmanager, Inbox, Page
from tests.servers.daemon import Daemon
from tests.servers.dingtalk import FakeDingTalk
from tests.servers.prometheus import Prometheus

RULES = Path(__file__).parents[2] / "deploy/prometheus/rules"
SHOPS = ("archive", "chat", "invoices", "mail")
"""Systems that are one page each."""
WITHIN = 120.0
"""Seconds for anything: `keep_firing_for` is a minute, and the machine may be busy."""
WAIT = "5s"
TOKEN = "a-long-enough-token"
OPEN = answer(message(body=b"open"))


@dataclass
class Stage:
    """All of it, running and healthy."""

    exporters: Mapping[str, Exporter]
    """`a` watches everything but `mail`, `b` the orders, `c` the chat through `line`, `d` the mail."""
    orders: PostgresPair
    payments: PostgresPair
    demo: Sites
    shops: Mapping[str, AsyncExitStack]
    """Closing one is its end."""
    line: Proxy
    prometheus: Prometheus
    alertmanager: Alertmanager
    inbox: Inbox
    dingtalk: FakeDingTalk

    async def page(self, receiver: str, name: str, system: str | None, *, over: bool = False) -> Page:
        """The first notification of this receiver in which the alert fires, or in which it is over."""

        async def arrived() -> Page | None:
            for told in self.inbox.pages:
                alerts = told.resolved if over else told.firing
                if told.receiver == receiver and (name, system) in ((a["alertname"], a.get("system")) for a in alerts):
                    return told
            return None

        found = await until(arrived, f"{name} of {system} {'is over' if over else 'arrives'} at {receiver}", WITHIN)
        assert found is not None
        return found

    async def alerts(self, system: str) -> dict[str, dict[str, Any]]:
        """What Alertmanager knows of a system, by name."""
        told = await asyncio.to_thread(self.alertmanager.alerts)
        return {one["labels"]["alertname"]: one for one in told if one["labels"].get("system") == system}

    async def samples(self, selector: str) -> list[tuple[float, float]]:
        """The newest 5 minutes of one series as they were taken: of a rule at its evaluations, of a metric at its scrapes."""
        answers = await asyncio.to_thread(self.prometheus.query, f"{selector}[5m]")
        return sorted(sample for series in answers for sample in series.values)

    async def drill(self, action: str, *words: str) -> str:
        """`rto-rpo-exporter drill` at exporter `a`."""
        exporter = self.exporters["a"]
        access = ("--url", exporter.url, "--token-file", "token")
        code, out, said = await exporter.run("drill", action, *words, *access, within=WITHIN)
        assert code == 0, said
        return out

    async def start_drill(self, system: str, seconds: float = 3600) -> dict[str, Any]:
        """Through the API of exporter `a`: the drill as it tells it."""
        body = {"system": system, "operator": "ops", "reason": "quarterly drill", "expires_in": seconds}
        status, drill = await self.exporters["a"].post("/api/v1/drills", TOKEN, body)
        assert status == 201, drill
        assert isinstance(drill, dict)
        return drill

    def instance(self, name: str) -> str:
        """What Prometheus calls this exporter."""
        return self.exporters[name].url.removeprefix("http://")


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """Ready in some seconds: everything is healthy and was scraped."""
    async with AsyncExitStack() as stack:
        servers = ExitStack()
        stack.push_async_callback(asyncio.to_thread, servers.close)
        demo = Sites(folder, await stack.enter_async_context(Children(folder)))
        (orders, payments), _ = await asyncio.gather(asyncio.to_thread(_pairs, servers), demo.start())
        shops = {name: await stack.enter_async_context(AsyncExitStack()) for name in SHOPS}
        doors = {name: await shop.enter_async_context(serve(OPEN)) for name, shop in shops.items()}
        line = servers.enter_context(Proxy(doors["chat"].port))
        inbox = await stack.enter_async_context(Inbox().serve())
        dingtalk = await stack.enter_async_context(FakeDingTalk().serve())
        exporters = {}
        for name in "abcd":
            (folder / name).mkdir()
            exporters[name] = await stack.enter_async_context(Exporter(folder / name))
        seen = page(doors["invoices"].port) | {"objectives": {"rto": "12s"}}
        watched: dict[str, dict[str, Any]] = {
            "a": {
                "orders": _postgres(orders),
                "payments": _postgres(payments),
                "demo": demo.system(),
                "invoices": seen,
                **{name: page(doors[name].port) for name in ("archive", "chat")},
            },
            "b": {"orders": _postgres(orders)},
            "c": {"chat": page(line.port)},
            "d": {"mail": page(doors["mail"].port)},
        }
        for name, exporter in exporters.items():
            _configure(exporter, name, watched[name], dingtalk)
        alertmanager = Alertmanager(folder, _routes(exporters["a"], inbox))
        prometheus = Prometheus(folder, _scrapes(folder, exporters, alertmanager))
        starting = [exporter.start(within=WITHIN) for exporter in exporters.values()]
        await asyncio.gather(*starting, asyncio.to_thread(_daemons, servers, alertmanager, prometheus))
        ready = Stage(exporters, orders, payments, demo, shops, line, prometheus, alertmanager, inbox, dingtalk)
        await until(lambda: _all_is_well(ready), "every system is healthy and was scraped", WITHIN)
        yield ready


def _pairs(servers: ExitStack) -> tuple[PostgresPair, PostgresPair]:
    return servers.enter_context(PostgresPair()), servers.enter_context(PostgresPair())


def _daemons(servers: ExitStack, *daemons: Daemon) -> None:
    for daemon in daemons:
        servers.enter_context(daemon)


def _postgres(pair: PostgresPair) -> dict[str, Any]:
    looked_at = {"hk": pair.a.dsn(), "sg": pair.b.dsn()}
    return {
        "home": "hk",
        "objectives": {"rto": "28s", "rpo": "10s"},
        "components": {"database": {"critical": True, "canary": {"every": "1s"}}},
        "sites": {
            site: {"database": {"postgres": {"dsn": dsn, "password_file": "password"}}}
            for site, dsn in looked_at.items()
        },
    }


def _configure(exporter: Exporter, name: str, systems: Mapping[str, Any], dingtalk: FakeDingTalk) -> None:
    folder = exporter.config.parent
    (folder / "token").write_text(TOKEN)
    (folder / "password").write_text(PASSWORD)
    more = {"hooks": hooks(dingtalk, folder)} if name == "a" else {}
    probing = {"interval": "1s", "background_interval": "2s", "fast_interval": "250ms", "stable_for": "2s"}
    if (
        name != "c"
    ):  # What dies here refuses at once, so only a busy machine needs longer. In the black hole nothing answers at all.
        probing |= {"timeout": "10s", "fast_timeout": "10s"}
    own = {"vantage": name}
    exporter.configure(systems, exporter=own, api={"token_file": "token"}, probing=probing, **more)


def _routes(exporter: Exporter, inbox: Inbox) -> dict[str, Any]:
    """The shipped configuration: its DingTalk hook is this exporter's, and every receiver is written down as well."""
    token = exporter.config.with_name("hook-token")
    text = SHIPPED.read_text(encoding="utf-8").replace("http://exporter:9720", exporter.url)
    config: dict[str, Any] = yaml.safe_load(text.replace("/run/secrets/dr-hook", str(token)))
    for receiver in config["receivers"]:
        receiver.setdefault("webhook_configs", []).append(inbox.webhook(receiver["name"]))
    for route in (config["route"], *config["route"]["routes"]):
        route |= {wait: WAIT for wait in ("group_wait", "group_interval") if route.get(wait) not in (None, "0s")}
    return config


def _scrapes(folder: Path, exporters: Mapping[str, Exporter], alertmanager: Alertmanager) -> dict[str, Any]:
    """Prometheus's configuration. Runbooks are linked at exporter `a`."""
    for path in RULES.glob("rto-rpo-*.yml"):
        text = re.sub(r"^    interval: .+$", "    interval: 1s", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        (folder / path.name).write_text(text.replace("http://localhost:9720", exporters["a"].url))
    targets = [exporter.url.removeprefix("http://") for exporter in exporters.values()]
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rto-rpo-*.yml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager.port}"]}]}]},
        "scrape_configs": [{"job_name": "rto-rpo", "static_configs": [{"targets": targets}]}],
    }


async def _all_is_well(ready: Stage) -> bool:
    """Seven systems, of which two exporters tell of two; four pairs of sites with a proven recovery point, orders twice."""
    healthy = await asyncio.to_thread(ready.prometheus.query, 'count(dr_state{state="healthy"} == 1)')
    proven = await asyncio.to_thread(ready.prometheus.query, "count(dr_rpo_known == 1)")
    return [one.value for one in (*healthy, *proven)] == [9, 4]

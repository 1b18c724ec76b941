"""What happens on the stage, all at the same time: each story breaks its own systems and notes what cannot be seen in the pages."""

import asyncio
import functools
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.exporter.rig import Exporter, until
from tests.paging.stage import WITHIN, Stage, stage
from tests.servers.alertmanager import Page
from tests.servers.dingtalk import FakeRobot

KEPT = 70.0
"""Seconds after which nothing fires any more by `keep_firing_for: 1m` alone."""


@dataclass
class Played:
    """What is left when the curtain has fallen."""

    pages: list[Page] = field(default_factory=list)
    robot: FakeRobot | None = None
    stories: dict[str, dict[str, Any] | BaseException] = field(default_factory=dict)

    def story(self, name: str) -> dict[str, Any]:
        """Its notes. Raises what went wrong in it."""
        notes = self.stories[name]
        if isinstance(notes, BaseException):
            raise notes
        return notes

    def of(self, system: str | None, *receivers: str) -> list[Page]:
        """The notifications about a system at these receivers (all that people read, if none is named), oldest first."""
        heard = receivers or ("dr-critical", "dr-warning", "dr-info", "not-through-the-exporter")
        return [
            page
            for page in self.pages
            if page.receiver in heard and system in {labels.get("system") for labels in page.firing + page.resolved}
        ]


async def primary_dies(on: Stage) -> dict[str, Any]:
    """Orders: a real primary is killed, two exporters see it, and the standby is promoted when half the objective is gone. Others
    are in their drills by then."""

    async def drilled() -> bool:
        return (await on.exporters["a"].system("invoices"))["drill"] is not None

    await until(drilled, "invoices are in a drill", WITHIN)
    await asyncio.to_thread(on.orders.kill)
    page = await on.page("dr-critical", "DrOutage", "orders")
    notes = await knowing(on, "orders", "a", "b")
    path = page.annotations[0]["runbook_url"].removeprefix(on.exporters["a"].url)
    notes["runbook"] = await on.exporters["a"].get(path)

    async def inhibited() -> dict[str, Any]:
        alerts = await on.alerts("orders")
        muted = {name: one for name, one in alerts.items() if one["status"]["inhibitedBy"]}
        return muted if "DrRtoAtRisk" in muted else {}

    notes["inhibited"] = await until(inhibited, "the outage's other alerts are inhibited", WITHIN)
    await asyncio.to_thread(on.orders.promote)
    (incident,) = await closed(on.exporters["a"], "orders")
    await on.page("dr-critical", "DrOutage", "orders", over=True)
    await on.page("dr-info", "DrFailover", "orders")
    fired = await on.samples('ALERTS{alertname="DrOutage",alertstate="firing",system="orders"}')
    return notes | {"incident": incident, "over": fired[-1][0]}


async def one_is_cut_off(on: Stage) -> dict[str, Any]:
    """Chat: two exporters watch it, and one of them hears nothing any more."""
    on.line.blackhole()
    page = await on.page("dr-warning", "DrExporterBlind", None)
    metrics = [await on.exporters[name].metrics() for name in "ac"]
    return {"page": page, "states": [one.state("chat") for one in metrics], "cut_off": on.instance("c")}


async def exporter_dies(on: Stage) -> dict[str, Any]:
    """Mail: it is down, and the only exporter that watches it is killed."""
    await on.shops["mail"].aclose()
    await on.page("dr-critical", "DrOutage", "mail")
    notes = await knowing(on, "mail", "d")
    await on.exporters["d"].kill()
    killed = time.time()
    page = await on.page("not-through-the-exporter", "DrExporterDown", None)

    async def later() -> bool:
        return time.time() > killed + KEPT

    await until(later, "nothing is only kept", WITHIN)
    firing = await asyncio.to_thread(on.prometheus.alerts)
    still = [one for one in firing if one["labels"]["alertname"] == "DrOutage" and one["labels"]["system"] == "mail"]
    return notes | {"page": page, "still": still}


async def drill_of_payments(on: Stage) -> dict[str, Any]:
    """A drill with a real pair of PostgreSQL."""
    kill, promote = (functools.partial(asyncio.to_thread, act) for act in (on.payments.kill, on.payments.promote))
    return await rehearsed(on, "payments", kill, promote)


async def drill_of_demo(on: Stage) -> dict[str, Any]:
    """A drill with the demo's sites."""
    return await rehearsed(on, "demo", on.demo.kill, on.demo.promote)


Act = Callable[[], Awaitable[Any]]


async def rehearsed(on: Stage, system: str, kill: Act, promote: Act) -> dict[str, Any]:
    """A whole drill by command: killed, its alert arrives where nobody reads, decided, promoted, stopped, signed, reported."""
    exporter = on.exporters["a"]
    who = ("--operator", "ops", "--reason", "quarterly drill", "--expected", "sg serves within 30 s")
    await on.drill("start", system, *who, "--expires", "1h")
    drill = (await exporter.system(system))["drill"]
    await kill()
    muted = await on.page("nobody", "DrOutage", system)
    await on.drill("mark", system, "decided", "--by", "ops", "--under", "runbook 7")
    await promote()
    (incident,) = await closed(exporter, system)

    async def counted() -> bool:
        metrics = await exporter.metrics()
        return metrics.value("dr_incidents_total", system=system, kind="failover", drill="true") == 1

    await until(counted, f"the failover of {system} is counted as a drill's", WITHIN)
    await on.drill("stop", system, "--outcome", "all well")
    ended = time.time()
    await on.drill("sign", system, "--by", "risk", "--role", "CISO")
    report = await reported(exporter, drill["id"])
    real = (await exporter.metrics()).total("dr_incidents_total", system=system, drill="false")
    return {"drill": drill, "muted": muted, "incident": incident, "real": real, "ended": ended, "report": report}


async def reported(exporter: Exporter, drill: str) -> dict[str, Any]:
    """`report --drill` as JSON, from the ledger that is in use."""
    words = ("--drill", drill, "--ledger", "ledger.db", "--format", "json")
    code, out, said = await exporter.run("report", *words, within=WITHIN)
    assert code == 0, said
    report: dict[str, Any] = json.loads(out)
    return report


async def drill_expires(on: Stage) -> dict[str, Any]:
    """Archive: killed in its drill, which nobody stops."""
    drill = await on.start_drill("archive", 25)
    await on.shops["archive"].aclose()
    muted = await on.page("nobody", "DrOutage", "archive")
    pages = [await on.page("dr-critical", name, "archive") for name in ("DrDrillExpired", "DrOutage")]
    return {"drill": drill, "muted": muted, "pages": pages}


async def drill_takes_too_long(on: Stage) -> dict[str, Any]:
    """Invoices: killed in its drill, and still down when the objective has passed."""
    drill = await on.start_drill("invoices")
    await on.shops["invoices"].aclose()
    muted = await on.page("nobody", "DrOutage", "invoices")
    page = await on.page("dr-critical", "DrRtoBreach", "invoices")
    clock = (await on.exporters["a"].metrics()).value("dr_rto_seconds", system="invoices")
    return {"drill": drill, "muted": muted, "page": page, "clock": clock}


async def knowing(on: Stage, system: str, *exporters: str) -> dict[str, Any]:
    """When the exporters declared the outage, when Prometheus saw it, and at which of its evaluations the alert fired."""
    declared, known, scrapes = [], [], []
    for name in exporters:
        instance = on.instance(name)
        (incident,) = [one for one in await on.exporters[name].incidents() if one["system"] == system]
        declared.append(incident["phases"]["declared"])
        samples = await on.samples(f'dr_state{{system="{system}",state="outage",instance="{instance}"}}')
        known.append(next(at for at, value in samples if value == 1))
        scrapes.append([at for at, _ in samples])
    evaluations = await on.samples(f'system:dr_system_info:count{{system="{system}"}}')
    fired = await on.samples(f'ALERTS{{alertname="DrOutage",alertstate="firing",system="{system}"}}')
    return {
        "declared": declared,
        "known": known,
        "scrapes": scrapes,
        "evaluations": [at for at, _ in evaluations],
        "fired": fired[0][0],
    }


async def closed(exporter: Exporter, system: str) -> list[dict[str, Any]]:
    """The closed incidents of a system, at least one."""

    async def found() -> list[dict[str, Any]]:
        return [one for one in await exporter.incidents() if one["system"] == system and not one["open"]]

    return await until(found, f"the incident of {system} is closed", WITHIN)


STORIES: Mapping[str, Callable[[Stage], Awaitable[dict[str, Any]]]] = {
    story.__name__: story
    for story in (
        primary_dies,
        one_is_cut_off,
        exporter_dies,
        drill_of_payments,
        drill_of_demo,
        drill_expires,
        drill_takes_too_long,
    )
}


async def play(folder: Path) -> Played:
    """All stories at once; what goes wrong in one is its own."""
    played = Played()
    async with stage(folder) as on:
        told = await asyncio.gather(*(story(on) for story in STORIES.values()), return_exceptions=True)
        played.stories = dict(zip(STORIES, told, strict=True))
        played.pages, played.robot = on.inbox.pages, on.dingtalk.robots[0]
    return played

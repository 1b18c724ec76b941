"""Drills as they are run: by command, against the real exporter, with sites that really die."""

import asyncio
import io
import json
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from exporter import cli
from exporter.demo.pair import HOME
from tests.exporter.rig import Exporter, Metrics, Sites, page, until
from tests.hostile import answer, message, serve

TOKEN = "a-long-enough-token"


def command(words: Sequence[str]) -> tuple[object, str, str]:
    """What a process of its own would do: its exit code, standard output and standard error."""
    out, said = io.StringIO(), io.StringIO()
    code: object = None
    with redirect_stdout(out), redirect_stderr(said):
        try:
            cli.main(words)
        except SystemExit as end:
            code = end.code
    return code, out.getvalue(), said.getvalue()


class Crew:
    """Whoever runs the drill, at a terminal."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._token = exporter.config.with_name("token")
        self._token.write_text(TOKEN, encoding="utf-8")

    async def run(self, action: str, *words: str, code: int = 0) -> str:
        """What `drill` prints: on standard error, if it should fail."""
        words = ("drill", action, *words, "--url", self._exporter.url, "--token-file", str(self._token))
        got, out, said = await asyncio.to_thread(command, words)
        assert got == code, said
        assert TOKEN not in out + said
        return said if code else out

    async def start(self, *more: str, expires: str = "1h") -> str:
        who = ("--operator", "ops@example.com", "--reason", "quarterly drill")
        return await self.run("start", "orders", *who, "--expires", expires, *more)


async def begun(exporter: Exporter, sites: Sites, **more: Any) -> Crew:
    """A healthy system whose exporter takes orders."""
    crew = Crew(exporter)
    objectives = {"rto": "30s", "rpo": "5s", "drill_every": "90d"}
    exporter.configure(
        {"orders": sites.system(objectives=objectives)},
        api={"token_file": "token"},
        probing={"stable_for": "1s"},
        **more,
    )
    await exporter.start()
    await exporter.until_state("healthy")
    return crew


def drilled(metrics: Metrics) -> tuple[float | None, float | None]:
    """dr_drill_active and dr_drill_expired."""
    return metrics.value("dr_drill_active", system="orders"), metrics.value("dr_drill_expired", system="orders")


async def test_a_drill_from_end_to_end(exporter: Exporter, sites: Sites) -> None:
    """Started, the site killed, the exporter killed in the middle, failed over, marked, stopped, signed: all of it is evidence."""
    crew = await begun(exporter, sites, accounting={"drills": "exclude"})
    due = (await exporter.metrics()).value("dr_drill_due_timestamp_seconds", system="orders")
    assert due is not None
    assert (await exporter.system())["proof"]["state"] == "missing"
    told = await crew.start("--expected", "sg serves within 30 s")
    assert "Pages of orders are muted until" in told
    assert drilled(await exporter.metrics()) == (1, 0)
    await sites.kill()
    out = await exporter.until_state("outage")
    await exporter.kill()
    await exporter.start(looked=False)
    again = await exporter.system()
    assert (again["drill"]["id"], again["incident"]["id"]) == (out["drill"]["id"], out["incident"]["id"])
    assert "muted" not in await crew.run("mark", "orders", "decided", "--by", "ops", "--under", "runbook 7")
    await sites.promote()
    (incident,) = await exporter.closed()
    metrics = await exporter.metrics()
    assert (incident["drill"], incident["kind"], incident["counted"]) == (again["drill"]["id"], "failover", False)
    assert incident["phases"]["decided"] is not None
    for name in ("dr_incidents_total", "dr_failovers_total"):
        assert metrics.value(name, system="orders", kind="failover", drill="true") == 1
        assert metrics.total(name, system="orders", drill="false") == 0
    shown = await crew.run("status", "orders")
    assert ("running" in shown, incident["id"] in shown) == (True, True)
    assert "all well" in await crew.run("stop", "orders", "--outcome", "all well")
    assert "risk@example.com as CISO" in await crew.run("sign", "orders", "--by", "risk@example.com", "--role", "CISO")
    system, metrics = await exporter.system(), await exporter.metrics()
    assert (drilled(metrics), system["drill"]) == ((0, 0), None)
    assert (system["proof"]["state"], system["proof"]["incident"]) == ("proven", incident["id"])
    assert metrics.value("dr_drill_last_timestamp_seconds", system="orders") is not None
    later = metrics.value("dr_drill_due_timestamp_seconds", system="orders")
    assert later is not None
    assert later > due
    await apart(exporter)
    await reclassify(crew, exporter, incident["id"])
    assert await exporter.stop() == 0
    exporter.whole()
    kinds = [line.kind for line in exporter.records() if line.kind.startswith(("drill", "mark"))]
    assert kinds == ["drill_started", "mark", "drill_stopped", "drill_signed", "mark", "mark", "mark"]


async def apart(exporter: Exporter) -> None:
    """Downtime in the drill is told, and does not count."""

    async def booked() -> Metrics | None:
        metrics = await exporter.metrics()
        return metrics if metrics.value("dr_drill_downtime_seconds_total", system="orders") else None

    metrics = await until(booked, "the downtime of the drill is booked")
    assert metrics is not None
    assert metrics.value("dr_downtime_seconds_total", system="orders") == 0


async def reclassify(crew: Crew, exporter: Exporter, incident: str) -> None:
    """An action, its end, and another judgement: all added, and shown beside what was recorded."""
    who = ("--by", "ops")
    said = await crew.run(
        "mark", incident, "action", *who, "--text", "automate", "--owner", "dev", "--due", "2026-12-24"
    )
    action = said.split("--done ")[1].strip()
    await crew.run("mark", incident, "action", *who, "--done", action)
    said = await crew.run("mark", incident, "reclassified", *who, "--as", "planned", "--reason", "it was a drill")
    assert "was drill, is taken for planned" in said
    found = json.loads((await exporter.get(f"/api/v1/incidents/{incident}"))[1])
    assert found["classification"]["effective"] == "planned"
    assert [mark["kind"] for mark in found["marks"]] == ["decided", "action", "action", "reclassified"]


async def test_a_drill_that_is_left_open(exporter: Exporter, sites: Sites) -> None:
    """It mutes nothing from its expiry on, with the system down too; the next one can begin once it is stopped."""
    crew = await begun(exporter, sites)
    await crew.start(expires="2s")
    await sites.kill()

    async def expired() -> bool:
        return bool(exporter.records("drill_expired"))

    await until(expired, "the drill expires")
    assert drilled(await exporter.metrics()) == (0, 1)
    told = await exporter.until_state("outage")
    assert told["drill"]["expired"]
    assert "EXPIRED" in await crew.run("status")
    who = ("--operator", "ops", "--reason", "again", "--expires", "1h")
    assert "stop it first" in await crew.run("start", "orders", *who, code=1)
    await crew.run("stop", "orders", "--by", "night shift")
    assert drilled(await exporter.metrics()) == (0, 0)
    assert "cannot begin in an incident" in await crew.run("start", "orders", *who, code=1)
    await sites.start_site(HOME)
    (incident,) = await exporter.closed()
    assert incident["drill"] == told["drill"]["id"]
    assert await exporter.stop() == 0
    exporter.whole()


async def test_what_a_crew_is_told(exporter: Exporter, sites: Sites) -> None:
    """Code 1 and a sentence for what cannot be done: a wrong token, a drill or a system that is not there, nobody there."""
    crew = await begun(exporter, sites)
    assert "no open drill" in await crew.run("stop", "orders", code=1)
    assert "no drill has this id" in await crew.run("sign", "drill-x-20270115T080002.500Z", "--by", "x", code=1)
    assert "no incident yet" in await crew.run("mark", "orders", "note", "--by", "x", "--text", "t", code=1)
    order = ("--operator", "ops", "--reason", "r", "--expires", "1h")
    assert "no system of this name" in await crew.run("start", "nobody", *order, code=1)
    maintenance = await crew.start("--maintenance")
    assert "Nothing is muted" in maintenance
    assert (await exporter.metrics()).value("dr_maintenance_active", system="orders") == 1
    code, _, said = command(("drill", "stop", "orders", "--url", "http://127.0.0.1:1"))
    assert (code, "name a running exporter" in said) == (1, True)
    wrong = exporter.config.with_name("wrong")
    wrong.write_text("wrong", encoding="utf-8")
    access = ("--url", exporter.url, "--token-file", str(wrong))
    code, _, said = await asyncio.to_thread(command, ("drill", "stop", "orders", *access))
    assert (code, "token is missing or wrong" in said) == (1, True)
    code, out, _ = await exporter.run("drill", "status", "--url", exporter.url)
    assert (code, "maintenance" in out) == (0, True)
    await exporter.stop()
    assert "name a running exporter with --url" in await crew.run("status", code=1)
    assert "is not the address" in command(("drill", "status", "--url", "localhost"))[2]
    assert "is not a duration" in command(("drill", "start", "orders", *order[:-1], "soon"))[2]
    assert "is no time with a zone" in command(("drill", "mark", "x", "note", "--by", "x", "--at", "16:11"))[2]
    unnamed = command(("drill", "stop", "drill-x-20270115T080002.500Z"))
    assert (unnamed[0], "--token-file" in unnamed[2]) == (1, True)


async def test_nothing_else_is_hidden(exporter: Exporter) -> None:
    """Another system that dies at the same time is no drill; and the clock of the one in the drill runs past its objective."""
    crew = Crew(exporter)
    async with serve(answer(message(body=b"open"))) as shop:
        both = {name: page(shop.port) | {"objectives": {"rto": "500ms"}} for name in ("orders", "chat")}
        exporter.configure(both, api={"token_file": "token"})
        await exporter.start()
        for name in both:
            await exporter.until_state("healthy", system=name)
        drill = (await crew.start()).split("drill stop ")[1].strip()
    labels = {}
    for name in both:
        labels[name] = (await exporter.until_state("outage", system=name))["incident"]["drill"]
    assert labels == {"orders": drill, "chat": None}

    async def late() -> Metrics | None:
        metrics = await exporter.metrics()
        clocks = [metrics.value("dr_rto_seconds", system=name) or 0.0 for name in both]
        return metrics if min(clocks) > 0.5 else None

    metrics = await until(late, "both are down for longer than was promised")
    assert metrics is not None
    assert [metrics.value("dr_drill_active", system=name) for name in both] == [1, 0]

"""A reload changes what was changed, and nothing when anything is wrong."""

import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.exporter.rig import Exporter, Metrics, page, until
from tests.hostile import Server, answer, message, reset, serve

TOKEN = "sesame-opens"
OPEN = answer(message(body=b"open"))


@pytest.fixture
async def shop() -> AsyncIterator[Server]:
    async with serve(OPEN) as server:
        yield server


@pytest.fixture
async def broken() -> AsyncIterator[Server]:
    """A page that resets every connection; it can be mended."""
    async with serve(OPEN) as server:
        yield server


def told_once(metrics: Metrics) -> tuple[float | None, float | None]:
    return (
        metrics.value("dr_exporter_config_last_reload_successful"),
        metrics.value("dr_exporter_config_last_reload_success_timestamp_seconds"),
    )


async def test_reloads(exporter: Exporter, shop: Server, broken: Server, tmp_path: Path) -> None:
    """A bad file changes nothing and is visible; a good one adds and removes while an open incident elsewhere goes on."""
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    api = {"token_file": str(token)}
    one = {"orders": page(broken.port), "shop": page(shop.port)}
    exporter.configure(one, api=api)
    await exporter.start()
    await exporter.until_state("healthy")
    await exporter.until_state("healthy", system="shop")
    broken.behaviour = reset
    incident = (await exporter.until_state("outage"))["incident"]
    before = await exporter.metrics()
    _, loaded = told_once(before)

    # a bad file, by both ways
    good = exporter.config.read_text()
    exporter.config.write_text(good.replace("interval: 200ms", "interval: soon", 1))
    status, answered = await exporter.post("/-/reload", TOKEN)
    assert status == 422
    assert "'soon' is not a duration" in answered["error"]
    assert str(exporter.config) in answered["error"]
    await unchanged(exporter, loaded, "soon")
    exporter.config.write_text(good.replace("critical:", "critcal:", 1))
    exporter.signal(signal.SIGHUP)
    await until(lambda: told(exporter, "critcal"), "the error is told")
    await unchanged(exporter, loaded, "critcal")

    # who may not, does not
    assert (await exporter.post("/-/reload"))[0] == 401
    assert (await exporter.post("/-/reload", "guess"))[0] == 401

    # the ledger stays
    exporter.configure(one, api=api, exporter={"ledger": "sqlite:///other.db"})
    status, answered = await exporter.post("/-/reload", TOKEN)
    sentence = "exporter.ledger cannot change while the exporter runs; restart it, or put the old value back"
    assert (status, answered["error"]) == (422, sentence)

    # shop goes, stall comes, orders stays as it is
    exporter.configure({"orders": page(broken.port), "stall": page(shop.port)}, api=api)
    exporter.signal(signal.SIGHUP)
    await exporter.until_state("healthy", system="stall")
    after = await exporter.metrics()
    assert told_once(after)[0] == 1
    assert (told_once(after)[1] or 0) > (loaded or 0)
    assert after.state("shop") is None
    still = (await exporter.system())["incident"]
    assert (still["id"], still["declared"]) == (incident["id"], True)
    attempts = ("dr_probe_attempts_total", {"system": "orders", "site": "hk", "component": "web"})
    assert (after.value(attempts[0], **attempts[1]) or 0) > (before.value(attempts[0], **attempts[1]) or 0)
    old = {key: value for key, value in before.counters().items() if ("system", "orders") in key[1]}
    assert all(after.counters()[key] >= value for key, value in old.items())

    broken.behaviour = OPEN
    assert (await exporter.closed())[0]["id"] == incident["id"]
    assert await exporter.stop() == 0
    assert len(exporter.records("incident")) == 1
    exporter.whole()


async def told(exporter: Exporter, word: str) -> bool:
    """Whether the API says it: the page shows what it finds there."""
    return word in json.loads((await exporter.get("/api/v1/systems"))[1])["exporter"]["reload_error"]


async def unchanged(exporter: Exporter, loaded: float | None, word: str) -> None:
    """The old configuration is in use, and metric, API and log tell that the new one is not."""
    metrics = await exporter.metrics()
    assert told_once(metrics) == (0, loaded)
    assert {metrics.state("orders"), metrics.state("shop")} == {"outage", "healthy"}
    assert await told(exporter, word)
    assert word not in (await exporter.get("/config"))[1]
    log = exporter.log.read_text(encoding="utf-8")
    assert any("was not reloaded" in line and word in line for line in log.splitlines())


async def test_an_incident_survives_a_change_of_its_own_system(exporter: Exporter, broken: Server) -> None:
    """A system whose objective changes in the middle of an outage keeps its incident, and closes it once."""
    exporter.configure({"orders": page(broken.port)})
    await exporter.start()
    await exporter.until_state("healthy")
    broken.behaviour = reset
    incident = (await exporter.until_state("outage"))["incident"]
    exporter.configure({"orders": page(broken.port) | {"objectives": {"rto": "7s"}}})
    exporter.signal(signal.SIGHUP)

    async def changed() -> bool:
        return (await exporter.metrics()).value("dr_rto_objective_seconds", system="orders") == 7

    await until(changed, "the new objective is in use")
    assert (await exporter.system())["incident"]["id"] == incident["id"]
    broken.behaviour = OPEN
    assert [one["id"] for one in await exporter.closed()] == [incident["id"]]
    assert (await exporter.metrics()).total("dr_incidents_total") == 1


async def test_without_a_token_nothing_may_be_changed(exporter: Exporter, shop: Server) -> None:
    """POST /-/reload answers 403 and says what to configure."""
    exporter.configure({"shop": page(shop.port)})
    await exporter.start()
    status, answered = await exporter.post("/-/reload", TOKEN)
    assert status == 403
    assert "api.token_file" in answered["error"]


async def test_a_system_that_comes_back_goes_on(exporter: Exporter, shop: Server, broken: Server) -> None:
    """Taken out and put back, by reloads or between two runs: its totals, its last incident and its budget are there, and the
    time in which nobody looked is an absence, and not observed."""
    both, one = {"orders": page(broken.port), "shop": page(shop.port)}, {"shop": page(shop.port)}
    exporter.configure(both)
    await exporter.start()
    await exporter.until_state("healthy")
    broken.behaviour = reset
    await exporter.until_state("outage")
    broken.behaviour = OPEN
    (incident,) = await exporter.closed()
    before = await exporter.system()
    for restarted in (False, True):
        for systems in (one, both):
            exporter.configure(systems)
            if restarted:
                await exporter.kill()
                await exporter.start()
            else:
                exporter.signal(signal.SIGHUP)
            present = "orders" in systems

            async def as_wished(present: bool = present) -> bool:
                return ((await exporter.metrics()).state("orders") is not None) == present

            await until(as_wished, "the configuration is in use")
        after = await exporter.until_state("healthy")
        assert after["last"]["id"] == incident["id"]
        assert after["budget"]["downtime_seconds"] == pytest.approx(before["budget"]["downtime_seconds"])
        assert (await exporter.metrics()).total("dr_incidents_total") == 1
    await exporter.stop()
    kinds = [line.kind for line in exporter.records() if line.system == "orders"]
    assert [kind for kind in kinds if kind in ("watch_started", "watch_ended", "absence")] == [
        "watch_started", "watch_ended", "absence", "watch_ended", "absence",
    ]  # fmt: skip
    exporter.whole()

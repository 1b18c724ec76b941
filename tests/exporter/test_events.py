"""Every event that is no plain outage: told once, as what it was."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import aiohttp

from exporter.demo.pair import AWAY, HOME
from exporter.demo.process import Children
from tests.exporter.rig import BOOKKEEPING, Exporter, Line, Sites, until
from tests.hostile import Behaviour, answer, message, serve
from tests.servers import Proxy


async def healthy(exporter: Exporter, sites: Sites, **more: Any) -> None:
    """Start it, and wait until the standby is proven, too."""
    exporter.configure({"orders": sites.system(**more)}, probing={"stuck_after": "1s"})
    await exporter.start()
    await exporter.until_state("healthy")


async def recorded(exporter: Exporter, kind: str) -> Line:
    """Wait for the record of that kind; there must be no second one."""

    async def found() -> list[Line]:
        return exporter.records(kind)

    lines = await until(found, f"a {kind} is recorded")
    assert len(lines) == 1
    return lines[0]


async def events(exporter: Exporter) -> list[str]:
    """Stop it and return the kinds of all records of what happened but the transitions, in order."""
    assert await exporter.stop() == 0
    exporter.whole()
    return [line.kind for line in exporter.records() if line.kind not in BOOKKEEPING | {"transition"}]


async def test_switchover_and_failback(exporter: Exporter, sites: Sites, tmp_path: Path) -> None:
    """The role moves though nothing had failed, and comes home again later: a switchover, then a failback."""
    folder = tmp_path / "reborn"
    folder.mkdir()
    async with Children(folder) as children:
        reborn = Sites(folder, children)
        reborn.urls[AWAY] = sites.urls[AWAY]
        with Proxy(port(sites.urls[HOME])) as home:
            sites.facade[HOME] = f"http://127.0.0.1:{home.port}"
            exporter.configure({"orders": sites.system()}, probing={"split_brain_after": "10s"})
            await exporter.start()
            await exporter.until_state("healthy")
            await sites.promote()
            await reborn.start_site(HOME, follow=sites.urls[AWAY])
            home.target = port(reborn.urls[HOME])  # from one look to the next what was the primary is a standby
            first = (await exporter.closed())[0]
            assert (first["kind"], first["from_site"], first["to_site"]) == ("switchover", HOME, AWAY)
            assert not first["inferred"]
            await exporter.until_state("healthy", "degraded")
            await sites.children.kill(AWAY)
            await exporter.until_state("outage")
            await promote(reborn, HOME)
            second = (await exporter.closed(2))[0]
            assert (second["kind"], second["from_site"], second["to_site"]) == ("failback", AWAY, HOME)
            metrics = await exporter.metrics()
            for kind in ("switchover", "failback"):
                assert metrics.value("dr_failovers_total", system="orders", kind=kind, drill="false") == 1
            told = await events(exporter)
    assert (told.count("switchover"), told.count("failback"), told.count("failover")) == (1, 1, 0)


def port(url: str) -> int:
    return int(url.rpartition(":")[2])


async def promote(sites: Sites, site: str) -> None:
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        await session.post(f"{sites.urls[site]}/promote")


async def test_traffic_moves(exporter: Exporter, sites: Sites) -> None:
    """The entry is pointed elsewhere while the roles stay: one event, no outage."""
    home, away = (port(url) for url in sites.urls.values())
    with Proxy(home) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/healthz"
        await healthy(exporter, sites, entry={"http": {"url": url, "served_by": {"json": "$.site"}}})
        await until(lambda: looked(exporter), "the entry was looked at several times")
        proxy.target = away
        line = await recorded(exporter, "traffic_moved")
        assert line.sentence == f"traffic moved from {HOME} to {AWAY}; the roles stay"
        told = await exporter.until_state("healthy")
        assert told["traffic"] == AWAY
        assert await exporter.incidents(blips=True) == []
        assert await events(exporter) == ["traffic_moved"]


async def looked(exporter: Exporter) -> bool:
    return (await exporter.metrics()).total("dr_probe_attempts_total", component="entry") >= 4


async def test_split_brain(exporter: Exporter, sites: Sites) -> None:
    """The old primary comes back and takes writes beside the new one: told within two looks, once, and its end too."""
    await healthy(exporter, sites)
    await sites.kill()
    await exporter.until_state("outage")
    await sites.promote()
    await exporter.closed()
    await sites.start_site(HOME)
    began = time.time()
    line = await recorded(exporter, "split_brain")
    assert (HOME in line.sentence) and (AWAY in line.sentence)
    metrics = await exporter.metrics()
    assert metrics.value("dr_writable_sites", system="orders") == 2
    await until_markers_stop(sites)
    await sites.kill()
    await recorded(exporter, "split_brain_over")
    print(f"split brain told after {time.time() - began:.2f} s")
    told = await events(exporter)
    assert told.count("split_brain") == 1
    assert told.count("failover") == 1


async def until_markers_stop(sites: Sites) -> None:
    """In a split brain no marker is written to either: that would itself be a divergence."""
    before = [await sites.markers("test", site) for site in (HOME, AWAY)]
    end = time.monotonic() + 0.6

    async def quiet() -> bool:
        assert [await sites.markers("test", site) for site in (HOME, AWAY)] == before
        return time.monotonic() > end

    await until(quiet, "three canary intervals")


async def test_no_primary(exporter: Exporter, sites: Sites) -> None:
    """Every site answers and is read-only everywhere: told once, inside the outage."""
    await healthy(exporter, sites)
    await sites.kill()
    await sites.start_site(HOME, follow=sites.urls[AWAY])
    await recorded(exporter, "no_primary")
    assert (await exporter.metrics()).value("dr_writable_sites", system="orders") == 0
    assert (await exporter.system())["incident"]["events"] == ["no_primary"]
    await sites.promote()
    closed = (await exporter.closed())[0]
    assert closed["kind"] == "failover"
    told = await events(exporter)
    assert (told.count("no_primary"), told.count("incident")) == (1, 1)


def tells(role: str, writable: bool, epoch: str) -> Behaviour:
    facts = {"role": role, "writable": writable, "epoch": epoch, "position": 1}
    return answer(message("200 OK", json.dumps(facts).encode()))


async def test_stuck_switch(exporter: Exporter) -> None:
    """The other site was promoted and stays read-only: the switch is stuck; once it takes writes it is a failover."""
    async with serve(tells("primary", True, "a")) as home, serve(tells("standby", False, "a")) as away:
        facts = {name: f"$.{name}" for name in ("role", "writable", "epoch", "position")}
        sites = {
            name: {"database": {"http": {"url": f"http://127.0.0.1:{server.port}/", **facts}}}
            for name, server in ((HOME, home), (AWAY, away))
        }
        system = {"home": HOME, "components": {"database": {"critical": True}}, "sites": sites}
        exporter.configure({"orders": system}, probing={"stuck_after": "1s"})
        await exporter.start()
        await exporter.until_state("healthy")
        home.behaviour = answer(message("503 Gone", b""))
        await exporter.until_state("outage")
        away.behaviour = tells("primary", False, "b")
        line = await recorded(exporter, "stuck_switch")
        assert f"moved to {AWAY}" in line.sentence
        assert (await exporter.until_state("outage"))["incident"]["events"] == ["stuck_switch"]
        away.behaviour = tells("primary", True, "b")
        closed = (await exporter.closed())[0]
        assert (closed["kind"], closed["to_site"]) == ("failover", AWAY)
        told = await events(exporter)
        assert (told.count("stuck_switch"), told.count("failover"), told.count("incident")) == (1, 1, 1)


async def test_a_standby_is_lost_and_comes_back(exporter: Exporter, sites: Sites) -> None:
    """Told once each; the system goes on serving, degraded."""
    await healthy(exporter, sites)
    await sites.children.kill(AWAY)
    line = await recorded(exporter, "standby_lost")
    assert AWAY in line.sentence
    assert "refused" in line.sentence
    assert (await exporter.until_state("degraded"))["serving"] == [HOME]
    await sites.start_site(AWAY, follow=sites.urls[HOME])
    await recorded(exporter, "standby_back")
    await exporter.until_state("healthy")
    assert await events(exporter) == ["standby_lost", "standby_back"]


async def test_a_frozen_primary_is_failed_over_and_thaws(exporter: Exporter, sites: Sites) -> None:
    """A hang, a promotion, and the old one wakes up writable: one failover, then a split brain, in that order."""
    await healthy(exporter, sites)
    sites.signal(HOME, signal.SIGSTOP)
    await exporter.until_state("outage")
    await sites.promote()
    await exporter.closed()
    sites.signal(HOME, signal.SIGCONT)
    await recorded(exporter, "split_brain")
    told = await events(exporter)
    assert told.index("failover") < told.index("incident") < told.index("split_brain")

"""What an answer alone does not prove, end to end: permissions, parity, figures, backups, third parties, both sites at once."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.exporter.rig import Exporter, Metrics, until
from tests.hostile import answer, message, serve
from tests.servers import Proxy
from tests.servers.orders import Orders

TOKEN = "a-token-for-changes"


class Shop(NamedTuple):
    """Two sites, of which the second was restored without grants, and an entry that can be led to either."""

    home: Orders
    away: Orders
    entry: Proxy

    def lead_to(self, site: Orders) -> None:
        self.entry.target = port_of(site.url)

    def system(self, **more: Any) -> dict[str, Any]:
        components = {"web": {"critical": True}, "login": {"critical": True, "weight": 3}}
        entry = {"http": {"url": f"http://127.0.0.1:{self.entry.port}/home", "served_by": {"header": "X-Site"}}}
        sites = {
            site.site: {"web": {"http": f"{site.url}/home"}, "login": flow(site)} for site in (self.home, self.away)
        }
        return {"home": "hk", "components": components, "entry": entry, "sites": sites, **more}


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def flow(site: Orders) -> dict[str, Any]:
    login = {
        "post": f"{site.url}/login",
        "json": {"user": "probe", "login": {"password": {"env": "SHOP_PW"}}},
        "save": {"token": "$.token"},
    }
    return {
        "flow": {
            "steps": [login, {"get": f"{site.url}/orders/1", "bearer": "{token}", "expect": {"json": {"$.id": 1}}}]
        }
    }


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """A shop whose second site lacks the grants."""
    monkeypatch.setenv("SHOP_PW", Orders.password)
    home = Orders.primary("hk")
    away = home.restored("sg", without="grants")
    async with AsyncExitStack() as stack:
        for site in (home, away):
            await stack.enter_async_context(site.serve())
        entry = stack.enter_context(Proxy(port_of(home.url)))
        yield Shop(home, away, entry)


async def metric(exporter: Exporter, wanted: float, name: str, **labels: str) -> Metrics:
    """Wait until the series has the value."""

    async def there() -> Metrics | None:
        scraped = await exporter.metrics()
        return scraped if scraped.value(name, **labels) == wanted else None

    found = await until(there, f"{name}{labels} is {wanted}")
    assert found is not None
    return found


async def test_a_site_without_grants_is_neither_ready_before_nor_recovered_after(
    exporter: Exporter, shop: Shop
) -> None:
    """Login fine, permission denied: told before the event, and after it the system is not claimed to serve until users
    may work again."""
    exporter.configure({"shop": shop.system()})
    await exporter.start()
    told = await exporter.until_state("degraded", system="shop")
    assert told["sentence"] == "serves from hk, but no standby is ready: sg (reachable, permissions)"
    await metric(exporter, 0, "dr_site_readiness_check", system="shop", site="sg", check="permissions")
    login = next(site for site in told["sites"] if site["name"] == "sg")["components"]["login"]
    assert login["reason"] == "permission"

    shop.lead_to(shop.away)
    shop.entry.cut()
    await exporter.until_state("suspected", "outage", system="shop")
    shop.entry.heal()
    told = await exporter.until_state("outage", system="shop")
    assert (await exporter.metrics()).state("shop") == "outage"
    assert told["traffic"] == "sg" or told["incident"]["open"]

    async def denied() -> bool:
        now = await exporter.system("shop")
        return bool(now["traffic"] == "sg" and now["state"] == "outage")

    await until(denied, "users reach sg, where they may do nothing")
    shop.away.database.execute("INSERT INTO grants VALUES ('probe', 'orders.read')")
    closed = (await exporter.closed())[0]
    assert closed["kind"] == "traffic_moved"
    assert closed["phases"]["validated"] is not None


async def test_parity_and_a_figure(exporter: Exporter, shop: Shop) -> None:
    """The same question at both sites, and a figure against its floor: equal, then not, then equal again."""
    shop.away.database.execute("INSERT INTO grants VALUES ('probe', 'orders.read')")
    asked = {"path": "/kpi", "json": "$.opm"}
    with_token = {"bearer": {"env": "SHOP_PW"}}
    system = shop.system(
        parity={"orders": {"component": "web", **asked, "delay": "100ms", "every": "200ms"}},
        kpis={
            "opm": {
                "http": {"url": f"{shop.home.url}/kpi", "json": "$.opm", **with_token},
                "normal": 2,
                "at_least": "88%",
                "every": "200ms",
            },
            "trend": {"component": "web", **asked, "normal": "last_week", "at_least": "50%", "every": "200ms"},
        },
    )
    for site in ("hk", "sg"):
        system["sites"][site]["web"] = {"http": {"url": system["sites"][site]["web"]["http"], **with_token}}
    exporter.configure({"shop": system})
    await exporter.start()
    found = await metric(exporter, 1, "dr_parity_match", system="shop", check="orders")
    assert found.value("dr_parity_difference", system="shop", check="orders") == 0
    found = await metric(exporter, 2, "dr_kpi_value", system="shop", kpi="opm")
    assert found.value("dr_kpi_normal", system="shop", kpi="opm") == 2
    assert found.value("dr_kpi_normal", system="shop", kpi="trend") is None, "nobody knows what it was a week ago"

    shop.home.database.execute("DELETE FROM orders WHERE id = 2")
    found = await metric(exporter, 0, "dr_parity_match", system="shop", check="orders")
    assert found.value("dr_parity_difference", system="shop", check="orders") == 1
    await metric(exporter, 1, "dr_kpi_value", system="shop", kpi="opm")
    told = await exporter.until_state("degraded", system="shop")
    assert told["sentence"].startswith("serves from hk, but opm is 1, below 88% of its normal 2")
    await metric(exporter, 0, "dr_site_readiness_check", system="shop", site="sg", check="parity:orders")

    shop.home.database.execute("INSERT INTO orders VALUES (2, 'rice')")
    await metric(exporter, 1, "dr_parity_match", system="shop", check="orders")
    await exporter.until_state("healthy", system="shop")
    kinds = [line.kind for line in exporter.records("parity_lost", "parity_restored", "kpi_low", "kpi_recovered")]
    assert sorted(kinds) == ["kpi_low", "kpi_recovered", "parity_lost", "parity_restored"]


async def test_a_backup_proves_what_corruption_would_cost(exporter: Exporter, shop: Shop, tmp_path: Path) -> None:
    """Dump files yield the exposure to data corruption; a restore job reports; a backup that vanishes takes its proof along."""
    dumps, token = tmp_path / "dumps", tmp_path / "token"
    dumps.mkdir()
    token.write_text(TOKEN, encoding="utf-8")
    began = time.time() - 3600
    dump = dumps / "orders.dump"
    dump.write_bytes(b"x" * 1000)
    os.utime(dump, (began, began))
    system = shop.system(
        objectives={"rpo": {"data_corruption": "24h"}},
        backups={
            "nightly": {
                "directory": {"path": str(dumps), "glob": "*.dump", "takes": "10m"},
                "site": "sg", "every": "24h", "versions": 1, "verify_every": "90d",
                "verified": {"api": True}, "check_every": "200ms",
            }
        },
    )  # fmt: skip
    exporter.configure({"shop": system}, api={"token_file": str(token)})
    await exporter.start()
    found = await metric(exporter, 1, "dr_rpo_known", system="shop", scenario="data_corruption")
    exposed = found.value("dr_rpo_seconds", system="shop", scenario="data_corruption")
    assert exposed is not None
    assert 4200 - 5 <= exposed <= 4200 + 60, (
        "it holds what was there when it began, at most ten minutes before it was done"
    )
    assert found.value("dr_backup_versions", system="shop", backup="nightly") == 1
    assert found.value("dr_backup_size_bytes", system="shop", backup="nightly") == 1000
    assert found.value("dr_backup_last_verified_timestamp_seconds", system="shop", backup="nightly") is None
    assert found.value("dr_site_readiness_check", system="shop", site="sg", check="backup:nightly") == 0

    assert (await exporter.post("/api/v1/backups/shop/nightly/verified"))[0] == 401
    assert (await exporter.post("/api/v1/backups/shop/weekly/verified", TOKEN))[0] == 404
    assert (await exporter.post("/api/v1/backups/shop/nightly/verified", TOKEN))[0] == 202
    await metric(exporter, 1, "dr_site_readiness_check", system="shop", site="sg", check="backup:nightly")
    assert len(exporter.records("restore_verified")) == 1
    await exporter.kill()
    await exporter.start()
    found = await metric(exporter, 1, "dr_site_readiness_check", system="shop", site="sg", check="backup:nightly")
    verified = found.value("dr_backup_last_verified_timestamp_seconds", system="shop", backup="nightly")
    assert verified is not None
    assert abs(verified - time.time()) < 60, "the report outlives the exporter"

    dump.unlink()
    await metric(exporter, 0, "dr_rpo_known", system="shop", scenario="data_corruption")
    told = (await exporter.system("shop"))["backups"]["nightly"]
    assert told["complaint"] == "has no usable version"
    assert told["notes"] == [f"there is no dump that counts in {dumps}"]


async def test_a_third_party_that_fails_is_an_outage(exporter: Exporter, shop: Shop) -> None:
    """What others run is looked at once, for all sites, and named as the cause."""
    async with serve(answer(message("200 OK", b"fine"))) as third:
        system = shop.system(
            dependencies={"sms": {"critical": True, "weight": 2, "http": f"http://127.0.0.1:{third.port}/"}}
        )
        exporter.configure({"shop": system})
        await exporter.start()
        await exporter.until_state("degraded", system="shop")
        assert (await exporter.metrics()).value("dr_component_up", system="shop", site="", component="sms") == 1
    told = await exporter.until_state("outage", system="shop")
    assert told["incident"]["cause"].startswith("sms: ")
    assert told["functional_ratio"] == pytest.approx(4 / 6)
    assert told["dependencies"]["sms"]["up"] is False


async def test_both_sites_serve_and_one_is_lost(exporter: Exporter, shop: Shop) -> None:
    """Active-active: the loss of a site is told once and is no outage; the entry tells how traffic is shared."""
    shop.away.database.execute("INSERT INTO grants VALUES ('probe', 'orders.read')")
    with Proxy(port_of(shop.away.url)) as line:
        system = shop.system(mode="active-active")
        system["sites"]["sg"] = {"web": {"http": f"http://127.0.0.1:{line.port}/home"}}
        exporter.configure({"shop": system})
        await exporter.start()
        await exporter.until_state("healthy", system="shop")
        found = await exporter.metrics()
        assert found.those("dr_serving_site", "site", system="shop") == {"hk", "sg"}
        assert found.value("dr_traffic_share", system="shop", site="hk") == 1
        line.cut()
        told = await exporter.until_state("degraded", system="shop")
        assert told["sentence"] == "serves from hk, but sg is lost"
        assert told["incident"] is None
        assert (await exporter.metrics()).those("dr_serving_site", "site", system="shop") == {"hk"}
        assert (await exporter.metrics()).value("dr_functional_ratio", system="shop") == 1
        line.heal()
        await exporter.until_state("healthy", system="shop")
        assert [one.kind for one in exporter.records("site_lost", "site_back")] == ["site_lost", "site_back"]

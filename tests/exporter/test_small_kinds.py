"""Names and commands of the user's own, as the running exporter sees them."""

from typing import Any

from tests.exporter.rig import Exporter, until
from tests.servers import free_port
from tests.servers.name_server import name_server

SAYS_OK = ["/bin/sh", "-c", """echo '{"ok": true, "detail": "312 orders"}'"""]


def around(port: int) -> dict[str, Any]:
    """A service behind a name, with a check of one's own at both sites."""
    sites = {"hk": ["10.1.0.0/24"], "sg": ["10.2.0.5"]}
    return {
        "home": "hk",
        "entry": {"dns": {"name": "orders.test", "servers": [f"127.0.0.1:{port}"], "sites": sites}},
        "components": {"orders": {"critical": True}},
        "sites": {site: {"orders": {"exec": {"command": SAYS_OK}}} for site in sites},
    }


async def test_a_name_that_moves_is_traffic_that_moves(exporter: Exporter) -> None:
    """When the name points to the other site, that site serves; what `check --once` prints says where it points."""
    with name_server("--host-record=orders.test,10.1.0.5") as port:
        exporter.configure({"orders": around(port)})
        await exporter.start("--allow-exec")
        await exporter.until_state("healthy")
        assert (await exporter.metrics()).those("dr_serving_site", "site") == {"hk"}
        code, out, _ = await exporter.run("check", "--once", "--allow-exec", "--config.file=dr.yml")
        assert code == 0, out
        assert "served by hk  10.1.0.5  ttl " in out
        assert out.count("312 orders") == 2
        assert exporter.records("traffic_moved") == []
    with name_server("--host-record=orders.test,10.2.0.5", port=port):

        async def moved() -> bool:
            return (await exporter.metrics()).those("dr_serving_site", "site") == {"sg"}

        await until(moved, "sg serves")
    assert await exporter.stop() == 0
    exporter.whole()


async def test_commands_have_to_be_allowed(exporter: Exporter) -> None:
    """Without the flag neither serve nor check runs anything, and both name it; a reload keeps what serve was told."""
    system = around(free_port())
    exporter.configure({"orders": system})
    for words in (("check",), ("check", "--once"), ("serve", "--web.listen-address=127.0.0.1:0")):
        code, out, said = await exporter.run(*words, "--config.file=dr.yml")
        assert (code, out) == (1, "")
        assert said.count("--allow-exec") == 2
    del system["entry"]
    token = exporter.config.with_name("token")
    token.write_text("sesame-opens\n")
    exporter.configure({"orders": system}, api={"token_file": str(token)})
    await exporter.start("--allow-exec")
    exporter.configure({"orders": system, "more": system}, api={"token_file": str(token)})
    status, _ = await exporter.post("/-/reload", "sesame-opens")
    assert status == 200
    await exporter.until_state("healthy", system="more")

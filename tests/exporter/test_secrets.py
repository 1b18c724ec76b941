"""A secret goes to the endpoint that needs it, and nowhere else."""

import base64
import json
from pathlib import Path

from tests.exporter.rig import Exporter, page, until
from tests.hostile import answer, message, reset, serve
from tests.servers import free_port

SECRET = "hunter2-Tr0ub4dor"
PATHS = ("/", "/metrics", "/config", "/sd", "/api/v1/systems", "/api/v1/incidents?blips=true", "/-/ready", "/nothing")
ENCODED = base64.b64encode(f"probe:{SECRET}".encode()).decode()


async def test_nothing_that_leaves_the_process_holds_a_secret(exporter: Exporter, tmp_path: Path) -> None:
    """Metrics, API, page, /config, /sd, log, ledger, commands and errors, with secrets planted everywhere."""
    (tmp_path / "password").write_text(SECRET + "\n")
    (tmp_path / "token").write_text(SECRET + "token\n")
    leak = f"http://127.0.0.1:{free_port()}/?token={SECRET}"
    found = message("302 Found", b"", f"Location: {leak}", f"X-Secret: {SECRET}")
    async with serve(answer(message(body=b"open"))) as shop, serve(answer(found)) as redirect, serve(reset) as cut:
        file, plain = {"file": str(tmp_path / "password")}, SECRET
        login = {"username": "probe", "password": file}
        systems = {
            "basic": page(shop.port, basic_auth=login),
            "bearer": page(shop.port, bearer=file),
            "header": page(cut.port, headers={"X-Api-Key": file, "Cookie": f"session={SECRET}"}),
            "plain": page(redirect.port, bearer=plain, redirects=1),
            "redirect": page(redirect.port, basic_auth=login),
            "userinfo": page(cut.port, url=f"http://probe:{SECRET}@127.0.0.1:{cut.port}/?password={SECRET}"),
            "body": page(cut.port, method="POST", json={"user": "probe", "password": SECRET}),
            "gone": page(free_port(), url=f"http://127.0.0.1:{free_port()}/?api_key={SECRET}", basic_auth=login),
        }
        exporter.configure(systems, api={"token_file": str(tmp_path / "token")})
        await exporter.start("--log.level=debug")
        await exporter.until_state("healthy", system="basic")

        async def failed() -> bool:
            metrics = await exporter.metrics()
            return all(metrics.those("dr_probe_failures_total", "reason", system=name) for name in list(systems)[2:])

        await until(failed, "every broken one has failed")
        shop.behaviour = reset
        await exporter.until_state("outage", system="bearer")
        said = [(await exporter.get(path))[1] for path in PATHS]
        broken = {
            "list": page(shop.port, bearer=[SECRET]),
            "scheme": page(shop.port, url=f"ftp://probe:{SECRET}@127.0.0.1/?token={SECRET}"),
            "line": page(shop.port, headers={"X-Api-Key": f"{SECRET}\nX-More: 1"}),
            "both": page(shop.port, basic_auth={"username": "probe", "password": SECRET, "password_file": "x"}),
            "empty": page(shop.port, basic_auth={"username": "probe", "pasword": SECRET}),
        }
        exporter.configure(systems | broken, api={"token_file": str(tmp_path / "token")})
        said.append(json.dumps(await exporter.post("/-/reload", f"{SECRET}token")))
        assert "systems.scheme.sites.hk.web" in said[-1]
        said.append(json.dumps(await exporter.post("/-/reload", SECRET)))
        said += [(await exporter.get(path))[1] for path in PATHS]
        said += (await exporter.run("check", "--config.file=dr.yml"))[1:]
        exporter.configure(systems, api={"token_file": str(tmp_path / "token")})
        assert (await exporter.post("/-/reload", f"{SECRET}token"))[0] == 200
        for command in (("check",), ("check", "--once"), ("ledger", "list"), ("ledger", "export")):
            _, out, error = await exporter.run(*command, "--config.file=dr.yml")
            said += [out, error]
        assert await exporter.stop() == 0
    said.append(exporter.log.read_text(encoding="utf-8"))
    assert not [text for text in said if SECRET in text or ENCODED in text]
    evidence = exporter.ledger.read_bytes()
    assert SECRET.encode() not in evidence
    assert ENCODED.encode() not in evidence

"""A secret in every place of a configuration that can hold one, and every way out of the process that there is."""

import asyncio
import contextlib
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import bcrypt
import pytest

from exporter.cli import main
from tests.exporter.rig import Exporter, page, until
from tests.hostile import GARBAGE, answer, message, reset, serve

MARK = "Tr0ub4dor"
"""In every secret, so that one search finds them all."""
PIN = 90_217_364_518
"""A secret that is a number."""
GIVEN = f"{MARK}-given-by-the-server"
"""One that no configuration holds: a login of a flow answers it."""
LOGIN = f"{MARK}-to-read"
API = f"{MARK}-api"
PATHS = (
    "/", "/metrics", "/config", "/sd", "/drills", "/systems/flow", "/api/v1/systems", "/api/v1/systems/flow",
    "/api/v1/systems/flow/checklist", "/api/v1/incidents?blips=true", "/api/v1/history", "/api/v1/contacts",
    "/api/v1/ledger/head", "/api/v1/drills", "/-/ready", "/-/healthy", "/nothing", "/incidents/x", "/runbooks/DrOutage",
)  # fmt: skip


REPORTS = [["report", "--year", "2026", "--format", form] for form in ("html", "json", "csv", "markdown")]


class Planted:
    """Secrets as a configuration writes them: plain, in files, and in the environment's name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, name: str) -> dict[str, str]:
        path = self.folder / name
        path.write_text(f"{MARK}-{name}\n")
        return {"file": str(path)}

    def plain(self, name: str) -> str:
        return f"{MARK}-{name}"


def of(component: str, kind: str, **settings: Any) -> dict[str, Any]:
    """A system of one endpoint."""
    parts = {component: {"critical": True}}
    return {"home": "hk", "components": parts, "sites": {"hk": {component: {kind: settings}}}}


def systems(secret: Planted, garbage: int, echo: int, cut: int) -> dict[str, Any]:
    """One for each place. `garbage`, `echo` and `cut`: ports of servers that answer nonsense, what they were told, nothing."""
    login = {"username": "probe", "password": secret.file("basic")}
    at = f"127.0.0.1:{garbage}"
    step = f"http://127.0.0.1:{echo}"
    first = {
        "post": f"{step}/login?key={secret.plain('query')}", "json": {"pin": PIN, "card": {"pin": secret.file("pin")}},
        "headers": {"X-Api-Key": secret.file("header")}, "save": {"token": "$.token"},
    }  # fmt: skip
    second = {"get": f"{step}/orders/{{token}}", "bearer": "{token}", "expect": {"json": {"$.id": "{token}"}}}
    said = ["sh", "-c", 'echo "$TOKEN" >&2; echo "{\\"ok\\": false, \\"detail\\": \\"token=$TOKEN\\"}"']
    dump = ["sh", "-c", 'echo "$RESTIC_PASSWORD"; echo "$RESTIC_PASSWORD" >&2; exit 3']
    return {
        "postgres": of("db", "postgres", dsn=f"postgresql://probe@127.0.0.1:{cut}/app", password=secret.file("postgres")),
        "postgres_plain": of("db", "postgres", dsn=f"postgresql://probe:{secret.plain('dsn')}@127.0.0.1:{cut}/app"),
        "mysql": of("db", "mysql", dsn=f"mysql://probe:{secret.plain('mysql')}@{at}/"),
        "redis": of("db", "redis", url=f"redis://probe:{secret.plain('redis')}@{at}/0"),
        "sentinel": of("db", "redis", sentinels=[at], master_name="m", sentinel_password=secret.file("sentinel"), password=secret.file("behind")),
        "grpc": of("api", "grpc", address=at, bearer=secret.file("grpc"), metadata={"X-Api-Key": secret.file("metadata")}),
        "flow": of("login", "flow", steps=[first, second]),
        "exec": of("job", "exec", command=said, env={"TOKEN": secret.file("exec")}),
        "exec_arguments": of("job", "exec", command=["sh", "-c", "exit 1", f"--password={secret.plain('argument')}"]),
        "basic": page(echo, basic_auth=login),
        "echoed": page(echo, headers={"X-Api-Key": secret.file("echoed"), "Cookie": f"s={secret.plain('cookie')}"}, expect={"body_regex": "^never"}),
        "userinfo": page(cut, url=f"http://probe:{secret.plain('userinfo')}@127.0.0.1:{cut}/?token={secret.plain('token')}"),
        "body": page(cut, method="POST", json={"password": secret.plain("body"), "pin": PIN}),
        "canary": page(cut, canary={"put": f"http://u:{secret.plain('put')}@{at}/", "get": f"http://u:{secret.plain('get')}@{at}/"}, role="$.role"),
        "backups": page(echo) | {
            "backups": {
                "bucket": {"s3": {"endpoint": f"http://{at}", "bucket": "dumps", "access_key": "AKIA", "takes": "1h", "secret_key": secret.file("s3")}, "site": "hk", "every": "24h", "check_every": "1s"},
                "snapshots": {"restic": {"command": dump, "env": {"RESTIC_PASSWORD": secret.file("restic")}}, "site": "hk", "every": "24h", "check_every": "1s"},
                "told": {"json": {"url": f"http://u:{secret.plain('url')}@127.0.0.1:{echo}/", "point": "$.point"}, "site": "hk", "every": "24h", "check_every": "1s"},
            },
            "kpis": {"opm": {"http": {"url": f"http://127.0.0.1:{echo}/", "json": "$.opm", "bearer": secret.file("kpi")}, "normal": 1200}},
            "dependencies": {"sms": {"http": {"url": f"http://127.0.0.1:{echo}/?api_key={secret.plain('dependency')}"}}},
        },
    }  # fmt: skip


async def echoing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers a token, and everything that it was told, in body and headers."""
    asked = (await reader.read(65536)).decode("latin-1")
    told = {"token": GIVEN, "id": 7, "asked": asked, "opm": 5, "point": f"no time but {MARK}"}
    writer.write(message("200 OK", json.dumps(told).encode(), f"X-Secret: {MARK}-back"))
    await writer.drain()


@asynccontextmanager
async def started(exporter: Exporter, tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    """The exporter with all of it; what must not be found anywhere is in its files from here on."""
    secret = Planted(tmp_path)
    hashed = bcrypt.hashpw(LOGIN.encode(), bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yml").write_text(f"basic_auth_users: {{oncall: {hashed}}}\n")
    async with serve(answer(GARBAGE)) as garbage, serve(echoing) as echo, serve(reset) as cut:
        robot = {"url": f"http://127.0.0.1:{cut.port}/?access_token={MARK}", "secret": secret.file("sign")}
        more = {"api": {"token_file": secret.file("api")["file"]}, "hooks": {"dingtalk": {"robots": [robot]}}}
        written = systems(secret, garbage.port, echo.port, cut.port)
        exporter.configure(written, **more)
        options = ["--allow-exec", "--log.level=debug", "--log.format=json"]
        exporter.login = {"Authorization": f"Basic {b64encode(f'oncall:{LOGIN}'.encode()).decode()}"}
        await exporter.start(*options, f"--web.config.file={tmp_path / 'web.yml'}")
        yield written | {"": more}


async def test_no_way_out(exporter: Exporter, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything fails and some succeeds; then the metrics, pages, API, stream, log, ledger, reports, bundle and commands are read."""
    async with started(exporter, tmp_path) as written:
        more = written.pop("")

        async def failed() -> bool:
            metrics = await exporter.metrics()
            quiet = {"basic", "backups"}
            return all(
                metrics.those("dr_probe_failures_total", "reason", system=name) for name in written.keys() - quiet
            )

        await until(failed, "each that can fail has failed")
        said = [(await exporter.get(path))[1] for path in PATHS]
        said += [await stream(exporter), await changed(exporter), *(await refused(exporter))]
        broken = {**written, "wrong": of("db", "mysql", dsn=f"mysq://u:{MARK}@h/", password=[MARK], pin=PIN)}
        exporter.configure(broken, **more)
        said += [json.dumps(await exporter.post("/-/reload", API)), (await exporter.get("/metrics"))[1]]
        said += map(str, await exporter.run("check", "--config.file=dr.yml", "--allow-exec"))
        exporter.configure(written, **more)
        once = asyncio.create_task(exporter.run("check", "--once", "--config.file=dr.yml", "--allow-exec"))
        for command in (
            ["ledger", "list"],
            ["ledger", "export"],
            *REPORTS,
            [*REPORTS[0], "--bundle", str(tmp_path / "bundle")],
        ):
            said += await asyncio.to_thread(printed, capsys, [*command, "--ledger", str(exporter.ledger)])
        said += map(str, await once)
        said.append(contents(Path("/proc"), f"{exporter.pid}/cmdline"))
        assert await exporter.stop() == 0
    said.append(exporter.log.read_text(encoding="utf-8"))
    assert not [text for text in said if "Traceback" in text]
    said += [contents(tmp_path / "bundle", "**/*"), contents(tmp_path, "ledger.db*")]
    assert [found for text in said for found in leaks(text)] == []


def contents(folder: Path, which: str) -> str:
    """Of all files that are called so."""
    return "".join(path.read_bytes().decode("latin-1") for path in folder.glob(which) if path.is_file())


def leaks(text: str) -> list[str]:
    """Every secret in it, as it is or in base64, with what stands around it."""
    spots = [f"{MARK}|{PIN}", *(re.escape(coded(offset)) for offset in range(3))]
    return [text[max(0, at.start() - 60) : at.end() + 40] for at in re.finditer("|".join(spots), text)]


def coded(offset: int) -> str:
    """What base64 makes of the mark, wherever it stands."""
    return b64encode(b"x" * offset + MARK.encode())[4 if offset else 0 : -4].decode()


def printed(capsys: pytest.CaptureFixture[str], command: list[str]) -> list[str]:
    """What a command prints that only reads the ledger."""
    with contextlib.suppress(SystemExit):
        main(command)
    return list(capsys.readouterr())


async def stream(exporter: Exporter) -> str:
    """The first events."""
    deadline = aiohttp.ClientTimeout(total=20)
    async with (
        aiohttp.ClientSession(headers=exporter.login, timeout=deadline) as session,
        session.get(f"{exporter.url}/api/v1/stream") as answer,
    ):
        told = b""
        while told.count(b"event: ") < 3:
            told += await answer.content.readany()
    return told.decode()


async def changed(exporter: Exporter) -> str:
    """A drill that is started and stopped, and what is told of it."""
    order = {"system": "basic", "scenario": "site_loss", "operator": "ops", "reason": "test", "expires_in": 600}
    status, begun = await exporter.post("/api/v1/drills", API, order)
    assert status == 201, begun
    return json.dumps(begun)


async def refused(exporter: Exporter) -> list[str]:
    """Wrong tokens, and right ones with wrong wishes: nothing of them comes back."""
    wrong = await exporter.post("/-/reload", f"{MARK}-wrong")
    unknown = await exporter.post("/api/v1/drills", API, {"token": f"{MARK}", "system": f"{MARK}"})
    notified = await exporter.post(
        "/hooks/dingtalk", API, {"alerts": [{"labels": {"alertname": "X"}, "status": "firing"}]}
    )
    return [json.dumps(each) for each in (wrong, unknown, notified)]

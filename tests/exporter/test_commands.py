"""What the commands print, and the codes that they leave with."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exporter import __version__
from exporter.demo.pair import HOME
from tests.exporter.rig import Exporter, Sites, page
from tests.hostile import answer, message, serve
from tests.servers import free_port

COMMANDS = ("serve", "check", "demo", "init", "build", "ledger", "drill")


async def test_version_and_usage(exporter: Exporter) -> None:
    """--version prints the version; wrong usage leaves with 2 and names the right words; help with 0."""
    assert await exporter.run("--version") == (0, __version__ + "\n", "")
    code, out, _ = await exporter.run("--help")
    assert code == 0
    assert all(command in out for command in COMMANDS)
    wrong = ((), ("serv",), ("serve",), ("check", "--config.file"), ("ledger",), ("ledger", "verify"), ("build", "x"))
    for code, out, said in await asyncio.gather(*(exporter.run(*words) for words in wrong)):
        assert (code, out) == (2, "")
        assert "usage: rto-rpo-exporter" in said
        assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "--config.file=none.yml"), "none.yml"),
        (("serve", "--config.file=none.yml"), "none.yml"),
        (("serve", "--config.file=dr.yml", "--web.listen-address=9720"), "127.0.0.1:9720"),
        (("ledger", "verify", "--ledger=none.db"), "none.db"),
        (("ledger", "list", "--ledger=dr.yml"), "dr.yml"),
        (("ledger", "verify", "--ledger=none.db", "--head=x"), "42:"),
        (("build", "reference", "--out=nowhere", "--check"), "stale"),
        (("init", "--out=dr.yml"), "is there already"),
    ],
)
async def test_what_cannot_be_done(exporter: Exporter, arguments: tuple[str, ...], words: str) -> None:
    """Code 1 and one sentence that says what and where; no traceback."""
    exporter.configure({"shop": page(free_port())})
    code, out, said = await exporter.run(*arguments)
    assert (code, out) == (1, "")
    assert words in said
    assert "Traceback" not in said


async def test_check(exporter: Exporter) -> None:
    """A good file is called good; of a bad one every error is told at its place, with code 1."""
    exporter.configure({"shop": page(free_port()), "stall": page(free_port())})
    code, out, said = await exporter.run("check", "--config.file=dr.yml")
    assert (code, out) == (0, "")
    assert said.endswith("dr.yml is good: 2 systems, 2 endpoints\n")
    text = exporter.config.read_text().replace("critical:", "critcal:").replace("interval: 200ms", "interval: soon", 1)
    exporter.config.write_text(text)
    code, out, said = await exporter.run("check", "--config.file=dr.yml")
    assert (code, out) == (1, "")
    lines = said.splitlines()
    assert sum("did you mean" in line or "critical" in line for line in lines) >= 2
    assert sum("soon" in line for line in lines) == 1
    assert all(line.startswith("dr.yml:") for line in lines if not line.startswith("warning"))


async def test_check_once(exporter: Exporter, sites: Sites) -> None:
    """Every endpoint is looked at once; what was found is a table, and a failure is code 1. Nothing is written."""
    exporter.configure({"orders": sites.system()})
    code, out, _ = await exporter.run("check", "--config.file=dr.yml", "--once")
    rows = {tuple(line.split()[:5]): line for line in out.splitlines()}
    assert code == 0
    assert "role primary" in rows["orders", "hk", "database", "http", "ok"]
    assert "role standby" in rows["orders", "sg", "database", "http", "ok"]
    assert await sites.markers("test") == []
    assert not exporter.ledger.exists()
    await sites.kill()
    code, out, _ = await exporter.run("check", "--config.file=dr.yml", "--once")
    assert code == 1
    assert "refused: " in next(line for line in out.splitlines() if f" {HOME} " in line)


async def test_check_once_asks_and_inspects(exporter: Exporter, tmp_path: Path) -> None:
    """Backups, parity and figures are asked once too, each in a row of its own; one that fails is code 1."""
    dump = tmp_path / "dumps" / "orders.dump"
    dump.parent.mkdir()
    dump.write_bytes(b"x")
    os.utime(dump, (time.time() - 3600,) * 2)
    async with serve(answer(message(body=b'{"opm": 7}'))) as shop:
        system = page(shop.port)
        system["kpis"] = {"opm": {"component": "web", "path": "/kpi", "json": "$.opm", "normal": 7}}
        system["backups"] = {"nightly": {"directory": {"path": str(dump.parent), "glob": "*.dump", "takes": "1h"}}}
        exporter.configure({"shop": system})
        code, out, said = await exporter.run("check", "--config.file=dr.yml", "--once")
        rows = {tuple(line.split()[:5]): line for line in out.splitlines()}
        assert code == 0, said
        assert rows["shop", "hk", "opm", "kpi", "ok"].endswith("answers 7")
        assert "recovery point 20" in rows["shop", "-", "nightly", "backup", "ok"]
        dump.parent.rename(tmp_path / "elsewhere")
        code, out, _ = await exporter.run("check", "--config.file=dr.yml", "--once")
    assert code == 1
    assert sum(" ok " in line for line in out.splitlines()) == 2


def test_a_reader_that_has_gone_is_no_error() -> None:
    """As with `| head`: code 0, and not a word about a broken pipe."""
    command = [sys.executable, "-m", "exporter", "init", "--out=-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as told:
        assert told.stdout is not None
        assert told.stderr is not None
        told.stdout.close()
        assert (told.stderr.read(), told.wait(timeout=60)) == (b"", 0)


async def test_init(exporter: Exporter) -> None:
    """What init writes is a configuration that check understands; it never overwrites."""
    code, _, _ = await exporter.run("init", "--template=http", "--out=new.yml")
    assert code == 0
    _, _, said = await exporter.run("check", "--config.file=new.yml")
    assert "Traceback" not in said
    code, out, _ = await exporter.run("init", "--template=http", "--out=-")
    assert (code, out) == (0, (exporter.config.parent / "new.yml").read_text())


async def test_build_reference(exporter: Exporter) -> None:
    """The reference is written, found fresh, and found stale once it was touched."""
    path = exporter.config.parent / "docs" / "metrics.md"
    assert (await exporter.run("build", "reference", "--out=docs"))[0] == 0
    assert "| `dr_rpo_seconds` |" in path.read_text()
    assert (await exporter.run("build", "reference", "--out=docs", "--check")) == (0, "", "")
    path.write_text(path.read_text() + "\n")
    code, _, said = await exporter.run("build", "reference", "--out=docs", "--check")
    assert code == 1
    assert f"{path.name} is stale; run the same without --check" in said


async def test_ledger(exporter: Exporter, tmp_path: Path) -> None:
    """verify, list and export read the ledger of a running exporter; an edited copy is found out."""
    async with serve(answer(message(body=b"open"))) as shop:
        exporter.configure({"shop": page(shop.port)})
        await exporter.start()
        await exporter.until_state("healthy", system="shop")
        code, out, _ = await exporter.run("ledger", "verify", "--config.file=dr.yml")
        head = out.split("head ")[1].strip()
        assert code == 0
        assert json.loads((await exporter.get("/api/v1/ledger/head"))[1])["hash"] == head.partition(":")[2]
        assert (await exporter.run("ledger", "verify", "--ledger=ledger.db", f"--head={head}"))[0] == 0
        code, out, _ = await exporter.run("ledger", "list", "--ledger=ledger.db", "--system=shop", "--last=1")
        assert code == 0
        assert out.count("\n") == 1
        assert "serves from hk" in out
        code, exported, _ = await exporter.run("ledger", "export", "--ledger=ledger.db")
        assert code == 0
        assert [json.loads(line)["n"] for line in exported.splitlines()] == list(
            range(1, int(head.partition(":")[0]) + 1)
        )
        assert await exporter.stop() == 0
    forged = tmp_path / "forged.db"
    forged.write_bytes(exporter.ledger.read_bytes().replace(b"serves from hk", b"serves from sg"))
    code, out, _ = await exporter.run("ledger", "verify", f"--ledger={forged}")
    assert code == 1
    assert "was altered: its content does not match its hash" in out
    code, out, _ = await exporter.run("ledger", "verify", "--ledger=ledger.db", f"--head=99:{head.partition(':')[2]}")
    assert code == 1
    assert "the tail was cut" in out

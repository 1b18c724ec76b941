"""A restore job that reports its success: who may, of which backups, and what it is told."""

import json
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest

from exporter.web.guard import Guard
from exporter.web.server import make_app
from tests.web.fakes import Stage, running
from tests.web.test_server import DEADLINE, ask
from tests.web.test_webconfig import HASH, PASSWORD, basic

PATH = "/api/v1/backups/orders/nightly/verified"
BEARER = {"Authorization": "Bearer s3cret"}


async def test_a_verified_restore_is_taken_down() -> None:
    """202, and the exporter is told the system and the backup, once for each report."""
    stage = Stage(backups={("orders", "nightly"), ("记录 1", "a b%2F..")})
    status, _, body = await ask(stage, PATH, "POST", BEARER)
    assert (status, json.loads(body)) == (202, {"system": "orders", "backup": "nightly"})
    strange = f"/api/v1/backups/{quote('记录 1')}/{quote('a b%2F..', safe='')}/verified"
    status, _, body = await ask(stage, strange, "POST", BEARER)
    assert (status, json.loads(body)) == (202, {"system": "记录 1", "backup": "a b%2F.."})
    assert stage.verified == [("orders", "nightly"), ("记录 1", "a b%2F..")]


@pytest.mark.parametrize(
    ("token", "authorization", "status"),
    [
        (None, "Bearer s3cret", 403),
        ("", "Bearer ", 403),
        ("s3cret", None, 401),
        ("s3cret", "Bearer wrong", 401),
        ("s3cret", "Basic s3cret", 401),
    ],
)
async def test_only_the_token_allows_a_report(token: str | None, authorization: str | None, status: int) -> None:
    """Whoever has it not is not even told which backups there are."""
    stage = Stage(token=token)
    headers = {"Authorization": authorization} if authorization else None
    told = [await ask(stage, PATH.replace("nightly", name), "POST", headers) for name in ("nightly", "unknown")]
    assert [got for got, _, _ in told] == [status] * 2
    assert told[0][2] == told[1][2]
    assert stage.verified == []
    assert "s3cret" not in told[0][2]


@pytest.mark.parametrize("path", ["orders/weekly", "nobody/nightly", "nightly/orders"])
async def test_a_backup_that_is_not_watched(path: str) -> None:
    """404 and a sentence, whether the system or the backup is unknown."""
    stage = Stage()
    status, _, body = await ask(stage, f"/api/v1/backups/{path}/verified", "POST", BEARER)
    sentence = "no backup of this name is watched; name a system and a backup of the configuration"
    assert (status, json.loads(body), stage.verified) == (404, {"error": sentence}, [])


async def test_a_login_for_reading_is_no_leave_to_report(tmp_path: Path) -> None:
    """Where reading needs a login, the report needs its token all the same, and nothing else."""
    web = tmp_path / "web.yml"
    web.write_text(f"basic_auth_users: {{reader: {HASH}}}\n", encoding="utf-8")
    stage = Stage()
    async with running(make_app(stage.backend(), Guard(web))) as runner:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
        async with aiohttp.ClientSession(timeout=DEADLINE) as session:
            async with session.post(url, headers={"Authorization": basic("reader", PASSWORD)}) as refused:
                assert refused.status == 401
            async with session.post(url, headers=BEARER) as taken:
                assert taken.status == 202
    assert stage.verified == [("orders", "nightly")]

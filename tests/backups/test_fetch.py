"""Backups that are told over HTTP: by good servers, and by bad ones."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from exporter.backups import SOURCES
from exporter.backups.failure import BackupFailure
from exporter.core.model import Reason
from tests import hostile
from tests.backups.inspecting import RECORDED_AT, failure, inspect, inspector
from tests.hostile import Behaviour, answer, message, serve
from tests.servers import free_port
from tests.servers.certificates import Certificates

GOOD = message("200 OK", json.dumps({"t": RECORDED_AT}).encode())


async def failed(behaviour: Behaviour) -> BackupFailure:
    """Of an inspection by a server that behaves so."""
    async with serve(behaviour) as server:
        return await failure("json", url=f"http://user:hunter2@127.0.0.1:{server.port}/x?token=hunter2", point="$.t")


async def test_a_good_answer() -> None:
    """A JSON answer tells what a file would, and the request carries the token."""
    asked: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(GOOD)

    async with serve(behave) as server:
        facts = await inspect("json", url=f"http://127.0.0.1:{server.port}/x?a=b", bearer={"plain": "tok"}, point="$.t")
    assert facts.point == RECORDED_AT
    assert asked[0].startswith(b"GET /x?a=b HTTP/1.1\r\n")
    assert b"Authorization: Bearer tok\r\n" in asked[0]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (answer(message("302 Found", b"", "Location: http://127.0.0.1:9/")), Reason.REDIRECT),
        (answer(message("401 Unauthorized")), Reason.AUTH),
        (answer(message("403 Forbidden")), Reason.PERMISSION),
        (answer(message("500 No")), Reason.STATUS),
        (answer(message("204 No Content")), Reason.STATUS),
        (answer(message("200 OK", b"<html>")), Reason.PROTOCOL),
        (answer(message("200 OK", gzip.compress(b"{}", mtime=0), "Content-Encoding: gzip")), Reason.PROTOCOL),
        (answer(hostile.GARBAGE), Reason.PROTOCOL),
        (answer(b""), Reason.RESET),
        (hostile.reset, Reason.RESET),
        (hostile.dies_after(GOOD[:-3]), Reason.RESET),
        (hostile.ENDLESS_BODY, Reason.TOO_LARGE),
        (hostile.ENDLESS_HEADERS, Reason.PROTOCOL),
        (hostile.GZIP_BOMB, Reason.PROTOCOL),
    ],
)
async def test_bad_answers(behaviour: Behaviour, reason: Reason) -> None:
    """Each has its reason, and no failure repeats what stands in the address."""
    found = await failed(behaviour)
    assert found.reason is reason, found
    assert "hunter2" not in str(found)


async def test_nobody_listens() -> None:
    """A refusal names the place without its query."""
    port = free_port()
    found = await failure("json", url=f"http://127.0.0.1:{port}/x?key=hunter2", point="$.t")
    assert (found.reason, found.detail) == (Reason.REFUSED, f"http://127.0.0.1:{port}/x: Connection refused")


async def test_a_name_that_is_not_there() -> None:
    """A name that cannot be resolved is told as such."""
    assert (await failure("json", url="http://nowhere.invalid/x", point="$.t")).reason is Reason.DNS


async def test_a_hang_ends_with_the_deadline() -> None:
    """Who asks may give up at any time."""
    async with serve(hostile.hang) as server:
        asking = asyncio.create_task(inspect("json", url=f"http://127.0.0.1:{server.port}/", point="$.t"))
        await server.visited.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_tls(certificates: Certificates) -> None:
    """The certificate is checked against the given authority."""
    async with serve(answer(GOOD), certificates.server("good")) as server:
        url = f"https://127.0.0.1:{server.port}/"
        assert (await inspect("json", url=url, ca_file=certificates.authority, point="$.t")).point == RECORDED_AT
        assert (await failure("json", url=url, point="$.t")).reason is Reason.TLS
        assert (await failure("json", url=url, ca_file="/nowhere.pem", point="$.t")).reason is Reason.TLS
    async with serve(answer(GOOD), certificates.server("expired")) as server:
        url = f"https://127.0.0.1:{server.port}/"
        assert "expired" in (await failure("json", url=url, ca_file=certificates.authority, point="$.t")).detail


@pytest.mark.parametrize("url", ["ftp://x/", "backup.example.com", "http://", "http://x:99999/", "http://[x/"])
def test_what_is_no_address(url: str) -> None:
    """The sentence shows what would be right."""
    with pytest.raises(ValidationError, match="not an address of the web"):
        SOURCES["json"].settings.model_validate({"url": url, "point": "$.t"})


async def test_a_token_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing or broken token is our own trouble."""
    asking = inspector("json", url="http://127.0.0.1:9/", bearer={"file": str(tmp_path / "gone")}, point="$.t")
    with pytest.raises(BackupFailure, match=r"internal: cannot read the secret file"):
        await asking.inspect()
    (tmp_path / "two").write_text("one\ntwo")
    asking = inspector("json", url="http://127.0.0.1:9/", bearer={"file": str(tmp_path / "two")}, point="$.t")
    with pytest.raises(BackupFailure, match=r"no header can carry"):
        await asking.inspect()

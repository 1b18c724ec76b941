"""Canary markers over HTTP."""

import asyncio
import json

import pytest

from exporter.core.model import Reason
from exporter.probes.kind import Failure
from tests.hostile import answer, hang, message, serve
from tests.probes.looking import look, probe
from tests.servers import free_port


class _Store:
    """A service that keeps canary markers as CanaryUrls says."""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.refusal = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _, body = (await reader.read(65536)).partition(b"\r\n\r\n")
        if head.startswith(b"PUT"):
            marker = json.loads(body)
            assert marker["vantage"] == "test"
            self.seqs.append(marker["seq"])
            writer.write(self.refusal or message("201 Created"))
        elif b"/markers?" in head:
            after = int(head.split(b"after=")[1].split(b"&")[0])
            assert b"vantage=test" in head
            writer.write(message("200 OK", json.dumps({"seqs": [s for s in self.seqs if s > after]}).encode()))
        else:
            writer.write(message("200 OK", b"{}"))


async def test_canary_markers() -> None:
    """Markers are written, and read in the same look as the main answer, above the number that was asked for."""
    async with serve(store := _Store()) as server:
        base = f"http://127.0.0.1:{server.port}"
        canary = {"put": f"{base}/markers", "get": f"{base}/markers"}
        looking = probe("http", url=f"{base}/", canary=canary)
        for seq in (3, 1, 2):
            await looking.write_marker(seq, 1e9, fresh=True)
        assert (await look(looking)).facts.markers is None
        assert (await look(looking, markers_after=1)).facts.markers == (2, 3)
        for status, reason in (
            ("403 Forbidden", Reason.PERMISSION),
            ("401 Unauthorized", Reason.AUTH),
            ("423 Locked", Reason.READ_ONLY),
            ("500 Broken", Reason.STATUS),
        ):
            store.refusal = message(status)
            with pytest.raises(Failure) as failed:
                await looking.write_marker(9, 1e9, fresh=True)
            assert failed.value.reason is reason
        store.refusal = message("503 Sorry", b'{"error": "read_only"}')
        with pytest.raises(Failure) as failed:
            await looking.write_marker(9, 1e9, fresh=True)
        assert failed.value.reason is Reason.READ_ONLY


async def test_what_no_marker_can_be_called_is_passed_over() -> None:
    """A number that no ledger could hold, and what is no number."""
    store = _Store()
    store.seqs = [10**24, 2**63, 2**63 - 1, 3, -1]
    async with serve(store) as server:
        base = f"http://127.0.0.1:{server.port}"
        looking = probe("http", url=f"{base}/", canary={"put": f"{base}/markers", "get": f"{base}/markers"})
        assert (await look(looking, markers_after=0)).facts.markers == (3, 2**63 - 1)


async def test_markers_that_cannot_be_read_do_not_fail_the_look() -> None:
    """A broken marker store proves nothing; the service that answers as it should is not down."""
    async with serve(answer(message("200 OK", b'{"seqs": "?"}'))) as server:
        base = f"http://127.0.0.1:{server.port}"
        gone = f"http://127.0.0.1:{free_port()}/"
        for get in (base, gone):
            sample = await look(probe("http", url=base, canary={"put": base, "get": get}), markers_after=0)
            assert sample.ok
            assert sample.facts.markers is None


async def test_markers_that_hang_do_not_fail_the_look() -> None:
    """A marker store that does not answer has a share of the look's time, in haste of the little that there is."""
    async with serve(answer(message("200 OK"))) as server, serve(hang) as store:
        base, get = f"http://127.0.0.1:{server.port}", f"http://127.0.0.1:{store.port}"
        sample = await look(probe("http", url=base, canary={"put": base, "get": get}), timeout=0.5, markers_after=0)
        assert sample.ok, sample.detail
        assert sample.facts.markers is None
        assert sample.ended - sample.started < 0.45
        assert store.visited.is_set()

"""What a server may answer, and what it may not: framing, limits, encodings."""

import asyncio
import gzip
import tracemalloc

import pytest

from exporter.core.model import Reason
from tests import hostile
from tests.hostile import Behaviour, answer, message, serve
from tests.probes.looking import look, probe, seen

LIMIT = 100_000


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (message("200 OK", b"ok"), None),
        (message("204 No Content", length=False), None),
        (message("200 OK", b"until the end", length=False), None),
        (message("200 OK", b"old", length=False).replace(b"1.1", b"1.0"), None),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + message("200 OK", b"ok"), None),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3 + message("200 OK", b"ok"), None),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 2000 OK\r\n\r\n", Reason.PROTOCOL),
        (b"HTTP/2 200 OK\r\n\r\n", Reason.PROTOCOL),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nFolded: a\r\n b\r\n\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", Reason.RESET),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", Reason.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Reason.PROTOCOL),
        (b"", Reason.RESET),
        (message("401 Unauthorized"), Reason.AUTH),
        (message("403 Forbidden"), Reason.PERMISSION),
        (message("404 Not Found"), Reason.STATUS),
        (message("302 Found", b"", "Location: http://secret@x/?token=secret"), Reason.REDIRECT),
        (message("200 OK", b"\x1f\x8bbroken", "Content-Encoding: gzip"), Reason.PROTOCOL),
        (message("200 OK", gzip.compress(b"x" * 99, mtime=0)[:20], "Content-Encoding: gzip"), Reason.PROTOCOL),
        (message("200 OK", b"?", "Content-Encoding: br"), Reason.PROTOCOL),
        (message("200 OK", gzip.compress(b"small", mtime=0), "Content-Encoding: gzip"), None),
    ],
)
async def test_answers(data: bytes, reason: Reason | None) -> None:
    """Every form of answer, strict or sloppy, has exactly one meaning."""
    sample = await seen(answer(data), max_body=LIMIT)
    assert sample.reason is reason, sample.detail
    assert "secret" not in sample.detail


async def test_an_unavailable_service_is_a_status_with_its_number() -> None:
    """503 keeps its number and says when to come back."""
    sample = await seen(answer(message("503 Service Unavailable", b"", "Retry-After: 7")))
    assert (sample.reason, sample.detail) == (Reason.STATUS, "answers 503 (Retry-After: 7); expected: 2xx")


@pytest.mark.parametrize(
    "behaviour",
    [
        hostile.ENDLESS_BODY,
        hostile.ENDLESS_CHUNKS,
        hostile.ENDLESS_HEADERS,
        hostile.MEGABYTE_HEADER,
        hostile.GZIP_BOMB,
    ],
    ids=["body", "chunks", "headers", "header", "bomb"],
)
async def test_what_is_too_large_is_cut_off_with_bounded_memory(behaviour: Behaviour) -> None:
    """However much a server says, a look keeps no more than max_body and 64 KiB (and two reads of the loop)."""
    async with serve(behaviour) as server:
        looking = probe("http", url=f"http://127.0.0.1:{server.port}/", max_body=LIMIT)
        await look(looking)
        tracemalloc.start()
        try:
            sample = await look(looking)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert sample.reason is Reason.TOO_LARGE
    assert peak < 3_000_000, "the server's own buffers in this process are counted too"


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
async def test_chunks_in_pieces(step: int) -> None:
    """A chunked answer is read alike wherever the network cuts it."""
    data = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5;ext=1\r\nhello\r\n1\r\n,\r\n0006\r\n world\r\n0\r\nTrailer: x\r\n\r\n"
    )

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        for at in range(0, len(data), step):
            writer.write(data[at : at + step])
            await writer.drain()
            await asyncio.sleep(0)
        await asyncio.Event().wait()

    assert (await seen(behave, expect={"body_regex": "^hello, world$"})).ok


@pytest.mark.parametrize(
    "body",
    [b"x\r\nhello\r\n0\r\n\r\n", b"5\r\nhello!\r\n0\r\n\r\n", b"-1\r\n\r\n", b"\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n"],
)
async def test_broken_chunks(body: bytes) -> None:
    """Chunks that contradict themselves are a broken protocol, not a short body."""
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    assert (await seen(answer(data))).reason is Reason.PROTOCOL

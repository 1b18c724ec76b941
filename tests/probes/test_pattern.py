"""Regular expressions on answers that were made to be hard."""

import asyncio

import pytest

from exporter.core.model import Reason
from exporter.probes.pattern import AT_ONCE, Pattern
from tests.hostile import answer, serve
from tests.probes.looking import look, probe

HARD = "(x+x+)+y"
"""With backtracking the time doubles with each x of a text without y."""


async def test_a_hard_body_is_no_match() -> None:
    """A body that would take Python's own expressions longer than the universe has lasted is judged like any other."""
    body = b"x" * 100_000
    data = b"HTTP/1.1 200 OK\r\nX-Odd: %b\r\nContent-Length: %d\r\n\r\n%b" % (body[:1000], len(body), body)
    async with serve(answer(data)) as server:
        for expect in ({"body_regex": HARD}, {"header": {"X-Odd": HARD}}):
            sample = await look(probe("http", url=f"http://127.0.0.1:{server.port}/", expect=expect))
            assert sample.reason is Reason.ASSERTION, sample.detail


async def test_a_hard_greeting_is_no_match() -> None:
    """The same for what `tcp` expects."""
    async with serve(answer(b"x" * 4096)) as server:
        sample = await look(probe("tcp", address=f"127.0.0.1:{server.port}", send="hi", expect=HARD))
    assert sample.reason is Reason.ASSERTION, sample.detail


async def test_a_long_text_delays_nobody() -> None:
    """What is longer than a few KiB is searched beside the event loop, which goes on meanwhile."""
    search = asyncio.create_task(Pattern("[ab].{50}[cd].{50}y").found(b"abcd" * 100 * AT_ONCE))
    turns = 0
    while not search.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 2
    assert not await search


async def test_a_cancelled_search_is_left_behind() -> None:
    """Nobody waits for the thread of a look whose time is over."""
    search = asyncio.create_task(Pattern(".{50}[cd].{50}y").found(b"abcd" * 100 * AT_ONCE))
    await asyncio.sleep(0)
    search.cancel()
    with pytest.raises(asyncio.CancelledError):
        await search


@pytest.mark.parametrize(
    ("text", "why"), [("(?=a)b", "(?="), (r"(a)\1", r"\1"), ("(", "missing )"), (".{999}", "large")]
)
def test_what_re2_cannot_do_is_refused(text: str, why: str) -> None:
    """Look-around, back-references and monsters are errors of the configuration."""
    with pytest.raises(ValueError, match="regular expression") as error:
        Pattern(text)
    assert why in str(error.value)


async def test_bytes_that_are_no_text() -> None:
    """Bytes that are not UTF-8 are seen as U+FFFD."""
    async with serve(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\xffb")) as server:
        url = f"http://127.0.0.1:{server.port}/"
        assert (await look(probe("http", url=url, expect={"body_regex": "^a.b$"}))).ok
        assert (await look(probe("http", url=url, expect={"body_regex": "a\ufffdb"}))).ok


@pytest.mark.parametrize("before", [0, 100_000])
async def test_the_first_group_is_what_is_told(before: int) -> None:
    """The first group, the whole match of an expression without one, None where nothing is found or the group is empty-handed."""
    text = b" " * before + b"role=master since=7"
    assert await Pattern(r"role=(\w+) since=(\d)", captures=True).first_group(text) == b"master"
    assert await Pattern(r"role=\w+", captures=True).first_group(text) == b"role=master"
    assert await Pattern(r"role=(?:(slave)|master)", captures=True).first_group(text) is None
    assert await Pattern(r"rank=(\w+)", captures=True).first_group(text) is None


@pytest.mark.parametrize("captures", [False, True])
def test_a_plain_text_means_itself(captures: bool) -> None:
    """An expression without special characters is found as it stands, in text and in bytes."""
    for text in ('well é, "ok": 1', 'well é, "ok": 1'.encode()):
        pattern = Pattern(text, captures=captures)
        assert pattern.found_at_once('all is well é, "ok": 1!'.encode())
        assert not pattern.found_at_once('all is WELL é, "ok": 1!'.encode())

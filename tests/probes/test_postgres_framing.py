"""The guard before asyncpg: what it lets through, and what it does not."""

import asyncio
from itertools import pairwise
from typing import Any

import asyncpg.protocol
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import postgres_framing
from exporter.postgres_framing import MESSAGE_MOST, UNASKED_MOST, FramingError, Guarded
from exporter.probes.kind import Context
from exporter.probes.postgres import PostgresSettings
from exporter.probes.postgres_probe import PostgresProbe
from tests.hostile import serve


def message(length: int, kind: bytes = b"D") -> bytes:
    """One that says that it is so long, and is, as far as that can be."""
    return kind + length.to_bytes(4, signed=True) + bytes(max(0, length - 4))


def guarded() -> Any:
    """Without a connection: only the lengths are read."""
    return Guarded.__new__(Guarded)


@given(st.lists(st.integers(4, 40), max_size=6), st.lists(st.integers(0, 200), max_size=8))
def test_wherever_they_are_cut(lengths: list[int], cuts: list[int]) -> None:
    """Whole messages pass, in whatever pieces they come, and the first that is none does not."""
    for last in (b"", message(3), message(0), message(-1), message(MESSAGE_MOST + 1)[:9]):
        whole = b"".join(map(message, lengths)) + last
        places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
        guard = guarded()
        try:
            for begin, end in pairwise(places):
                guard._follow(whole[begin:end])
        except FramingError:
            assert last
        else:
            assert not last


def test_it_is_in_its_place() -> None:
    """Whatever version of asyncpg is installed makes its connections of the guarded class."""
    postgres_framing.install()
    assert asyncpg.protocol.Protocol is Guarded
    with pytest.raises(FramingError, match="a message of 3 bytes"):
        guarded()._follow(message(3))


def test_only_so_much_may_come() -> None:
    """However it is cut; whoever asks again has all of it again."""
    guard = guarded()
    for _ in range(2):
        guard.left = 100
        for _ in range(10):
            guard._follow(message(9))
    with pytest.raises(FramingError, match="more than anybody"):
        guard._follow(message(9)[:1])


@pytest.mark.parametrize(("size", "ends"), [(UNASKED_MOST // 2, False), (UNASKED_MOST * 2, True)])
async def test_an_idle_connection_is_no_place_for_speeches(size: int, ends: bool) -> None:
    """A server that is not asked may tell of changed settings; from one that goes on and on we hang up."""

    def setting(name: bytes, value: bytes) -> bytes:
        return b"S" + (len(name + value) + 6).to_bytes(4) + name + b"\0" + value + b"\0"

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"R\0\0\0\x08\0\0\0\0" + setting(b"server_version", b"15.0") + b"K\0\0\0\x0c" + bytes(8))
        writer.write(b"Z\0\0\0\x05I")
        await asyncio.sleep(0.1)
        for number in range(size // 1024):
            writer.write(setting(b"s%d" % number, bytes(1000).replace(b"\0", b"x")))
        await reader.read()

    async with serve(talk) as server:
        settings = PostgresSettings(dsn=f"postgresql://u@127.0.0.1:{server.port}/d?sslmode=disable")
        probe = PostgresProbe(settings.address, None, Context("here"))
        holding = asyncio.create_task(probe.hold(lambda at: None))
        done, _ = await asyncio.wait([holding], timeout=5 if ends else 0.5)
        assert bool(done) is ends
        holding.cancel()
        await probe.close()

"""The guard before asyncpg: what it lets through, and what it does not."""

from itertools import pairwise
from typing import Any

import asyncpg.protocol
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import postgres_framing
from exporter.postgres_framing import MESSAGE_MOST, FramingError, Guarded


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

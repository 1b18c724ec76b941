"""What can become of bytes on their way: flipped, cut, doubled, moved, and lengths that promise the moon."""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from hypothesis import strategies as st

Turns = list[bytes]
"""What a server said, one piece for each time that it was asked."""

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF)
"""Lengths and counts at which integers turn over."""
MEANING = (
    b"\r\n",
    b"\0",
    b":",
    b"-1",
    b"$",
    b"*",
    b"0",
    b"9" * 40,
    b"\xff" * 9,
    b"\xc3\x28",
    b"[" * 2000,
    b'{"":' * 500,
)
"""Pieces that mean something in one protocol or the other."""


SEEDS = st.integers(0, 2**64 - 1)
"""What was made up is told by its seed: inputs of this size are nothing for Hypothesis to make smaller."""


def damaged(whole: bytes, dice: Random) -> bytes:
    """The same bytes with one thing done to them."""
    at = dice.randint(0, len(whole))
    end = min(len(whole), at + dice.randint(0, 24))
    width = dice.choice((1, 2, 4, 8))
    number = dice.choice(EXTREMES) % (1 << 8 * width)
    done: Sequence[Callable[[], bytes]] = (
        lambda: whole[:at] + dice.randbytes(1) + whole[at + 1 :],
        lambda: whole[:at] + number.to_bytes(width) + whole[at + width :],
        lambda: whole[:at] + number.to_bytes(width, "little") + whole[at + width :],
        lambda: whole[:at],
        lambda: whole[:at] + whole[end:],
        lambda: whole[:end] + whole[at:],
        lambda: whole[:at] + dice.randbytes(dice.randint(0, 12)) + whole[at:],
        lambda: whole[:at] + dice.choice(MEANING) + whole[end:],
        lambda: whole[end:] + whole[:at],
    )
    return dice.choice(done)()


def several(whole: bytes) -> st.SearchStrategy[bytes]:
    """One to four things done to the same bytes."""
    return SEEDS.map(lambda seed: damaged_often(whole, Random(seed)))


def damaged_often(whole: bytes, dice: Random) -> bytes:
    """One to four things done to the same bytes."""
    for _ in range(dice.randint(1, 4)):
        whole = damaged(whole, dice)
    return whole


def damaged_turns(turns: Turns) -> st.SearchStrategy[Turns]:
    """A conversation in which answers were damaged, left out, repeated, exchanged or run together."""
    return SEEDS.map(lambda seed: _damaged_turns(turns, Random(seed)))


def _damaged_turns(turns: Turns, dice: Random) -> Turns:
    result = list(turns)
    for _ in range(dice.randint(1, 3)):
        at, other = dice.randrange(len(result)), dice.randrange(len(result))
        what = dice.choice(("bytes", "bytes", "bytes", "bytes", "out", "twice", "exchanged", "joined"))
        if what == "bytes":
            result[at] = damaged_often(result[at], dice)
        elif what == "out" and len(result) > 1:
            del result[at]
        elif what == "twice":
            result.insert(at, result[at])
        elif what == "exchanged":
            result[at], result[other] = result[other], result[at]
        elif what == "joined" and at + 1 < len(result):
            result[at : at + 2] = [result[at] + result[at + 1]]
    return result


def pieces(whole: bytes, cuts: Sequence[float]) -> list[bytes]:
    """The same bytes cut at these shares of their length."""
    places = sorted({int(cut * len(whole)) for cut in cuts} - {0, len(whole)})
    return [whole[a:b] for a, b in zip([0, *places], [*places, len(whole)], strict=True)]


cuts = st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=5)


NAMES = (
    "hk",
    "sg",
    "database",
    "primary",
    "outage",
    "healthy",
    "refused",
    "failover",
    "0/3000060",
    "a-b-1",
    "",
    "\0",
    "x" * 99,
)
VALUES: tuple[Callable[[Random], Any], ...] = (
    lambda dice: None,
    lambda dice: dice.random() < 0.5,
    lambda dice: dice.choice((0.0, -1.5, 1e300, -1e300, 1e999, float("nan"), dice.uniform(-1e6, 1e6))),
    lambda dice: dice.choice(EXTREMES) * dice.choice((1, -1, 10**30)),
    lambda dice: dice.choice(NAMES),
    lambda dice: [],
    lambda dice: {},
    lambda dice: dice.choices(NAMES, k=2),
    lambda dice: [["hk", "database"], {}],
)


def places(value: Any) -> list[tuple[Any, ...]]:
    """Every place of a document but the whole."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, deeper in inner for place in ((key,), *((key, *rest) for rest in places(deeper)))]


def altered(text: str, seed: int) -> Any:
    """A JSON document with values replaced, removed, or taken from beside them; the same for the same seed."""
    dice = Random(seed)
    document = json.loads(text)
    for _ in range(dice.randint(1, 3)):
        if not (there := places(document)):
            break
        *way, last = dice.choice(there)
        at = document
        for key in way:
            at = at[key]
        what = dice.choice(("value", "value", "gone", "other"))
        if what == "gone":
            del at[last]
        else:
            beside = at[dice.choice(list(at) if isinstance(at, dict) else range(len(at)))]
            at[last] = json.loads(json.dumps(beside)) if what == "other" else dice.choice(VALUES)(dice)
    return document

"""The hash chain: pure, so that anybody can recompute it without this exporter.

A record's *body* is one line of ASCII JSON: the keys sorted, no spaces, everything beyond ASCII as `\\uXXXX`, floats in
their shortest form that reads back as the same number (Python's `repr`), no NaN and no infinity. It holds `boot`,
`data`, `kind`, `mono`, `n`, `prev`, `sentence`, `system`, `vantage` and `wall`. The hash is the SHA-256 of these
bytes in lower-case hexadecimal; `prev` is the hash of the record before it, 64 zeros for the first.

An exported line is the body with `,"hash":"..."` put in before its last brace, so that no JSON library is needed to
check it: `sed 's/,"hash":"[0-9a-f]*"}$/}/'`, and SHA-256 of what remains without the newline.

Whoever can write the file can rewrite the whole chain from some record on, or cut its tail. Neither can be seen from
inside; comparing with a number and a hash that were noted elsewhere (`Head`) shows both.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from exporter.core.snapshot import Head

GENESIS = Head(0, "0" * 64)
"""What the first record follows."""


class Link(NamedTuple):
    """One record as it is stored. Its fields are the columns of the table `records`, in this order."""

    n: int
    """1, 2, 3..., without holes."""
    vantage: str
    boot: str
    """Identifies the boot of the machine to which `mono` belongs."""
    mono: float
    """When it happened: seconds of the monotonic clock."""
    wall: float
    """When it happened: Unix seconds."""
    kind: str
    system: str
    sentence: str
    data: str
    """A JSON value in the form of `compact`."""
    prev: str
    hash: str


class Finding(NamedTuple):
    """One thing that is wrong with the chain, and the number of the record at which it shows."""

    n: int
    sentence: str


def compact(value: object) -> str:
    """JSON in the one form that is hashed. Raises TypeError or ValueError for what `plain` would have replaced."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def plain(value: object) -> Any:
    """The nearest value that JSON can hold: a number that is none becomes null, a stranger its text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def body(link: Link) -> str:
    """What is hashed. Raises TypeError or ValueError if a column holds what was never written there."""
    fields = link._asdict()
    del fields["hash"]
    fields["data"] = json.loads(link.data)
    if compact(fields["data"]) != link.data:
        raise ValueError("the data is not in canonical form")
    return compact(fields)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def seal(link: Link, head: Head) -> Link:
    """The link as the one that follows `head`: numbered and hashed."""
    placed = link._replace(n=head.number + 1, prev=head.hash, hash="")
    return placed._replace(hash=digest(body(placed)))


def seal_all(links: Iterable[Link], head: Head) -> list[Link]:
    """The links, each as the one that follows the one before it."""
    sealed: list[Link] = []
    for link in links:
        sealed.append(seal(link, head))
        head = Head(sealed[-1].n, sealed[-1].hash)
    return sealed


def exported(link: Link) -> str:
    """One line of an export, without the newline. Raises TypeError or ValueError as `body` does."""
    return f'{body(link)[:-1]},"hash":{json.dumps(link.hash)}}}'


def faults(links: Iterable[Link], head: Head = GENESIS) -> Iterator[Finding]:
    """What is wrong with the links that should follow `head`, in the order in which they are stored.

    Each link is judged against the one before it as it stands, so one deed gives one or two findings, not a landslide.
    """
    for link in links:
        if type(link.n) is not int:
            yield Finding(head.number + 1, f"the record after {head.number} has no number but {link.n!r}")
            head = Head(head.number, link.hash)
            continue
        if link.n > head.number + 1:
            yield Finding(head.number + 1, _missing(head.number + 1, link.n - 1))
        elif link.n <= head.number:
            yield Finding(link.n, f"record {link.n} stands behind record {head.number}: it was repeated or moved")
        elif link.prev != head.hash:
            yield Finding(link.n, f"record {link.n} does not follow record {head.number}: one of them was replaced")
        if not _intact(link):
            yield Finding(link.n, f"record {link.n} was altered: its content does not match its hash")
        head = Head(link.n, link.hash)


def _missing(first: int, last: int) -> str:
    return f"record {first} is missing" if first == last else f"records {first} to {last} are missing"


def _intact(link: Link) -> bool:
    try:
        return digest(body(link)) == link.hash
    except (TypeError, ValueError, RecursionError):
        return False

"""How often a client may be wrong about who it is: so that nobody guesses a password, or keeps the machine busy with guesses.

Each address has a bucket of BURST mistakes, which refills by one every EACH seconds. While it is empty nothing that comes from
there is looked at: it is answered 429, right or wrong, or guessing would go on. The exception is a login that was right before
from this very address: who shares an address with Prometheus must not be able to blind it.
"""

import hashlib
import hmac
import logging
import math
import os
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from time import monotonic
from typing import NamedTuple

from aiohttp import hdrs, web

from exporter.web.answers import problem

log = logging.getLogger(__name__)

BURST = 10
"""Mistakes in a row that are answered like the first one: more than a person makes who looks for the right password."""
EACH = 6.0
"""Seconds until another one is allowed."""
ADDRESSES_MOST = 4096
"""Addresses whose mistakes are remembered; beyond it those that have been quiet for longest are forgotten."""
RIGHT_MOST = 1024
"""Right logins that are remembered, each with the address from which it came."""
TELL_EVERY = 60.0
"""Seconds between two lines of the log about it."""
NETWORK = 64
"""Bits of an IPv6 address that count: whoever has one has all that begin so."""


class _Bucket(NamedTuple):
    left: float
    at: float


class Attempts:
    """Of one server, for every kind of login. `clock`: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._salt = os.urandom(32)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._right: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._told = float("-inf")

    def begin(self, address: str | None, login: str) -> float:
        """Seconds until this login may be tried; 0.0: it may now, and counts as a mistake until `right` says that it is none."""
        source = _source(address)
        if (source, self._digest(login)) in self._right:
            return 0.0
        left = self._left(source)
        if left < 1:
            self._tell(source)
            return (1 - left) * EACH
        self._put(source, left - 1)
        return 0.0

    def right(self, address: str | None, login: str) -> None:
        """What was begun was right, and no mistake. The others stay: whoever has one login must not get guesses at another."""
        source = _source(address)
        known = (source, self._digest(login))
        if known not in self._right:
            self._put(source, min(BURST, self._left(source) + 1))
        self._right[known] = None
        self._right.move_to_end(known)
        if len(self._right) > RIGHT_MOST:
            self._right.popitem(last=False)

    def _left(self, source: str) -> float:
        bucket = self._buckets.get(source)
        return BURST if bucket is None else min(BURST, bucket.left + (self._clock() - bucket.at) / EACH)

    def _put(self, source: str, left: float) -> None:
        self._buckets[source] = _Bucket(left, self._clock())
        self._buckets.move_to_end(source)
        if len(self._buckets) > ADDRESSES_MOST:
            self._buckets.popitem(last=False)

    def _digest(self, login: str) -> bytes:
        """So that no password lies about in memory."""
        return hmac.digest(self._salt, login.encode("utf-8", "surrogateescape"), hashlib.sha256)

    def _tell(self, source: str) -> None:
        now = self._clock()
        if now > self._told + TELL_EVERY:
            self._told = now
            log.warning("too many wrong logins from %s: for a while they are not looked at any more", source)


ATTEMPTS = web.AppKey("attempts", Attempts)


def slow_down(wait: float, status: int = 429) -> web.Response:
    """The answer while a bucket is empty. `wait`: seconds."""
    seconds = max(1, math.ceil(wait))
    sentence = f"too many wrong logins came from this address; try again in {seconds} s"
    return problem(status, sentence, {hdrs.RETRY_AFTER: str(seconds)})


def _source(address: str | None) -> str:
    """Whose mistakes are counted together."""
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or ""
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return f"{IPv6Address(int(found) >> (128 - NETWORK) << (128 - NETWORK))}/{NETWORK}"
    return str(found)

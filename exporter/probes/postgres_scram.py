"""The one costly step of a login to PostgreSQL: bounded, and done once instead of at each fresh look.

With SCRAM the client hashes its password several thousand times, as often as the server says. The result depends on nothing
but the password and the salt that the server keeps for the role, so that it is the same at the next login, and at the
role's standby: 1.3 ms of the 2.4 ms that a fresh look took. And asyncpg does it on the event loop, where a server that asks
for 2^31 rounds would stop the looks at every system for eleven minutes.

asyncpg offers no place for this, but asks its module's name `hashlib`, which is replaced for asyncpg alone. A version that
asks something else is as right, only slower; `test_postgres_login.py` would tell.
"""

import functools
import hashlib
from typing import Any

import asyncpg.protocol.protocol

from exporter.core.model import Reason
from exporter.probes.kind import Failure

ROUNDS_LIMIT = 1_000_000
"""A third of a second. PostgreSQL's default is 4,096; the most that is advised anywhere is 600,000."""
REMEMBERED = 4096
"""Logins whose result is kept in memory, the latest ones."""


@functools.lru_cache(REMEMBERED)
def salted(digest: str, password: bytes, salt: bytes, rounds: int) -> bytes:
    """The SaltedPassword of RFC 5802. Raises Failure when the server demands too many rounds."""
    if rounds > ROUNDS_LIMIT:
        raise Failure(Reason.AUTH, f"the server demands {rounds} rounds of SCRAM; at most {ROUNDS_LIMIT} are done")
    return hashlib.pbkdf2_hmac(digest, password, salt, rounds)


class _Hashlib:
    """hashlib, but for that one function."""

    pbkdf2_hmac = staticmethod(salted)

    def __getattr__(self, name: str) -> Any:
        return getattr(hashlib, name)


_HASHLIB = _Hashlib()


def install() -> None:
    """From now on asyncpg logs in by `salted`."""
    vars(asyncpg.protocol.protocol)["hashlib"] = _HASHLIB

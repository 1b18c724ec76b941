"""What is asked of a Redis server in one look, and what its answers mean. Works with Redis 5 and later.

All of a look is one round trip, in this order: a standby's position is read before its markers, so that a position never
covers a marker that was merely read too early.

- `PING` is answered only by a server that works: while it loads its data, INFO is answered already.
- The replication id is the epoch, on both sides: a replica shows that of its master, and a promoted one draws a new one.
  A Sentinel's config epoch would add nothing.
- The replication offset of a replica is what it has applied, and what it keeps when it is promoted: nothing is received
  without being applied. It grows by itself (pings every 10 s), which only makes the recovery point older.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from exporter.core.model import Facts, Follower, Reason, Role
from exporter.core.position import counted
from exporter.probes.kind import Failure
from exporter.probes.redis_errors import failure_of
from exporter.probes.redis_resp import Command, ErrorReply, Reply

LOOK: tuple[Command, ...] = (("INFO", "server"), ("INFO", "replication"), ("PING",))
NO_HISTORY = "0" * 40
"""`master_replid2` of a server that was never promoted, or whose replication id does not come from a promotion."""

FOLLOWERS_MOST = 1000
"""Replicas of one primary that are told; what is more than that is a strange answer, and not the time of the event loop."""
_FOLLOWER = re.compile(r"slave\d+")


class Primary(NamedTuple):
    """What tells two looks at a primary whether it went on undisturbed between them."""

    run: str
    """Drawn anew by each start of the process."""
    epoch: str
    promoted: bool
    """The epoch came by a promotion, and continues another server's."""


def facts_of(replies: Sequence[Reply]) -> tuple[Facts, Primary | None]:
    """The answers to LOOK, and what tells one life of a primary from another. Raises Failure when the server does not work, or is none."""
    server, replication, ping = replies
    about, told = _info(server), _info(replication)
    if about.get("redis_mode") == "sentinel":
        raise Failure(Reason.ASSERTION, "this is a Sentinel, not a Redis server; write sentinels: and master_name:")
    read_only = isinstance(ping, ErrorReply) and ping.word == "MISCONF"  # it says so to a PING of a primary too
    if isinstance(ping, ErrorReply) and not read_only:
        raise failure_of(ping)
    try:
        if told["role"] == "master":
            promoted = told.get("master_replid2", NO_HISTORY) != NO_HISTORY
            known = Primary(about["run_id"], told["master_replid"], promoted)
            return _primary(told, not read_only), known
        return _standby(told), None
    except (KeyError, ValueError):
        raise Failure(Reason.PROTOCOL, "the answer to INFO lacks what every Redis tells") from None


def continued(before: Primary | None, now: Primary) -> str | None:
    """The earlier epoch that the present one goes on from with neither a promotion nor a loss; None: there is none.

    A primary draws a new replication id also when its first replica attaches, and when it has had none for
    `repl-backlog-ttl` (an hour): the same process, with the same data and a growing offset, goes on under another name.
    """
    if before is None or before.run != now.run or before.epoch == now.epoch or now.promoted:
        return None
    return before.epoch


def _primary(told: Mapping[str, str], writable: bool) -> Facts:
    return Facts(
        role=Role.PRIMARY,
        writable=writable,
        epoch=told["master_replid"],
        position=counted(int(told["master_repl_offset"])),
        followers=_followers(told),
    )


def _standby(told: Mapping[str, str]) -> Facts:
    """A replica that takes writes of its own (`replica-read-only no`) is a standby all the same: what is written there is lost."""
    offset = counted(int(told["slave_repl_offset"]))
    return Facts(
        role=Role.STANDBY,
        writable=False,
        epoch=told["master_replid"],
        position=offset,
        applied=offset,
        connected=told["master_link_status"] == "up",
    )


def _followers(told: Mapping[str, str]) -> tuple[Follower, ...]:
    """The lines slave0, slave1…; how many `connected_slaves` announces is not asked: it is only a word, and may be any number."""
    lines = (value for name, value in told.items() if _FOLLOWER.fullmatch(name))
    found = []
    for line in islice(lines, FOLLOWERS_MOST):
        part = dict(item.partition("=")[::2] for item in line.split(","))
        found.append(
            Follower(f"{part.get('ip', '')}:{part.get('port', '')}", part.get("state") == "online", sync=False)
        )
    return tuple(found)


def _info(reply: Reply) -> dict[str, str]:
    """The lines `name:value` of an answer to INFO."""
    if isinstance(reply, ErrorReply):
        raise failure_of(reply)
    if not isinstance(reply, bytes):
        raise Failure(Reason.PROTOCOL, "not an answer of Redis")
    lines = reply.decode("utf-8", "replace").split("\r\n")
    return {name: value for name, colon, value in (line.partition(":") for line in lines) if colon}

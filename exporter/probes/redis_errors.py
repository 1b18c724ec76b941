"""What Redis says when it refuses, as one reason of the closed list."""

from collections.abc import Sequence

from exporter.core.model import Reason
from exporter.probes.attempt import DETAIL_LIMIT
from exporter.probes.kind import Failure
from exporter.probes.redis_resp import Command, ErrorReply, Reply

_BY_WORD = {
    "NOAUTH": Reason.AUTH,
    "WRONGPASS": Reason.AUTH,
    "NOPERM": Reason.PERMISSION,
    "DENIED": Reason.PERMISSION,  # protected mode
    "READONLY": Reason.READ_ONLY,
    "NOREPLICAS": Reason.READ_ONLY,  # min-replicas-to-write is not met
    "MISCONF": Reason.READ_ONLY,  # it cannot save to disk, and so takes no writes
    "OOM": Reason.READ_ONLY,  # maxmemory is reached, and nothing may be evicted
    "LOADING": Reason.UNAVAILABLE,
    "BUSY": Reason.UNAVAILABLE,  # a script runs, and nobody else does
    "MASTERDOWN": Reason.UNAVAILABLE,
    "CLUSTERDOWN": Reason.UNAVAILABLE,
    "TRYAGAIN": Reason.UNAVAILABLE,
    "MOVED": Reason.REDIRECT,
    "ASK": Reason.REDIRECT,
}
_TOO_MANY = "ERR max number of clients"


def failure_of(reply: ErrorReply) -> Failure:
    """The reason behind an error, with the server's own sentence."""
    reason = Reason.UNAVAILABLE if reply.text.startswith(_TOO_MANY) else _BY_WORD.get(reply.word, Reason.ERROR_CODE)
    return Failure(reason, " ".join(reply.text.split())[:DETAIL_LIMIT])


def judge_login(commands: Sequence[Command], replies: Sequence[Reply]) -> None:
    """Raises Failure when one of the commands was refused with which a connection begins. What is said of a
    wrong login is not repeated: a server that does not know the command quotes its arguments, and one of them is the password."""
    for command, reply in zip(commands, replies, strict=True):
        if not isinstance(reply, ErrorReply):
            continue
        failure = failure_of(reply)
        if command[0] != "AUTH":
            raise Failure(Reason.ASSERTION, f"database {command[1]} cannot be used: {failure.detail}"[:DETAIL_LIMIT])
        if failure.reason in (Reason.UNAVAILABLE, Reason.PERMISSION):
            raise failure
        raise Failure(Reason.AUTH, "the server refuses the login; check username and password")

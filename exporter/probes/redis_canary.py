"""Canary markers in a Redis stream: entry `<seq>-0` with the field `sent_at`, under `rto_rpo:canary:<vantage>`.

The number is the entry's id, so that those above a number are one range, and a marker can be there only once.
"""

from typing import Any

from exporter.core.model import Reason
from exporter.core.numbers import possible
from exporter.probes.kind import Context, Failure, Taken
from exporter.probes.redis_errors import failure_of
from exporter.probes.redis_link import Connection
from exporter.probes.redis_resp import Command, ErrorReply, Reply
from exporter.probes.wire import Stopwatch

KEEP_FOR = 900.0
"""Seconds for which markers stay in the stream."""
NOTE_EVERY = 60
"""Each 60th marker is noted with its time, so that later it is known which are old."""
MOST = 100_000
"""Markers that are kept at most, and read in one look: 15 minutes of the fastest canary."""
_TOP_IS_ABOVE = "equal or smaller than the target stream top item"


class Canary:
    """The stream of one vantage at one server."""

    def __init__(self, context: Context) -> None:
        # As keys are written in Redis: the table rto_rpo.canary is rto_rpo:canary here.
        self._key = f"{context.canary_table.replace('.', ':')}:{context.vantage}"
        self._noted: list[tuple[float, int]] = []
        """(sent_at, seq): the newest that is old, and all that are not; ascending."""

    def read_above(self, after: int) -> Command:
        """The oldest ones above `after`, so that a cut never looks like a hole."""
        return ("XRANGE", self._key, f"({after}" if after > 0 else "-", "+", "COUNT", MOST)

    async def write(self, connection: Connection, watch: Stopwatch, seq: int, sent_at: float) -> None:
        """Returns when the marker is acknowledged. Raises Taken, Failure or OSError."""
        add: Command = ("XADD", self._key, "MAXLEN", "~", self._kept(seq, sent_at), f"{seq}-0", "sent_at", sent_at)
        (reply,) = await connection.ask(watch, add)
        if isinstance(reply, ErrorReply) and _TOP_IS_ABOVE in reply.text:
            # A stream's ids only grow: this one is there, or one of ours has overtaken it on its way. What is there stays: an
            # earlier run may have had it acknowledged, and it would be missed at the other site.
            raise Taken(seq)
        if isinstance(reply, ErrorReply):
            raise failure_of(reply)

    def _kept(self, seq: int, sent_at: float) -> int:
        """How many markers the stream has to keep for none to go before its time; by our own stamps, which one clock makes."""
        if seq % NOTE_EVERY == 0:
            self._noted.append((sent_at, seq))
        while len(self._noted) > 1 and self._noted[1][0] < sent_at - KEEP_FOR:
            del self._noted[0]
        if not self._noted or self._noted[0][0] >= sent_at - KEEP_FOR:
            return MOST
        return max(1, min(MOST, seq - self._noted[0][1]))


def markers_of(reply: Reply) -> tuple[int, ...] | None:
    """The numbers in a stream's entries, of which Redis takes more than markers can have; None where they may not be read: a site without a canary is still worth a look."""
    if isinstance(reply, ErrorReply):
        return None
    entries: Any = reply
    try:
        return possible(int(entry[0].partition(b"-")[0]) for entry in entries)
    except (TypeError, ValueError, IndexError, AttributeError):
        raise Failure(Reason.PROTOCOL, "the canary's stream is not one of Redis") from None

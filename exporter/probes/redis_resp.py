"""Redis's wire format, RESP2: commands to bytes, and bytes to replies, with a bound on all that is read.

Ours rather than the client library's: that one buffers whatever length a server announces, and a look over it costs several
times as much.
"""

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from exporter.core.model import Reason
from exporter.probes.kind import Failure

ANSWER_LIMIT = 8 << 20
"""Bytes of all replies to one question: 100,000 markers are three quarters of it."""
LINE_LIMIT = 16384
"""Bytes of a line: a status, an error, a number or a length."""
SMALLEST = 4
"""Bytes of the shortest reply."""
DEPTH_LIMIT = 8
"""Arrays within arrays. A stream's entries need three."""
_KINDS = b"+-:$*"


class ErrorReply(NamedTuple):
    """The server refused one command."""

    text: str

    @property
    def word(self) -> str:
        """The first word, which programs are meant to read: READONLY, LOADING, NOAUTH, ERR…"""
        return self.text.partition(" ")[0]


Reply: TypeAlias = "bytes | int | ErrorReply | list[Reply] | None"
Command: TypeAlias = tuple[str | int | float, ...]


def packed(commands: Iterable[Command]) -> bytes:
    """Commands as they are sent, one behind the other."""
    pieces = []
    for command in commands:
        pieces.append(b"*%d\r\n" % len(command))
        for part in command:
            data = str(part).encode()
            pieces.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(pieces)


class ReplyReader:
    """Collects the replies to one question. Memory is bounded by ANSWER_LIMIT, and no byte is looked at twice for long."""

    def __init__(self, wanted: int) -> None:
        self.replies: list[Reply] = []
        self._wanted = wanted
        self._buffer = bytearray()
        self._at = 0
        self._heard = 0
        self._open: list[tuple[list[Reply], int]] = []
        """Arrays that are not complete yet, outermost first, with their lengths."""

    def feed(self, data: bytes) -> bool:
        """Some more bytes; True once all replies are there. Raises Failure(protocol) or Failure(too_large)."""
        self._heard += len(data)
        if self._heard > ANSWER_LIMIT:
            raise Failure(Reason.TOO_LARGE, f"the answer is larger than {ANSWER_LIMIT >> 20} MiB")
        del self._buffer[: self._at]
        self._at = 0
        self._buffer += data
        while len(self.replies) < self._wanted and self._step():
            pass
        complete = len(self.replies) == self._wanted
        if complete and self._at < len(self._buffer):
            raise Failure(Reason.PROTOCOL, "the server answered more than it was asked")
        return complete

    def _step(self) -> bool:
        """Read one line, with the bytes that it announces; False when more has to arrive."""
        buffer, at = self._buffer, self._at
        if at == len(buffer):
            return False
        kind = buffer[at]
        if kind not in _KINDS:
            raise Failure(Reason.PROTOCOL, "not an answer of Redis")
        end = buffer.find(b"\r\n", at, at + LINE_LIMIT)
        if end < 0:
            if len(buffer) - at >= LINE_LIMIT:
                raise Failure(Reason.TOO_LARGE, f"a line of the answer is longer than {LINE_LIMIT >> 10} KiB")
            return False
        line = bytes(buffer[at + 1 : end])
        if kind == ord("$"):
            return self._bulk(_number(line), end + 2)
        self._at = end + 2
        if kind == ord("*"):
            self._array(_number(line))
        elif kind == ord(":"):
            self._add(_number(line))
        else:
            self._add(line if kind == ord("+") else ErrorReply(line.decode("utf-8", "replace")))
        return True

    def _bulk(self, length: int, start: int) -> bool:
        if length < 0:
            self._at = start
            self._add(None)
            return True
        if length > ANSWER_LIMIT:
            raise Failure(Reason.TOO_LARGE, f"the answer is larger than {ANSWER_LIMIT >> 20} MiB")
        end = start + length
        if len(self._buffer) < end + 2:
            return False
        if self._buffer[end : end + 2] != b"\r\n":
            raise Failure(Reason.PROTOCOL, "not an answer of Redis")
        self._at = end + 2
        self._add(bytes(self._buffer[start:end]))
        return True

    def _array(self, length: int) -> None:
        if length <= 0:
            self._add(None if length < 0 else [])
        elif length * SMALLEST > ANSWER_LIMIT:  # told at once: to read a million small replies takes seconds
            raise Failure(Reason.TOO_LARGE, f"the answer is larger than {ANSWER_LIMIT >> 20} MiB")
        elif len(self._open) == DEPTH_LIMIT:
            raise Failure(Reason.PROTOCOL, f"the answer is nested deeper than {DEPTH_LIMIT} times")
        else:
            self._open.append(([], length))

    def _add(self, reply: Reply) -> None:
        while self._open:
            array, length = self._open[-1]
            array.append(reply)
            if len(array) < length:
                return
            self._open.pop()
            reply = array
        self.replies.append(reply)


def _number(line: bytes) -> int:
    # int() would take spaces and underscores too, and spend seconds on a number of thousands of digits.
    if len(line) > 20 or not line.removeprefix(b"-").isdigit():
        raise Failure(Reason.PROTOCOL, "not an answer of Redis")
    return int(line)

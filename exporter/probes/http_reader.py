"""Reads one HTTP/1.x answer, strictly and within limits.

A parser of our own rather than aiohttp's, which is private to that library, wants its stream reader and flow control
around it, and is no faster for the small answers of a health page.
"""

import re
import zlib
from functools import lru_cache

from exporter.core.model import Reason
from exporter.probes.http_message import Answer
from exporter.probes.kind import Failure

HEAD_LIMIT = 65536
"""Bytes of all that is not body: status lines, headers, trailers, and the framing of chunks."""

USUAL_LINE = 200
"""Bytes of a header line that is worth remembering."""

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9]\d\d)(?: [^\r\n]*)?")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?")
_BODILESS = frozenset({204, 304})


class Reader:
    """Takes an answer piece by piece and keeps at most `max_body` + HEAD_LIMIT bytes.

    Strict where leniency could mistake garbage for an answer: Failure(protocol) says what is wrong, Failure(too_large)
    that a limit was passed, Failure(reset) that the connection ended too early.
    """

    def __init__(self, method: str, max_body: int) -> None:
        self._bodiless = method == "HEAD"
        self._max_body = max_body
        self._head = b""
        self._passed = 0
        """Bytes of the 1xx answers before."""
        self._status = 0
        self._headers: dict[bytes, bytes] = {}
        self._body = bytearray()
        self._missing: int | None = None
        """Bytes of the body that have yet to come; None: until the connection ends."""
        self._chunks: _Chunks | None = None
        self._complete = False

    def feed(self, data: bytes) -> bool:
        """True once the answer is complete."""
        if not self._status:
            rest = self._read_head(data)
            if rest is None:
                return False
            data = rest
        if not self._complete:
            self._complete = self._chunks.feed(data) if self._chunks is not None else self._read_body(data)
        return self._complete

    def end(self) -> None:
        """The connection has ended: good only for an answer that tells neither its length nor its chunks."""
        if not self._complete and (not self._status or self._chunks is not None or self._missing is not None):
            raise Failure(Reason.RESET, "the connection was ended before the answer was complete")

    def answer(self) -> Answer:
        """The complete answer. A compressed body is expanded within the limit, though none was asked for."""
        encoding = self._headers.get(b"content-encoding", b"identity").lower()
        body = bytes(self._body)
        if body and encoding in (b"gzip", b"x-gzip", b"deflate"):
            body = _expanded(body, self._max_body)
        elif body and encoding != b"identity":
            raise Failure(Reason.PROTOCOL, "the answer is encoded in a way that was not asked for")
        return Answer(self._status, self._headers, body)

    def _read_head(self, data: bytes) -> bytes | None:
        """What follows the headers, or None before their end. Answers 1xx (100 Continue, 103 Early Hints) are passed over."""
        head = self._head + data
        while True:
            end = head.find(b"\r\n\r\n")
            if self._passed + (len(head) if end < 0 else end) > HEAD_LIMIT:
                raise Failure(Reason.TOO_LARGE, f"the headers are larger than {HEAD_LIMIT} bytes")
            if not head.startswith(b"HTTP/1."[: len(head)]):
                raise Failure(Reason.PROTOCOL, "the answer is not HTTP/1")
            if end < 0:
                self._head = head
                return None
            status, headers = _parsed(head[:end])
            head = head[end + 4 :]
            if status >= 200:
                self._begin(status, headers)
                return head
            if status == 101:
                raise Failure(Reason.PROTOCOL, "the server switched to another protocol, unasked")
            self._passed += end + 4

    def _begin(self, status: int, headers: dict[bytes, bytes]) -> None:
        """How the end of the body is told (RFC 9112, 6.3)."""
        self._status, self._headers = status, headers
        coding, length = headers.get(b"transfer-encoding"), headers.get(b"content-length")
        if self._bodiless or status in _BODILESS:
            self._missing = 0
        elif coding is not None:
            if coding.lower() != b"chunked":
                raise Failure(Reason.PROTOCOL, "the transfer encoding is not chunked")
            self._chunks = _Chunks(self._body, self._max_body)
        elif length is not None:
            value, *others = {value.strip() for value in length.split(b",")}
            if others or not value.isdigit() or len(value) > 18:
                raise Failure(Reason.PROTOCOL, "the Content-Length is not one number")
            self._missing = int(value)
            if self._missing > self._max_body:
                raise _too_large(self._max_body)

    def _read_body(self, data: bytes) -> bool:
        if self._missing is not None:
            data = data[: self._missing]
            self._missing -= len(data)
        if len(self._body) + len(data) > self._max_body:
            raise _too_large(self._max_body)
        self._body += data
        return self._missing == 0


class _Chunks:
    """Takes the chunked coding (RFC 9112, 7.1) off a body."""

    def __init__(self, body: bytearray, max_body: int) -> None:
        self._body = body
        self._max_body = max_body
        self._line = b""
        """A line whose end has yet to come."""
        self._framing = 0
        self._missing = 0
        """Bytes of the running chunk that have yet to come."""
        self._closing = False
        """The chunk is complete, its line end is next."""
        self._trailing = False

    def feed(self, data: bytes) -> bool:
        """True once the last chunk and the trailers are read."""
        data, self._line = self._line + data, b""
        at = 0
        while at < len(data):
            if self._missing:
                piece = data[at : at + self._missing]
                self._body += piece
                self._missing -= len(piece)
                at += len(piece)
                continue
            end = data.find(b"\r\n", at)
            line = data[at : end if end >= 0 else None]
            # Counted, because a body in chunks of one byte costs far more to read than it is long.
            if self._framing + len(line) > HEAD_LIMIT:
                raise Failure(Reason.TOO_LARGE, f"the framing of the chunks is larger than {HEAD_LIMIT} bytes")
            if end < 0:
                self._line = line
                return False
            self._framing += len(line) + 2
            at = end + 2
            if self._ends(line):
                return True
        return False

    def _ends(self, line: bytes) -> bool:
        if self._trailing:
            return not line
        if self._closing:
            if line:
                raise Failure(Reason.PROTOCOL, "a chunk is longer than it says")
            self._closing = False
            return False
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise Failure(Reason.PROTOCOL, "a chunk does not begin with its size")
        self._missing = int(match[1], 16)
        if len(self._body) + self._missing > self._max_body:
            raise _too_large(self._max_body)
        self._closing = self._missing > 0
        self._trailing = self._missing == 0
        return False


def _parsed(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    first, *lines = head.split(b"\r\n")
    match = _STATUS_LINE.fullmatch(first)
    if match is None:
        raise Failure(Reason.PROTOCOL, "the status line is broken")
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, value = _known_header(line) if len(line) <= USUAL_LINE else _header(line)
        headers[name] = headers[name] + b", " + value if name in headers else value
    return int(match[1]), headers


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not name or name != name.strip():
        raise Failure(Reason.PROTOCOL, "a header line is broken")
    return name.lower(), value.strip()


_known_header = lru_cache(maxsize=2048)(_header)
"""Nearly all lines of an answer are those of the answer before."""


def _expanded(body: bytes, limit: int) -> bytes:
    """Never makes more than `limit` bytes, whatever the body claims to be."""
    inflate = zlib.decompressobj(wbits=47)  # gzip or zlib, as its header says
    try:
        plain = inflate.decompress(body, limit + 1)
    except zlib.error:
        raise Failure(Reason.PROTOCOL, "the compressed answer is broken") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not inflate.eof:
        raise Failure(Reason.PROTOCOL, "the compressed answer is cut off")
    return plain


def _too_large(limit: int) -> Failure:
    return Failure(Reason.TOO_LARGE, f"the body is larger than {limit} bytes")

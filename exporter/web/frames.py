"""Server-sent events as bytes, in the forms in which clients take them; each form is made once."""

import re
import zlib
from typing import NamedTuple

from exporter.web.answers import Turn

PRESSED_MOST = 512 * 1024
"""Bytes that are compressed in one go; what is longer is told to its first client as it is."""
PIECE = 64 * 1024
"""Bytes after which others get a turn of the event loop."""
GZIP_BEGIN = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""The header that a compressed stream begins with. No checksum ends it: the streams end when they are cut."""
_GZIP = re.compile(r"(^|,)\s*(gzip|\*)\s*(;\s*q=(1(\.0*)?|0\.0*[1-9][0-9]*)\s*)?(,|$)", re.IGNORECASE)


class Form(NamedTuple):
    """How a client takes its events."""

    packed: bool
    """Compressed: each event by itself, and ended so that what follows does not refer to it (Z_FULL_FLUSH). So the same bytes
    can be given to every client, whatever it was sent before."""
    chunked: bool
    """Framed as a chunk of HTTP/1.1; older clients and proxies know none."""


def takes_gzip(accept_encoding: str) -> bool:
    """By the header of the request."""
    return _GZIP.search(accept_encoding) is not None


class Frame:
    """One event."""

    def __init__(self, name: str, *fields: bytes, head: str = "") -> None:
        """`fields` of its data, as JSON."""
        self.plain = b"%bevent: %b\ndata: {%b}\n\n" % (head.encode(), name.encode(), b",".join(fields))
        self._packed: bytes | None = None
        self._chunked: dict[bool, bytes] = {}

    def to_send(self, form: Form) -> bytes:
        """In this form."""
        if not form.chunked:
            return self._body(form.packed)
        if form.packed not in self._chunked:
            body = self._body(form.packed)
            self._chunked[form.packed] = b"%x\r\n%b\r\n" % (len(body), body)
        return self._chunked[form.packed]

    def _body(self, packed: bool) -> bytes:
        if not packed:
            return self.plain
        if self._packed is None:
            press = zlib.compressobj(1 if len(self.plain) <= PRESSED_MOST else 0, wbits=-zlib.MAX_WBITS)
            self._packed = press.compress(self.plain) + press.flush(zlib.Z_FULL_FLUSH)
        return self._packed

    async def press(self, turn: Turn) -> None:
        """Compress it in small pieces, however long it is."""
        press = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
        pieces = []
        for at in range(0, len(self.plain), PIECE):
            pieces.append(press.compress(self.plain[at : at + PIECE]))
            await turn.pause()
        self._packed = b"".join([*pieces, press.flush(zlib.Z_FULL_FLUSH)])

"""What of a gRPC server's HTTP/2 frames a call has to heed.

A server that drains (a rolling update, a proxy that reloads) says GOAWAY and then answers what it has taken on, so clients
finish their calls. h2 takes no more frames after a GOAWAY, hence one that lets our call go on never reaches it.
"""

CALL = 1
"""The stream of the only call on a connection."""
_HEADER = 9
"""Bytes before the payload: 3 of its length, the type, the flags, 4 of the stream."""
_GOAWAY = 7
_NO_ERROR = bytes(4)


class Frames:
    """Passes on whole frames. It holds less than a frame and the piece that came last; whoever feeds it bounds the total."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def heeded(self, data: bytes) -> bytes:
        """The frames that `data` completes, but for a GOAWAY that lets the call go on."""
        self._rest += data
        heeded = bytearray()
        while len(self._rest) >= _HEADER:
            end = _HEADER + int.from_bytes(self._rest[:3])
            if len(self._rest) < end:
                break
            frame = bytes(self._rest[:end])
            del self._rest[:end]
            if not _lets_us_finish(frame):
                heeded += frame
        return bytes(heeded)


def _lets_us_finish(frame: bytes) -> bool:
    """Whether it is a GOAWAY without an error whose last stream (31 bits) is our call or a later one: that will be answered."""
    last_stream, error = int.from_bytes(frame[9:13]) & 0x7FFF_FFFF, frame[13:17]
    return frame[3] == _GOAWAY and error == _NO_ERROR and last_stream >= CALL

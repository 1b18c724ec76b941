"""grpc.health.v1 in bytes: the question, and what an answer is worth.

Two messages of one field each, so neither protobuf nor gRPC's own runtime is needed.
"""

from collections.abc import Mapping
from urllib.parse import unquote

from exporter.core.model import Reason
from exporter.probes.kind import Failure
from exporter.settings import mask

PATH = "/grpc.health.v1.Health/Check"
ANSWER_LIMIT = 1024
"""Bytes of a HealthCheckResponse; it needs two."""
_SERVING = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_STATUS_FIELD, _SERVICE_FIELD = 1, 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FRAME = 5
"""Bytes before a message: compressed or not, and its length."""

_REASONS = {
    4: Reason.TIMEOUT,
    5: Reason.ASSERTION,
    7: Reason.PERMISSION,
    8: Reason.UNAVAILABLE,
    12: Reason.PROTOCOL,
    14: Reason.UNAVAILABLE,
    16: Reason.AUTH,
}
_NAMES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
_HINTS = {5: "the server does not know this service", 12: "the server has no health service"}
_BY_HTTP = {401: Reason.AUTH, 403: Reason.PERMISSION, 502: Reason.UNAVAILABLE, 503: Reason.UNAVAILABLE}


def question(service: str) -> bytes:
    """A framed HealthCheckRequest."""
    name = service.encode()
    message = bytes([_SERVICE_FIELD << 3 | _BYTES]) + _as_varint(len(name)) + name if name else b""
    return b"\0" + len(message).to_bytes(4) + message


def judge(headers: Mapping[bytes, bytes], body: bytes, service: str) -> None:
    """Raises Failure unless the answer says SERVING. `headers`: those of the answer and its trailers."""
    status = headers.get(b":status", b"").decode("ascii", "replace")
    if status != "200":
        reason = _BY_HTTP.get(int(status) if status.isdigit() else 0, Reason.STATUS)
        raise Failure(reason, f"answers HTTP {status[:20]}; expected: 200")
    if not headers.get(b"content-type", b"").startswith(b"application/grpc"):
        raise Failure(Reason.PROTOCOL, "not an answer of gRPC: its content-type is another")
    _check_code(headers)
    serving = _serving(body)
    if serving != "SERVING":
        reason = Reason.ASSERTION if serving == "SERVICE_UNKNOWN" else Reason.UNAVAILABLE
        raise Failure(reason, f"{service or 'the server'} is {serving}")


def _check_code(headers: Mapping[bytes, bytes]) -> None:
    told = headers.get(b"grpc-status", b"")
    if not told.isdigit() or len(told) > 2:
        raise Failure(Reason.PROTOCOL, "not an answer of gRPC: it ends without a grpc-status")
    code = int(told)
    if code:
        name = _NAMES[code] if code < len(_NAMES) else f"code {code}"
        words = mask(" ".join(unquote(headers.get(b"grpc-message", b"").decode("ascii", "replace")).split()))[:150]
        said = ": ".join(part for part in (name, _HINTS.get(code, ""), words) if part)
        raise Failure(_REASONS.get(code, Reason.ERROR_CODE), said)


def _serving(body: bytes) -> str:
    """The status in a framed HealthCheckResponse."""
    if len(body) < _FRAME or body[0] or len(body) != _FRAME + int.from_bytes(body[1:_FRAME]):
        raise Failure(Reason.PROTOCOL, "not an answer of gRPC: it does not hold one plain message")
    status, at = 0, _FRAME
    try:
        while at < len(body):
            tag, at = _varint(body, at)
            value, at = _field(body, at, tag & 7)
            if tag == _STATUS_FIELD << 3 | _VARINT:
                status = value
    except IndexError:
        raise Failure(Reason.PROTOCOL, "not an answer of the health service: its message cannot be read") from None
    return _SERVING[status] if status < len(_SERVING) else f"status {status}"


def _field(body: bytes, at: int, wire: int) -> tuple[int, int]:
    """The value of a field (0 unless it is a varint), and where the next begins. Raises IndexError."""
    match wire:
        case 0:
            return _varint(body, at)
        case 1 | 5:
            after = at + (8 if wire == _FIXED64 else 4)
        case 2:
            length, at = _varint(body, at)
            after = at + length
        case _:
            raise IndexError(wire)
    if after > len(body):
        raise IndexError(after)
    return 0, after


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise IndexError(at)


def _as_varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])

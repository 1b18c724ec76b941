"""TLS for looks: settings, one shared context per settings, and a channel that runs inside our own protocol."""

import datetime
import os
import ssl
from functools import lru_cache

from pydantic import model_validator

from exporter.core.model import Reason
from exporter.probes.kind import Failure
from exporter.settings import Settings

_CHUNK = 65536


class Tls(Settings):
    """How to speak TLS to an endpoint, and whom to trust."""

    ca_file: str | None = None
    """PEM file of the authorities to trust; default: those of the system."""
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None
    """The name that the certificate must bear; default: the host of the address."""
    verify: bool = True

    @model_validator(mode="after")
    def _pair(self) -> "Tls":
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("key_file needs cert_file: the certificate that belongs to the key")
        return self


def context(settings: Tls, protocol: str | None = None) -> ssl.SSLContext:
    """The context that all endpoints with these settings share; made anew when one of its files changes.

    `protocol`: what is offered by ALPN (RFC 7301), like h2. Raises Failure(tls) when a file cannot be used.
    """
    files = [path for path in (settings.ca_file, settings.cert_file, settings.key_file) if path is not None]
    try:
        return _context(settings, protocol, tuple(os.stat(path).st_mtime_ns for path in files))  # noqa: PTH116 - cheaper, each look
    except OSError as error:
        raise Failure(Reason.TLS, f"cannot use the TLS files {', '.join(files)}: {error.strerror or error}") from None


@lru_cache(maxsize=256)
def _context(settings: Tls, protocol: str | None, _changed: tuple[int, ...]) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=settings.ca_file)
    # Python 3.13 refuses certificates for faults of form that browsers, Go and Java pass over: users would be served.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not settings.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if settings.cert_file is not None:
        made.load_cert_chain(settings.cert_file, settings.key_file)
    if protocol is not None:
        made.set_alpn_protocols([protocol])
    return made


class Channel:
    """The client's side of one TLS connection, without a socket.

    It runs inside our protocol rather than below it: the handshake is timed apart from the connect, nothing is buffered
    beyond what the look reads, and it costs less than a transport on top of a transport.
    """

    __slots__ = ("_incoming", "_outgoing", "_tls", "established")

    def __init__(self, shared: ssl.SSLContext, server_name: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = shared.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self.established = False

    def shake(self, data: bytes = b"") -> bool:
        """Go on with the handshake; True once it is done. Raises ssl.SSLError."""
        self._incoming.write(data)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.established = True
        return True

    def feed(self, data: bytes) -> None:
        self._incoming.write(data)

    def read(self) -> bytes | None:
        """The next plain bytes, b"" after the other side's goodbye, None when more has to arrive. Raises ssl.SSLError."""
        if not self._incoming.pending:
            return None  # a record was read whole or not at all; asking for more would only cost an exception
        try:
            return self._tls.read(_CHUNK)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLZeroReturnError:
            return b""

    def encrypt(self, data: bytes) -> None:
        self._tls.write(data)

    def outgoing(self) -> bytes:
        """What has to be sent now."""
        return self._outgoing.read()

    def certificate(self) -> bytes:
        """The other side's certificate as DER; b"" when it sent none."""
        return self._tls.getpeercert(binary_form=True) or b""


@lru_cache(maxsize=4096)
def not_after(der: bytes) -> float | None:
    """Unix seconds at which a certificate (DER) expires; None if it cannot be read. Read once per certificate.

    Walks RFC 5280's Certificate.tbsCertificate.validity.notAfter, because `ssl` tells it only of verified certificates.
    """
    try:
        body = _inside(der, _inside(der, 0)[0])[0]
        if der[body] == 0xA0:  # the explicit version
            body = _inside(der, body)[1]
        for _ in range(3):  # serial number, signature algorithm, issuer
            body = _inside(der, body)[1]
        before = _inside(der, body)[0]
        start, end = _inside(der, _inside(der, before)[1])
        text = der[start:end].decode("ascii")
        pattern = "%y%m%d%H%M%SZ" if len(text) == 13 else "%Y%m%d%H%M%SZ"
        moment = datetime.datetime.strptime(text, pattern).replace(tzinfo=datetime.UTC)
    except (IndexError, ValueError):
        return None
    return moment.timestamp()


def _inside(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(der[start : start + count], "big"), start + count
    return start, start + length

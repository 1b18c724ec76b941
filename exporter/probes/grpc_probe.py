"""One gRPC server, asked over HTTP/2 (h2 is an extra: only `exporter.probes.grpc` may import this).

h2 holds the protocol's state and does no I/O, so a look runs on the same Wire as all others: its phases are told apart, one
TLS context is shared, and a cancelled look leaves nothing behind. grpcio would bring threads and a connection pool of its
own, in which looks at one server share what should be fresh.
"""

from collections.abc import Callable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error

from exporter.core.model import NO_FACTS, Facts, Instant, Reason
from exporter.probes.grpc_frames import CALL, Frames
from exporter.probes.grpc_health import ANSWER_LIMIT, PATH, judge, question
from exporter.probes.grpc_settings import GrpcSettings
from exporter.probes.kind import Ask, Failure, Look
from exporter.probes.resolve import is_address, resolver
from exporter.probes.tcp import host_port
from exporter.probes.tls import Channel, Tls, context, not_after
from exporter.probes.tripwire import Tripwire
from exporter.probes.wire import RESOLVE, TRANSFER, Stopwatch, Wire
from exporter.settings import Secret

TALK_LIMIT = 256 << 10
"""Bytes of frames, of whatever kind, that a server may send in one look."""


class _Call(Wire):
    """One unary call on a connection of its own."""

    def __init__(
        self, watch: Stopwatch, headers: list[tuple[str, str]], message: bytes, channel: Channel | None
    ) -> None:
        self._http = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._http.initiate_connection()
        self._http.send_headers(CALL, headers)
        self._http.send_data(CALL, message, end_stream=True)
        super().__init__(watch, self._http.data_to_send(), channel)
        self._frames = Frames()
        self._talk = 0
        self.headers: dict[bytes, bytes] = {}
        """Of the answer and its trailers."""
        self.body = b""

    def received(self, data: bytes) -> None:
        self._talk += len(data)
        if self._talk > TALK_LIMIT:
            raise Failure(Reason.TOO_LARGE, f"more than {TALK_LIMIT} bytes came before the end of the answer")
        try:
            events = self._http.receive_data(self._frames.heeded(data))
        except H2Error as error:
            raise Failure(Reason.PROTOCOL, f"not an answer in HTTP/2 ({type(error).__name__})") from None
        for event in events:
            self._take(event)
        if reply := self._http.data_to_send():
            self._send(reply)

    def _take(self, event: Event) -> None:
        match event:
            case ResponseReceived() | TrailersReceived():
                if isinstance(event, ResponseReceived):
                    self.watch.enter(TRANSFER)
                self.headers.update((bytes(name), bytes(value)) for name, value in event.headers or ())
            case DataReceived():
                self.body += event.data or b""
                if len(self.body) > ANSWER_LIMIT:
                    raise Failure(Reason.TOO_LARGE, f"the answer is longer than {ANSWER_LIMIT} bytes")
            case StreamEnded():
                self.finish()
            case StreamReset() | ConnectionTerminated():
                code = getattr(event.error_code, "name", event.error_code)
                raise Failure(Reason.RESET, f"the server ended the call: {code}")


class GrpcProbe:
    """One host:port and one service there."""

    def __init__(self, settings: GrpcSettings) -> None:
        self._settings = settings
        self._host, self._port = host_port(settings.address)
        self._tls = Tls() if settings.tls is True else settings.tls or None
        self._message = question(settings.service)
        self.target = settings.address + (f"/{settings.service}" if settings.service else "")

    async def look(self, ask: Ask) -> Look:
        with Stopwatch() as watch:
            addresses: tuple[str, ...] = (self._host,)
            if not is_address(self._host):
                watch.enter(RESOLVE)
                addresses = await resolver().addresses(self._host)
            channel = None
            if self._tls is not None:
                channel = Channel(context(self._tls, "h2"), self._tls.server_name or self._host)
            call = _Call(watch, self._headers(), self._message, channel)
            await call.exchange(addresses, self._port)
            judge(call.headers, call.body, self._settings.service)
            facts = Facts(tls_not_after=not_after(call.certificate)) if call.certificate else NO_FACTS
            return Look(facts, watch.phases())

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        raise Failure(Reason.INTERNAL, "a gRPC health service cannot store markers")

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        await Tripwire(broken).hold(await resolver().addresses(self._host), self._port)

    async def close(self) -> None:
        """Nothing is kept between looks."""

    def _headers(self) -> list[tuple[str, str]]:
        """Secrets are read anew for each look, so that a rotated one is used."""
        settings = self._settings
        headers = [
            (":method", "POST"),
            (":scheme", "http" if self._tls is None else "https"),
            (":path", PATH),
            (":authority", (self._tls and self._tls.server_name) or settings.address),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "rto-rpo-exporter"),
        ]
        try:
            headers += [(name.lower(), _revealed(value)) for name, value in settings.metadata.items()]
            if settings.bearer is not None:
                headers.append(("authorization", f"Bearer {settings.bearer.reveal()}"))
        except ValueError as error:
            raise Failure(Reason.AUTH, f"the call cannot be made: {error}") from None
        return headers


def _revealed(value: str | Secret) -> str:
    return value if isinstance(value, str) else value.reveal()

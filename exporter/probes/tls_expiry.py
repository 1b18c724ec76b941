"""Kind `tls`: a handshake and nothing more. The chain is accepted, and the certificate holds for some time yet.

tls: {address: "orders.example.com:443", at_least: 14d}
"""

import time
from collections.abc import Callable

from exporter.core.model import Facts, Instant, Reason
from exporter.probes.kind import Ask, Context, Failure, Kind, Look
from exporter.probes.resolve import is_address, resolver
from exporter.probes.tcp import HostPort, TcpAddress, host_port
from exporter.probes.tls import Channel, Tls, context, not_after
from exporter.probes.tripwire import Tripwire
from exporter.probes.wire import RESOLVE, Stopwatch, Wire
from exporter.settings import Duration, format_duration

_DAY = 86400.0


class TlsSettings(Tls):
    """A TLS endpoint."""

    address: TcpAddress
    at_least: Duration | None = None
    """How long the certificate must hold yet. Without it any that is valid now will do."""

    @property
    def tls(self) -> Tls:
        """Only what the handshake needs, so that endpoints share their context."""
        return Tls(**{name: getattr(self, name) for name in Tls.model_fields})


class _Handshake(Wire):
    def asked(self) -> None:
        self.watch.enter(-1)
        self.finish()


class TlsProbe:
    """One host:port. Every look is a handshake of its own: a kept one would show the certificate of yesterday."""

    def __init__(self, settings: TlsSettings, known: Context) -> None:
        self._where: HostPort = host_port(settings.address)
        self._tls = settings.tls
        self._at_least = settings.at_least
        self.target = settings.address

    async def look(self, ask: Ask) -> Look:
        with Stopwatch() as watch:
            host, port = self._where
            addresses: tuple[str, ...] = (host,)
            if not is_address(host):
                watch.enter(RESOLVE)
                addresses = await resolver().addresses(host)
            wire = _Handshake(watch, b"", Channel(context(self._tls), self._tls.server_name or host))
            await wire.exchange(addresses, port)
            expires = not_after(wire.certificate)
            self._check(expires)
            return Look(Facts(tls_not_after=expires), watch.phases())

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        raise Failure(Reason.INTERNAL, "a TLS endpoint cannot store markers")

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        await Tripwire(broken).hold(await resolver().addresses(self._where.host), self._where.port)

    async def close(self) -> None:
        """Nothing is kept between looks."""

    def _check(self, expires: float | None) -> None:
        if expires is None:
            raise Failure(Reason.PROTOCOL, "the certificate does not say until when it holds")
        left = expires - time.time()
        if self._at_least is not None and left < self._at_least:
            when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(expires))
            left_over = f"in {left / _DAY:.1f} days" if left > 0 else "already"
            wanted = format_duration(self._at_least)
            raise Failure(
                Reason.ASSERTION, f"the certificate expires {left_over} ({when}); at least {wanted} must be left"
            )


KIND = Kind(name="tls", settings=TlsSettings, build=TlsProbe, short="address")

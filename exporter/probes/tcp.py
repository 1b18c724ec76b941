"""The kind `tcp`: a connection can be made, TLS can be spoken if wanted, and the greeting is as expected."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, model_validator

from exporter.core.model import NO_FACTS, Facts, Instant, Reason
from exporter.probes.kind import Ask, Context, Failure, Kind, Look
from exporter.probes.pattern import Pattern, Regex
from exporter.probes.resolve import is_address, resolver
from exporter.probes.tls import Channel, Tls, context, not_after
from exporter.probes.tripwire import Tripwire
from exporter.probes.wire import RESOLVE, TRANSFER, Stopwatch, Wire, slowest
from exporter.settings import Settings

EXPECT_WITHIN = 4096
"""Bytes in which what is expected must appear."""


class HostPort(NamedTuple):
    host: str
    port: int


def host_port(text: str) -> HostPort:
    """`db.example.com:5432` or `[::1]:5432`. Raises ValueError with what would be right."""
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:/\[\]@]+)):(\d{1,5})", text.strip())
    if match is None or not 0 < int(match[3]) < 65536:
        raise ValueError(f"{text!r} is not host:port; write one like 10.1.0.5:5432 or [2001:db8::5]:5432")
    return HostPort(match[1] or match[2], int(match[3]))


def _address(text: str) -> str:
    host_port(text)
    return text.strip()


TcpAddress = Annotated[str, AfterValidator(_address)]
"""A setting that is host:port."""


class TcpSettings(Settings):
    """A TCP endpoint."""

    address: TcpAddress
    tls: bool | Tls = False
    send: str | None = None
    expect: Regex | None = None
    """Must appear within the first 4 KiB of the answer."""
    addresses: Literal["first", "all"] = "first"

    @model_validator(mode="after")
    def _answerable(self) -> "TcpSettings":
        if self.send is not None and self.expect is None:
            raise ValueError("send without expect proves nothing; add expect: the regular expression of a good answer")
        return self


class _Greeting(Wire):
    """Connects, maybe speaks TLS, and waits for what is expected, if anything is."""

    def __init__(self, watch: Stopwatch, question: bytes, channel: Channel | None, expected: Pattern | None) -> None:
        super().__init__(watch, question, channel)
        self._expected = expected
        self._heard = b""

    def asked(self) -> None:
        if self._expected is None:
            self.watch.enter(-1)
            self.finish()

    def received(self, data: bytes) -> None:
        assert self._expected is not None
        if not self._heard:
            self.watch.enter(TRANSFER)
        self._heard = (self._heard + data)[:EXPECT_WITHIN]
        if self._expected.found_at_once(self._heard):
            self.finish()
        elif len(self._heard) == EXPECT_WITHIN:
            raise Failure(Reason.ASSERTION, f"the first {EXPECT_WITHIN} bytes do not match {self._pattern}")

    def ended(self) -> None:
        if self._heard:
            raise Failure(Reason.ASSERTION, f"the answer ends without a match of {self._pattern}")
        super().ended()

    @property
    def _pattern(self) -> str:
        return "" if self._expected is None else self._expected.text


class TcpProbe:
    """One host:port. Every look makes a fresh connection: that it can be made is what is looked at."""

    def __init__(self, settings: TcpSettings, known: Context) -> None:
        self._host, self._port = host_port(settings.address)
        self._literal = is_address(self._host)
        self._all = settings.addresses == "all"
        self._tls = Tls() if settings.tls is True else settings.tls or None
        self._send = (settings.send or "").encode()
        self._expected = Pattern(settings.expect.encode()) if settings.expect is not None else None
        self.target = settings.address

    async def look(self, ask: Ask) -> Look:
        with Stopwatch() as watch:
            addresses = await self._resolve(watch)
            if self._all and len(addresses) > 1:
                return await slowest([self._branch(one, watch.branch()) for one in addresses])
            return await self._look_at(addresses, watch)

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        raise Failure(Reason.INTERNAL, "a TCP endpoint cannot store markers")

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        await Tripwire(broken).hold(await resolver().addresses(self._host), self._port)

    async def close(self) -> None:
        """Nothing is kept between looks."""

    async def _branch(self, one: str, watch: Stopwatch) -> Look:
        with watch:
            return await self._look_at((one,), watch)

    async def _look_at(self, addresses: Sequence[str], watch: Stopwatch) -> Look:
        channel = None
        if self._tls is not None:
            channel = Channel(context(self._tls), self._tls.server_name or self._host)
        wire = _Greeting(watch, self._send, channel, self._expected)
        await wire.exchange(addresses, self._port)
        facts = Facts(tls_not_after=not_after(wire.certificate)) if wire.certificate else NO_FACTS
        return Look(facts, watch.phases())

    async def _resolve(self, watch: Stopwatch) -> Sequence[str]:
        if self._literal:
            return (self._host,)
        watch.enter(RESOLVE)
        return await resolver().addresses(self._host)


KIND = Kind(name="tcp", settings=TcpSettings, build=TcpProbe, short="address")

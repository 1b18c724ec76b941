"""What can be written under `dns:`."""

import ipaddress
import re
from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from exporter.probes.resolve import is_address
from exporter.probes.tcp import HostPort, host_port
from exporter.settings import Duration, DurationOrZero, Settings

PORT = 53
MAX_SERVERS = 32
_ADDRESSES = ("A", "AAAA")


def server_of(text: str) -> HostPort:
    """`10.1.0.2`, `2001:db8::2`, `10.1.0.2:5353` or `[2001:db8::2]:5353`. Raises ValueError with what would be right."""
    text = text.strip()
    try:
        where = HostPort(text, PORT) if is_address(text) else host_port(text)
    except ValueError:
        where = HostPort("", 0)
    if not is_address(where.host):
        raise ValueError(f"{text!r} is not the address of a name server; write one like 10.1.0.2 or 10.1.0.2:5353")
    return where


def _server(text: str) -> str:
    server_of(text)
    return text.strip()


def _some(servers: tuple[str, ...]) -> tuple[str, ...]:
    if not 0 < len(servers) <= MAX_SERVERS:
        raise ValueError(f"a list of {len(servers)} name servers does not do; write 1 to {MAX_SERVERS}")
    return servers


def _name(text: str) -> str:
    try:
        ascii_name = text.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        ascii_name = ""
    if not re.fullmatch(r"[!#-\[\]-~]{1,253}", ascii_name) or is_address(ascii_name):
        raise ValueError(f"{text!r} is not a name; write one like orders.example.com")
    return ascii_name


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip()))
    except ValueError:
        raise ValueError(f"{text!r} is not an address or a network; write one like 10.2.0.5 or 10.1.0.0/24") from None


Network = Annotated[str, AfterValidator(_network)]


class Expect(Settings):
    """What may be answered: every record must be among these."""

    addresses: tuple[Network, ...] = ()
    """Of the types A and AAAA."""
    values: tuple[str, ...] = ()
    """Of the other types, as they stand in a zone file, like `10 5 5060 sip.example.com`."""


class DnsSettings(Settings):
    """A name, and the servers that are asked for it."""

    name: Annotated[str, AfterValidator(_name)]
    type: Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] = "A"
    servers: Annotated[tuple[Annotated[str, AfterValidator(_server)], ...], AfterValidator(_some)]
    require: Literal["any", "all"] = "any"
    """How many of the servers must answer."""
    server_timeout: Duration = 0.4
    """How long to wait for each of several servers. A single one has all the time of the look."""
    tcp: bool = False
    """Ask by TCP only. Otherwise by UDP, and by TCP when the answer did not fit."""
    expect: Expect = Expect()
    max_ttl: DurationOrZero | None = None
    """A longer one keeps users at the old site after a switch."""
    sites: dict[str, tuple[str, ...]] = Field(default={})
    """Site -> its addresses and networks, or for a CNAME its names."""

    @model_validator(mode="after")
    def _fitting(self) -> "DnsSettings":
        if find_spec("dns") is None:
            raise ValueError("dns needs the package dnspython; install rto-rpo-exporter[dns]")
        if self.expect.addresses and self.type not in _ADDRESSES:
            raise ValueError(f"expect.addresses is for the types A and AAAA; write values for {self.type}")
        if self.expect.values and self.type in _ADDRESSES:
            raise ValueError(f"expect.values is for other types; write addresses for {self.type}")
        if self.sites and self.type not in (*_ADDRESSES, "CNAME"):
            raise ValueError(
                f"a {self.type} record does not point to a site; use the type A, AAAA or CNAME, or drop sites"
            )
        for places in self.sites.values():
            for place in places:
                (_name if self.type == "CNAME" else _network)(place)
        return self

"""Reference targets: places that are always up, which tell whether it is us who are cut off."""

from typing import NamedTuple

from exporter.core.model import SILENT
from exporter.probes.attempt import understood
from exporter.probes.kind import Failure
from exporter.probes.resolve import resolver
from exporter.probes.tcp import host_port
from exporter.probes.wire import Stopwatch, Wire


class Reference(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class _Knock(Wire):
    def asked(self) -> None:
        self.finish()


def parse_reference(text: str) -> Reference:
    """`tcp://198.51.100.1:443`. Raises ValueError with what would be right."""
    scheme, separator, rest = text.strip().partition("://")
    if not separator or scheme != "tcp":
        raise ValueError(f"{text!r} is not a reference; write one like tcp://198.51.100.1:443")
    return Reference(*host_port(rest.removesuffix("/")))


async def answers(reference: Reference) -> bool:
    """Whether anybody is there: a completed handshake, a refusal and a reset are answers. The deadline is the caller's."""
    try:
        addresses = await resolver().addresses(reference.host)
        await _Knock(Stopwatch(), b"").exchange(addresses, reference.port)
    except (Failure, OSError) as error:
        return understood(error).reason not in SILENT
    return True

"""Kind `grpc`: the standard health check of a gRPC server (grpc.health.v1.Health/Check).

    grpc: {address: "10.1.0.8:50051", service: shop.Orders, tls: true, bearer: {file: /run/secrets/probe}}

`NOT_SERVING` is `unavailable`; a service that the server does not know is an `assertion`, a server without the health service a
`protocol` failure. Each look makes its own connection: a channel that is kept stays with the old server after a switch.
"""

from importlib.util import find_spec

from pydantic import Field, model_validator

from exporter.probes.http_place import HeaderName
from exporter.probes.http_settings import HeaderValue
from exporter.probes.kind import Context, Kind, Probe
from exporter.probes.tcp import TcpAddress
from exporter.probes.tls import Tls
from exporter.settings import Secret, Settings


class GrpcSettings(Settings):
    """A gRPC server."""

    address: TcpAddress
    service: str = ""
    """Empty: the server as a whole."""
    tls: bool | Tls = False
    metadata: dict[HeaderName, HeaderValue] = Field(default={})
    """Sent with the call."""
    bearer: Secret | None = None

    @model_validator(mode="after")
    def _has_library(self) -> "GrpcSettings":
        if find_spec("h2") is None:
            raise ValueError("grpc needs the package h2; install rto-rpo-exporter[grpc]")
        return self


def _build(settings: GrpcSettings, context: Context) -> Probe:
    # Here and not above: h2 is an extra, and its import takes time that whoever has no gRPC need not spend.
    from exporter.probes.grpc_probe import GrpcProbe

    return GrpcProbe(settings)


KIND = Kind(name="grpc", settings=GrpcSettings, build=_build, short="address")

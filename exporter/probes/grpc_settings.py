"""What can be written under `grpc:`."""

from importlib.util import find_spec

from pydantic import Field, model_validator

from exporter.probes.http_place import HeaderName
from exporter.probes.http_settings import HeaderValue
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

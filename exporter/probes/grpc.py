"""Kind `grpc`: the standard health check of a gRPC server (grpc.health.v1.Health/Check).

    grpc: {address: "10.1.0.8:50051", service: shop.Orders, tls: true, bearer: {file: /run/secrets/probe}}

`NOT_SERVING` is `unavailable`; a service that the server does not know is an `assertion`, a server without the health service a
`protocol` failure. Each look makes its own connection: a channel that is kept stays with the old server after a switch.
"""

from exporter.probes.grpc_settings import GrpcSettings
from exporter.probes.kind import Context, Kind, Probe


def _build(settings: GrpcSettings, context: Context) -> Probe:
    # Here and not above: h2 is an extra, and its import takes time that whoever has no gRPC need not spend.
    from exporter.probes.grpc_probe import GrpcProbe

    return GrpcProbe(settings)


KIND = Kind(name="grpc", settings=GrpcSettings, build=_build, short="address")

"""The kinds of endpoint that can be looked at. A new kind is one file, and one line here."""

from collections.abc import Mapping

from exporter.probes import dns, exec_, flow, grpc, http, icmp, mysql, postgres, redis, tcp, tls_expiry
from exporter.probes.kind import Kind

KINDS: Mapping[str, Kind] = {
    "dns": dns.KIND,
    "exec": exec_.KIND,
    "flow": flow.KIND,
    "grpc": grpc.KIND,
    "http": http.KIND,
    "icmp": icmp.KIND,
    "mariadb": mysql.KIND,
    "mysql": mysql.KIND,
    "postgres": postgres.KIND,
    "redis": redis.KIND,
    "tcp": tcp.KIND,
    "tls": tls_expiry.KIND,
}


def permitted(*, allow_exec: bool) -> Mapping[str, Kind]:
    """The kinds that a configuration may use: only who starts the exporter may let it run commands."""
    return KINDS if allow_exec else {**KINDS, "exec": exec_.FORBIDDEN}

"""The kinds of endpoint that can be looked at. A new kind is one file, and one line here."""

from collections.abc import Mapping

from exporter.probes import http, postgres, tcp
from exporter.probes.kind import Kind

KINDS: Mapping[str, Kind] = {
    "http": http.KIND,
    "postgres": postgres.KIND,
    "tcp": tcp.KIND,
}

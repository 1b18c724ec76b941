"""Which format and which encoding a client wants, from its `Accept` and `Accept-Encoding` headers (RFC 9110)."""

from collections.abc import Iterator

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE_OPENMETRICS

TEXT = CONTENT_TYPE_PLAIN_0_0_4
OPENMETRICS = CONTENT_TYPE_OPENMETRICS


def _weighted(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """(what, its parameters, its weight from 0 to 1) for each element; a malformed weight counts as 0."""
    for element in header.split(","):
        what, *rest = (part.strip() for part in element.split(";"))
        parameters = {key.strip().lower(): value.strip() for key, _, value in (part.partition("=") for part in rest)}
        try:
            weight = float(parameters.pop("q", "1"))
        except ValueError:
            weight = 0.0
        yield what.lower(), parameters, weight


def content_type(accept: str) -> str:
    """OpenMetrics 1.0 if the client wants it at least as much as text, else text 0.0.4."""
    open_weight = text_weight = 0.0
    for what, parameters, weight in _weighted(accept):
        if what == "application/openmetrics-text" and parameters.get("version", "1.0.0") in ("1.0.0", "0.0.1"):
            open_weight = max(open_weight, weight)
        elif what == "text/plain" and parameters.get("version", "0.0.4") == "0.0.4":
            text_weight = max(text_weight, weight)
    return OPENMETRICS if open_weight > 0 and open_weight >= text_weight else TEXT


def wants_gzip(accept_encoding: str) -> bool:
    return any(what in ("gzip", "*") and weight > 0 for what, _, weight in _weighted(accept_encoding))

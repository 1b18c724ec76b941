"""What PostgreSQL and its driver say when something is wrong, as one reason of the closed list."""

from types import TracebackType

import asyncpg

from exporter.core.model import Reason
from exporter.probes.attempt import DETAIL_LIMIT, understood
from exporter.probes.kind import Failure

_BY_STATE = {
    "28000": Reason.AUTH,
    "28P01": Reason.AUTH,
    "42501": Reason.PERMISSION,
    # The server answers well, but it is not the one that was expected: without the database it cannot be the system's.
    "3D000": Reason.ASSERTION,
    "25006": Reason.READ_ONLY,
    "53300": Reason.UNAVAILABLE,  # too many connections
    "57P01": Reason.UNAVAILABLE,  # shutting down
    "57P02": Reason.UNAVAILABLE,  # another process of the server crashed
    "57P03": Reason.UNAVAILABLE,  # starting up, or hot_standby off
    "57014": Reason.TIMEOUT,  # our own statement_timeout
    "55P03": Reason.TIMEOUT,  # our own lock_timeout
    "08P01": Reason.PROTOCOL,
}


class InWords:
    """As a context manager: whatever goes wrong inside becomes a Failure. One serves many at once."""

    def __init__(self, *, tls_demanded: bool) -> None:
        """`tls_demanded`: the sslmode allows no plain connection."""
        self._tls_demanded = tls_demanded

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # When a server sends garbage, the driver breaks in any way. A cancellation is no Exception.
        if isinstance(error, Exception) and not isinstance(error, Failure):
            raise failure_of(error, tls_demanded=self._tls_demanded) from None


def failure_of(error: Exception, *, tls_demanded: bool) -> Failure:
    """The reason behind an exception of a look or a write. The detail is the server's own sentence with its SQLSTATE;
    it holds neither the password nor the DSN. `tls_demanded`: the sslmode allows no plain connection."""
    if isinstance(error.__cause__, Failure):
        return error.__cause__  # raised by us inside the driver
    if isinstance(error, asyncpg.ConnectionDoesNotExistError) and error.sqlstate is not None:
        # The driver's word for a connection that ended in the middle; what the server said before stands in the cause.
        cause = error.__cause__
        if isinstance(cause, Exception):
            return failure_of(cause, tls_demanded=tls_demanded)
        return Failure(Reason.RESET, "the server closed the connection without an answer")
    if isinstance(error, asyncpg.PostgresError):
        return _said(error)
    if type(error) is ConnectionError:
        return _before_tls(str(error), tls_demanded)
    if isinstance(error, OSError):
        return understood(error)
    # InterfaceError, InternalClientError, struct and index errors from deep inside the driver: not PostgreSQL's protocol.
    return Failure(Reason.PROTOCOL, f"not an answer of PostgreSQL ({type(error).__name__})")


def _said(error: asyncpg.PostgresError) -> Failure:
    state = error.sqlstate or ""
    text = " ".join(str(error.args[0] if error.args else "").split())
    detail = f"{text} (SQLSTATE {state})"[:DETAIL_LIMIT]
    return Failure(_BY_STATE.get(state, Reason.ERROR_CODE), detail)


def _before_tls(text: str, tls_demanded: bool) -> Failure:
    """asyncpg raises a bare ConnectionError for all that goes wrong between connecting and the TLS handshake."""
    if "rejected SSL" in text and tls_demanded:
        return Failure(Reason.TLS, "the server does not offer TLS, which the sslmode demands")
    if "rejected SSL" in text:
        return Failure(Reason.PROTOCOL, "not an answer of PostgreSQL")
    if "error response during SSL" in text:
        return Failure(Reason.UNAVAILABLE, "the server could not start a session")
    return Failure(Reason.RESET, "the server closed the connection before it answered")

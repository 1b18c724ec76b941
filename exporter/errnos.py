"""What the operating system says when a connection fails, as a reason: the same for looks and for inspections."""

import errno

from exporter.core.model import Reason

_REASONS = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ECONNRESET: Reason.RESET,
    errno.ECONNABORTED: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.ENOTCONN: Reason.RESET,
    errno.ETIMEDOUT: Reason.TIMEOUT,
    errno.ENETUNREACH: Reason.UNREACHABLE,
    errno.EHOSTUNREACH: Reason.UNREACHABLE,
    errno.ENETDOWN: Reason.UNREACHABLE,
    errno.EHOSTDOWN: Reason.UNREACHABLE,
    errno.EPERM: Reason.UNREACHABLE,
    errno.EACCES: Reason.UNREACHABLE,
    errno.EAFNOSUPPORT: Reason.UNREACHABLE,
}
"""EPERM and EACCES are how a local packet filter says no. What is not listed (no more files, no more ports) is our own
trouble and must not look like the endpoint's."""


def reason_of(number: int | None) -> Reason:
    """Of an OSError's `errno`; internal for what is none of the endpoint's faults."""
    return _REASONS.get(number or 0, Reason.INTERNAL)

"""From whatever a look brings back, or however it breaks, to a sample: the only place that catches everything."""

import asyncio
import math
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from exporter.core.model import NO_PHASES, Instant, Part, Phases, Reason, Sample
from exporter.errnos import reason_of
from exporter.probes.kind import Deadline, Failure, Look

DETAIL_LIMIT = 300
"""Characters of a sample's detail."""
_UNTIL: ContextVar[Instant] = ContextVar("until", default=math.inf)
"""When the look of this task is given up, as planned when it began. Not its deadline itself: kept connections hold on to the
context in which they were made."""


async def attempt(
    part: Part, call: Callable[[], Awaitable[Look]], deadline: Deadline, clock: Callable[[], Instant]
) -> Sample:
    """Look once; whatever goes wrong becomes a reason.

    `deadline` is entered here; whoever made it may `reschedule()` it while the look runs, to shorten or to lengthen its time. When it
    passes, the look is cancelled and the sample says `timeout`, with the phases as far as they got. A cancellation that
    does not come from the deadline means that nobody waits any more for this look: it passes through as
    CancelledError, and there is no sample.
    """
    started = clock()
    _UNTIL.set(deadline.until)
    try:
        with deadline:
            look = await call()
    except Exception as error:  # noqa: BLE001 - this is the one place where everything ends
        ended = clock()
        late = isinstance(error, TimeoutError) and deadline.expired
        failure = _out_of_time(error, ended - started) if late else understood(error)
        _let_go(error)
        return _failed(part, started, ended, failure)
    return Sample(part, started, clock(), detail=look.detail[:DETAIL_LIMIT], facts=look.facts, phases=look.phases)


def time_left() -> float:
    """Seconds that the look which asks has left, at least 0; infinite outside of `attempt()`."""
    return max(0.0, _UNTIL.get() - asyncio.get_running_loop().time())


def understood(error: Exception) -> Failure:
    """The reason behind an exception, with a detail that repeats no text in which a secret could hide."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, ssl.SSLError):
        return Failure(Reason.TLS, _tls_detail(error))
    if isinstance(error, socket.gaierror):
        return Failure(Reason.DNS, str(error.strerror))
    if isinstance(error, OSError):
        if error.errno is None and isinstance(error, TimeoutError):
            return Failure(Reason.TIMEOUT, "a step of the look took too long")
        reason = reason_of(error.errno)
        return Failure(reason, os.strerror(error.errno) if error.errno else type(error).__name__)
    return Failure(
        Reason.INTERNAL, f"{type(error).__name__} at {_place(error)}: a fault of the exporter, please report it"
    )


def _out_of_time(error: Exception, seconds: float) -> Failure:
    """Nobody answered until the deadline, for so long."""
    # Before Python 3.11.5 the cancellation is the TimeoutError's context, since then its cause.
    cancelled = error.__cause__ or error.__context__
    detail = f"{_whereabouts(cancelled)}no complete answer within {seconds:.3g} s"
    return Failure(Reason.TIMEOUT, detail, _phases_until(cancelled))


def _let_go(error: BaseException) -> None:
    """An exception that is told needs no traceback any more. Those who had it in a variable are in it, and it in them: some
    kilobytes a look, in cycles, which the collector would find long after."""
    told: set[int] = set()
    chain: list[BaseException | None] = [error]
    while chain:
        one = chain.pop()
        if one is not None and id(one) not in told:
            told.add(id(one))
            one.__traceback__ = None
            chain += (one.__cause__, one.__context__)


def _failed(part: Part, started: Instant, ended: Instant, failure: Failure) -> Sample:
    return Sample(part, started, ended, failure.reason, failure.detail[:DETAIL_LIMIT], phases=failure.phases)


def _phases_until(cancelled: BaseException | None) -> Phases:
    """A look that is cancelled tells how far it got in the arguments of its CancelledError (`Stopwatch` does it)."""
    if cancelled is not None and cancelled.args and isinstance(cancelled.args[0], Phases):
        return cancelled.args[0]
    return NO_PHASES


def _whereabouts(cancelled: BaseException | None) -> str:
    """A look of several steps tells in a note on its CancelledError which of them hangs."""
    return "".join(f"{note}: " for note in getattr(cancelled, "__notes__", ()))


def _tls_detail(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    why = getattr(error, "reason", None) or type(error).__name__  # absent when Python itself made the error
    return f"the TLS handshake failed: {why.replace('_', ' ').lower()}"


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"  # noqa: PTH119 - only a name

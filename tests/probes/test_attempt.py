"""attempt(): every way in which a look can end."""

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Awaitable, Callable

import pytest

from exporter.core.model import Phases, Reason, Sample
from exporter.probes.attempt import DETAIL_LIMIT, attempt
from exporter.probes.kind import Deadline, Failure, Look
from tests.probes.looking import PART


async def ends(call: Callable[[], Awaitable[Look]], timeout: float = 5.0) -> Sample:
    """One attempt."""
    return await attempt(PART, call, Deadline(time.monotonic() + timeout), time.monotonic)


def raising(error: Exception) -> Callable[[], Awaitable[Look]]:
    """A look that raises."""

    async def call() -> Look:
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), Reason.REFUSED),
        (ConnectionResetError(errno.ECONNRESET, "x"), Reason.RESET),
        (BrokenPipeError(errno.EPIPE, "x"), Reason.RESET),
        (OSError(errno.EHOSTUNREACH, "x"), Reason.UNREACHABLE),
        (OSError(errno.ENETUNREACH, "x"), Reason.UNREACHABLE),
        (OSError(errno.ETIMEDOUT, "x"), Reason.TIMEOUT),
        (TimeoutError(), Reason.TIMEOUT),
        (OSError(errno.EMFILE, "x"), Reason.INTERNAL),
        (socket.gaierror(-2, "Name or service not known"), Reason.DNS),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), Reason.TLS),
        (Failure(Reason.AUTH, "no"), Reason.AUTH),
        (KeyError("secret"), Reason.INTERNAL),
    ],
)
async def test_reasons(error: Exception, reason: Reason) -> None:
    """What we know has its own reason; what we do not is internal."""
    sample = await ends(raising(error))
    assert sample.reason is reason
    assert "secret" not in sample.detail


async def test_a_bug_is_named_without_its_message() -> None:
    """An unknown exception gives its type and place, because its message may hold a secret."""
    sample = await ends(raising(RuntimeError("password=hunter2")))
    assert sample.detail.startswith("RuntimeError at test_attempt.py:")
    assert "hunter2" not in sample.detail


async def test_details_are_short() -> None:
    """No detail is longer than DETAIL_LIMIT."""
    assert len((await ends(raising(Failure(Reason.STATUS, "x" * 999)))).detail) == DETAIL_LIMIT


async def test_the_engine_may_shorten_the_time_of_a_pending_look() -> None:
    """A deadline that is rescheduled into the past ends the look now, as a timeout."""
    pending = asyncio.Event()

    async def call() -> Look:
        pending.set()
        await asyncio.Event().wait()
        raise AssertionError

    deadline = Deadline(time.monotonic() + 3600)
    task = asyncio.create_task(attempt(PART, call, deadline, time.monotonic))
    await pending.wait()
    deadline.reschedule(asyncio.get_running_loop().time())
    assert (await task).reason is Reason.TIMEOUT


async def test_an_abandoned_look_is_no_timeout() -> None:
    """A cancellation from outside passes through: there is no sample."""
    pending = asyncio.Event()

    async def call() -> Look:
        pending.set()
        await asyncio.Event().wait()
        raise AssertionError

    task = asyncio.create_task(ends(call))
    await pending.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_timeout_tells_the_phases_so_far() -> None:
    """The phases that a cancelled look attaches to its CancelledError reach the sample."""
    phases = Phases(connect=0.5)

    async def call() -> Look:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            error.args = (phases,)
            raise
        raise AssertionError

    sample = await ends(call, timeout=0.01)
    assert (sample.reason, sample.phases) == (Reason.TIMEOUT, phases)


async def test_a_deadline_rings_once_before_its_end() -> None:
    """The same timer serves a warning before the end, which may ask for one more."""
    rung: list[float] = []
    begun = time.monotonic()
    deadline = Deadline(begun + 0.09)

    def ring() -> None:
        rung.append(time.monotonic())
        if len(rung) == 1:
            deadline.call_before(begun + 0.06, ring)

    deadline.call_before(begun + 0.03, ring)
    with pytest.raises(TimeoutError), deadline:
        await asyncio.Event().wait()
    assert len(rung) == 2
    assert deadline.expired


async def test_a_warning_after_the_end_is_none() -> None:
    """What would ring after the end does not ring, and does not put the end off."""
    deadline = Deadline(time.monotonic() + 0.01)
    deadline.call_before(time.monotonic() + 3600, lambda: pytest.fail("rung"))
    with pytest.raises(TimeoutError), deadline:
        await asyncio.Event().wait()


async def test_our_own_stall_is_not_the_endpoint_s() -> None:
    """An answer that came while we stood still is heard, also when it takes more than one step; once more the time, not for ever."""
    loop = asyncio.get_running_loop()

    async def two_steps() -> Look:
        for _ in range(2):
            arrived = asyncio.Event()
            loop.call_later(0.01, arrived.set)
            await arrived.wait()
        return Look(detail="there")

    deadline = Deadline(time.monotonic() + 0.3)
    looking = asyncio.create_task(attempt(PART, two_steps, deadline, time.monotonic))
    await asyncio.sleep(0)
    time.sleep(0.8)  # noqa: ASYNC251 - the loop stands still on purpose
    assert (await looking).detail == "there"

    async def never() -> Look:
        await asyncio.Event().wait()
        raise AssertionError

    looking = asyncio.create_task(attempt(PART, never, Deadline(time.monotonic() + 0.05), time.monotonic))
    await asyncio.sleep(0)
    time.sleep(0.2)  # noqa: ASYNC251 - the same
    assert (await looking).reason is Reason.TIMEOUT


async def test_a_stall_in_the_middle_counts_too() -> None:
    """What somebody else has noticed of our standing still is given once more, up to the grace."""
    loop, stood = asyncio.get_running_loop(), [5.0]
    deadline = Deadline(loop.time() + 0.05, grace=0.1, stood=lambda: stood[0])
    stood[0] += 3600
    begun = loop.time()
    with pytest.raises(TimeoutError), deadline:
        await asyncio.Event().wait()
    assert loop.time() - begun >= 0.149


async def test_one_that_stands_still_at_every_step_hears_the_answer() -> None:
    """On a machine that gives us a turn every now and then only, each step of an answer is late: none of them ends the look."""
    loop = asyncio.get_running_loop()

    async def steps() -> Look:
        for _ in range(4):
            loop.call_soon(time.sleep, 0.15)
            await asyncio.sleep(0)
            await asyncio.sleep(0.01)
        return Look(detail="there")

    assert (await ends(steps, timeout=0.05)).detail == "there"


async def test_a_foreign_cancellation_outlives_the_deadline() -> None:
    """Cancelled from elsewhere and out of time at once: the cancellation passes through, as with asyncio.timeout()."""

    async def wait() -> None:
        deadline = Deadline(time.monotonic() - 1)
        with deadline:
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_time_in_which_we_stood_still_is_given_back() -> None:
    """An answer that lay there before the end of the time is read, though we only came to it long after."""
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()

    async def call() -> Look:
        await answered.wait()
        await asyncio.sleep(0.01)  # one more step of the same look
        return Look()

    task = asyncio.create_task(ends(call, timeout=0.1))
    await asyncio.sleep(0)
    loop.call_at(loop.time() + 0.05, answered.set)
    time.sleep(0.3)  # noqa: ASYNC251 - this is the fault: as if we were frozen
    sample = await task
    assert sample.reason is None
    assert sample.ended - sample.started >= 0.3


async def test_it_is_given_back_once_and_no_more_than_there_was() -> None:
    """A dead endpoint costs at most one more time-out after we stood still, however long that was."""
    begun = time.monotonic()
    task = asyncio.create_task(ends(asyncio.Event().wait, timeout=0.1))  # type: ignore[arg-type]  # a coroutine that gives True is as good as any here
    await asyncio.sleep(0)
    time.sleep(1.0)  # noqa: ASYNC251 - as above
    woken = time.monotonic()
    sample = await task
    assert sample.reason is Reason.TIMEOUT
    assert begun + 1.0 <= woken <= sample.ended
    assert sample.ended - woken < 0.9, "what was asked for was 0.1 s"

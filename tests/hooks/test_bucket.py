"""No robot is ever too fast for DingTalk, and no outage waits long for its turn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.hooks.bucket import ALLOWED, WINDOW, Bucket


@given(
    st.integers(min_value=3, max_value=ALLOWED),
    st.lists(st.tuples(st.floats(min_value=0, max_value=30), st.booleans()), max_size=200),
)
def test_no_minute_sees_more_than_the_limit(per_minute: int, pauses: list[tuple[float, bool]]) -> None:
    """However eagerly it is asked, no sliding minute holds more messages than were allowed."""
    bucket, now, sent = Bucket(per_minute), 1000.0, list[float]()
    for pause, urgent in pauses:
        now += pause if not urgent else bucket.wait(now, urgent=True)
        if not bucket.wait(now, urgent=urgent):
            bucket.take(now)
            sent.append(now)
    assert all(sum(start <= at < start + WINDOW - 1e-6 for at in sent) <= per_minute for start in sent)


@pytest.mark.parametrize("per_minute", [3, 16, 20])
def test_what_is_urgent_never_waits_long(per_minute: int) -> None:
    """In an endless storm an urgent message waits for one token, not for the rest of the minute; others leave it some."""
    bucket, now = Bucket(per_minute), 0.0
    longest = 0.0
    for _ in range(100):
        longest = max(longest, bucket.wait(now, urgent=True))
        now += bucket.wait(now, urgent=True)
        bucket.take(now)
    assert longest <= WINDOW / (per_minute - per_minute // 3) + 1e-6
    assert bucket.wait(now, urgent=False) >= bucket.wait(now, urgent=True)


def test_the_mild_leave_room_for_the_urgent() -> None:
    """When mild messages must wait already, an urgent one goes out at once."""
    bucket, now = Bucket(16), 0.0
    while not bucket.wait(now, urgent=False):
        bucket.take(now)
    assert bucket.wait(now, urgent=True) == 0.0


def test_a_restart_starts_below_the_limit() -> None:
    """A new process sends no more at once than the margin that the one before it left."""
    bucket, burst = Bucket(16), 0
    while not bucket.wait(0.0, urgent=True):
        bucket.take(0.0)
        burst += 1
    assert burst + 16 <= ALLOWED

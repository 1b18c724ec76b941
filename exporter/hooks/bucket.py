"""How often a robot may send: a bucket of tokens whose size and refill together never exceed the limit in any minute.

A bucket that holds `burst` and refills at `rate` lets through at most `burst + rate * T` in *any* window of T seconds. With
`burst + 60 * rate = per_minute` no sliding minute ever sees more than `per_minute`, a few messages may go out at once, and
the wait for the next is bounded by `1 / rate`: a storm cannot use up the minute and leave the next outage unheard for the
rest of it. Formula: the token bucket of RFC 2697, section 3.
"""

from dataclasses import dataclass

WINDOW = 60.0
"""Seconds over which DingTalk counts."""
ALLOWED = 20
"""Messages that DingTalk accepts from one robot in a minute; beyond that it blocks the robot for ten."""


@dataclass(slots=True)
class Bucket:
    """`per_minute`: 3 to ALLOWED. Instants are seconds of one monotonic clock."""

    per_minute: int
    _level: float = 0.0
    _at: float = float("-inf")

    @property
    def burst(self) -> int:
        return self.per_minute // 3

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return (self.per_minute - self.burst) / WINDOW

    @property
    def reserve(self) -> int:
        """Tokens that only what is urgent may take."""
        return self.burst // 3

    def wait(self, now: float, *, urgent: bool) -> float:
        """Seconds until a message may go out; 0.0 if one may now."""
        needed = 1 if urgent else 1 + self.reserve
        return max(0.0, (needed - self._filled(now)) / self.rate)

    def take(self, now: float) -> None:
        """A message goes out now; whatever becomes of it, DingTalk may have counted it."""
        self._level = self._filled(now) - 1
        self._at = now

    def _filled(self, now: float) -> float:
        if self._at == float("-inf"):
            # An earlier process may have sent `per_minute` in the last minute: only the margin below the limit is free.
            self._at = now
            self._level = float(min(self.burst, max(1, ALLOWED - self.per_minute)))
        return min(float(self.burst), self._level + (now - self._at) * self.rate)

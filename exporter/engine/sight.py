"""Am I cut off? Asked before anybody is called dead.

Where reference targets are configured they decide: blind is when all of them are dead and no endpoint answers. Where there
are none, blind is when no endpoint of any system gives an answer of any kind. A refusal, a reset, an HTTP 500 or a wrong
password is an answer; a connection that opens and then stays silent is not.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

from exporter.core.model import Instant


@dataclass(slots=True)
class Sight:
    """Fed with every look that ended, at whatever endpoint or reference."""

    endpoints: int = 0
    """How many are looked at."""
    references: int = 0
    heard: Instant = float("-inf")
    """Start of the newest look that was answered by anybody."""
    heard_end: Instant = float("-inf")
    """End of it: from then on we may have been blind."""
    quiet_since: Instant | None = None
    """End of the first silent look since somebody answered."""
    _quiet: set[Hashable] = field(default_factory=set)
    _dead: set[Hashable] = field(default_factory=set)

    def saw(self, who: Hashable, started: Instant, ended: Instant, *, answered: bool, reference: bool = False) -> None:
        """One look ended."""
        if answered:
            if started > self.heard:
                self.heard = started
            self.heard_end = max(self.heard_end, ended)
            if self.quiet_since is not None and started >= self.quiet_since:
                self.quiet_since = None
                self._quiet.clear()
                self._dead.clear()
            return
        if self.quiet_since is None:
            if reference:
                return  # dead references alone are only a warning
            self.quiet_since = ended
        elif started >= self.quiet_since:
            (self._dead if reference else self._quiet).add(who)

    def is_quiet(self, who: Hashable) -> bool:
        """Whether this endpoint was asked in vain since the silence began."""
        return who in self._quiet

    @property
    def blind(self) -> bool:
        """Everybody who could tell was asked since the silence began, and nobody answered."""
        if self.quiet_since is None or not self.endpoints or len(self._quiet) < self.endpoints:
            return False
        return len(self._dead) >= self.references

    def forget(self, who: Hashable) -> None:
        """It is asked no more: that it was silent says nothing of those who are."""
        self._quiet.discard(who)
        self._dead.discard(who)

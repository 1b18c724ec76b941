"""What a source of backups is: settings, and a way to read what they say. Listed in `exporter.backups.SOURCES`."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

from exporter.backups.failure import BackupFailure
from exporter.backups.times import utc
from exporter.backups.verified import Verified, last_verified
from exporter.core.backup import BackupFacts
from exporter.core.model import Reason
from exporter.settings import Settings

SKEW = 5.0
"""Seconds that another machine's clock may be ahead of ours before we say that one of them is wrong."""

Read: TypeAlias = Callable[[], Awaitable[BackupFacts]]
Clock: TypeAlias = Callable[[], float]
"""Unix seconds."""


class Access(NamedTuple):
    """What a source may use besides its settings."""

    allow_exec: bool
    clock: Clock


class Inspector:
    """One configured backup, ready to be inspected as often as wanted. Made by `Source.build`."""

    def __init__(self, read: Read, verified: Read | None, clock: Clock) -> None:
        self._read = read
        self._verified = verified
        self._clock = clock

    async def inspect(self) -> BackupFacts:
        """What the source tells now. The deadline is the caller's: it may cancel, and nothing is left running.

        Raises BackupFailure.
        """
        facts = _believable(await self._read(), self._clock())
        if self._verified is None:
            return facts
        try:
            told = _believable(await self._verified(), self._clock())
        except BackupFailure as failure:  # what is known of the backup itself stays known
            return replace(facts, notes=(*facts.notes, f"the last verified restore cannot be told: {failure.detail}"))
        return replace(facts, last_verified=told.last_verified)


@dataclass(frozen=True, slots=True)
class Source:
    """One line of the table of sources."""

    name: str
    settings: type[Settings]
    reader: Callable[[Any, Access], Read]
    """(settings, access) -> what reads the facts; does no I/O itself."""
    short: str | None = None
    """The settings' key that a plain string stands for; no source has one."""
    verified: type[Verified] = Verified
    """How it may be told when a restore was verified last."""

    def build(
        self,
        settings: Settings,
        verified: Verified | None = None,
        *,
        allow_exec: bool = False,
        clock: Clock = time.time,
    ) -> Inspector:
        """Does no I/O. `allow_exec`: the exporter was started with --allow-exec.

        Raises ValueError, with a sentence for the configuration, when a command would be needed and is not allowed.
        """
        check = None if verified is None else last_verified(verified)
        return Inspector(self.reader(settings, Access(allow_exec, clock)), check, clock)


def _believable(facts: BackupFacts, now: float) -> BackupFacts:
    """The facts with no instant ahead of `now`. Raises BackupFailure when one is ahead by more than clocks may differ."""

    def past(instant: float | None, what: str) -> float | None:
        if instant is None:
            return None
        if instant > now + SKEW:
            raise BackupFailure(
                Reason.ASSERTION,
                f"{what} is dated {utc(instant)}, which is {instant - now:.0f} s ahead of our clock: one of the two "
                "clocks, or a time zone, is wrong",
            )
        return min(instant, now)

    return replace(
        facts,
        point=past(facts.point, "the newest backup"),
        last_success=past(facts.last_success, "the end of the newest backup"),
        last_verified=past(facts.last_verified, "the last verified restore"),
    )

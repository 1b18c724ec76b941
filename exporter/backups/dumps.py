"""Dumps that are told by name, end and size, as in a directory or a bucket: which of them count, and what they prove.

A file tells when its dump ended, but a dump holds what was there when it began. So either its name tells that, or the
settings tell the longest that one takes.
"""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from exporter.backups.times import ZoneName, earliest
from exporter.core.backup import BackupFacts, no_backup
from exporter.settings import DurationOrZero, Settings, Size

UNFINISHED = ("*.partial", "*.part", "*.tmp", "*.temp", "*.incomplete", "*.inprogress", "*.swp", ".*", "*~")
"""Names of files that somebody is still writing, as common tools give them."""

EXAMPLE = datetime(2026, 1, 31, 2, 30, 59)  # noqa: DTZ001 - only written and read back


class Dump(NamedTuple):
    """One finished file or object. `name`: without its folder; `end`: Unix seconds; `size`: bytes."""

    name: str
    end: float
    size: int


class DumpSettings(Settings):
    """Exactly one of `takes` and `name_time` says when a dump began."""

    takes: DurationOrZero | None = None
    """The longest that a dump takes; 0 for a snapshot that is made at once."""
    name_time: str | None = None
    """The whole name with the start in it, as strptime reads it, like `orders-%Y%m%d-%H%M%S.dump`."""
    glob: Annotated[str, Field(min_length=1)] = "*"
    """Of the names, without folders."""
    timezone: ZoneName = "UTC"
    """Of the times in the names."""
    min_size: Annotated[Size, Field(ge=1)] = 1
    """What is smaller is no dump."""

    @model_validator(mode="after")
    def _began(self) -> "DumpSettings":
        if (self.takes is None) == (self.name_time is None):
            raise ValueError(
                "a dump holds what was there when it began: write exactly one of takes: 2h (the longest that one takes) "
                "and name_time: orders-%Y%m%d-%H%M%S.dump (the names tell it)"
            )
        if self.name_time is not None and not _tells_time(self.name_time):
            raise ValueError(
                "name_time must say where the time stands in a name, like orders-%Y%m%d-%H%M%S.dump; see strptime"
            )
        return self


def is_wanted(settings: DumpSettings, name: str) -> bool:
    """Whether the name is one of those that are looked for, and does not say that the file is still being written."""
    unfinished = any(fnmatch.fnmatchcase(name.lower(), pattern) for pattern in UNFINISHED)
    return not unfinished and fnmatch.fnmatchcase(name, settings.glob)


def facts_of(settings: DumpSettings, dumps: Iterable[Dump], where: str) -> tuple[BackupFacts, Dump | None]:
    """What the dumps prove, and the one that proves most. `where`: they are, for people."""
    counted: list[tuple[float, Dump]] = []
    notes: list[str] = []
    for dump in sorted(dumps, key=lambda dump: dump.end):
        start = started(settings, dump)
        if dump.size < settings.min_size:
            notes.append(f"{dump.name} has only {dump.size} bytes and does not count")
        elif start is None:
            notes.append(f"the name {dump.name} does not tell a time as name_time says, so it does not count")
        else:
            counted.append((start, dump))
            notes.clear()  # what is older than a good one is no news
    if not counted:
        return no_backup(f"there is no dump that counts in {where}{_because(notes)}"), None
    point, newest = max(counted)
    return BackupFacts(
        point=point,
        last_success=newest.end,
        versions=len(counted),
        size_bytes=float(newest.size),
        notes=tuple(notes[-3:]),
    ), newest


def started(settings: DumpSettings, dump: Dump) -> float | None:
    """When the dump began, at the latest its end; None when its name does not tell."""
    if settings.takes is not None:
        return dump.end - settings.takes
    assert settings.name_time is not None
    try:
        moment = datetime.strptime(dump.name, settings.name_time)  # noqa: DTZ007 - the zone follows
        return min(dump.end, earliest(moment, ZoneInfo(settings.timezone)))
    except ValueError:
        return None


def _tells_time(pattern: str) -> bool:
    try:
        return datetime.strptime(EXAMPLE.strftime(pattern), pattern).date() == EXAMPLE.date()  # noqa: DTZ007 - only dates are compared
    except (ValueError, re.error):
        return False


def _because(notes: Sequence[str]) -> str:
    return f": {notes[-1]}" if notes else ""

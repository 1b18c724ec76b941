"""Source `directory`: dump files in a directory that the exporter can see.

    directory: {path: /srv/dumps, glob: "orders-*.dump", name_time: "orders-%Y%m%d-%H%M%S.dump", min_size: 1000000}

A file counts once it has not changed for `quiet_for` and its name does not end in .partial, .tmp and the like.
"""

import os
import stat
from collections.abc import Iterator
from functools import partial
from typing import Annotated

from pydantic import Field

from exporter.backups.aside import Aside
from exporter.backups.dumps import Dump, DumpSettings, facts_of, is_wanted
from exporter.backups.failure import BackupFailure
from exporter.backups.source import Access, Clock, Read, Source
from exporter.core.backup import BackupFacts
from exporter.core.model import Reason
from exporter.settings import DurationOrZero

FILES_LIMIT = 100_000
"""Entries of a directory that are looked at; more is a failure."""


class DirectorySettings(DumpSettings):
    """Only the directory itself is looked into, not those below it."""

    path: Annotated[str, Field(min_length=1)]
    quiet_for: DurationOrZero = 60.0


def inspect(settings: DirectorySettings, clock: Clock) -> BackupFacts:
    """What the directory proves now; may block. Raises BackupFailure and OSError."""
    finished = list(_finished(settings, clock()))
    return facts_of(settings, finished, settings.path)[0]


def _finished(settings: DirectorySettings, now: float) -> Iterator[Dump]:
    with os.scandir(settings.path) as entries:
        for count, entry in enumerate(entries):
            if count >= FILES_LIMIT:
                raise BackupFailure(
                    Reason.TOO_LARGE, f"{settings.path} has more than {FILES_LIMIT} entries; give the dumps their own"
                )
            if not is_wanted(settings, entry.name):
                continue
            try:
                status = entry.stat()
            except FileNotFoundError:  # removed since, or a link to nothing
                continue
            # One ahead of our clock is not still being written: it is told as the wrong clock that it is.
            if stat.S_ISREG(status.st_mode) and not 0 <= now - status.st_mtime < settings.quiet_for:
                yield Dump(entry.name, status.st_mtime, status.st_size)


def _reader(settings: DirectorySettings, access: Access) -> Read:
    return Aside(partial(inspect, settings, access.clock), f"looking into {settings.path}")


SOURCE = Source("directory", DirectorySettings, _reader)

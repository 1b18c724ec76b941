"""Several things that are backed up into one place: what holds for all of them is what holds for the oldest."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Protocol, TypeVar


class _Dated(Protocol):
    @property
    def group(self) -> Hashable:
        """What it is a backup of."""
        ...

    @property
    def start(self) -> float:
        """Unix seconds at which it was begun."""
        ...


Backup = TypeVar("Backup", bound=_Dated)


def newest_of_each(backups: Iterable[Backup]) -> Mapping[Hashable, Backup]:
    """Group -> its newest backup."""
    newest: dict[Hashable, Backup] = {}
    for backup in backups:
        known = newest.get(backup.group)
        if known is None or backup.start > known.start:
            newest[backup.group] = backup
    return newest


def stalest(newest: Mapping[Hashable, Backup]) -> Backup:
    """Of the newest backups the one that was begun first: only up to there everything is backed up. Needs one at least."""
    return min(newest.values(), key=lambda backup: backup.start)

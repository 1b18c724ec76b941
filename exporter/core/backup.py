"""What a backup told about itself. `None` means that it did not tell, never "no" and never 0."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """One inspection of one backup. Instants are Unix seconds, by the clock of whoever made the backup."""

    point: float | None = None
    """With which instant the newest usable backup, or the last archived log segment, is consistent. None: there is none."""
    last_success: float | None = None
    last_verified: float | None = None
    """When a restore from it was last verified."""
    encrypted: bool | None = None
    immutable: bool | None = None
    """Nobody, not even its owner, can change or delete it before its time."""
    versions: int | None = None
    """How many usable backups are there."""
    size_bytes: float | None = None
    """Of the newest usable one."""
    notes: tuple[str, ...] = ()
    """What a person should know besides: a newer backup that failed, what could not be told and why. Holds no secrets."""


def no_backup(why: str) -> BackupFacts:
    """The source was asked, and it has nothing that could be restored: what an earlier inspection proved is gone."""
    return BackupFacts(versions=0, notes=(why,))

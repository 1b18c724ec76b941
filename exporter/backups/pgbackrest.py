"""Source `pgbackrest`: what `pgbackrest info --output=json` says of one stanza.

    pgbackrest: {command: ["pgbackrest", "info", "--output=json"], stanza: main}

The recovery point is the stop of the newest usable backup: a whole second, rounded down, read right after
pg_backup_stop. A backup is usable when it and all that it builds on are there without page errors, and the archive holds
the WAL that makes it consistent.
"""

from collections.abc import Iterable
from functools import partial
from typing import Annotated

from pydantic import Field, TypeAdapter

from exporter.backups.document import Document, Text, Told, parsed, text_of
from exporter.backups.failure import BackupFailure
from exporter.backups.source import Access, Read, Source
from exporter.backups.times import Time
from exporter.core.backup import BackupFacts, no_backup
from exporter.core.model import Reason


class PgBackRestSettings(Document):
    """`stanza` is needed when the output tells of several; `repo` (its number) leaves the other repositories out."""

    stanza: str | None = None
    repo: Annotated[int, Field(ge=1, le=256)] | None = None


class _Database(Told):
    number: int = Field(alias="id")
    repo: int = Field(default=1, alias="repo-key")


class _Times(Told):
    start: Time
    stop: Time


class _Segments(Told):
    start: str | None = None
    stop: str | None = None


class _Kept(Told):
    size: float | None = Field(default=None, ge=0)


class _Info(Told):
    repository: _Kept = _Kept()


class _Backup(Told):
    label: str
    timestamp: _Times
    database: _Database
    archive: _Segments = _Segments()
    error: bool | None = None
    """Page checksums did not match."""
    reference: tuple[str, ...] | None = None
    info: _Info = _Info()

    @property
    def key(self) -> tuple[int, str]:
        return self.database.repo, self.label


class _Archive(Told):
    database: _Database
    oldest: str | None = Field(default=None, alias="min")
    newest: str | None = Field(default=None, alias="max")


class _Repo(Told):
    key: int
    cipher: str | None = None


class _Status(Told):
    code: int
    message: str = ""


class _Stanza(Told):
    name: str
    status: _Status
    backup: tuple[_Backup, ...] = ()
    archive: tuple[_Archive, ...] = ()
    repo: tuple[_Repo, ...] = ()
    cipher: str | None = None


LISTED = (0, 1, 2, 3)
"""Codes of a stanza whose backups were all listed: ok, missing stanza path, no valid backups, missing stanza data."""
SHAPE = TypeAdapter(tuple[_Stanza, ...])


def facts_of(settings: PgBackRestSettings, text: bytes) -> BackupFacts:
    """What the output proves. Raises BackupFailure: not this output, no such stanza, a repository that cannot be read."""
    stanza = _chosen(parsed(SHAPE, text, "the output of pgbackrest info --output=json"), settings.stanza)
    backups = sorted(
        (backup for backup in stanza.backup if settings.repo in (None, backup.database.repo)),
        key=lambda backup: backup.timestamp.stop,
    )
    faults = _faults(backups, stanza.archive)
    usable = [backup for backup in backups if backup.key not in faults]
    if not usable:
        why = next(iter(faults.values()), stanza.status.message if stanza.status.code else "none is listed")
        if not faults and stanza.status.code not in LISTED:
            raise BackupFailure(Reason.UNAVAILABLE, f"pgBackRest cannot tell of the stanza {stanza.name}: {why}")
        return no_backup(f"the stanza {stanza.name} has no usable backup: {why}")
    newest = usable[-1]
    notes = [fault for key, fault in faults.items() if key in {b.key for b in backups[backups.index(newest) + 1 :]}]
    if stanza.status.code:
        notes.append(f"pgBackRest says of the stanza {stanza.name}: {stanza.status.message}")
    return BackupFacts(
        point=newest.timestamp.stop,
        last_success=newest.timestamp.stop,
        encrypted=_encrypted(stanza, newest.database.repo),
        versions=len(usable),
        size_bytes=newest.info.repository.size,
        notes=tuple(notes),
    )


def _chosen(stanzas: tuple[_Stanza, ...], name: str | None) -> _Stanza:
    found = [stanza for stanza in stanzas if name in (None, stanza.name)]
    if len(found) == 1:
        return found[0]
    told = ", ".join(stanza.name for stanza in stanzas) or "none"
    if name is None and found:
        raise BackupFailure(Reason.ASSERTION, f"the output tells of several stanzas ({told}); name one with stanza:")
    raise BackupFailure(Reason.ASSERTION, f"the output does not tell of the stanza {name or ''}; it has {told}")


def _faults(backups: Iterable[_Backup], archives: tuple[_Archive, ...]) -> dict[tuple[int, str], str]:
    """Why backups cannot be used, those that cannot. `backups`: oldest first, so that what one builds on comes before it."""
    seen: set[tuple[int, str]] = set()
    faults: dict[tuple[int, str], str] = {}
    for backup in backups:
        seen.add(backup.key)
        needed = [(backup.database.repo, label) for label in backup.reference or ()]
        lacking = next((label for repo, label in needed if (repo, label) not in seen or (repo, label) in faults), None)
        if backup.error:
            faults[backup.key] = f"the backup {backup.label} has pages whose checksum is wrong"
        elif lacking is not None:
            faults[backup.key] = f"the backup {backup.label} builds on {lacking}, which is missing or faulty"
        elif not _archived(backup, archives):
            faults[backup.key] = f"the backup {backup.label} needs WAL that is not in the archive"
    return faults


def _archived(backup: _Backup, archives: tuple[_Archive, ...]) -> bool:
    first, last = backup.archive.start, backup.archive.stop
    if first is None or last is None:  # taken offline, or without a check of the archive
        return True
    return any(
        archive.oldest is not None and archive.newest is not None and archive.oldest <= first and last <= archive.newest
        for archive in archives
        if archive.database == backup.database
    )


def _encrypted(stanza: _Stanza, repo: int) -> bool | None:
    ciphers = {one.key: one.cipher for one in stanza.repo}
    cipher = ciphers.get(repo, stanza.cipher)
    return None if cipher in (None, "mixed") else cipher != "none"


async def _read(settings: PgBackRestSettings, text: Text) -> BackupFacts:
    return facts_of(settings, await text())


def _reader(settings: PgBackRestSettings, access: Access) -> Read:
    return partial(_read, settings, text_of(settings, allow_exec=access.allow_exec))


SOURCE = Source("pgbackrest", PgBackRestSettings, _reader)

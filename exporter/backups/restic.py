"""Source `restic`: what `restic snapshots --json` says.

    restic: {command: ["restic", "--no-lock", "snapshots", "--json"],
             env: {RESTIC_REPOSITORY: /srv/restic, RESTIC_PASSWORD_FILE: /run/secrets/restic}}

A snapshot's time is its start, which is its recovery point. Snapshots of several hosts or paths are several backups, and
the one whose newest snapshot is the oldest counts; the tool's own --host, --path and --tag choose among them. Restic
encrypts whatever it writes.
"""

from functools import partial

from pydantic import Field, TypeAdapter

from exporter.backups.document import Document, Text, Told, parsed, text_of, text_of_command
from exporter.backups.groups import newest_of_each, stalest
from exporter.backups.source import Access, Read, Source
from exporter.backups.times import Time
from exporter.command import Command
from exporter.core.backup import BackupFacts, no_backup


class ResticSettings(Document):
    """`check` is a command like ["restic", "--no-lock", "check"]: no backup counts while it exits with anything but 0."""

    check: Command | None = None


class _Summary(Told):
    """Since restic 0.17."""

    backup_end: Time | None = None
    total_bytes_processed: float | None = Field(default=None, ge=0)


class _Snapshot(Told):
    name: str = Field(alias="id")
    start: Time = Field(alias="time")
    hostname: str = ""
    paths: tuple[str, ...] = ()
    summary: _Summary = _Summary()

    @property
    def group(self) -> tuple[str, tuple[str, ...]]:
        return self.hostname, self.paths

    @property
    def end(self) -> float:
        return self.summary.backup_end or self.start


SHAPE = TypeAdapter(tuple[_Snapshot, ...] | None)


def facts_of(text: bytes) -> BackupFacts:
    """What the output proves. Raises BackupFailure: it is not this output."""
    snapshots = parsed(SHAPE, text, "the output of restic snapshots --json")
    if not snapshots:
        return no_backup("the repository has no snapshot of what is asked for")
    newest = newest_of_each(snapshots)
    weakest = stalest(newest)
    notes: list[str] = []
    if len(newest) > 1:
        what = f"{' '.join(weakest.paths)} of {weakest.hostname}"
        notes.append(f"of {len(newest)} things that are backed up here, {what} has the oldest newest snapshot")
    return BackupFacts(
        point=weakest.start,
        last_success=weakest.end,
        encrypted=True,
        versions=sum(snapshot.group == weakest.group for snapshot in snapshots),
        size_bytes=weakest.summary.total_bytes_processed,
        notes=tuple(notes),
    )


async def _read(text: Text, check: Text | None) -> BackupFacts:
    facts = facts_of(await text())
    if check is not None:
        await check()
    return facts


def _reader(settings: ResticSettings, access: Access) -> Read:
    allowed = access.allow_exec
    check = None if settings.check is None else text_of_command(settings.check, settings.env, allow_exec=allowed)
    return partial(_read, text_of(settings, allow_exec=allowed), check)


SOURCE = Source("restic", ResticSettings, _reader)

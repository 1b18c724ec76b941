"""Source `velero`: Velero's backups as Kubernetes tells them.

    velero: {command: ["kubectl", "--namespace", "velero", "get", "backups.velero.io", "--output", "json"], schedule: orders}

Only a backup whose phase is Completed counts, until it expires; its start is the recovery point. Without `schedule` the
schedule whose newest backup is the oldest counts, and backups that belong to none only where there is no schedule.
"""

from functools import partial
from typing import Literal

from pydantic import Field, TypeAdapter

from exporter.backups.document import Document, Text, Told, parsed, text_of
from exporter.backups.groups import newest_of_each, stalest
from exporter.backups.source import Access, Clock, Read, Source
from exporter.backups.times import Time
from exporter.core.backup import BackupFacts, no_backup

SCHEDULE = "velero.io/schedule-name"


class VeleroSettings(Document):
    schedule: str | None = None


class _Metadata(Told):
    name: str
    labels: dict[str, str] | None = None


class _Status(Told):
    phase: str = "New"
    started: Time | None = Field(default=None, alias="startTimestamp")
    completed: Time | None = Field(default=None, alias="completionTimestamp")
    expiration: Time | None = None


class _Backup(Told):
    kind: Literal["Backup"] = "Backup"
    metadata: _Metadata
    status: _Status = _Status()

    @property
    def group(self) -> str:
        return (self.metadata.labels or {}).get(SCHEDULE, "")

    @property
    def start(self) -> float:
        return self.status.started or 0.0

    def is_usable(self, now: float) -> bool:
        status = self.status
        complete = status.phase == "Completed" and status.started is not None
        return complete and (status.expiration is None or now < status.expiration)


class _List(Told):
    items: tuple[_Backup, ...]


SHAPE = TypeAdapter(_List | _Backup)


def facts_of(settings: VeleroSettings, text: bytes, now: float) -> BackupFacts:
    """What the output proves at `now` (Unix seconds). Raises BackupFailure: it is not this output."""
    told = parsed(SHAPE, text, "the output of kubectl get backups.velero.io --output json")
    backups = told.items if isinstance(told, _List) else (told,)
    if settings.schedule is not None:
        backups = tuple(backup for backup in backups if backup.group == settings.schedule)
    elif any(backup.group for backup in backups):
        backups = tuple(backup for backup in backups if backup.group)
    usable = [backup for backup in backups if backup.is_usable(now)]
    of_what = "" if settings.schedule is None else f" of the schedule {settings.schedule}"
    lacking = sorted({backup.group for backup in backups} - {backup.group for backup in usable})
    if not usable or lacking:
        # A schedule of which nothing can be restored leaves its part without any recovery point.
        where = f" of the schedule {lacking[0]}" if lacking and lacking[0] else of_what
        return no_backup(f"no backup{where} is Completed and unexpired: {_newest_phase(backups)}")
    weakest = stalest(newest_of_each(usable))
    return BackupFacts(
        point=weakest.start,
        last_success=weakest.status.completed or weakest.start,
        versions=sum(backup.group == weakest.group for backup in usable),
        notes=tuple(
            f"the newer backup {backup.metadata.name} is {backup.status.phase}"
            for backup in backups
            if backup.group == weakest.group and backup.start > weakest.start and backup not in usable
        ),
    )


def _newest_phase(backups: tuple[_Backup, ...]) -> str:
    if not backups:
        return "none is listed"
    newest = max(backups, key=lambda backup: backup.start)
    return f"{newest.metadata.name} is {newest.status.phase}"


async def _read(settings: VeleroSettings, text: Text, clock: Clock) -> BackupFacts:
    return facts_of(settings, await text(), clock())


def _reader(settings: VeleroSettings, access: Access) -> Read:
    return partial(_read, settings, text_of(settings, allow_exec=access.allow_exec), access.clock)


SOURCE = Source("velero", VeleroSettings, _reader)

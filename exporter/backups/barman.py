"""Source `barman`: what `barman --format json list-backups SERVER` says.

    barman: {command: ["barman", "--format", "json", "list-backups", "orders"]}

The recovery point is the end of the newest backup that is DONE. One that still waits for WAL cannot be restored yet.
"""

from functools import partial

from pydantic import TypeAdapter

from exporter.backups.document import Document, Text, Told, parsed, text_of
from exporter.backups.failure import BackupFailure
from exporter.backups.source import Access, Read, Source
from exporter.backups.times import Time
from exporter.core.backup import BackupFacts, no_backup
from exporter.core.model import Reason


class BarmanSettings(Document):
    """`server` is needed when the output tells of several."""

    server: str | None = None


class _Backup(Told):
    backup_id: str
    status: str
    end_time_timestamp: Time | None = None
    size_bytes: float | None = None


SHAPE = TypeAdapter(dict[str, tuple[_Backup | str, ...]])


def facts_of(settings: BarmanSettings, text: bytes) -> BackupFacts:
    """What the output proves. Raises BackupFailure: not this output, no such server."""
    told = parsed(SHAPE, text, "the output of barman --format json list-backups")
    for complaint in told.pop("_ERROR", ()):
        raise BackupFailure(Reason.ERROR_CODE, f"barman says: {complaint}")
    server = _chosen(told, settings.server)
    backups = [backup for backup in told[server] if isinstance(backup, _Backup)]
    done = {backup.backup_id: backup.end_time_timestamp for backup in backups if backup.status == "DONE"}
    dated = {name: end for name, end in done.items() if end is not None}
    if not dated:
        newest_told = max(backups, key=lambda backup: backup.backup_id, default=None)
        why = "none is listed" if newest_told is None else f"{newest_told.backup_id} is {newest_told.status}"
        return no_backup(f"the server {server} has no backup that is DONE: {why}")
    newest = max(dated, key=lambda name: dated[name])
    later = [backup for backup in backups if backup.backup_id > newest and backup.status != "DONE"]
    return BackupFacts(
        point=dated[newest],
        last_success=dated[newest],
        versions=len(dated),
        size_bytes=next(backup.size_bytes for backup in backups if backup.backup_id == newest),
        notes=tuple(f"the newer backup {backup.backup_id} is {backup.status}" for backup in later),
    )


def _chosen(told: dict[str, tuple[_Backup | str, ...]], name: str | None) -> str:
    servers = [server for server in told if not server.startswith("_")]  # _INFO, _WARNING, _DEBUG: what barman remarks
    known = ", ".join(servers) or "none"
    if name is None and len(servers) > 1:
        raise BackupFailure(Reason.ASSERTION, f"the output tells of several servers ({known}); name one with server:")
    if not servers or (name is not None and name not in servers):
        raise BackupFailure(Reason.ASSERTION, f"the output does not tell of the server {name or ''}; it has {known}")
    return name or servers[0]


async def _read(settings: BarmanSettings, text: Text) -> BackupFacts:
    return facts_of(settings, await text())


def _reader(settings: BarmanSettings, access: Access) -> Read:
    return partial(_read, settings, text_of(settings, allow_exec=access.allow_exec))


SOURCE = Source("barman", BarmanSettings, _reader)

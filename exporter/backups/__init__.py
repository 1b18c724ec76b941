"""The sources that tell of backups. A new source is one file, and one line here."""

from collections.abc import Mapping
from dataclasses import replace

from exporter.backups import barman, directory, json_facts, pgbackrest, restic, s3, velero, wal_archive
from exporter.backups.document import without_commands
from exporter.backups.source import Source

SOURCES: Mapping[str, Source] = {
    "barman": barman.SOURCE,
    "directory": directory.SOURCE,
    "json": json_facts.SOURCE,
    "pgbackrest": pgbackrest.SOURCE,
    "restic": restic.SOURCE,
    "s3": s3.SOURCE,
    "velero": velero.SOURCE,
    "wal_archive": wal_archive.SOURCE,
}


def permitted(*, allow_exec: bool) -> Mapping[str, Source]:
    """The table as far as the flag --allow-exec goes: without it a command in the settings is an error, at its place."""
    if allow_exec:
        return SOURCES
    return {name: replace(source, settings=without_commands(source.settings)) for name, source in SOURCES.items()}

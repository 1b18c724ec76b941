"""Source `json`: any tool that can tell of its backups in JSON.

    json: {url: "https://backup.example.com/status", point: $.consistent_at, last_success: $.finished_at, encrypted: $.encrypted}
    json: {command: ["wal-g", "backup-list", "--detail", "--json"], items: $, point: $.start_time, last_success: $.finish_time}

With `items`, a list of backups, the paths begin at each of them, only those count where every value of `where` is there, and
the newest tells. Times are seconds or milliseconds since 1970, or ISO 8601; those without a zone need `timezone`.
"""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, TypeAdapter, model_validator

from exporter.backups.document import Document, Text, parsed, text_of
from exporter.backups.failure import BackupFailure
from exporter.backups.source import Access, Read, Source
from exporter.backups.times import ZoneName, seconds
from exporter.core.backup import BackupFacts, no_backup
from exporter.core.model import Reason
from exporter.json_path import JsonPath, keys, pick

ANYTHING: TypeAdapter[object] = TypeAdapter(object)
Kind = TypeVar("Kind")


class JsonSettings(Document):
    """`point` is the instant that the backup is consistent with: for a dump, when it was begun."""

    items: JsonPath | None = None
    where: dict[JsonPath, Any] = Field(default={})
    """JSON path -> the value that must stand there, or the backup does not count."""
    point: JsonPath
    last_success: JsonPath | None = None
    last_verified: JsonPath | None = None
    encrypted: JsonPath | None = None
    immutable: JsonPath | None = None
    versions: JsonPath | None = None
    size_bytes: JsonPath | None = None
    timezone: ZoneName | None = None

    @model_validator(mode="after")
    def _counts_once(self) -> "JsonSettings":
        if self.items is not None and self.versions is not None:
            raise ValueError("with items the versions are counted; leave versions out")
        return self


class _Reading:
    """One backup of the document, and how its values are read."""

    def __init__(self, settings: JsonSettings, document: object) -> None:
        self._document = document
        self._zone = None if settings.timezone is None else ZoneInfo(settings.timezone)

    def value(self, path: JsonPath | None, shape: TypeAdapter[Kind]) -> Kind | None:
        """None where nothing stands; raises BackupFailure where something else does."""
        told = None if path is None else pick(self._document, keys(path))
        if told is None:
            return None
        try:
            return shape.validate_python(told, strict=True)
        except ValueError:
            raise BackupFailure(Reason.ASSERTION, f"what stands at {path} is of another kind than expected") from None

    def time(self, path: JsonPath | None) -> float | None:
        told = None if path is None else pick(self._document, keys(path))
        if told is None:
            return None
        try:
            return seconds(told, self._zone)
        except ValueError:
            raise BackupFailure(
                Reason.ASSERTION,
                f"there is no time that can be read at {path}; expected seconds since 1970, or ISO 8601 with a zone "
                "(or name its zone with timezone:)",
            ) from None


BOOLEAN = TypeAdapter(bool)
COUNT: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=0, lt=1 << 53)])
SIZE: TypeAdapter[float] = TypeAdapter(Annotated[float, Field(ge=0, lt=1e24)])


def facts_of(settings: JsonSettings, text: bytes) -> BackupFacts:
    """What the document tells. Raises BackupFailure: no JSON, or other values than expected."""
    document = parsed(ANYTHING, text, "JSON")
    listed = [one for one in _listed(settings, document) if _counts(settings, one)]
    dated = [(_Reading(settings, one).time(settings.point), one) for one in listed]
    point, newest = max(
        ((at, one) for at, one in dated if at is not None), key=lambda pair: pair[0], default=(None, None)
    )
    if point is None:
        why = f"there is no time at {settings.point}" if listed else "none is listed that counts"
        return no_backup(f"there is no backup: {why}")
    reading = _Reading(settings, newest)
    counted = sum(at is not None for at, _ in dated)
    return BackupFacts(
        point=point,
        last_success=reading.time(settings.last_success),
        last_verified=reading.time(settings.last_verified),
        encrypted=reading.value(settings.encrypted, BOOLEAN),
        immutable=reading.value(settings.immutable, BOOLEAN),
        versions=reading.value(settings.versions, COUNT) if settings.items is None else counted,
        size_bytes=reading.value(settings.size_bytes, SIZE),
    )


def _listed(settings: JsonSettings, document: object) -> Iterator[object]:
    if settings.items is None:
        yield document
        return
    items = pick(document, keys(settings.items))
    if not isinstance(items, list):
        raise BackupFailure(Reason.ASSERTION, f"there is no list at {settings.items}")
    yield from items


def _counts(settings: JsonSettings, one: object) -> bool:
    return all(pick(one, keys(path)) == value for path, value in settings.where.items())


async def _read(settings: JsonSettings, text: Text) -> BackupFacts:
    return facts_of(settings, await text())


def _reader(settings: JsonSettings, access: Access) -> Read:
    return partial(_read, settings, text_of(settings, allow_exec=access.allow_exec))


SOURCE = Source("json", JsonSettings, _reader)

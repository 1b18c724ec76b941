"""`verified:` - when a restore was last tried and found good, as the restore job tells it.

verified: {file: /var/lib/restore/orders.done}                          # when the file was last written
verified: {file: /var/lib/restore/last.json, json: $.finished_at}       # or a time that stands in it
verified: {url: "https://ci.example.com/restore/last.json", json: $.finished_at}
verified: {api: true}                                                   # the job calls the exporter's API
"""

import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter, model_validator

from exporter.backups import fetch
from exporter.backups.aside import Aside
from exporter.backups.document import parsed, text_of_file, text_of_url
from exporter.backups.failure import BackupFailure
from exporter.backups.times import seconds
from exporter.core.backup import BackupFacts
from exporter.core.model import Reason
from exporter.json_path import JsonPath, keys, pick
from exporter.settings import Secret, Settings

ANYTHING: TypeAdapter[object] = TypeAdapter(object)


class Verified(Settings):
    """Exactly one of `file`, `url` and `api`. With `api` the restore job tells it to the exporter, and nothing is read."""

    file: str | None = None
    url: fetch.WebAddress | None = None
    api: Literal[True] | None = None
    value: JsonPath | None = Field(default=None, alias="json")
    """Where the time stands: seconds since 1970, or ISO 8601 with a zone."""
    bearer: Secret | None = None
    ca_file: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "Verified":
        if sum(origin is not None for origin in (self.file, self.url, self.api)) != 1:
            raise ValueError("verified needs exactly one of file, url and api, like {file: /var/lib/restore/last.json}")
        if self.url is not None and self.value is None:
            raise ValueError("a url needs json: where the time stands in the answer, like json: $.finished_at")
        if self.url is None and (self.bearer is not None or self.ca_file is not None):
            raise ValueError("bearer and ca_file belong to a url; leave them out")
        if self.api is not None and self.value is not None:
            raise ValueError("json belongs to a file or a url; leave it out")
        return self


def last_verified(settings: Verified) -> Callable[[], Awaitable[BackupFacts]] | None:
    """What reads `last_verified`; None where it is told by the API. Reading raises BackupFailure."""
    if settings.api is not None:
        return None
    if settings.file is not None and settings.value is None:
        return _written(settings.file)
    assert settings.value is not None
    if settings.file is not None:
        text = text_of_file(settings.file)
    else:
        assert settings.url is not None
        text = text_of_url(settings.url, settings.bearer, settings.ca_file)
    path, name = keys(settings.value), settings.value

    async def read() -> BackupFacts:
        told = pick(parsed(ANYTHING, await text(), "JSON"), path)
        try:
            return BackupFacts(last_verified=seconds(told))
        except ValueError:
            raise BackupFailure(
                Reason.ASSERTION, f"there is no time with a zone at {name}; write one like 2026-01-31T02:00:00Z"
            ) from None

    return read


def _written(name: str) -> Callable[[], Awaitable[BackupFacts]]:
    def look() -> float:
        status = Path(name).stat()
        if not stat.S_ISREG(status.st_mode):
            raise BackupFailure(
                Reason.ASSERTION, f"{name} is not a regular file; name the one that the restore job writes"
            )
        return status.st_mtime

    aside = Aside(look, f"looking at {name}")

    async def read() -> BackupFacts:
        return BackupFacts(last_verified=await aside())

    return read

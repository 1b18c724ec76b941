"""Source `s3`: dumps as objects under a prefix of an S3-compatible bucket.

    s3: {endpoint: "https://s3.eu-west-1.amazonaws.com", region: eu-west-1, bucket: dumps, prefix: orders/,
         access_key: AKIAEXAMPLE, secret_key_file: /run/secrets/s3, name_time: "orders-%Y%m%d-%H%M%S.dump"}

Needs s3:ListBucket; tells more with s3:GetObject, s3:GetObjectRetention, s3:GetBucketVersioning,
s3:GetBucketObjectLockConfiguration and s3:ListBucketVersions. What the key may not read stays untold, with a note.
Where the bucket keeps old versions, these count too, removed ones included: they can be brought back.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from exporter.backups.dumps import Dump, DumpSettings, facts_of, is_wanted
from exporter.backups.failure import BackupFailure
from exporter.backups.fetch import WebAddress
from exporter.backups.s3_bucket import Bucket, Where
from exporter.backups.sigv4 import Keys
from exporter.backups.source import Access, Clock, Read, Source
from exporter.backups.times import seconds
from exporter.core.backup import BackupFacts
from exporter.core.model import Reason
from exporter.settings import Secret

Told = TypeVar("Told")
ENCRYPTION = "x-amz-server-side-encryption"
LOCK_MODE, LOCK_UNTIL = "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"


class S3Settings(DumpSettings):
    """`glob` and `name_time` are about the last part of a key; `addressing`: whether the bucket stands in the path or in the host's name."""

    endpoint: WebAddress
    region: str = "us-east-1"
    bucket: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$")]
    prefix: str = ""
    access_key: Annotated[str, Field(pattern=r"^[!-~]+$")]
    secret_key: Secret
    session_token: Secret | None = None
    addressing: Literal["path", "virtual"] = "path"
    ca_file: str | None = None


async def inspect(settings: S3Settings, clock: Clock) -> BackupFacts:
    """What the bucket proves now. Raises BackupFailure."""
    where = Where(
        settings.endpoint, settings.region, settings.bucket, settings.addressing == "virtual", settings.ca_file
    )
    bucket = Bucket(where, _keys(settings), clock)
    notes: list[str] = []
    versioned = await _maybe(bucket.is_versioned(), "whether old versions are kept", notes)
    objects = await bucket.objects(settings.prefix, versions=versioned is True)
    dumps = {Dump(one.name, one.modified, one.size): one for one in objects if is_wanted(settings, one.name)}
    facts, newest = facts_of(settings, dumps, f"the bucket {settings.bucket} under {settings.prefix or '/'}")
    if newest is None:
        return replace(facts, notes=(*facts.notes, *notes))
    headers = await _maybe(bucket.head(dumps[newest]), "how the newest dump is kept", notes) or {}
    immutable = _locked(headers, clock())
    if immutable is None and await _maybe(bucket.can_lock(), "whether objects can be locked", notes) is False:
        immutable = False
    return replace(
        facts,
        encrypted=True if headers.get(ENCRYPTION) else None,  # without it the dump itself may still be encrypted
        immutable=immutable,
        versions=len(dumps) if versioned else facts.versions,
        notes=(*facts.notes, *notes),
    )


async def _maybe(asking: Awaitable[Told], what: str, notes: list[str]) -> Told | None:
    """What is nice to know: where it cannot be had, None and a note."""
    try:
        return await asking
    except BackupFailure as failure:
        notes.append(f"{what} cannot be told: {failure.detail}")
        return None


def _keys(settings: S3Settings) -> Keys:
    try:
        session = None if settings.session_token is None else settings.session_token.reveal()
        return Keys(settings.access_key, settings.secret_key.reveal(), session)
    except ValueError as error:
        raise BackupFailure(Reason.INTERNAL, str(error)) from None


def _locked(headers: Mapping[str, str], now: float) -> bool | None:
    """Only COMPLIANCE binds everybody: what GOVERNANCE locks, whoever has the right to bypass it can remove."""
    mode, until = headers.get(LOCK_MODE), headers.get(LOCK_UNTIL)
    if mode is None or until is None:
        return None
    try:
        return mode == "COMPLIANCE" and now < seconds(until)
    except ValueError:
        return None


def _reader(settings: S3Settings, access: Access) -> Read:
    return partial(inspect, settings, access.clock)


SOURCE = Source("s3", S3Settings, _reader)

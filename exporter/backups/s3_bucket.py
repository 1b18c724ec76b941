"""One S3-compatible bucket: the few questions that we ask it, signed, in bounded pages."""

from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree

from yarl import URL

from exporter.backups import sigv4
from exporter.backups.failure import BackupFailure
from exporter.backups.fetch import Answer, fetch, status_failure
from exporter.backups.source import Clock
from exporter.backups.times import seconds
from exporter.core.model import Reason

PAGE = 1000
PAGES_LIMIT = 100
"""Pages of PAGE objects each; more is a failure, because the newest may stand on any page."""
_BY_CODE = {
    "AccessDenied": (Reason.PERMISSION, "the key may not do this"),
    "InvalidAccessKeyId": (Reason.AUTH, "the access_key is not known"),
    "SignatureDoesNotMatch": (Reason.AUTH, "the secret_key, or the region, is not right"),
    "RequestTimeTooSkewed": (Reason.AUTH, "our clock and the server's differ too much"),
    "NoSuchBucket": (Reason.ASSERTION, "there is no such bucket"),
    "AuthorizationHeaderMalformed": (Reason.AUTH, "the region is not right"),
}


class Where(NamedTuple):
    """The bucket's address. `virtual`: its name stands in the host's name rather than in the path."""

    endpoint: str
    region: str
    bucket: str
    virtual: bool
    ca_file: str | None


class Object(NamedTuple):
    """One object, or one of its versions. `size`: bytes."""

    key: str
    modified: float
    """Unix seconds, of the server's clock."""
    size: int
    version: str | None

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]


class Bucket:
    """Asks with fresh signatures; every method raises BackupFailure."""

    def __init__(self, where: Where, keys: sigv4.Keys, clock: Clock) -> None:
        self._where = where
        self._keys = keys
        self._clock = clock
        parts = urlsplit(where.endpoint)
        host = f"{where.bucket}.{parts.netloc}" if where.virtual else parts.netloc
        self._root = f"{parts.scheme}://{host}{parts.path.rstrip('/')}{'' if where.virtual else f'/{where.bucket}'}"

    async def is_versioned(self) -> bool:
        """Whether what is overwritten or removed stays as an old version."""
        told = await self._document({"versioning": ""})  # servers name this document differently
        return told.findtext("{*}Status") == "Enabled"

    async def can_lock(self) -> bool:
        """Whether objects of this bucket can be locked at all."""
        answer = await self._ask("GET", {"object-lock": ""})
        if answer.status == 404 and _code(answer) == "ObjectLockConfigurationNotFoundError":
            return False
        told = _tree(self._sound(answer), "ObjectLockConfiguration")
        return told.findtext("{*}ObjectLockEnabled") == "Enabled"

    async def objects(self, prefix: str, *, versions: bool) -> list[Object]:
        """All under the prefix; with `versions` also what they were before."""
        question = {"prefix": prefix, "max-keys": str(PAGE)} | ({"versions": ""} if versions else {"list-type": "2"})
        found: list[Object] = []
        more: dict[str, str] = {}
        for _ in range(PAGES_LIMIT):
            page = await self._document(question | more, "ListVersionsResult" if versions else "ListBucketResult")
            listed = (_object(entry) for entry in page.findall("{*}Version" if versions else "{*}Contents"))
            found += [one for one in listed if one.name]  # a key that ends in / is a folder, not a dump
            if page.findtext("{*}IsTruncated") != "true":
                return found
            more = _next(page, versions)
        raise BackupFailure(
            Reason.TOO_LARGE,
            f"there are more than {PAGES_LIMIT * PAGE} objects under the prefix {prefix!r}; choose a narrower one",
        )

    async def head(self, one: Object) -> Mapping[str, str]:
        """The headers that tell how an object is kept."""
        version = {} if one.version is None else {"versionId": one.version}
        answer = await self._ask("HEAD", version, f"/{one.key}")
        return self._sound(answer).headers

    async def _document(self, question: Mapping[str, str], kind: str | None = None) -> ElementTree.Element:
        return _tree(self._sound(await self._ask("GET", question)), kind)

    async def _ask(self, method: str, question: Mapping[str, str], key: str = "/") -> Answer:
        text = f"{self._root}{sigv4.path(key)}" + (f"?{sigv4.query(question)}" if question else "")
        headers = sigv4.signed(method, text, self._where.region, self._keys, self._clock())
        return await fetch(URL(text, encoded=True), headers, method=method, ca_file=self._where.ca_file)

    def _sound(self, answer: Answer) -> Answer:
        if answer.status == 200:
            return answer
        code = _code(answer)
        where = f"the bucket {self._where.bucket}"
        if code in _BY_CODE:
            reason, why = _BY_CODE[code]
            raise BackupFailure(reason, f"{where}: {why} ({code})")
        raise status_failure(answer.status, where)


def _tree(answer: Answer, kind: str | None) -> ElementTree.Element:
    """The document of this kind. What is of another one must not pass for an empty list: it would say that all is gone."""
    # No answer of S3 declares anything, and entities are how XML becomes a bomb.
    if b"<!" not in answer.body:
        with suppress(ElementTree.ParseError, ValueError, LookupError):
            root = ElementTree.fromstring(answer.body)  # noqa: S314 - without declarations it is harmless
            if kind in (None, root.tag.rpartition("}")[2]):
                return root
    raise BackupFailure(Reason.PROTOCOL, "this is not an answer of S3")


def _code(answer: Answer) -> str | None:
    try:
        return _tree(answer, "Error").findtext("{*}Code")
    except BackupFailure:
        return None


def _object(entry: ElementTree.Element) -> Object:
    key, version = entry.findtext("{*}Key"), entry.findtext("{*}VersionId")
    try:
        size = int(entry.findtext("{*}Size") or "")
        return Object(key or "", seconds(entry.findtext("{*}LastModified")), size, version)
    except ValueError:
        raise BackupFailure(Reason.PROTOCOL, "this is not an answer of S3: an object without size or time") from None


def _next(page: ElementTree.Element, versions: bool) -> dict[str, str]:
    """What asks for the page after this one."""
    names = (
        {"key-marker": "{*}NextKeyMarker", "version-id-marker": "{*}NextVersionIdMarker"}
        if versions
        else {"continuation-token": "{*}NextContinuationToken"}
    )
    more = {name: text for name, where in names.items() if (text := page.findtext(where))}
    if not more:
        raise BackupFailure(Reason.PROTOCOL, "this is not an answer of S3: there is more, but it does not say where")
    return more

"""One HTTP request with bounds: no redirects, no proxies from the environment, no unpacking of compressed bombs."""

import ssl
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import aiohttp
from pydantic import AfterValidator
from yarl import URL

from exporter.backups.failure import BackupFailure, network_failure
from exporter.core.model import Reason

ANSWER_LIMIT = 8 << 20
"""Bytes of a body; more is a failure."""
DEADLINE = 60.0
"""Seconds for one request; the caller's deadline is usually shorter."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


async def fetch(
    url: URL, headers: Mapping[str, str], *, method: str = "GET", ca_file: str | None = None, limit: int = ANSWER_LIMIT
) -> Answer:
    """The answer, whatever its status. Raises BackupFailure when there is none, or too much of it."""
    where = place(url)
    timeout = aiohttp.ClientTimeout(total=DEADLINE)
    connector = aiohttp.TCPConnector(ssl=_context(ca_file) if url.scheme == "https" else True, force_close=True)
    jar = aiohttp.DummyCookieJar()
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=jar, auto_decompress=False
            ) as session,
            session.request(
                method, url, headers={"Accept-Encoding": "identity", **headers}, allow_redirects=False
            ) as answer,
        ):
            return Answer(answer.status, answer.headers, await _body(answer, limit, where))
    except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
        raise network_failure(error, where) from None


async def body(url: URL, headers: Mapping[str, str], *, ca_file: str | None = None) -> bytes:
    """The body of a 200. Raises BackupFailure for everything else."""
    answer = await fetch(url, headers, ca_file=ca_file)
    if answer.status != 200:
        raise status_failure(answer.status, place(url))
    return answer.body


def status_failure(status: int, where: str) -> BackupFailure:
    """The failure that an HTTP status means."""
    if 300 <= status < 400:
        return BackupFailure(Reason.REDIRECT, f"{where} answers {status}; write the address that it leads to")
    reason = {401: Reason.AUTH, 403: Reason.PERMISSION}.get(status, Reason.STATUS)
    return BackupFailure(reason, f"{where} answers {status} instead of 200")


def place(url: URL) -> str:
    """Scheme, host and path: neither user nor query, in which secrets stand."""
    return str(url.with_user(None).with_query(None).with_fragment(None))


def _context(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise BackupFailure(Reason.TLS, f"cannot use the ca_file {ca_file}: {error.strerror or error}") from None


async def _body(answer: aiohttp.ClientResponse, limit: int, where: str) -> bytes:
    told = bytearray()
    async for piece in answer.content.iter_any():
        told += piece
        if len(told) > limit:
            raise BackupFailure(Reason.TOO_LARGE, f"{where} answers with more than {limit} bytes")
    return bytes(told)


def _web_address(text: str) -> str:
    try:
        url = URL(text)
        sound = url.scheme in ("http", "https") and bool(url.host) and (url.port or 0) > 0
    except ValueError:
        sound = False
    if not sound:
        raise ValueError("this is not an address of the web; write one like https://backup.example.com/status.json")
    return text


WebAddress = Annotated[str, AfterValidator(_web_address)]
"""An http:// or https:// URL."""

"""AWS Signature Version 4 for requests of S3 without a body, as "Authenticating Requests (AWS Signature Version 4)" defines it.

Forty lines of a frozen algorithm, checked in the tests against botocore, are less to carry than botocore's 16 MB.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, urlsplit

NO_BODY = hashlib.sha256(b"").hexdigest()
ALGORITHM = "AWS4-HMAC-SHA256"


class Keys(NamedTuple):
    """Who asks."""

    access: str
    secret: str
    session: str | None = None


def query(parameters: Mapping[str, str]) -> str:
    """The query string in the order and the spelling that are signed, and therefore also sent."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(parameters.items()))


def path(text: str) -> str:
    """A path, spelled likewise."""
    return quote(text, safe="/")


def signed(method: str, url: str, region: str, keys: Keys, now: float) -> dict[str, str]:
    """The headers to send with a request. `url` is made of `path` and `query`; `now`: Unix seconds."""
    parts = urlsplit(url)
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": parts.netloc, "x-amz-content-sha256": NO_BODY, "x-amz-date": moment}
    if keys.session is not None:
        headers["x-amz-security-token"] = keys.session
    names = ";".join(sorted(headers))
    lines = [f"{name}:{headers[name]}" for name in sorted(headers)]
    request = "\n".join([method, parts.path, parts.query, *lines, "", names, NO_BODY])
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    signature = _hmac(_key(keys.secret, scope), f"{ALGORITHM}\n{moment}\n{scope}\n{digest}").hex()
    return {
        **headers,
        "authorization": f"{ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}",
    }


def _key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()

"""The API of a running exporter, as a command speaks with it: one request at a time, each with a deadline.

No proxy and no redirect is followed: the token is for the named exporter only.
"""

import json
import ssl
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from exporter import urls
from exporter.settings import read_secret_file

DEADLINE = 15.0
"""Seconds for one answer: the exporter itself waits for its ledger, but not longer than some seconds."""
ANSWER_MOST = 64 * 2**20
"""Bytes of an answer."""
RIGHT = "http://127.0.0.1:9720"


class ApiError(OSError):
    """The exporter cannot be asked, or refuses; the sentence is its own where it gave one.

    `status` is that of its answer; None: there was none.
    """

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


class Access(NamedTuple):
    """Where the exporter is, and who asks."""

    url: str
    token_file: Path | None = None
    login_file: Path | None = None
    """`user:password`, for an exporter that lets only users read."""
    ca_file: Path | None = None


class Client:
    """Raises ApiError for whatever goes wrong, ValueError for an address or a file that cannot be used."""

    def __init__(self, access: Access) -> None:
        parts = urls.split(access.url, "address of the exporter", RIGHT)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError(f"--url is not the address of an exporter; write it like {RIGHT}, without a login")
        try:
            port = parts.port
        except ValueError:
            raise ValueError(f"--url has no usable port; write it like {RIGHT}") from None
        self._access = access
        self._base = parts.path.rstrip("/")
        self._host, self._port, self._tls = parts.hostname, port, parts.scheme == "https"

    def get(self, *path: str, **query: object) -> Any:
        """What stands at /api/v1/ and these words."""
        login = self._access.login_file
        headers = {}
        if login is not None:
            headers["Authorization"] = f"Basic {b64encode(read_secret_file(login).encode()).decode('ascii')}"
        return self._ask("GET", path, query, headers, None)

    def post(self, *path: str, **values: object) -> Any:
        return self._change("POST", path, values)

    def delete(self, *path: str, **values: object) -> Any:
        return self._change("DELETE", path, values)

    def _change(self, method: str, path: tuple[str, ...], values: Mapping[str, object]) -> Any:
        token = self._access.token_file
        if token is None:
            raise ValueError("changing something needs the token; name the file that has it with --token-file")
        headers = {"Authorization": f"Bearer {read_secret_file(token)}", "Content-Type": "application/json"}
        given = {key: value for key, value in values.items() if value is not None}
        return self._ask(method, path, {}, headers, json.dumps(given).encode())

    def _ask(
        self,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, object],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Any:
        asked = {key: value for key, value in query.items() if value is not None}
        where = "/".join([self._base, "api", "v1", *(quote(word, safe="") for word in path)])
        target = f"{where}?{urlencode(asked)}" if asked else where
        connection = self._connection()
        try:
            connection.request(method, target, body, dict(headers))
            answer = connection.getresponse()
            status, content = answer.status, answer.read(ANSWER_MOST)
        except (OSError, HTTPException, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ApiError(f"no answer from {self._access.url}: {why}; name a running exporter with --url") from None
        finally:
            connection.close()
        return self._read(status, content)

    def _connection(self) -> HTTPConnection:
        if not self._tls:
            return HTTPConnection(self._host, self._port, timeout=DEADLINE)
        ca = self._access.ca_file
        try:
            context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        except OSError as error:
            raise ValueError(
                f"the CA file {ca} cannot be used: {error.strerror}; name a file of certificates"
            ) from None
        return HTTPSConnection(self._host, self._port, timeout=DEADLINE, context=context)

    def _read(self, status: int, content: bytes) -> Any:
        try:
            told = json.loads(content)
        except ValueError:
            told = None
        if 200 <= status < 300 and told is not None:
            return told
        sentence = told.get("error") if isinstance(told, dict) else None
        if status == 401 and isinstance(sentence, str) and "basic auth" in sentence:
            sentence = f"{sentence}; name a file with user:password with --login-file"
        raise ApiError(
            str(sentence) if sentence else f"{self._access.url} answers {status}, and is no exporter", status
        )

"""What a flow sends: texts with places like `{token}`, and secrets by reference, at any depth."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator

from exporter.probes.http_message import address
from exporter.settings import Secret, is_secret_key

_PLACE = re.compile(r"\{\{(\w+)\}\}|\{(\w+)\}", re.ASCII)
_URL = re.compile(r"(https?://)(?:[^/?#]*@)?([^/?#@]*)([^?#]*)")

Kept = Mapping[str, object]
"""Name -> value kept from an earlier answer."""


def _flow_url(url: str) -> str:
    address(_PLACE.sub("x", url))
    authority = _URL.match(url.strip())
    if authority is None or _PLACE.search(authority[0].removesuffix(authority[3])):
        raise ValueError("a kept value may stand behind the host only, so that an answer cannot say where secrets go")
    return url.strip()


def _with_secrets(value: Any) -> Any:
    """`{env: NAME}` and `{file: path}` become secrets, and `password_file: path` becomes `password: {file: path}`."""
    match value:
        case {"env": str(name), **rest} if not rest:
            return Secret(env=name)
        case {"file": str(path), **rest} if not rest:
            return Secret(file=path)
        case dict():
            return _members(value)
        case list():
            return [_with_secrets(one) for one in value]
        case _:
            return value


def _members(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    made = {}
    for key, one in value.items():
        bare = str(key).removesuffix("_file")
        if bare == key or not is_secret_key(bare) or not isinstance(one, str):
            made[key] = _with_secrets(one)
        elif bare in value:
            raise ValueError(f"{bare} and {key} are both given; keep one of them")
        else:
            made[bare] = Secret(file=one)
    return made


FlowUrl = Annotated[str, AfterValidator(_flow_url)]
"""A URL with places behind its host."""
Document = Annotated[Any, BeforeValidator(_with_secrets)]
"""Plain data in which strings may have places, and any value may be a secret."""
Fields = Annotated[dict[str, str | int | float | bool | Secret], BeforeValidator(_members)]
"""One level of the same."""


def shown(url: str) -> str:
    """The URL for people: without login and query, in which secrets may stand, and with its places."""
    match = _URL.match(url)
    return "".join(match.groups()) if match else "?"


def places(value: object) -> Iterator[str]:
    """The names of all places in it."""
    if isinstance(value, str):
        yield from (match[2] for match in _PLACE.finditer(value) if match[2])
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from places(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from places(one)


class Filler:
    """Fills places and reveals secrets, and remembers what must not be told to anybody else."""

    def __init__(self) -> None:
        self.kept: dict[str, object] = {}
        self.secrets: set[str] = set()

    def keep(self, name: str, value: object) -> None:
        """What is long enough to be a token is taken for one."""
        self.kept[name] = value
        if len(text := as_text(value)) >= 8:
            self.secrets.add(text)

    def reveal(self, value: str | Secret) -> str:
        """A text with its places filled, or a secret. Raises ValueError when the secret cannot be read."""
        if isinstance(value, str):
            return self._filled(value, as_text)
        secret = value.reveal()
        self.secrets.add(secret)
        return secret

    def url(self, url: str) -> str:
        return self._filled(url, lambda value: quote(as_text(value), safe=""))

    def document(self, value: object) -> object:
        """The same data, filled. A string that is nothing but a place becomes the kept value itself, of its own type."""
        match value:
            case str():
                alone = _PLACE.fullmatch(value)
                return self.kept[alone[2]] if alone and alone[2] else self.reveal(value)
            case Secret():
                return self.reveal(value)
            case dict():
                return {key: self.document(one) for key, one in value.items()}
            case list():
                return [self.document(one) for one in value]
            case _:
                return value

    def _filled(self, text: str, shape: Callable[[object], str]) -> str:
        return _PLACE.sub(lambda match: f"{{{match[1]}}}" if match[1] else shape(self.kept[match[2]]), text)


def as_text(value: object) -> str:
    """A value as it stands in a URL, a form or a header."""
    return str(value).lower() if isinstance(value, bool) else str(value)

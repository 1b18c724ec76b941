"""`$.a.b[0]`: where a value stands in a JSON answer."""

import re
from typing import Annotated

from pydantic import AfterValidator

_STEP = re.compile(r"""\.([A-Za-z_][\w-]*)|\[(\d{1,9})\]|\['([^']*)'\]|\["([^"]*)"\]""")

Keys = tuple[str | int, ...]


def keys(path: str) -> Keys:
    """`$.a['b c'][0]` -> ("a", "b c", 0). Raises ValueError with what would be right."""
    found: list[str | int] = []
    at = 1
    while at < len(path) and (match := _STEP.match(path, at)):
        name, index, single, double = match.groups()
        found.append(
            int(index) if index is not None else next(key for key in (name, single, double) if key is not None)
        )
        at = match.end()
    if not path.startswith("$") or at != len(path):
        raise ValueError(f"{path!r} is not a JSON path; write one like $.status, $.sites[0].role or $['my key']")
    return tuple(found)


def pick(document: object, path: Keys) -> object:
    """The value at `path`; None where there is none."""
    for key in path:
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and isinstance(key, int) and key < len(document):
            document = document[key]
        else:
            return None
    return document


def _checked(path: str) -> str:
    keys(path)
    return path


JsonPath = Annotated[str, AfterValidator(_checked)]

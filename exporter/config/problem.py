"""What is wrong with a configuration, where it stands, and how it is told."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list indices from the top of the configuration."""
WHOLE_FILE = "(file)"
"""Stands where a path would, when the whole file is meant or its YAML cannot be read."""
MAX_KEY = 60


class Place(NamedTuple):
    """A point in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(NamedTuple):
    """One sentence: what is wrong, and what would be right. Holds no secret."""

    place: Place
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.path}: {self.text}"


class ConfigError(ValueError):
    """A configuration that cannot be used, with everything that is wrong with it, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


def printable(text: str) -> str:
    """The text on one line and of bounded length, whatever was in it."""
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[:MAX_KEY])
    return shown + "…" if len(text) > MAX_KEY else shown


def show_path(path: Path) -> str:
    """`systems.orders.sites.hk` or `contacts[0].name`."""
    shown = ""
    for step in path:
        shown += f"[{step}]" if isinstance(step, int) else f".{printable(step)}"
    return shown.removeprefix(".") or WHOLE_FILE

"""Collects every problem of one configuration, each at the place in the file where it can be mended."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from exporter.config.document import Entry, Node
from exporter.config.problem import ConfigError, Path, Place, Problem, printable, show_path
from exporter.settings import mask

MAX_TEXT = 600


@dataclass
class Report:
    """Problems of the tree under `root`. Errors make the configuration unusable, warnings do not."""

    root: Node
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    _told: set[Problem] = field(default_factory=set)
    _broken: set[Path] = field(default_factory=set)
    _above_broken: set[Path] = field(default_factory=set)

    def error(self, path: Path, text: str, *, at_key: bool = False) -> None:
        """Report what stands at a path; where nothing stands there, its nearest ancestor that does."""
        self._add(self.errors, path, text, at_key)
        self._broken.add(path)
        self._above_broken |= {path[:length] for length in range(len(path))}

    def warning(self, path: Path, text: str, *, at_key: bool = False) -> None:
        self._add(self.warnings, path, text, at_key)

    def sound(self, *paths: Path) -> bool:
        """Whether nothing above, at or below these paths is wrong, so that what they say may be compared."""
        above = (path[:length] for path in paths for length in range(len(path) + 1))
        return self._above_broken.isdisjoint(paths) and self._broken.isdisjoint(above)

    def names(self, *path: str | int) -> list[str]:
        """The keys that are written at a path, whether or not what they hold is right."""
        _, node, walked = self._walk(path)
        return list(node.value) if isinstance(node.value, dict) and len(walked) == len(path) else []

    def place(self, path: Path, *, at_key: bool = False) -> Place:
        key, node, _ = self._walk(path)
        return key if at_key else node.place

    def existing(self, steps: Iterable[str | int]) -> Path:
        """The steps that lead somewhere: pydantic puts the names of types between the keys."""
        return self._walk(steps)[2]

    def finish(self) -> None:
        """Raise ConfigError with all errors, if there is one."""
        if self.errors:
            raise ConfigError(in_order(self.errors))

    def _add(self, problems: list[Problem], path: Path, text: str, at_key: bool) -> None:
        problem = Problem(self.place(path, at_key=at_key), show_path(path), one_line(text))
        if problem not in self._told:
            self._told.add(problem)
            problems.append(problem)

    def _walk(self, steps: Iterable[str | int]) -> tuple[Place, Node, Path]:
        key, node = self.root.place, self.root
        path: Path = ()
        for step, entry in _descend(self.root, steps):
            key, node, path = entry.key, entry.node, (*path, step)
        return key, node, path


def _descend(node: Node, steps: Iterable[str | int]) -> Iterator[tuple[str | int, Entry]]:
    for step in steps:
        if isinstance(node.value, dict):
            # A secret may be given by the name of its file.
            found = next((name for name in (step, f"{step}_file") if name in node.value), None)
            if found is None:
                continue
            entry: Entry = node.value[str(found)]
            step = str(found)
        elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
            entry = Entry(node.value[step].place, node.value[step])
        else:
            continue
        yield step, entry
        node = entry.node


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """As a person reads: by file, line and column."""
    return sorted(problems, key=lambda problem: problem.place)


def one_line(text: str) -> str:
    """No secret, no line break, no end in sight: what may stand in an error."""
    safe = mask(text)
    cut = safe if len(safe) <= MAX_TEXT else safe[:MAX_TEXT] + "…"
    return "".join(char if char.isprintable() else " " for char in cut)


def nearest(wrong: str, right: Iterable[str]) -> str:
    """`did you mean 'interval'?`, or what there is to choose from."""
    choices = sorted(right)
    if close := get_close_matches(wrong.lower(), {c.lower(): c for c in choices}, n=1, cutoff=0.6):
        return f"did you mean '{printable({c.lower(): c for c in choices}[close[0]])}'?"
    shown = ", ".join(printable(choice) for choice in choices[:15]) + (", …" if len(choices) > 15 else "")
    return f"choose from: {shown}" if choices else "there is none to choose from"


def quoted(names: Mapping[str, object] | Iterable[str]) -> str:
    """`'hk' or 'sg'`."""
    return " or ".join(f"'{printable(name)}'" for name in names)

"""YAML with a place for every key and value, by the core rules of YAML 1.2.

PyYAML's parser gives the events; what they mean is decided here, because PyYAML itself follows YAML 1.1, where `no` is false,
`010` is eight and `1:30` is ninety. Depth, size and the growth of aliases are bounded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, NamedTuple, TypeAlias

import yaml

from exporter.config import syntax
from exporter.config.problem import ConfigError, Path, Place, Problem, printable, show_path

MAX_BYTES = 4 * 1024 * 1024
MAX_NODES = 500_000
"""Values in one file, aliases expanded."""

Scalar: TypeAlias = str | int | float | bool | None

# libyaml is an order of magnitude faster; a wheel without it still works.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STR, _MAP, _SEQ = (f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq"))
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,40}")
_BASED = re.compile(r"0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,40}|[0-9]{1,40}(?:\.[0-9]{0,40})?)(?:[eE][-+]?[0-9]{1,4})?")
_SPECIAL = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}


class Entry(NamedTuple):
    """One key of a mapping: where the key stands, and its value."""

    key: Place
    node: "Node"


@dataclass(frozen=True, slots=True)
class Node:
    """One value and where it stands. An aliased value stands where its anchor does."""

    place: Place
    value: "Scalar | list[Node] | dict[str, Entry]"
    size: int = 1
    """Values in it, itself included, aliases expanded."""


class Document(NamedTuple):
    """A file that is a mapping. `problems` are those that did not stop the reading, such as keys that are given twice."""

    root: Node
    problems: list[Problem]


def read(file: FilePath) -> Document:
    """Read one configuration file. Raises ConfigError when it cannot be read as a mapping at all."""
    name = str(file)
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a file name"
        raise syntax.failure(name, 1, 1, f"cannot be read ({why}); name a file that exists and is readable") from None
    if len(content) > MAX_BYTES:
        raise syntax.failure(name, 1, 1, 'is larger than 4 MiB; split it with systems_from: ["systems.d/*.yml"]')
    return parse(name, syntax.decode(name, content))


def parse(name: str, text: str) -> Document:
    """The same for text that was read already."""
    composer = _Composer(name, text)
    try:
        root = composer.root()
    except yaml.MarkedYAMLError as error:
        raise ConfigError([*composer.problems, syntax.problem(name, text, error)]) from None
    if root is None or root.value is None:
        raise syntax.failure(
            name, 1, 1, "is empty; write at least one system under systems:, or start from `rto-rpo-exporter init`"
        )
    if not isinstance(root.value, dict):
        raise syntax.failure(*root.place, "is not a mapping; write keys such as systems: at the top")
    return Document(root, composer.problems)


def plain(node: Node) -> Any:
    """Dicts, lists and scalars. Names of files are made relative to the file that names them."""
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    if not isinstance(node.value, dict):
        return node.value
    data = {key: plain(entry.node) for key, entry in node.value.items()}
    for key, value in data.items():
        if isinstance(value, str) and value and (key.endswith("_file") or (key == "file" and len(data) == 1)):
            data[key] = str(FilePath(node.value[key].node.place.file).parent / value)
    return data


def scalar(text: str) -> Scalar:
    """What an unquoted word means by the core schema of YAML 1.2: only true and false are booleans, nothing is a date."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    if text.lower() in _SPECIAL:
        return float(_SPECIAL[text.lower()])
    return text


class _Composer:
    """Events -> nodes, without PyYAML's own composer, which recurses without a bound."""

    def __init__(self, name: str, text: str) -> None:
        self.problems: list[Problem] = []
        self._name = name
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0

    def root(self) -> Node | None:
        found: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if found is not None:
                    raise self._stop(event, "starts a second document; keep one in each file, without --- between")
                found = self._node(next(self._events), ())
        return found

    def _node(self, event: Any, path: Path) -> Node:
        if len(path) > syntax.MAX_DEPTH:
            raise self._stop(event, syntax.TOO_DEEP)
        if isinstance(event, yaml.AliasEvent):
            node = self._aliased(event)
        else:
            self._check_tag(event)
            if event.anchor:
                self._anchors[event.anchor] = None
            node = self._fresh(event, path)
            if event.anchor:
                self._anchors[event.anchor] = node
        return node

    def _fresh(self, event: Any, path: Path) -> Node:
        self._count(event, 1)
        place = self._place(event)
        if isinstance(event, yaml.ScalarEvent):
            return Node(place, scalar(event.value) if event.implicit[0] else event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(item, (*path, len(items))))
            return Node(place, items, 1 + sum(item.size for item in items))
        return self._mapping(place, path)

    def _mapping(self, place: Place, path: Path) -> Node:
        entries: dict[str, Entry] = {}
        inherited: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._stop(event, "stands where a key should; a key is plain text, like `interval: 1s`")
            key, at = event.value, self._place(event)
            node = self._node(next(self._events), (*path, key))
            if key == "<<" and event.implicit[0]:
                inherited |= self._merged(at, node)
            elif key in entries:
                text = f"is given twice, first at {entries[key].key}; keep one"
                self.problems.append(Problem(at, show_path((*path, key)), text))
            else:
                entries[key] = Entry(at, node)
        entries |= {key: entry for key, entry in inherited.items() if key not in entries}
        return Node(place, entries, 1 + sum(entry.node.size for entry in entries.values()))

    def _merged(self, at: Place, node: Node) -> dict[str, Entry]:
        if not isinstance(node.value, dict):
            raise syntax.failure(
                *at, "<< takes over the keys of a mapping; write `<<: *name`, where &name stands at a mapping"
            )
        return node.value

    def _aliased(self, event: Any) -> Node:
        if event.anchor not in self._anchors:
            raise self._stop(
                event,
                f"*{printable(event.anchor)} refers to an anchor that is not above; define it first with &{printable(event.anchor)}",
            )
        node = self._anchors[event.anchor]
        if node is None:
            raise self._stop(
                event,
                f"*{printable(event.anchor)} refers to what it is part of; an alias may only repeat what ended above",
            )
        self._count(event, node.size)
        return node

    def _count(self, event: Any, more: int) -> None:
        self._nodes += more
        if self._nodes > MAX_NODES:
            raise self._stop(
                event,
                f"holds more than {MAX_NODES} values once aliases are expanded; split it with systems_from, or use fewer aliases",
            )

    def _check_tag(self, event: Any) -> None:
        if event.tag not in (None, "!", _STR, _MAP, _SEQ):
            raise self._stop(event, f"the tag {printable(event.tag)} means nothing here; write the value without it")

    def _place(self, event: Any) -> Place:
        return Place(self._name, event.start_mark.line + 1, event.start_mark.column + 1)

    def _stop(self, event: Any, text: str) -> ConfigError:
        return ConfigError([*self.problems, *syntax.failure(*self._place(event), text).problems])

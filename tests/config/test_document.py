"""YAML by the core rules of 1.2, with places, and bounds on what a file may cost."""

from pathlib import Path

import pytest

from exporter.config import ConfigError
from exporter.config.document import MAX_BYTES, parse, plain, read, scalar


@pytest.mark.parametrize(
    "word", ["no", "yes", "on", "off", "y", "n", "1:30", "2026-10-01", "1_000", "0b1", "5s", "99.9%", "0o8", "1e", "."]
)
def test_words_are_text(word: str) -> None:
    """What YAML 1.1 read as a boolean, a sexagesimal, a date or a binary is text."""
    assert scalar(word) == word


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-3", -3),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
    ],
)
def test_core_schema(word: str, value: object) -> None:
    """Numbers, booleans and nothing are read as the core schema says; 010 is ten."""
    assert scalar(word) == value
    assert type(scalar(word)) is type(value)


def test_quoted_is_text() -> None:
    """Quotes make anything text, and keys are always text."""
    assert plain(parse("dr.yml", "'1': 'true'\nno: \"5\"\n2: 3").root) == {"1": "true", "no": "5", "2": 3}


def test_places() -> None:
    """Lines and columns count from 1, in characters, whatever stands before."""
    root = parse("dr.yml", "香港: [a,\n  {b: c}]\n").root
    assert isinstance(root.value, dict)
    entry = root.value["香港"]
    assert str(entry.key) == "dr.yml:1:1"
    assert str(entry.node.place) == "dr.yml:1:5"
    assert isinstance(entry.node.value, list)
    assert str(entry.node.value[1].place) == "dr.yml:2:3"


def test_aliases_and_merges() -> None:
    """An anchor may be repeated, and its keys taken over where they are not given."""
    text = "base: &base {a: 1, b: 2}\nsame: *base\nmore: {<<: *base, b: 3}\n"
    assert plain(parse("dr.yml", text).root) == {
        "base": {"a": 1, "b": 2},
        "same": {"a": 1, "b": 2},
        "more": {"a": 1, "b": 3},
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "",
            "dr.yml:1:1: (file): is empty; write at least one system under systems:, or start from `rto-rpo-exporter init`",
        ),
        ("[" * 500, "dr.yml:1:62: (file): is nested more than 60 deep; write it flatter"),
        ("a: {b: 1, b: 2}\nc: [", "dr.yml:1:11: a.b: is given twice, first at dr.yml:1:5; keep one"),
        (
            "a: 1\n? [b]\n: c\n",
            "dr.yml:2:3: (file): stands where a key should; a key is plain text, like `interval: 1s`",
        ),
        (
            "a: {<<: 5}\n",
            "dr.yml:1:5: (file): << takes over the keys of a mapping; write `<<: *name`, where &name stands at a mapping",
        ),
        (
            'a: "\\d+"\n',
            "dr.yml:1:5: (file): a backslash means something in double quotes; use 'single quotes', or write \\\\",
        ),
    ],
)
def test_not_yaml(text: str, sentence: str) -> None:
    """What cannot be read is told with its place; what was found before it is told, too."""
    with pytest.raises(ConfigError) as caught:
        parse("dr.yml", text)
    assert str(caught.value.problems[0]) == sentence


def test_nested_beyond_what_the_parser_takes() -> None:
    """Newer parsers give up by themselves, and elsewhere; the sentence is the same."""
    with pytest.raises(ConfigError, match=r"^dr\.yml:1:\d+: \(file\): is nested more than 60 deep; write it flatter$"):
        parse("dr.yml", "[" * 100_000)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: 1\nb: caf\xe9\n", "2:7: (file): is not UTF-8 text from here on; save the file as UTF-8"),
        (
            b"a: 1\nb: \x00\n",
            "2:4: (file): U+0000 is a control character; remove it, or write it as an escape in double quotes",
        ),
        (b"#" * (MAX_BYTES + 1), '1:1: (file): is larger than 4 MiB; split it with systems_from: ["systems.d/*.yml"]'),
    ],
)
def test_not_text(content: bytes, sentence: str, tmp_path: Path) -> None:
    """A file that is no text, or has no end, is refused with the place where it begins."""
    file = tmp_path / "dr.yml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read(file)
    assert [str(problem) for problem in caught.value.problems] == [f"{file}:{sentence}"]


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there is an error like any other."""
    with pytest.raises(
        ConfigError, match=r"dr\.yml:1:1: \(file\): cannot be read \(No such file or directory\); name a file"
    ):
        read(tmp_path / "dr.yml")


def test_byte_order_mark(tmp_path: Path) -> None:
    """A byte order mark, as some editors write it, is no part of the first key."""
    file = tmp_path / "dr.yml"
    file.write_bytes(b"\xef\xbb\xbfa: 1")
    assert plain(read(file).root) == {"a": 1}


def test_files_are_relative_to_their_file() -> None:
    """A secret's file is looked for beside the file that names it, unless its name is absolute."""
    root = parse("/etc/dr/dr.yml", "token_file: token\nca_file: /ca\npassword: {file: pw}\nfile: {env: X}").root
    assert plain(root) == {
        "token_file": "/etc/dr/token",
        "ca_file": "/ca",
        "password": {"file": "/etc/dr/pw"},
        "file": {"env": "X"},
    }

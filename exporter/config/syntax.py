"""Files that are not YAML, or not even text: where it begins to go wrong, in words for people who do not know the grammar."""

import re

import yaml

from exporter.config.problem import WHOLE_FILE, ConfigError, Place, Problem

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

MAX_DEPTH = 60
"""Mappings and lists in one another."""
TOO_DEEP = f"is nested more than {MAX_DEPTH} deep; write it flatter"

# (what PyYAML or libyaml says, whether the place is where the construct began, what we say)
_SENTENCES = (
    (
        "mapping values are not allowed",
        False,
        "a second `: ` where none can be; put text that holds `: ` in quotes, or mend the indentation",
    ),
    (
        "could not find expected ':'",
        True,
        "a line that is no `key: value`; write `key: value`, or mend the indentation",
    ),
    (
        "did not find expected '-'",
        False,
        "this does not continue the list above; begin it with `- `, or mend the indentation",
    ),
    (
        "did not find expected ',' or ']'",
        True,
        "the list that begins here does not end as it should; close it with ] and put a comma between its items",
    ),
    (
        "expected ',' or ']'",
        True,
        "the list that begins here does not end as it should; close it with ] and put a comma between its items",
    ),
    (
        "did not find expected ',' or '}'",
        True,
        "the mapping that begins here does not end as it should; close it with } and put a comma between its keys",
    ),
    (
        "expected ',' or '}'",
        True,
        "the mapping that begins here does not end as it should; close it with } and put a comma between its keys",
    ),
    ("found unexpected end of stream", True, "the quote that opens here is never closed; close it"),
    (
        "unknown escape character",
        False,
        "a backslash means something in double quotes; use 'single quotes', or write \\\\",
    ),
    ("maximum nesting depth", False, TOO_DEEP),  # PyYAML 6.0.4 and later look ahead, and give up before we can
    ("expected node content", False, "a value is missing here; write it, or close the [ or { that is open"),
    ("expected the node content", False, "a value is missing here; write it, or close the [ or { that is open"),
    (
        "did not find expected key",
        False,
        "this does not fit the lines above; begin each key of a mapping in the same column, and quote text with : # [ ] { } in it",
    ),
    (
        "expected <block end>",
        False,
        "this does not fit the lines above; begin each key of a mapping in the same column, and quote text with : # [ ] { } in it",
    ),
)


def failure(file: str, line: int, column: int, text: str) -> ConfigError:
    """An error that ends the reading of a file."""
    return ConfigError([Problem(Place(file, line, column), WHOLE_FILE, text)])


def decode(name: str, content: bytes) -> str:
    """UTF-8 with or without a byte order mark. Raises ConfigError at the first byte or character that does not belong."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", errors="replace")
        raise failure(name, *_end(before), "is not UTF-8 text from here on; save the file as UTF-8") from None
    if found := _UNPRINTABLE.search(text):
        what = f"U+{ord(found[0]):04X} is a control character; remove it, or write it as an escape in double quotes"
        raise failure(name, *_end(text[: found.start()]), what)
    return text


def problem(name: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    """What PyYAML found, said so that it helps."""
    said = error.problem or "it cannot be read"
    mark = error.problem_mark or error.context_mark
    sentence = f"this is not YAML ({said}); look for a missing quote, colon or bracket"
    if "cannot start any token" in said and mark is not None:
        sentence = _bad_start(text, mark.line, mark.column)
    for theirs, at_start, ours in _SENTENCES:
        if theirs in said:
            mark = error.context_mark or mark if at_start else mark
            sentence = ours
            break
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return Problem(Place(name, line, column), WHOLE_FILE, sentence)


def _bad_start(text: str, line: int, column: int) -> str:
    lines = text.splitlines()
    char = lines[line][column : column + 1] if line < len(lines) else ""
    if char == "\t":
        return "a tab cannot indent in YAML; use spaces"
    return f"text cannot begin with {char}; put it in quotes"


def _end(text: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows the text."""
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    return len(lines), len(lines[-1]) + 1

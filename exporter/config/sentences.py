"""Pydantic's findings in our words: what is wrong, and what would be right."""

from collections.abc import Iterable
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from exporter.config.problem import Path, printable
from exporter.config.report import nearest
from exporter.settings import Settings, is_secret_key

_EXPECTED = {
    "string": "text",
    "int": "a whole number, like 3",
    "float": "a number, like 1.5",
    "bool": "true or false",
    "dict": "a mapping of keys, like {key: value}",
    "mapping": "a mapping of keys, like {key: value}",
    "model": "a mapping of keys, like {key: value}",
    "model_attributes": "a mapping of keys, like {key: value}",
    "list": "a list, like [first, second]",
    "tuple": "a list, like [first, second]",
    "set": "a list, like [first, second]",
    "frozen_set": "a list, like [first, second]",
    "bytes": "text",
    "path": "the name of a file",
    "url": "a URL, like https://example.com/healthz",
}
_LIMITS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
    "too_short": ("min_length", "at least this many items:"),
    "too_long": ("max_length", "at most this many items:"),
    "string_too_short": ("min_length", "at least this many characters:"),
    "string_too_long": ("max_length", "at most this many characters:"),
}


def sentence(error: ErrorDetails, model: type[BaseModel]) -> str:
    """One finding about data of this model. Never repeats a value whose key says that it is a secret."""
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    shown = "the value" if any(is_secret_key(str(step)) for step in error["loc"]) else show(given)
    if kind == "extra_forbidden":
        return f"unknown key; {nearest(str(error['loc'][-1]), keys_at(model, error['loc'][:-1]))}"
    if kind == "missing":
        return f"'{error['loc'][-1]}' is missing; add it"
    if kind in ("value_error", "assertion_error"):
        return _own_words(context.get("error"), shown)
    if kind in ("literal_error", "enum"):
        expected = [part.strip("' ") for part in str(context.get("expected", "")).replace(" or ", ", ").split(",")]
        return f"{shown} is not possible here; {nearest(str(given), expected)}"
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return f"{shown} is out of range; write {words} {_number(context.get(name))}"
    if kind == "string_pattern_mismatch":
        return f"{shown} does not fit; write text that matches {context.get('pattern')}"
    if kind == "finite_number":
        return f"{shown} is not finite; write a number, like 1.5"
    stem = next(
        (kind.removesuffix(end) for end in ("_type", "_parsing", "_from_float", "_parsing_size") if kind.endswith(end)),
        "",
    )
    if stem in _EXPECTED:
        if stem == "string" and isinstance(given, int | float):
            return f"{shown} is not text as it stands; put it in quotes"
        if given is None:
            return f"is empty; write {_EXPECTED[stem]}"
        return f"{shown} does not fit; write {_EXPECTED[stem]}"
    return error["msg"].replace("Input should be", "it should be")


def show(value: object) -> str:
    """A value as its writer would know it again; collections only by what they are."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f"'{printable(value)}'"
        case int() | float():
            return printable(str(value))
        case dict():
            return "a mapping"
        case _:
            return "a list"


def keys_at(model: type[BaseModel], loc: Iterable[str | int]) -> list[str]:
    """The keys that may be written at a place in data of this model."""
    found: list[Any] = [model]
    for step in loc:
        found = [deeper for annotation in found for deeper in _deeper(annotation, step)] or found
    return [key for annotation in found for key in _keys(annotation)]


def union_noise(loc: Path, path: Path, others: Iterable[Path]) -> bool:
    """Whether this finding only says that another form of the value was not meant: something deeper was found, too."""
    return len(loc) > len(path) and any(len(other) > len(path) and other[: len(path)] == path for other in others)


def _own_words(error: object, shown: str) -> str:
    """Sentences that begin with a verb speak about the value; the others name it themselves."""
    text = str(error)
    return (
        f"{shown} {text}" if text.startswith(("is ", "are ", "has ", "does ", "must ", "cannot ", "needs ")) else text
    )


def _number(limit: Any) -> str:
    return f"{limit:g}" if isinstance(limit, int | float) else str(limit)


def _keys(annotation: Any) -> list[str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return list(annotation.written_keys()) if issubclass(annotation, Settings) else list(annotation.model_fields)
    return []


def _deeper(annotation: Any, step: str | int) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        by_key = {field.alias or name: field.annotation for name, field in annotation.model_fields.items()}
        if step in by_key:
            return _members(by_key[str(step)])
        return [annotation] if step == annotation.__name__ else []
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin is dict and len(arguments) == 2:
        return _members(arguments[1])
    if origin in (list, tuple) and isinstance(step, int):
        return [member for argument in arguments if argument is not Ellipsis for member in _members(argument)]
    return []


def _members(annotation: Any) -> list[Any]:
    """The types that a union or an Annotated stands for."""
    if hasattr(annotation, "__metadata__"):
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for argument in get_args(annotation) for member in _members(argument)]
    return [annotation]

"""What the description (OpenAPI 3.1) is put together from. A feature with paths of its own brings a `Part` of its own."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Schema = dict[str, Any]
JSON = "application/json"
STRING: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
SECONDS: Schema = {"type": "number", "minimum": 0, "description": "Seconds."}
INSTANT: Schema = {"type": "number", "description": "Unix seconds."}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}


class Part(NamedTuple):
    """Some of the paths, and the schemas that they are the first to name."""

    paths: Mapping[str, Schema]
    schemas: Mapping[str, Schema]


def schema(**properties: Schema) -> Schema:
    """An object that has these properties, all of them, and no others."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def extended(base: Schema, optional: Mapping[str, Schema] | None = None, **properties: Schema) -> Schema:
    """The same object with more properties; `optional` ones may be missing."""
    more = {**base["properties"], **properties}
    return {**schema(**more), "properties": {**more, **(optional or {})}}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def null_or(other: Schema) -> Schema:
    return {"anyOf": [other, {"type": "null"}]}


def list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def map_of(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def one_of(*values: str) -> Schema:
    return {"type": "string", "enum": [*values]}


def page_of(name: str, **more: Schema) -> Schema:
    """The form of every list; `next` is the cursor of the next page."""
    return schema(items=list_of(ref(name)), next=null_or({**INTEGER, "minimum": 1}), **more)


def error(sentence: str) -> Schema:
    return {"description": sentence, "content": {JSON: {"schema": ref("Error")}}}


TOO_OFTEN = "Too many wrong logins came from this address; Retry-After says when to try again."
REFUSALS = {
    "401": error("The bearer token is missing or wrong."),
    "403": error("No token is configured, so nothing may be changed."),
    "429": error(TOO_OFTEN),
}


LOGIN = {
    "s401": "A login is configured, and is missing or wrong.",
    "s429": TOO_OFTEN,
    "s503": "Too many logins wait to be checked; try again.",
}


def answers(summary: str, content: str, answer: Schema, errors: Mapping[str, str], status: str = "200") -> Schema:
    """`errors`: status, with an `s` in front, and a sentence."""
    found: Schema = {status: {"description": summary, "content": {content: {"schema": answer}}}}
    return found | {code.removeprefix("s"): error(sentence) for code, sentence in errors.items()}


def get(summary: str, content: str, answer: Schema, *parameters: Schema, **errors: str) -> Schema:
    """What is read: `errors` as of `answers`. Any of it may ask for a login, where one is configured."""
    responses = answers(summary, content, answer, {**LOGIN, **errors})
    return {"get": {"summary": summary, "parameters": [*parameters], "responses": responses}}


def change(summary: str, told: Schema, *parameters: Schema, body: Schema | None = None) -> Schema:
    """What changes something needs the bearer token; `told`: its own answers, by status."""
    operation: Schema = {
        "summary": summary,
        "security": [{"bearer": []}],
        "parameters": [*parameters],
        "responses": {**REFUSALS, **told},
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": body}}}
    return operation


def query(name: str, description: str, **of: Any) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": of}


def several(name: str, description: str, items: Schema) -> Schema:
    """A parameter that may be given several times; any of its values fits."""
    return query(name, f"{description}; may be repeated.", type="array", items=items)


def path(name: str, description: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {**STRING, "minLength": 1},
    }

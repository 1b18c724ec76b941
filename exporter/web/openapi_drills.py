"""The part of the description (OpenAPI 3.1) that is about drills and marks."""

from typing import Any

from exporter.core.drill import DrillType
from exporter.core.marks import Classification, MarkKind

_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_TIME = {"type": "number", "description": "Unix seconds."}
_MAYBE_TIME = {"type": ["number", "null"]}
_ID = {"name": "id", "in": "path", "required": True, "schema": _TEXT}

SCHEMAS: dict[str, Any] = {
    "Signature": {
        "type": "object",
        "properties": {"id": _TEXT, "drill": _TEXT, "by": _TEXT, "role": _MAYBE_TEXT, "note": _MAYBE_TEXT, "at": _TIME},
        "required": ["id", "drill", "by", "at"],
    },
    "Drill": {
        "type": "object",
        "properties": {
            "id": _TEXT,
            "type": {"type": "string", "enum": [*DrillType]},
            "system": _TEXT,
            "scenario": _TEXT,
            "operator": _TEXT,
            "reason": _TEXT,
            "expected": _TEXT,
            "started": _TIME,
            "expires": _TIME,
            "expired": {"type": "boolean"},
            "open": {"type": "boolean"},
            "ended": _MAYBE_TIME,
            "by": _MAYBE_TEXT,
            "outcome": _MAYBE_TEXT,
            "state": _TEXT,
            "incident": _MAYBE_TEXT,
            "incidents": {"type": "array", "items": _TEXT},
            "signatures": {"type": "array", "items": {"$ref": "#/components/schemas/Signature"}},
        },
        "required": ["id", "type", "system", "scenario", "operator", "reason", "started", "expires", "expired", "open"],
    },
    "Mark": {
        "type": "object",
        "properties": {
            "id": _TEXT,
            "incident": _TEXT,
            "kind": {"type": "string", "enum": [*MarkKind]},
            "by": _TEXT,
            "at": _TIME,
            "told": _TIME,
        },
        "required": ["id", "incident", "kind", "by", "at"],
    },
}


def _answer(description: str, schema: str, *, list_: bool = False) -> dict[str, Any]:
    one: dict[str, Any] = {"$ref": f"#/components/schemas/{schema}"}
    if list_:
        items = {"type": "array", "items": one}
        one = {"type": "object", "properties": {"items": items, "next": {"type": ["integer", "null"]}}}
    return {"description": description, "content": {"application/json": {"schema": one}}}


def _changed(description: str, schema: str) -> dict[str, Any]:
    """What a change is answered with."""
    sentences = {
        "400": "A value is not usable.",
        "401": "The bearer token is missing or wrong.",
        "403": "No token is configured, so nothing may be changed.",
        "404": "There is none.",
        "409": "It cannot be done as things stand; the sentence says why.",
        "415": "The body is not application/json.",
        "503": "The ledger cannot be read.",
    }
    return {
        "201": _answer(description, schema),
        "202": _answer("The same, but its record waits for the ledger.", schema),
        **{code: _answer(sentence, "Error") for code, sentence in sentences.items()},
    }


def _post(summary: str, answers: dict[str, Any], needed: list[str], *parameters: Any, **fields: Any) -> dict[str, Any]:
    body = {"type": "object", "properties": fields, "required": needed, "additionalProperties": False}
    return {
        "summary": summary,
        "security": [{"bearer": []}],
        "parameters": list(parameters),
        "requestBody": {"required": bool(needed), "content": {"application/json": {"schema": body}}},
        "responses": answers,
    }


def _query(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


_STOPPED = {"200": _answer("The drill as it was stopped", "Drill"), **_changed("", "Drill")}
del _STOPPED["201"]

PATHS: dict[str, Any] = {
    "/api/v1/drills": {
        "get": {
            "summary": "Drills and maintenance: open ones first, then those that were stopped, newest first",
            "parameters": [
                _query("system", "Only of this system.", type="string"),
                _query("limit", "How many stopped ones at most.", type="integer", minimum=1, maximum=500, default=50),
                _query("cursor", "The `next` of the page before.", type="integer", minimum=1),
            ],
            "responses": {
                "200": _answer("A page of them", "Drill", list_=True),
                "400": _answer("A parameter is not usable.", "Error"),
                "503": _answer("The ledger cannot be read.", "Error"),
            },
        },
        "post": _post(
            "Start a drill, or a maintenance",
            _changed("It has begun.", "Drill"),
            ["system", "operator", "reason", "expires_in"],
            system=_TEXT,
            type={"type": "string", "enum": [*DrillType], "default": "drill"},
            scenario={"type": "string", "default": "site_loss"},
            operator=_TEXT,
            reason=_TEXT,
            expected=_TEXT,
            expires_in={"type": "number", "minimum": 1, "maximum": 604800, "description": "Seconds."},
        ),
    },
    "/api/v1/drills/{id}": {
        "get": {
            "summary": "One drill",
            "parameters": [_ID],
            "responses": {
                "200": _answer("The drill", "Drill"),
                "404": _answer("There is none.", "Error"),
                "503": _answer("The ledger cannot be read.", "Error"),
            },
        },
        "delete": _post("Stop a drill", _STOPPED, [], _ID, by=_TEXT, outcome=_TEXT),
    },
    "/api/v1/drills/{id}/sign": {
        "post": _post(
            "Sign a stopped drill off",
            _changed("It is signed.", "Drill"),
            ["by"],
            _ID,
            by=_TEXT,
            role=_TEXT,
            note=_TEXT,
        )
    },
    "/api/v1/incidents/{id}/marks": {
        "post": _post(
            "Say something of an incident: a decision, a validation, a note, an action, a sign-off, a reclassification",
            _changed("It is taken down; the incident with all its marks.", "Incident"),
            ["kind", "by"],
            _ID,
            kind={"type": "string", "enum": [*MarkKind]},
            by=_TEXT,
            at=_TIME,
            text=_TEXT,
            under=_TEXT,
            owner=_TEXT,
            due={"type": "string", "format": "date"},
            done=_TEXT,
            role=_TEXT,
            reason=_TEXT,
            **{"as": {"type": "string", "enum": [*Classification]}},
        )
    },
}

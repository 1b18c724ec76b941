"""The machine-readable description of what this server answers (OpenAPI 3.1)."""

from typing import Any


def _schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties]}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _null_or(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _list_of(name: str) -> dict[str, Any]:
    return _schema(items={"type": "array", "items": _ref(name)}, next={"type": ["integer", "null"]})


def _get(
    summary: str, content: str, schema: dict[str, Any], *parameters: dict[str, Any], **errors: str
) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": summary, "content": {content: {"schema": schema}}}}
    responses |= {code.removeprefix("s"): _error(sentence) for code, sentence in errors.items()}
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": responses}}


def _error(sentence: str) -> dict[str, Any]:
    return {"description": sentence, "content": {"application/json": {"schema": _ref("Error")}}}


def _query(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _STRING}


_JSON = "application/json"
_STRING = {"type": "string"}
_NUMBER = {"type": "number"}
_BOOLEAN = {"type": "boolean"}
_OBJECT = {"type": "object"}

_INCIDENT = _schema(
    id=_STRING,
    system=_STRING,
    kind=_STRING,
    open=_BOOLEAN,
    inferred=_BOOLEAN,
    drill={"type": ["string", "null"]},
    start=_ref("Bounds"),
    end=_null_or(_ref("Bounds")),
    phases={"type": "object", "additionalProperties": {"type": ["number", "null"]}},
    rto=_null_or(_ref("Bounds")),
    rpo=_null_or(_ref("Bounds")),
    markers=_null_or(_OBJECT),
    verdicts={"type": "object", "additionalProperties": _STRING},
)

_SYSTEM = _schema(
    name=_STRING,
    tier=_STRING,
    owner=_STRING,
    home=_STRING,
    state={"type": "string", "enum": ["healthy", "degraded", "suspected", "outage", "recovering", "unknown"]},
    sentence=_STRING,
    serving={"type": "array", "items": _STRING},
    objectives=_OBJECT,
    rto_seconds=_NUMBER,
    rto_estimate_seconds={"type": ["number", "null"]},
    rpo={"type": "object", "additionalProperties": _schema(seconds=_NUMBER, known=_BOOLEAN)},
    sites={"type": "array", "items": _OBJECT},
    incident=_null_or(_ref("Incident")),
    last=_null_or(_ref("Incident")),
)

_REFUSALS = {
    "401": _error("The bearer token is missing or wrong."),
    "403": _error("No token is configured, so nothing may be changed."),
}

_PATHS = {
    "/metrics": _get(
        "Every metric, as text 0.0.4 or OpenMetrics 1.0",
        "text/plain",
        _STRING,
        _query("name[]", "Only these metrics; may be repeated.", type="array", items=_STRING),
        s503="Too many scrapes are being answered.",
    ),
    "/": _get("The live page", "text/html", _STRING),
    "/-/healthy": _get("The process answers", _JSON, _OBJECT),
    "/-/ready": _get("Every endpoint was looked at once", _JSON, _OBJECT, s503="Some were not looked at yet."),
    "/-/reload": {
        "post": {
            "summary": "Read the configuration again",
            "security": [{"bearer": []}],
            "responses": {
                "200": {"description": "The new configuration is in use."},
                **_REFUSALS,
                "422": _error("The new configuration has errors; the old one stays in use."),
            },
        }
    },
    "/config": _get("The configuration in use, secrets masked", "application/yaml", _STRING),
    "/sd": _get("All probed targets, as http_sd of Prometheus reads them", _JSON, {"type": "array", "items": _OBJECT}),
    "/api/v1/systems": _get("All systems as they stand", _JSON, _list_of("System")),
    "/api/v1/systems/{name}": _get("One system", _JSON, _ref("System"), _path("name"), s404="It is not watched."),
    "/api/v1/incidents": _get(
        "Incidents: open ones first, then newest first",
        _JSON,
        _list_of("Incident"),
        _query("system", "Only of this system.", type="string"),
        _query("blips", "Also outages that ended before they were declared.", type="boolean", default=False),
        _query("limit", "How many closed ones at most.", type="integer", minimum=1, maximum=500, default=50),
        _query("cursor", "The `next` of the page before.", type="integer", minimum=1),
        s400="A parameter is not usable.",
        s503="The ledger cannot be read.",
    ),
    "/api/v1/incidents/{id}": _get(
        "One incident",
        _JSON,
        _ref("Incident"),
        _path("id"),
        s404="There is none.",
        s503="The ledger cannot be read.",
    ),
    "/api/v1/backups/{system}/{name}/verified": {
        "post": {
            "summary": "A restore from this backup was verified just now",
            "security": [{"bearer": []}],
            "parameters": [_path("system"), _path("name")],
            "responses": {
                "202": {
                    "description": "It is taken down.",
                    "content": {_JSON: {"schema": _schema(system=_STRING, backup=_STRING)}},
                },
                **_REFUSALS,
                "404": _error("No such backup is watched."),
            },
        }
    },
    "/api/v1/ledger/head": _get(
        "Number and hash of the newest record: keep them elsewhere, a cut tail can only be seen from outside",
        _JSON,
        _schema(number={"type": "integer"}, hash=_STRING, writable=_BOOLEAN, waiting={"type": "integer"}),
    ),
    "/api/v1/stream": _get("Server-sent events: hello, then systems", "text/event-stream", _STRING, s503="Too many."),
    "/api/v1/openapi.json": _get("This description", _JSON, _OBJECT),
}

OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "RTO/RPO exporter",
        "version": "1",
        "description": "Instants are Unix seconds, durations are seconds; null is what was not observed.",
    },
    "paths": _PATHS,
    "components": {
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        "schemas": {
            "Bounds": _schema(lower=_NUMBER, estimate=_NUMBER, upper=_NUMBER),
            "Error": _schema(error=_STRING),
            "Incident": _INCIDENT,
            "System": _SYSTEM,
        },
    },
}

"""The part of the description (OpenAPI 3.1) that is about drills and marks."""

from exporter.core.drill import DrillType
from exporter.core.marks import Classification, MarkKind
from exporter.core.state import Mode
from exporter.web.openapi_parts import (
    BOOLEAN,
    INSTANT,
    INTEGER,
    JSON,
    STRING,
    Part,
    Schema,
    answers,
    change,
    error,
    extended,
    get,
    list_of,
    null_or,
    one_of,
    page_of,
    path,
    query,
    ref,
    schema,
)
from exporter.web.wishes import NAME_MOST, TEXT_MOST

_MAYBE: Schema = {"type": ["string", "null"]}
_NUMBER: dict[str, Schema] = {"n": {**INTEGER, "description": "The number of its record."}}
_DAY: Schema = {**STRING, "format": "date"}
_ID = path("id", "Of a drill.")
_ERRORS = {
    "400": error("A value is not usable; the sentence says what would be right."),
    "404": error("There is none."),
    "409": error("It cannot be done as things stand; the sentence says why."),
    "415": error("The body is not application/json."),
    "503": error("The ledger cannot be read."),
}

DECLARED = schema(
    id=STRING,
    type=one_of(*DrillType),
    system=STRING,
    scenario=STRING,
    operator=STRING,
    reason=STRING,
    expected=STRING,
    started=INSTANT,
    expires=INSTANT,
    expired=BOOLEAN,
)

SCHEMAS: dict[str, Schema] = {
    "Declared": DECLARED,
    "Proof": schema(
        state=one_of("proven", "stale", "missing"),
        at=null_or(INSTANT),
        incident=_MAYBE,
        drill=_MAYBE,
        missed={**null_or(INSTANT), "description": "When a later event broke an objective."},
    ),
    "Signature": extended(schema(id=STRING, drill=STRING, by=STRING, role=_MAYBE, note=_MAYBE, at=INSTANT), _NUMBER),
    "Drill": extended(
        DECLARED,
        _NUMBER,
        open=BOOLEAN,
        ended=null_or(INSTANT),
        by=_MAYBE,
        outcome=_MAYBE,
        state=one_of(*Mode),
        incident={**_MAYBE, "description": "The open one that began in it."},
        incidents=list_of(STRING),
        signatures=list_of(ref("Signature")),
    ),
    "Mark": extended(
        schema(id=STRING, incident=STRING, kind=one_of(*MarkKind), by=STRING, at=INSTANT, told=INSTANT),
        dict.fromkeys(("text", "under", "owner", "due", "done", "role", "as", "reason"), _MAYBE) | _NUMBER,
    ),
    "Judgement": schema(
        original=one_of("real", "drill", "maintenance"),
        effective=one_of("drill", "maintenance", *Classification),
        by=_MAYBE,
        at=null_or(INSTANT),
        reason=_MAYBE,
    ),
}


def _changed(told: str, name: str, status: str = "201") -> Schema:
    """What a change is answered with."""
    later = answers("The same, but its record waits for the ledger.", JSON, ref(name), {}, "202")
    return {**answers(told, JSON, ref(name), {}, status), **later, **_ERRORS}


def _body(*needed: str, **fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": [*needed], "additionalProperties": False}


def _text(most: int, *, needed: bool = False) -> Schema:
    """A text; what is not needed may be empty, or null."""
    if needed:
        return {**STRING, "maxLength": most, "pattern": r"\S"}
    return {**_MAYBE, "maxLength": most}


_ORDER = _body(
    "system",
    "operator",
    "reason",
    "expires_in",
    system=_text(NAME_MOST, needed=True),
    type=null_or(one_of(*DrillType)),
    scenario=_text(NAME_MOST),
    operator=_text(NAME_MOST, needed=True),
    reason=_text(TEXT_MOST, needed=True),
    expected=_text(TEXT_MOST),
    expires_in={"type": "number", "minimum": 1, "maximum": 604800, "description": "Seconds."},
)
_MARK = _body(
    "kind",
    "by",
    kind=one_of(*MarkKind),
    by=_text(NAME_MOST, needed=True),
    at=null_or(INSTANT),
    text=_text(TEXT_MOST),
    under=_text(TEXT_MOST),
    owner=_text(NAME_MOST),
    due=null_or(_DAY),
    done=_text(NAME_MOST),
    role=_text(NAME_MOST),
    reason=_text(TEXT_MOST),
    **{"as": null_or(one_of(*Classification))},
)
_SIGN = _body("by", by=_text(NAME_MOST, needed=True), role=_text(NAME_MOST), note=_text(TEXT_MOST))
_OUTCOME = _body(by=_text(NAME_MOST), outcome=_text(TEXT_MOST))
_STOP = change("Stop a drill", _changed("The drill as it was stopped", "Drill", "200"), _ID, body=_OUTCOME)
_STOP["requestBody"]["required"] = False

PATHS: dict[str, Schema] = {
    "/api/v1/drills": {
        **get(
            "Drills and maintenance: open ones first, then those that were stopped, newest first",
            JSON,
            page_of("Drill"),
            query("system", "Only of this system.", type="string"),
            query("limit", "How many stopped ones at most.", type="integer", minimum=1, maximum=500, default=50),
            query("cursor", "The `next` of the page before.", type="integer", minimum=1),
            s400="A parameter is not usable.",
            s503="The ledger cannot be read.",
        ),
        "post": change("Start a drill, or a maintenance", _changed("It has begun.", "Drill"), body=_ORDER),
    },
    "/api/v1/drills/{id}": {
        **get("One drill", JSON, ref("Drill"), _ID, s404="There is none.", s503="The ledger cannot be read."),
        "delete": _STOP,
    },
    "/api/v1/drills/{id}/sign": {
        "post": change(
            "Sign a stopped drill off",
            _changed("It is signed.", "Drill"),
            _ID,
            body=_SIGN,
        )
    },
    "/api/v1/incidents/{id}/marks": {
        "post": change(
            "Say something of an incident: a decision, a validation, a note, an action, a sign-off, a reclassification",
            _changed("It is taken down; the incident with all its marks.", "Incident"),
            path("id", "Of an incident."),
            body=_MARK,
        )
    },
}

PART = Part(PATHS, SCHEMAS)

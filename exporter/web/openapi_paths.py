"""What is answered where, with which parameters, and what goes wrong."""

from exporter.core.past import Kind
from exporter.core.state import Mode
from exporter.web.openapi_parts import (
    BOOLEAN,
    INTEGER,
    JSON,
    NUMBER,
    OBJECT,
    STRING,
    Schema,
    answers,
    change,
    error,
    get,
    list_of,
    map_of,
    null_or,
    one_of,
    page_of,
    path,
    query,
    ref,
    schema,
    several,
)
from exporter.web.query import EARLIEST, LATEST

_SELECTION = (
    several("tier", "Only systems of this tier", STRING),
    several("site", "Only systems that are configured with this site", STRING),
    several("system", "Only this system", STRING),
)
_UNUSABLE = "A parameter is not usable."
_UNREADABLE = "The ledger cannot be read."
_NOT_WATCHED = "It is not watched."
_INSTANT: Schema = {
    "anyOf": [{"type": "number", "minimum": EARLIEST, "maximum": LATEST}, {**STRING, "format": "date-time"}]
}
_POINTS = {"type": "array", "items": null_or({**NUMBER, "minimum": 0})}


def _cursor(counts: str) -> tuple[Schema, Schema]:
    limit, default, most = counts.split()
    of = {"default": int(default)} if default != "-" else {}
    return (
        query("limit", f"How many {limit} at most.", type="integer", minimum=1, maximum=int(most), **of),
        query("cursor", "The `next` of the page before.", type="integer", minimum=1, maximum=10**18),
    )


_STREAM = """Server-sent events. `hello` (data: Hello) first; then `systems` (data: Systems) with what changed: at once when \
something happened, about once a second when numbers merely moved, and at least every 5 seconds. Who does not keep up is cut \
off and comes back."""

OPERATIONS: dict[str, Schema] = {
    "/metrics": get(
        "Every metric, as text 0.0.4 or OpenMetrics 1.0",
        "text/plain",
        STRING,
        several("name[]", "Only these metrics", STRING),
        s503="Too many scrapes are being answered.",
    ),
    "/": get("The live page", "text/html", STRING),
    "/-/healthy": get("The process answers", JSON, schema(status=one_of("healthy"))),
    "/-/ready": get(
        "Every endpoint was looked at once", JSON, schema(status=one_of("ready")), s503="Some were not looked at yet."
    ),
    "/-/reload": {
        "post": change(
            "Read the configuration again",
            {
                **answers("The new configuration is in use.", JSON, schema(status=one_of("reloaded")), {}),
                "422": error("The new configuration has errors; the old one stays in use."),
            },
        )
    },
    "/config": get("The configuration in use, secrets masked", "application/yaml", OBJECT),
    "/sd": get(
        "All probed targets, as http_sd of Prometheus reads them",
        JSON,
        list_of(schema(targets=list_of(STRING), labels=map_of(STRING))),
    ),
    "/api/v1/systems": get(
        "Systems as they stand, in the order of the configuration",
        JSON,
        page_of("System", exporter=ref("Exporter")),
        *_SELECTION,
        several("state", "Only systems in this state", one_of(*Mode)),
        *_cursor("systems - 10000"),
        s400=_UNUSABLE,
    ),
    "/api/v1/systems/{name}": get("One system", JSON, ref("System"), path("name", "Of a system."), s404=_NOT_WATCHED),
    "/api/v1/systems/{name}/checklist": get(
        "What is proven of one system, stale, missing or failed, as it stands now",
        JSON,
        schema(items=list_of(ref("Check")), next={"type": "null"}),
        path("name", "Of a system."),
        s404=_NOT_WATCHED,
    ),
    "/api/v1/systems/{name}/history": get(
        "The exposure of one system in the last 30 minutes, by scenario",
        JSON,
        schema(
            items=list_of(
                schema(
                    scenario=STRING,
                    step={**INTEGER, "description": "Seconds between two points."},
                    points={
                        **list_of({"type": "array", "prefixItems": [INTEGER, null_or({**NUMBER, "minimum": 0})]}),
                        "description": "(Unix seconds, seconds of exposure), oldest first; null: not known.",
                    },
                )
            ),
            next={"type": "null"},
        ),
        path("name", "Of a system."),
        s404=_NOT_WATCHED,
    ),
    "/api/v1/history": get(
        "One scenario's exposure of all systems in the last 30 minutes",
        JSON,
        schema(
            step=INTEGER,
            until={**INTEGER, "description": "Unix seconds of the last point of each."},
            items=map_of(_POINTS),
        ),
        query("scenario", "Of the exposures.", type="string", default="site_loss"),
        *_SELECTION,
    ),
    "/api/v1/incidents": get(
        "Incidents: open ones first, on the first page only; then the closed ones, newest first",
        JSON,
        page_of("Incident"),
        query("system", "Only of this system.", type="string"),
        query("blips", "Also outages that ended before they were declared.", type="boolean", default=False),
        several("kind", "Only of this kind", one_of(*Kind)),
        query("from", "Only what lasted until then or longer: Unix seconds, or a time.", **_INSTANT),
        query("to", "Only what began before then.", **_INSTANT),
        query("drill", "`true`: in drills, `false`: in none, or the id of one drill.", type="string"),
        *_cursor("closed 50 500"),
        s400=_UNUSABLE,
        s503=_UNREADABLE,
    ),
    "/api/v1/incidents/{id}": get(
        "One incident", JSON, ref("Incident"), path("id", "Of an incident."), s404="There is none.", s503=_UNREADABLE
    ),
    "/api/v1/contacts": get("Who decides, who deputises, and whether that is still sure", JSON, page_of("Contact")),
    "/api/v1/backups/{system}/{name}/verified": {
        "post": change(
            "A restore from this backup was verified just now",
            {
                **answers("It is taken down.", JSON, schema(system=STRING, backup=STRING), {}, "202"),
                "404": error("No such backup is watched."),
            },
            path("system", "Name of the system."),
            path("name", "Name of the backup."),
        )
    },
    "/api/v1/ledger/head": get(
        "Number and hash of the newest record: keep them elsewhere, a cut tail can only be seen from outside",
        JSON,
        schema(number=INTEGER, hash=STRING, writable=BOOLEAN, waiting=INTEGER),
    ),
    "/api/v1/stream": get(_STREAM, "text/event-stream", STRING, *_SELECTION, s503="Too many streams are open."),
    "/api/v1/openapi.json": get("This description", JSON, OBJECT),
}

"""How the answers of the API look, field by field. Instants are Unix seconds; null is what was not observed."""

from exporter.core.checklist import CHECKS, Standing, Why
from exporter.core.interval import Verdict
from exporter.core.model import Phases, Reason, Role
from exporter.core.past import PHASES, Kind
from exporter.core.state import Mode
from exporter.web.openapi_parts import (
    BOOLEAN,
    INSTANT,
    INTEGER,
    NUMBER,
    SECONDS,
    STRING,
    Schema,
    extended,
    list_of,
    map_of,
    null_or,
    one_of,
    ref,
    schema,
)

RATIO: Schema = {"type": "number", "minimum": 0, "maximum": 1}
KIND = one_of(*Kind)
DRILL: Schema = {"type": ["string", "null"], "description": "The id of the drill in which it happened."}

_FAILURE: dict[str, Schema] = {"reason": null_or(one_of(*Reason)), "detail": STRING}

_PART = schema(
    up={"type": ["boolean", "null"]},
    **_FAILURE,
    looked=null_or(INSTANT),
    seconds=null_or(SECONDS),
    phases={
        **null_or(schema(**{name: null_or(SECONDS) for name in Phases._fields})),
        "description": "Of the newest look.",
    },
    target={"type": ["string", "null"], "description": "Secrets masked."},
)

_SITE = schema(
    name=STRING,
    role=one_of(*Role),
    serving=BOOLEAN,
    ready={
        "type": ["boolean", "null"],
        "description": "All checks hold; null: nothing is checked, as where it serves.",
    },
    checks=map_of(BOOLEAN),
)

_BUDGET = schema(
    objective=RATIO,
    window_seconds=SECONDS,
    downtime_seconds={**SECONDS, "description": "In the window, as far as it counts; what was observed so far."},
    left_seconds={**NUMBER, "description": "Downtime that the objective still allows; below 0: overspent."},
    drill_seconds={**SECONDS, "description": "Downtime in drills, counted or not."},
)

_COST = schema(
    currency=STRING,
    amount={"type": ["number", "null"], "description": "Of the outage that runs, so far; null while none runs."},
    total={**NUMBER, "description": "Of all downtime, told 10 s late, as the metric is."},
)

_OBJECTIVES = schema(
    rto=null_or(SECONDS), rpo=map_of(SECONDS), availability=null_or(RATIO), drill_every=null_or(SECONDS)
)

_STANDING = schema(
    name=STRING,
    tier=STRING,
    owner=STRING,
    home=STRING,
    mode=one_of("active-standby", "active-active"),
    state=one_of(*Mode),
    since=null_or(INSTANT),
    sentence=STRING,
    serving=list_of(STRING),
    functional_ratio=null_or(RATIO),
    objectives=ref("Objectives"),
    rto_seconds={**SECONDS, "description": "The running outage's clock; 0 while it serves."},
    rto_estimate_seconds=null_or(SECONDS),
    rpo=map_of(ref("Exposure")),
    budget=null_or(ref("Budget")),
    cost=null_or(ref("Cost")),
    blind={**BOOLEAN, "description": "Nobody can see it now."},
    events={
        **list_of(one_of(Kind.SPLIT_BRAIN, Kind.NO_PRIMARY, Kind.STUCK_SWITCH)),
        "description": "What goes on until somebody ends it, in an incident or outside of one; as `dr_event_active`.",
    },
    drill={**null_or(ref("Declared")), "description": "The drill or the maintenance that is open."},
    drill_last=null_or(INSTANT),
    drill_due=null_or(INSTANT),
    proof=ref("Proof"),
)

_INCIDENT = schema(
    id=STRING,
    system=STRING,
    kind=KIND,
    open=BOOLEAN,
    declared=BOOLEAN,
    inferred={**BOOLEAN, "description": "It happened while nobody looked."},
    drill=DRILL,
    maintenance={"type": ["string", "null"], "description": "The id of the maintenance in which it happened."},
    scenario={"type": ["string", "null"], "description": "What was declared beforehand."},
    counted={**BOOLEAN, "description": "Its downtime counts though it was declared beforehand."},
    apart_seconds={**null_or(SECONDS), "description": "Its downtime until its drill or maintenance ended."},
    cause=STRING,
    from_site=STRING,
    to_site=STRING,
    start=ref("Bounds"),
    end={**null_or(ref("Bounds")), "description": "Null while it runs."},
    phases=schema(**{name: null_or(INSTANT) for name in PHASES}),
    rto=null_or(ref("Bounds")),
    rpo=null_or(ref("Bounds")),
    rpo_source=null_or(one_of("canary", "position")),
    markers=null_or(schema(lost=INTEGER, surviving=INTEGER, indeterminate=INTEGER)),
    objectives=map_of(null_or(SECONDS)),
    verdicts=schema(rto=one_of(*Verdict), rpo=one_of(*Verdict)),
    split_brain_seconds=SECONDS,
    functional_ratio=null_or(RATIO),
    blind_seconds=SECONDS,
    expected_rto_seconds=null_or(SECONDS),
    events=list_of(STRING),
)

_INCIDENT_PROPERTIES = _INCIDENT["properties"]

_BACKUP = schema(
    site={"type": ["string", "null"], "description": "Null: it is kept at none of the system's sites."},
    recovery_point=null_or(INSTANT),
    last_success=null_or(INSTANT),
    last_verified=null_or(INSTANT),
    encrypted={"type": ["boolean", "null"]},
    immutable={"type": ["boolean", "null"]},
    versions=null_or(INTEGER),
    size_bytes=null_or(NUMBER),
    looked=null_or(INSTANT),
    complaint={"type": ["string", "null"]},
    **_FAILURE,
    notes=list_of(STRING),
)

_PARITY = schema(
    component=STRING,
    match={"type": ["boolean", "null"]},
    compared_to={"type": ["string", "null"]},
    sites=map_of(
        schema(match={"type": ["boolean", "null"]}, difference=null_or(NUMBER), number=null_or(NUMBER), **_FAILURE)
    ),
)

_KPI = schema(
    value=null_or(NUMBER),
    normal=null_or(NUMBER),
    at_least=null_or(NUMBER),
    low={"type": ["boolean", "null"]},
    looked=null_or(INSTANT),
    **_FAILURE,
)

_RECOVERY_POINT = schema(
    site=STRING,
    component=STRING,
    source=STRING,
    at=null_or(INSTANT),
    refuted=BOOLEAN,
    decides={
        **BOOLEAN,
        "description": "It is the one that the exposure of `site_loss` counts from; none is where a backup is newer.",
    },
    lag_bytes={**null_or(NUMBER), "description": "How far its position is behind; null where that cannot be told."},
)

SCHEMAS: dict[str, Schema] = {
    "Error": {
        **schema(error={**STRING, "description": "What is wrong, and what would be right."}),
        "additionalProperties": True,
    },
    "Bounds": schema(lower=NUMBER, estimate=NUMBER, upper=NUMBER),
    "Exposure": schema(
        seconds={**SECONDS, "description": "Seconds of writes that would be lost now."},
        known={**BOOLEAN, "description": "False: never proven, counted from when we began to look."},
    ),
    "Objectives": _OBJECTIVES,
    "Budget": extended(_BUDGET, {"observed_seconds": {**SECONDS, "description": "Looked at and not blind."}}),
    "Cost": _COST,
    "Exporter": schema(
        vantage=STRING,
        version=STRING,
        now=INSTANT,
        blind_since=null_or(INSTANT),
        references=map_of(BOOLEAN),
        ledger_writable=BOOLEAN,
        ledger_waiting=INTEGER,
        reload_ok=BOOLEAN,
        reload_error=STRING,
    ),
    "System": extended(
        _STANDING,
        traffic={"type": ["string", "null"]},
        traffic_share=map_of(RATIO),
        backups=map_of(_BACKUP),
        parity=map_of(_PARITY),
        kpis=map_of(_KPI),
        dependencies=map_of(_PART),
        sites=list_of(extended(_SITE, components=map_of(_PART))),
        recovery_points=list_of(_RECOVERY_POINT),
        incident=null_or(ref("Incident")),
        last=null_or(ref("Incident")),
    ),
    "Summary": extended(
        _STANDING,
        sites=list_of(_SITE),
        incident=null_or(schema(**{n: _INCIDENT_PROPERTIES[n] for n in ("id", "kind", "start", "declared", "drill")})),
        last=null_or(schema(**{n: _INCIDENT_PROPERTIES[n] for n in ("id", "kind", "rto", "rpo", "verdicts", "end")})),
    ),
    "Incident": extended(
        _INCIDENT,
        {
            "marks": {**null_or(list_of(ref("Mark"))), "description": "Null: the ledger cannot be read."},
            "classification": null_or(ref("Judgement")),
            "n": {**INTEGER, "description": "Of a closed one: the number of its record."},
            "incident": {
                "type": ["string", "null"],
                "description": "Of a closed one: its id, as every record in it names it.",
            },
        },
    ),
    "Contact": schema(
        name=STRING,
        who=STRING,
        deputies=list_of(STRING),
        confirmed=null_or({**STRING, "format": "date"}),
        stale={**BOOLEAN, "description": "Not confirmed for `exporter.contacts_confirmed_for`, or never."},
    ),
    "Check": schema(
        check=one_of(*CHECKS),
        standing=one_of(*Standing),
        reason=one_of(*Why),
        details={
            **list_of(STRING),
            "description": "What the reason is about: objectives, incidents, sites, backups, contacts.",
        },
        at={**null_or(INSTANT), "description": "Unix seconds of the proof; null where it has no instant."},
    ),
    "Hello": schema(exporter=ref("Exporter"), items=list_of(ref("Summary"))),
    "Systems": schema(exporter=ref("Exporter"), items=list_of(ref("Summary")), removed=list_of(STRING)),
}

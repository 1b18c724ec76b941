"""Board 2: one system, everything that is known of it."""

from typing import Any

from dashboards import marks, measures
from dashboards.frame import ADDRESS_VARIABLE, ONE, SYSTEM, Board, Section
from dashboards.panels import NUMBER, SECONDS, Line, Look, Placed, bars, graph, parts_of, stat, word
from dashboards.promql import YEAR, grown, is_, promised, select, worst
from dashboards.scope import Feature, Scope
from dashboards.system_inside import looks, replication, roles
from exporter.catalogue import metrics as m

_PAGE = {
    "title": "Its page, with the incident",
    "url": f"${{{ADDRESS_VARIABLE}}}/systems/${{system:percentencode}}",
    "targetBlank": True,
}


def system(scope: Scope) -> Board:
    """For every configuration; panels of what no system has are left out."""
    sections = [
        Section("", _now(scope)),
        Section("The two numbers", _numbers(scope)),
        Section("Who serves", roles(scope)),
        Section("Replication", replication(scope)),
        Section("Readiness and looks", looks(scope)),
        Section("The newest incident or move", _newest(scope)),
    ]
    for section in sections:
        for placed in section.placed:
            placed.panel.extraJson["fieldConfig"]["defaults"]["links"] = [_PAGE]
    return Board(
        uid=SYSTEM,
        title="Recovery: system",
        description="Live RPO and RTO of one system against their objectives, and all that they are made of.",
        sections=sections,
        system="one",
        since="now-1h",
        refresh="5s",
        annotations=_annotations(),
    )


def _now(scope: Scope) -> list[Placed]:
    left = f"(1 - {promised(m.AVAILABILITY_OBJECTIVE, ONE)}) * {YEAR} - on (system) max by (system) ({grown(m.DOWNTIME, '365d', ONE)})"
    return parts_of(
        scope,
        stat("State", "What the exporters make of it now.", measures.state(ONE), word(marks.STATE)),
        stat("Served by", "The site that serves it now.", measures.serving(ONE), label="site"),
        stat(
            "RPO now",
            "Acknowledged writes, in seconds, that would be lost if the serving site died now.",
            measures.rpo(measures.SITE_LOSS, ONE),
            SECONDS,
        ),
        stat(
            "RPO proven",
            "Whether any recovery point was ever proven; if never, the exposure counts from when the exporter began to look.",
            f"max({select(m.RPO_KNOWN, measures.SITE_LOSS, ONE)})",
            word(marks.KNOWN),
        ),
        stat("RTO clock", "How long the running outage lasts; 0 while it serves.", measures.rto(ONE), SECONDS),
        stat(
            "RTO estimate",
            "How long a failover would take now: detection, switch as measured, backlog. Empty until one was measured.",
            worst(select(m.RTO_ESTIMATE, ONE)),
            SECONDS,
        ),
        stat(
            "Standby",
            "Whether a standby passes every readiness check.",
            measures.ready(ONE),
            word(marks.READY, "– none"),
            needs=Feature.STANDBY,
        ),
        stat(
            "Budget left",
            "Downtime that the availability objective still allows in 365 days; negative when it is overspent.",
            left,
            Look("s", marks.between(None, 0, None, marks.BAD), decimals=0),
            needs=Feature.AVAILABILITY,
        ),
    )


def _numbers(scope: Scope) -> list[Placed]:
    return parts_of(
        scope,
        _exposure("site_loss", "the serving site is lost", None),
        _exposure(
            "data_corruption",
            "data is destroyed or encrypted everywhere: only what keeps versions survives",
            Feature.BACKUPS,
        ),
        graph(
            "RTO",
            "The running outage's clock from the last look that went well, what a failover would take now, and the objective.",
            [
                Line("outage clock", measures.rto(ONE), marks.FIRST),
                Line("estimate", worst(select(m.RTO_ESTIMATE, ONE)), marks.SECOND),
                Line("objective", promised(m.RTO_OBJECTIVE, ONE), objective=True),
            ],
        ),
        graph(
            "Functional ratio",
            "Weighted share of the components that work at the serving site.",
            [Line("working", worst(select(m.FUNCTIONAL_RATIO, ONE), how="min"), marks.FIRST)],
            Look("percentunit", decimals=0),
        ),
    )


def _exposure(scenario: str, means: str, needs: Feature | None) -> Placed:
    matcher = is_("scenario", scenario)
    return graph(
        f"RPO, {scenario.replace('_', ' ')}",
        f"Seconds of acknowledged writes that would be lost if {means}, and the objective.",
        [
            Line("exposure", measures.rpo(matcher, ONE), marks.FIRST),
            Line("objective", promised(m.RPO_OBJECTIVE, matcher, ONE), objective=True),
        ],
        needs=needs,
    )


def _newest(scope: Scope) -> list[Placed]:
    phases = bars(
        "Its phases",
        "When each phase was reached, counted from the earliest instant at which it can have begun.",
        f"max by (phase) ({measures.newest(select(m.LAST_PHASE, ONE), ONE)})",
        "phase",
    )
    began = stat(
        "Began",
        "When it began, at the best estimate.",
        measures.milliseconds(measures.last(m.LAST_START, ONE)),
        Look("dateTimeAsLocalNoDateIfToday"),
    )
    lost = stat(
        "Markers lost",
        "Acknowledged canary markers that did not survive the newest move of the role.",
        measures.last(m.CANARY_MARKERS, ONE, is_("outcome", "lost")),
        NUMBER,
        needs=Feature.CANARY,
    )
    rto = _achieved("RTO", "rto", m.LAST_RTO, "how long it was down", None)
    rpo = _achieved("RPO", "rpo", m.LAST_RPO, "what was lost", Feature.ROLES)
    return parts_of(scope, phases, *rto, began, *rpo, lost)


def _achieved(name: str, objective: str, metric: m.Metric, what: str, needs: Feature | None) -> list[Placed]:
    """The bounds of a number, and what it is worth."""
    bounds = (
        ("at least", "lower", f"Lower bound of {what}."),
        ("at most", "upper", f"Upper bound of {what}: held against the objective."),
    )
    told = [
        stat(f"{name} {title}", says, measures.last(metric, ONE, is_("bound", bound)), SECONDS, needs=needs)
        for title, bound, says in bounds
    ]
    says = f"The {name} against its objective as it was then; an RPO of 0 is judged by the count of lost markers."
    judged = stat(f"{name} verdict", says, measures.verdict(objective, ONE), word(marks.VERDICT), needs=needs)
    return [*told, judged]


def _annotations() -> list[dict[str, Any]]:
    """Marks in every graph. Prometheus's annotations take a time from a value, in milliseconds."""
    moved = measures.milliseconds(f"max by (system) ({select(m.LAST_FAILOVER, ONE)})")
    began = measures.milliseconds(measures.last(m.LAST_START, ONE))
    return [
        _mark("Role moved", moved, marks.FIRST, "The writable role moved", value_is_time=True),
        _mark("Outage", began, marks.BAD, "It stopped serving", value_is_time=True),
        _mark(
            "Drill",
            f"max by (system) ({select(m.DRILL_ACTIVE, ONE)}) == 1",
            marks.NEWS,
            "A drill runs",
            value_is_time=False,
        ),
    ]


def _mark(name: str, expr: str, color: str, text: str, *, value_is_time: bool) -> dict[str, Any]:
    return {
        "name": name,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": expr,
        "titleFormat": text,
        "textFormat": "{{system}}",
        "useValueForTime": value_is_time,
    }

"""Board 3: what failovers and drills achieved, and what still has to be proven."""

from dashboards import marks, measures
from dashboards.frame import FAILOVERS, ONE, Board, Section, system_links
from dashboards.panels import NUMBER, SECONDS, Line, Look, Placed, graph, parts_of, stat, word
from dashboards.promql import EXPORTER, is_, promised, select
from dashboards.scope import Feature, Scope
from dashboards.tables import Column, Label, table
from exporter.catalogue import metrics as m

_DATE = Look("dateTimeAsLocalNoDateIfToday")
_SYSTEM = [Label("system", "System", system_links("System"))]
_AGO = Look("dateTimeFromNow", no_value="never")
_OVERDUE = marks.words((0, "✓ in time", marks.GOOD), (1, "✕ overdue", marks.BAD))


def failovers(scope: Scope) -> Board:
    """For every configuration; columns of what is not configured are left out."""
    return Board(
        uid=FAILOVERS,
        title="Recovery: failovers and drills",
        description="What the newest failover, drill or outage of each system really cost, against what was promised.",
        sections=[
            Section("", [_events(scope), _losses(scope)]),
            Section("Trend", _trend(scope)),
            Section("What has to be proven", _proof(scope)),
        ],
        system="many",
        since="now-90d",
        refresh="1m",
    )


def _cost() -> str:
    """Upper bound of the newest outage times the price of a minute, which is cost by downtime so far."""
    price = f"{select(m.DOWNTIME_COST, ONE)} / on (system, {EXPORTER}) group_left () ({select(m.DOWNTIME, ONE)} > 0)"
    outage = measures.newest(select(m.LAST_RTO, 'bound="upper"', ONE), ONE)
    return f"max by (system, currency) ({price} * on (system, {EXPORTER}) group_left () {outage})"


def _events(scope: Scope) -> Placed:
    def bound(metric: m.Metric, which: str) -> str:
        return measures.last(metric, ONE, is_("bound", which))

    def markers(outcome: str) -> str:
        return measures.last(m.CANARY_MARKERS, ONE, is_("outcome", outcome))

    columns = [
        Column("Began", measures.milliseconds(measures.last(m.LAST_START, ONE)), _DATE),
        Column("Ended", measures.milliseconds(measures.last(m.LAST_END, ONE)), _DATE),
        Column("RTO at least", bound(m.LAST_RTO, "lower"), SECONDS),
        Column("RTO at most", bound(m.LAST_RTO, "upper"), SECONDS),
        Column("RTO objective", promised(m.RTO_OBJECTIVE, ONE), SECONDS),
        Column("RTO", measures.verdict("rto", ONE), word(marks.VERDICT)),
        Column("RPO at least", bound(m.LAST_RPO, "lower"), SECONDS),
        Column("RPO at most", bound(m.LAST_RPO, "upper"), SECONDS),
        Column("RPO objective", promised(m.RPO_OBJECTIVE, measures.SITE_LOSS, ONE), SECONDS),
        Column("RPO", measures.verdict("rpo", ONE), word(marks.VERDICT)),
        Column("Lost", markers("lost"), NUMBER, needs=Feature.CANARY),
        Column("Surviving", markers("surviving"), NUMBER, needs=Feature.CANARY),
        Column("Indeterminate", markers("indeterminate"), NUMBER, needs=Feature.CANARY),
        Column("Cost", _cost(), Look("none", decimals=0), needs=Feature.COST),
    ]
    labels = [*_SYSTEM, *([Label("currency", "Currency")] if scope.has(Feature.COST) else [])]
    return table(
        scope,
        "The newest event of each system",
        "The truth lies between at least and at most; what is at most is held against the objective. Lost, surviving and "
        "indeterminate count canary markers. Older events are on the exporter's page and in its ledger.",
        labels,
        columns,
        sort="Began",
        height=10,
    )


def _losses(scope: Scope) -> Placed:
    def lost(which: str) -> str:
        return measures.last_loss(m.LAST_LOSS, ONE, is_("bound", which))

    columns = [
        Column("Ended", measures.milliseconds(measures.last_loss(m.LAST_LOSS_END, ONE)), _DATE),
        Column("Lost at least", lost("lower"), SECONDS),
        Column("Lost at most", lost("upper"), SECONDS),
    ]
    return table(
        scope,
        "The newest loss of each system",
        "Acknowledged writes that are proven to be gone, drills included. What happened since does not bring them back; "
        "a system that is not here has never been seen to lose any.",
        _SYSTEM,
        columns,
        sort="Ended",
        height=6,
    )


def _trend(scope: Scope) -> list[Placed]:
    def trend(metric: m.Metric, objective: str, name: str) -> Placed:
        return graph(
            f"Achieved {name}",
            f"Upper bound of each system's newest event, drills included: a step is a new event. Dashed: the {name} objective.",
            [
                Line("{{system}}", measures.last(metric, ONE, 'bound="upper"')),
                Line("{{system}} objective", objective, objective=True),
            ],
            steps=True,
        )

    def counted(metric: m.Metric, title: str, says: str) -> Placed:
        grew = (
            f"sum by (kind, drill) (max by (system, kind, drill) (increase({select(metric, ONE)}[$__rate_interval])))"
        )
        return graph(title, says, [Line("{{kind}}, drill {{drill}}", grew)], Look("short", decimals=1))

    return parts_of(
        scope,
        trend(m.LAST_RTO, promised(m.RTO_OBJECTIVE, ONE), "RTO"),
        trend(m.LAST_RPO, promised(m.RPO_OBJECTIVE, measures.SITE_LOSS, ONE), "RPO"),
        counted(m.FAILOVERS, "Moves of the role", "Failovers, switchovers and failbacks."),
        counted(m.INCIDENTS, "Outages", "Declared outages, by how they ended."),
    )


def _proof(scope: Scope) -> list[Placed]:
    overdue = stat(
        "Proof overdue",
        "Systems whose recovery nobody has proven within the promised interval.",
        f"sum(({measures.until(m.DRILL_DUE, ONE)}) < bool 0)",
        Look("none", marks.NONE_IS_GOOD, decimals=0),
        width=4,
        needs=Feature.DRILLS,
    )
    drills = table(
        scope,
        "Drills",
        "Proof expires: a failover or a drill has to prove recovery within the promised interval.",
        _SYSTEM,
        _drills(),
        sort="Overdue",
        width=14,
        needs=Feature.DRILLS,
    )
    confirmed = measures.milliseconds(f"max by (contact) ({select(m.CONTACT_CONFIRMED)})")
    contacts = table(
        scope,
        "Contacts",
        "When somebody last made sure that a contact and its deputies are right; one that nobody ever confirmed is not listed.",
        [Label("contact", "Contact")],
        [Column("Confirmed", confirmed, _AGO)],
        sort="Confirmed",
        descending=False,
        width=6,
        needs=Feature.CONTACTS,
    )
    return parts_of(scope, overdue, drills, contacts)


def _drills() -> list[Column]:
    last_drill, last_move = (f"max by (system) ({select(each, ONE)})" for each in (m.DRILL_LAST, m.LAST_FAILOVER))
    return [
        Column("Overdue", f"({measures.until(m.DRILL_DUE, ONE)}) < bool 0", word(_OVERDUE)),
        Column("Due in", measures.until(m.DRILL_DUE, ONE), Look("s", marks.OVERDUE)),
        Column("Last drill", measures.milliseconds(last_drill), _AGO),
        Column("Last move", measures.milliseconds(last_move), _AGO),
        Column("Every", promised(m.DRILL_OBJECTIVE, ONE), Look("s")),
        Column("Running", f"max by (system) ({select(m.DRILL_ACTIVE, ONE)})", word(marks.RUNS)),
        Column("Left open", f"max by (system) ({select(m.DRILL_EXPIRED, ONE)})", word(marks.EXPIRED)),
    ]

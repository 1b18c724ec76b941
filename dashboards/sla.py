"""Board 4: availability against the objective, and what is left of the budget."""

from grafanalib.core import DashboardLink

from dashboards import marks
from dashboards.frame import ONE, SLA, Board, Section, system_links
from dashboards.panels import Line, Look, Placed, graph, parts_of, stat
from dashboards.promql import DAY, grown, promised, select
from dashboards.scope import Feature, Scope
from dashboards.tables import Column, Label, table
from exporter.catalogue import metrics as m

WINDOWS = {"month": 30, "quarter": 90, "year": 365}
"""Days. Calendar months, quarters and years are chosen as the time of the board; the links at its top do."""
BURN = ("5m", "1h", "6h")

_RATIO = Look("percentunit", decimals=4)
_LEFT = Look("s", marks.between(None, 0, None, marks.BAD), decimals=0)
_BURNING = Look("none", thresholds=marks.USED_UP, decimals=1)
_SYSTEM = [Label("system", "System", system_links("System"))]


def sla(scope: Scope) -> Board:
    """For every configuration; without an availability objective it has no budget."""
    return Board(
        uid=SLA,
        title="Recovery: SLA",
        description="Availability and its budget: in the time that is chosen above, over the last 30, 90 and 365 days, and "
        "how fast the budget burns. Downtime is the upper bound of each outage; time in which the exporter was cut off is "
        "not counted.",
        sections=[
            Section("In the chosen time", _chosen(scope)),
            Section("Over the last 30, 90 and 365 days", _rolling(scope)),
            Section("How fast the budget burns", _burning(scope)),
        ],
        system="many",
        since="now/M",
        refresh="1m",
        links=[_period("This month", "now/M"), _period("This quarter", "now/fQ"), _period("This year", "now/y")],
    )


def _period(title: str, since: str) -> DashboardLink:
    return DashboardLink(
        title=title, type="link", uri=f"/d/{SLA}?from={since}&to=now", keepTime=False, includeVars=True, icon="cloud"
    )


def unavailable(window: str) -> str:
    """Share of the observed time in which the system did not serve, at the exporter that saw most of it."""
    return f"max by (system) ({grown(m.DOWNTIME, window, ONE)} / ({grown(m.OBSERVED, window, ONE)} > 0))"


def _down(window: str) -> str:
    return f"max by (system) ({grown(m.DOWNTIME, window, ONE)})"


def left(window: str, seconds: float | str) -> str:
    """Seconds of downtime that the objective still allows in a window that lasts so long."""
    return f"(1 - {promised(m.AVAILABILITY_OBJECTIVE, ONE)}) * {seconds} - on (system) {_down(window)}"


def _chosen(scope: Scope) -> list[Placed]:
    columns = [
        Column("Availability", f"1 - {unavailable('$__range')}", _RATIO),
        Column("Objective", promised(m.AVAILABILITY_OBJECTIVE, ONE), _RATIO, needs=Feature.AVAILABILITY),
        Column("Budget used", f"{unavailable('$__range')} / on (system) (1 - {promised(m.AVAILABILITY_OBJECTIVE, ONE)})",
               Look("percentunit", thresholds=marks.USED_UP, decimals=1), needs=Feature.AVAILABILITY),
        Column("Down", _down("$__range"), Look("s", decimals=0)),
        Column("Blind", f"max by (system) ({grown(m.BLIND, '$__range', ONE)})", Look("s", decimals=0)),
        Column("Cost", f"max by (system, currency) ({grown(m.DOWNTIME_COST, '$__range', ONE)})", Look("none", decimals=0), needs=Feature.COST),
        Column("Blips", f"max by (system) ({grown(m.BLIPS, '$__range', ONE)})", Look("none", decimals=0)),
    ]  # fmt: skip
    labels = [*_SYSTEM, *([Label("currency", "Currency")] if scope.has(Feature.COST) else [])]
    worst = f"min(1 - {unavailable('$__range')})"
    return parts_of(
        scope,
        stat("Worst availability", "Of the chosen systems, in the chosen time.", worst, _RATIO, width=5),
        table(
            scope,
            "By system",
            "Availability is 1 less the share of the observed time that was down. Blips are outages that ended before they "
            "were declared: counted, but not down.",
            labels,
            columns,
            sort="Availability",
            descending=False,
            width=19,
        ),
    )


def _rolling(scope: Scope) -> list[Placed]:
    columns = [
        Column(f"Availability, {name}", f"1 - {unavailable(f'{days}d')}", _RATIO) for name, days in WINDOWS.items()
    ]
    columns += [
        Column(f"Left, {name}", left(f"{days}d", days * DAY), _LEFT, needs=Feature.AVAILABILITY)
        for name, days in WINDOWS.items()
    ]
    most = f"min({left('365d', 365 * DAY)})"
    return parts_of(
        scope,
        stat(
            "Least left in the year",
            "Downtime that the worst of the chosen systems may still have.",
            most,
            _LEFT,
            width=5,
            needs=Feature.AVAILABILITY,
        ),
        table(
            scope,
            "Availability and budget",
            "Left: downtime that the objective still allows in so many days; negative when it is overspent. Where Prometheus does "
            "not remember that far, everything since the exporter began to count is held against it.",
            _SYSTEM,
            columns,
            sort="Left, year",
            descending=False,
            width=19,
        ),
    )


def _burn(window: str) -> str:
    """Share of the window that was down, by the share that may be: 1 uses up exactly the budget."""
    down = f"increase({select(m.DOWNTIME, ONE)}[{window}]) / (increase({select(m.OBSERVED, ONE)}[{window}]) > 0)"
    return f"max by (system) ({down}) / on (system) (1 - {promised(m.AVAILABILITY_OBJECTIVE, ONE)})"


def _burning(scope: Scope) -> list[Placed]:
    longer = f"{unavailable('3d')} / on (system) (1 - {promised(m.AVAILABILITY_OBJECTIVE, ONE)})"
    columns = [Column(f"Over {window}", _burn(window), _BURNING) for window in BURN]
    return parts_of(
        scope,
        table(
            scope,
            "Burn rate",
            "At 1 the budget lasts exactly as long as it should; at 14.4 a month's budget is gone in two days.",
            _SYSTEM,
            [*columns, Column("Over 3d", longer, _BURNING)],
            sort="Over 1h",
            needs=Feature.AVAILABILITY,
        ),
        graph(
            "Downtime",
            "Share of the time that was down in each step.",
            [Line("{{system}}", f"max by (system) (rate({select(m.DOWNTIME, ONE)}[$__rate_interval]))")],
            Look("percentunit", decimals=1),
        ),
        graph(
            "Burn rate over time",
            "How fast the budget burnt in each step; 1 is the rate that uses it up exactly.",
            [
                Line("{{system}}", _burn("$__rate_interval")),
                Line("all of the budget", f"vector(1) and on () {select(m.SYSTEM_INFO)}", objective=True),
            ],
            Look("none", decimals=1),
            needs=Feature.AVAILABILITY,
        ),
    )

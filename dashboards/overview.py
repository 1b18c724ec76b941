"""Board 1: the NOC overview, for a wall that is seen from 5 m, worst first."""

from grafanalib.core import HIDE_VARIABLE, Template

from dashboards import marks, measures
from dashboards.frame import OVERVIEW, Board, Section, system_links
from dashboards.panels import NUMBER, SECONDS, USED_UP, Line, Look, Placed, parts_of, stat, timeline, word
from dashboards.promql import ranked, select, worst_rank
from dashboards.scope import Feature, Scope
from dashboards.tables import Column, Label, table
from exporter.catalogue import metrics as m

SHOWN, ROWS = "shown", 25
"""The variable with the systems that the timeline shows, and how many these are at most."""
STEPS = 720
"""Of the timeline: half a minute each in 6 h, some three pixels of a wall. Each step more is paid at every refresh."""
KNOWN_ROWS, MOST_ROWS = 14, 22
_SHOWN, _TROUBLED = f'system=~"${SHOWN}"', 'state!="healthy"'

_CALM = Look("none", marks.NONE_IS_GOOD, decimals=0)
_CAUTION = Look("none", marks.NONE_IS_BEST, decimals=0)


def overview(scope: Scope) -> Board:
    """For every configuration; columns of what is not configured are left out."""
    return Board(
        uid=OVERVIEW,
        title="Recovery: NOC overview",
        description="Every system, worst first: state, live RPO and RTO as a share of their objectives, whether a standby "
        "could take over, and when recovery has to be proven next. For a wall: add ?kiosk&theme=dark to the address.",
        sections=[Section("", [*_counters(scope), _systems(scope), _states(scope)])],
        refresh="5s",
        variables=[_shown()],
    )


def _count(condition: str) -> str:
    """How many systems; nothing, not 0, if there is none that could be counted."""
    return f"sum({condition})"


def _in_state(*states: str) -> str:
    """Systems of which an exporter that sees says so; one question to a state, because the wall asks every 5 s."""
    one_of = "|".join(states)
    return _count(worst_rank(select(m.STATE, f'state=~"{one_of}"')))


def _shares(scope: Scope) -> str:
    """Every share of an objective that a system has used up, as series of their own."""
    shares = [measures.rpo_share(measures.SITE_LOSS), measures.rto_share()]
    if scope.has(Feature.BACKUPS):
        shares.append(measures.rpo_share(measures.CORRUPTION))
    return " or ".join(f'label_replace({each}, "of", "{n}", "", "")' for n, each in enumerate(shares))


def _counters(scope: Scope) -> list[Placed]:
    return parts_of(
        scope,
        stat("In outage", "Systems with a declared outage that still lasts.", _in_state("outage"), _CALM),
        stat(
            "In doubt",
            "Systems that failed a critical look just now (suspected), or serve again but not yet for long (recovering).",
            _in_state("recovering", "suspected"),
            _CAUTION,
        ),
        stat(
            "Degraded",
            "Systems that serve while something that is not critical is down, or no standby is ready.",
            _in_state("degraded"),
            _CAUTION,
        ),
        stat(
            "Unknown",
            "Systems of which nobody knows: they were never seen to serve, or all exporters are cut off.",
            _in_state("unknown"),
            _CAUTION,
        ),
        stat(
            "Objective at risk",
            f"Systems that used up {marks.AT_RISK:.0%} or more of an RPO or of the RTO.",
            _count(f"max by (system) ({_shares(scope)}) >= bool {marks.AT_RISK}"),
            _CALM,
        ),
        stat(
            "Standby not ready",
            "Systems of which no standby site passes every readiness check.",
            _count(f"{measures.ready()} == bool 0"),
            _CALM,
            needs=Feature.STANDBY,
        ),
        stat(
            "Exporters blind",
            "Exporters that are cut off themselves: they declare no outage, and what they tell is not counted here.",
            f"sum({select(m.EXPORTER_BLIND)})",
            _CAUTION,
        ),
        stat("Systems", "Systems that are watched.", f"count(max by (system) ({select(m.SYSTEM_INFO)}))", NUMBER),
    )


def _systems(scope: Scope) -> Placed:
    height = min(MOST_ROWS, 4 + len(scope.systems)) if scope.systems else KNOWN_ROWS
    columns = [
        Column("State", measures.state(), word(marks.STATE)),
        Column("Serving", measures.serving(), label="site"),
        Column("RPO", measures.rpo(measures.SITE_LOSS), SECONDS),
        Column("RPO used", measures.rpo_share(measures.SITE_LOSS), USED_UP),
        Column("RTO clock", measures.rto(), SECONDS),
        Column("RTO used", measures.rto_share(), USED_UP),
        Column("Corruption RPO used", measures.rpo_share(measures.CORRUPTION), USED_UP, needs=Feature.BACKUPS),
        Column("Standby", measures.ready(), word(marks.READY, "– none"), needs=Feature.STANDBY),
        Column("Drill", f"max by (system) ({select(m.DRILL_ACTIVE)})", word(marks.RUNS), needs=Feature.DRILLS),
        Column("Drill due in", measures.until(m.DRILL_DUE), Look("s", marks.OVERDUE), needs=Feature.DRILLS),
    ]
    return table(
        scope,
        "Systems, worst first",
        "RPO: what would be lost if the serving site died now. RTO clock: how long the running outage lasts. Used: share of "
        "the objective, 100 % is the promise. An objective of 0 has no share.",
        [Label("system", "System", system_links("System"))],
        columns,
        sort="State",
        height=max(6, height),
    )


def _states(scope: Scope) -> Placed:
    height = min(MOST_ROWS, 3 + len(scope.systems)) if scope.systems else KNOWN_ROWS
    return timeline(
        "States",
        f"The worst state within each step, so that no outage falls between two steps. Of more than {ROWS} systems those are "
        "shown that are in trouble, or whose last incident ended last.",
        [Line("{{system}}", worst_in_step())],
        word(marks.STATE),
        width=24,
        height=max(6, height),
        steps=STEPS,
    )


def worst_in_step() -> str:
    """The rank of the worst state within a step, of the systems that are shown: every sample of it counts."""
    seen = f"max_over_time({select(m.STATE, _SHOWN)}[$__interval])"
    return f"max by (system) ({ranked(seen, 'state', marks.STATES)})"


def _shown() -> Template:
    """Which systems have a row in the timeline. A thousand rows nobody can read, and asking for them takes seconds."""
    troubled = f"time() * (max by (system) ({select(m.STATE, _TROUBLED)}) == 1)"
    ended = f"max by (system) ({select(m.LAST_END)})"
    others = f"0 * max by (system) ({select(m.SYSTEM_INFO)})"
    return Template(
        name=SHOWN,
        label="Shown",
        query=f"query_result(topk({ROWS}, {troubled} or {ended} or {others}))",
        regex='/system="([^"]+)"/',
        dataSource="$datasource",
        multi=True,
        includeAll=True,
        default="$__all",
        hide=HIDE_VARIABLE,
    )

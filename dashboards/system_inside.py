"""The inside of one system: sites and their roles, replication, readiness, the looks themselves."""

from dashboards import marks, measures
from dashboards.frame import ONE
from dashboards.panels import Line, Look, Placed, graph, parts_of, timeline, word
from dashboards.promql import ranked, select, worst
from dashboards.scope import Feature, Scope
from exporter.catalogue import metrics as m


def roles(scope: Scope) -> list[Placed]:
    """Which site serves, and what the endpoints say of themselves."""
    return [*_standing(scope), *_writing(scope)]


def _standing(scope: Scope) -> list[Placed]:
    told = ranked(select(m.SITE_ROLE, ONE), "role", marks.ROLES)
    return parts_of(
        scope,
        timeline(
            "State over time",
            "The worst state that an exporter tells which sees.",
            [Line("state", measures.state(ONE))],
            word(marks.STATE),
        ),
        timeline(
            "Serving site",
            "Which site serves.",
            [Line("{{site}}", worst(select(m.SERVING_SITE, ONE), "system, site"))],
            word(marks.SERVES),
        ),
        timeline(
            "Roles",
            "What the endpoints tell: two primaries at once are a split brain.",
            [Line("{{site}}", worst(told, "system, site"))],
            word(marks.ROLE),
            needs=Feature.ROLES,
        ),
        timeline(
            "Components",
            "Whether the newest look at each component was answered as it should be.",
            [Line("{{component}} at {{site}}", worst(select(m.COMPONENT_UP, ONE), "system, site, component", "min"))],
            word(marks.UP),
        ),
    )


def _writing(scope: Scope) -> list[Placed]:
    return parts_of(
        scope,
        graph(
            "Writable sites",
            "How many sites take writes: none is no primary, more than expected is a split brain.",
            [
                Line("take writes", worst(select(m.WRITABLE_SITES, ONE)), marks.FIRST),
                Line("expected", f"max by (system) ({select(m.WRITABLE_EXPECTED, ONE)})", objective=True),
            ],
            Look("none", decimals=0),
            steps=True,
            needs=Feature.ROLES,
        ),
        graph(
            "Traffic",
            "Share of the entry's last answers that came from each site.",
            [Line("{{site}}", worst(select(m.TRAFFIC_SHARE, ONE), "system, site"))],
            Look("percentunit", decimals=0),
            needs=Feature.TRAFFIC,
        ),
    )


def replication(scope: Scope) -> list[Placed]:
    """What the standby has, by each source that can tell."""
    return [*_lag(scope), *_sources(scope)]


def _lag(scope: Scope) -> list[Placed]:
    by = "system, site, source"
    return parts_of(
        scope,
        graph(
            "Lag by source",
            "Transport: age of the newest recovery point that the source proves. Apply: how much later it can be read there. "
            "The canary stands beside the replicator's own position.",
            [Line("{{source}} at {{site}}, {{stage}}", worst(select(m.REPLICATION_LAG, ONE), f"{by}, stage"))],
            needs=Feature.ROLES,
        ),
        graph(
            "Backlog",
            "How far the standby's position is behind the primary's.",
            [Line("{{source}} at {{site}}", worst(select(m.REPLICATION_LAG_BYTES, ONE), by))],
            Look("bytes"),
            needs=Feature.ROLES,
        ),
        graph(
            "Canary writes",
            "Markers that were sent and markers that were not acknowledged in time, per second.",
            [
                Line(
                    "{{component}} sent", f"sum by (component) (rate({select(m.CANARY_WRITES, ONE)}[$__rate_interval]))"
                ),
                Line(
                    "{{component}} not acknowledged",
                    f"sum by (component) (rate({select(m.CANARY_FAILURES, ONE)}[$__rate_interval]))",
                ),
            ],
            Look("cps", decimals=2),
            needs=Feature.CANARY,
        ),
    )


def _sources(scope: Scope) -> list[Placed]:
    by = "system, site, source"
    return parts_of(
        scope,
        timeline(
            "Links",
            "What the standby itself says of its link: shown, never believed.",
            [Line("{{source}} at {{site}}", worst(select(m.REPLICATION_CONNECTED, ONE), by, "min"))],
            word(marks.CONNECTED),
            needs=Feature.ROLES,
        ),
        timeline(
            "Refuted sources",
            "A source is refuted while it claims what the canary disproves: then it does not count.",
            [Line("{{source}} at {{site}}", worst(select(m.SOURCE_REFUTED, ONE), by))],
            word(marks.REFUTED),
            needs=Feature.ROLES,
        ),
    )


def looks(scope: Scope) -> list[Placed]:
    """What a standby still lacks, and how the looks go."""
    durations = worst(select(m.PROBE_DURATION, ONE), "system, site, component, phase")
    failures = f"sum by (site, component, reason) (increase({select(m.PROBE_FAILURES, ONE)}[$__rate_interval]))"
    return parts_of(
        scope,
        timeline(
            "Readiness checks",
            "What each standby still lacks: it is ready when every check passes.",
            [Line("{{check}} at {{site}}", worst(select(m.READINESS_CHECK, ONE), "system, site, check", "min"))],
            word(marks.PASSED),
            height=8,
            needs=Feature.STANDBY,
        ),
        graph(
            "Phases of the looks",
            "How long resolving, connecting, TLS, processing and transfer took at each site; a look without a phase has no line for it.",
            [Line("{{component}} {{site}}: {{phase}}", durations)],
            Look("s", decimals=4),
        ),
        graph(
            "Failed looks",
            "How many looks failed, by reason.",
            [Line("{{component}} {{site}}: {{reason}}", failures)],
            Look("short", decimals=0),
        ),
        graph(
            "Looks",
            "How many looks are made a second: four times as many while in doubt.",
            [
                Line(
                    "{{component}} {{site}}",
                    f"sum by (site, component) (rate({select(m.PROBE_ATTEMPTS, ONE)}[$__rate_interval]))",
                )
            ],
            Look("cps", decimals=2),
        ),
    )

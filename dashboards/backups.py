"""Board 5: backups as recovery points, parity of the sites, business figures."""

from dashboards import marks, measures
from dashboards.frame import BACKUPS, ONE, Board, Section, system_links
from dashboards.panels import NUMBER, USED_UP, Line, Look, Placed, graph, parts_of, timeline, word
from dashboards.promql import promised, select, share, worst
from dashboards.scope import Feature, Scope
from dashboards.tables import Column, Label, table
from exporter.catalogue import metrics as m

_BY = "system, backup"
_AGE = Look("s", decimals=0, no_value="never")


def backups(scope: Scope) -> Board:
    """Made when any of the three is there."""
    return Board(
        uid=BACKUPS,
        title="Recovery: backups and parity",
        description="What survives when data is destroyed everywhere, and whether the standby is really the same.",
        sections=[
            Section("Backups", _backups(scope)),
            Section("Recovery points", [_points(scope)]),
            Section("Parity of the sites", _parity(scope)),
            Section("Business figures", _kpis(scope)),
        ],
        system="many",
        since="now-24h",
        refresh="1m",
    )


def _known(metric: m.Metric, by: str, how: str = "max") -> str:
    return f"{how} by ({by}) ({select(metric, ONE)})"


def _backups(scope: Scope) -> list[Placed]:
    return parts_of(
        scope,
        table(
            scope,
            "Backups",
            "Used: how much of the promised interval has passed since the newest usable backup, or since a restore was last "
            "found good; 100 % is the promise.",
            [Label("system", "System", system_links("System")), Label("backup", "Backup")],
            _columns(),
            sort="Interval used",
            needs=Feature.BACKUPS,
        ),
        graph(
            "RPO, data corruption",
            "Seconds of acknowledged writes that would be gone if only the backups survived, and the objective.",
            [
                Line("{{system}}", measures.rpo(measures.CORRUPTION, ONE)),
                Line("{{system}} objective", promised(m.RPO_OBJECTIVE, measures.CORRUPTION, ONE), objective=True),
            ],
            needs=Feature.BACKUPS,
        ),
        graph(
            "Size of the newest backup",
            "One that suddenly shrinks is worth a look.",
            [Line("{{system}} {{backup}}", _known(m.BACKUP_SIZE, _BY))],
            Look("bytes"),
            steps=True,
            needs=Feature.BACKUPS,
        ),
    )


def _points(scope: Scope) -> Placed:
    by = "system, site, source"
    refuted = f"max by ({by}) ({select(m.SOURCE_REFUTED, ONE)})"
    return table(
        scope,
        "Recovery points by source",
        "How old the newest instant is up to which a source is proven to hold every acknowledged write. A source that was "
        "refuted does not count; a backup cannot be refuted.",
        [Label("system", "System", system_links("System")), Label("site", "Site"), Label("source", "Source")],
        [
            Column(
                "Age of the point",
                measures.since(m.RECOVERY_POINT, ONE, by=by),
                Look("s", decimals=1, no_value="never"),
            ),
            Column("Believed", refuted, word(marks.REFUTED, "–"), needs=Feature.ROLES),
        ],
        sort="Age of the point",
    )


def _columns() -> list[Column]:
    age, verified = (measures.since(each, ONE, by=_BY) for each in (m.BACKUP_SUCCESS, m.BACKUP_VERIFIED))
    every, verify_every, versions = (
        promised(each, ONE, by=_BY)
        for each in (m.BACKUP_INTERVAL_OBJECTIVE, m.BACKUP_VERIFY_OBJECTIVE, m.BACKUP_VERSIONS_OBJECTIVE)
    )
    return [
        Column("Age", age, _AGE),
        Column("Interval used", share(f"({age})", every, _BY), USED_UP),
        Column("Restored", verified, _AGE),
        Column("Restore interval used", share(f"({verified})", verify_every, _BY), USED_UP),
        Column("Encrypted", _known(m.BACKUP_ENCRYPTED, _BY, "min"), word(marks.YES)),
        Column("Immutable", _known(m.BACKUP_IMMUTABLE, _BY, "min"), word(marks.YES)),
        Column("Versions", _known(m.BACKUP_VERSIONS, _BY, "min"), NUMBER),
        Column("of promised", share(_known(m.BACKUP_VERSIONS, _BY, "min"), versions, _BY), Look("percentunit", thresholds=marks.KEPT, decimals=0)),
        Column("Size", _known(m.BACKUP_SIZE, _BY), Look("bytes", decimals=1)),
    ]  # fmt: skip


def _parity(scope: Scope) -> list[Placed]:
    by = "system, check"
    return parts_of(
        scope,
        timeline(
            "Parity checks",
            "Whether all sites answer a question alike: permissions, row counts, versions.",
            [Line("{{system}} {{check}}", worst(select(m.PARITY_MATCH, ONE), by, "min"))],
            word(marks.words((0, "✕ differs", marks.BAD), (1, "✓ alike", marks.GOOD))),
            needs=Feature.PARITY,
        ),
        graph(
            "Difference",
            "By how much the site that differs most does: of numbers the difference, of anything else 0 or 1.",
            [Line("{{system}} {{check}}", worst(select(m.PARITY_DIFFERENCE, ONE), by))],
            Look("short"),
            needs=Feature.PARITY,
        ),
    )


def _kpis(scope: Scope) -> list[Placed]:
    by = "system, kpi"
    value, normal = (worst(select(each, ONE), by, "min") for each in (m.KPI_VALUE, m.KPI_NORMAL))
    of_normal = f"{value} / on ({by}) ({normal} > 0)"
    return parts_of(
        scope,
        graph(
            "Share of normal",
            "What the figure is now, by what it should be about now; dashed: the share that was promised.",
            [
                Line("{{system}} {{kpi}}", of_normal),
                Line("{{system}} {{kpi}} promised", promised(m.KPI_OBJECTIVE, ONE, by=by), objective=True),
            ],
            Look("percentunit", decimals=0),
            needs=Feature.KPIS,
        ),
        graph(
            "Figures",
            "The business figures themselves; dashed: what is normal.",
            [Line("{{system}} {{kpi}}", value), Line("{{system}} {{kpi}} normal", normal, objective=True)],
            Look("short"),
            needs=Feature.KPIS,
        ),
    )

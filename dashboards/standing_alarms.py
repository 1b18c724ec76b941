"""Alerts on what would fail if the other side were needed, evaluated every 15 s. What pages of these is rare."""

from dashboards import recorded as r
from dashboards.expressions import best, promised, recent
from dashboards.rule import Alarm
from dashboards.serving_alarms import LASTS, SHARE, SYSTEM
from exporter.catalogue import alerts as a
from exporter.catalogue import metrics as m
from exporter.catalogue.alerts import Severity

DAY = 86400
BACKUP_LATE = 1.25
"""Times its interval: a nightly backup may take its hours. The readiness check allows the same."""
CERTIFICATE_DAYS = 14
CERTIFICATE_LAST_DAYS = 1
PLACE = ("system", "site", "component")
SITE = "{{ $labels.site }}"

STANDBYS = (
    Alarm(
        a.STANDBY_NOT_READY,
        f"{r.READY.name} < 0.5",
        f"{SITE} could not take over {SYSTEM} now: {SHARE} of the exporters that see hold it to be ready.",
        ("system", "site"),
        wait="2m",
        vanished=f"({r.STANDBYS.name} unless on (system, site) {r.READY.name})",
    ),
    Alarm(
        a.REPLICATION_BROKEN,
        f"{r.REPLICATING.name} < 0.5\nor\n{r.REFUTED.name} == 1",
        f"{{{{ if $labels.source }}}}{{{{ $labels.source }}}} of {SYSTEM} at {SITE} claims what the canary disproves, and counts"
        f" for nothing{{{{ else }}}}{SITE} does not follow {SYSTEM}{{{{ end }}}}.",
        ("system", "site", "source"),
        wait="30s",
        vanished=f"({r.STANDBYS.name} unless on (system, site) {r.REPLICATING.name})",
    ),
    Alarm(
        a.CANARY_FAILING,
        f"{r.CANARY.name} > 0.1",
        f"{SHARE} of the writes of the canary to {{{{ $labels.component }}}} of {SYSTEM} were not acknowledged in 5 minutes.",
        ("system", "component"),
        wait="1m",
    ),
    Alarm(
        a.ESTIMATE_MISSES,
        f"{r.ESTIMATE.name} > on (system) {r.RTO_OBJECTIVE.name}",
        f"A failover of {SYSTEM} now would take about {LASTS}, which is longer than the objective.",
        wait="5m",
        vanished=f"({r.RTO_OBJECTIVE.name} unless on (system) {r.ESTIMATE.name})",
    ),
    Alarm(
        a.PARITY_MISMATCH,
        f"{r.PARITY.name} < 0.5",
        f"The sites of {SYSTEM} answer {{{{ $labels.check }}}} differently: {SHARE} of the exporters that see find them alike.",
        ("system", "check"),
        wait="1m",
        vanished=f"({r.PARITY_LOST.name} unless on (system, check) {r.PARITY.name} and on (system) {r.SEEING.name})",
    ),
    Alarm(
        a.KPI_BELOW_NORMAL,
        f"{r.KPI.name} < on (system, kpi) {promised(m.KPI_OBJECTIVE, 'system, kpi')}",
        f"{{{{ $labels.kpi }}}} of {SYSTEM} is at {SHARE} of its normal, which is less than was promised.",
        ("system", "kpi"),
        wait="2m",
        vanished=f"({m.KPI_OBJECTIVE.name} unless on (system, kpi) {r.KPI.name})",
    ),
    Alarm(
        a.VANTAGES_DISAGREE,
        f"{r.SEEING.name}\n  and on (system) max by (system) (({r.SERVING.name} > 0) < 1)",
        f"{{{{ $value }}}} exporters look at {SYSTEM}, and they do not see it served from the same place.",
        wait="1m",
        board="exporter",
    ),
)


_KEPT = ("system", "backup")

BACKUPS = (
    Alarm(
        a.BACKUP_TOO_OLD,
        f"{r.BACKUP_AGE.name} > {BACKUP_LATE} or {r.BACKUP_AGE.name} == 0",
        f"Of {{{{ $labels.backup }}}} of {SYSTEM} {{{{ if eq $value 0.0 }}}}there is no usable version{{{{ else }}}}"
        "the newest usable version is {{ $value | humanize }} times its interval old{{ end }}.",
        _KEPT,
        wait="15m",
        board="backups",
    ),
    Alarm(
        a.BACKUP_UNVERIFIED,
        f"{r.RESTORE_AGE.name} > 1 or {r.RESTORE_AGE.name} == 0",
        f"A restore of {{{{ $labels.backup }}}} of {SYSTEM} {{{{ if eq $value 0.0 }}}}was never verified{{{{ else }}}}"
        "was last verified {{ $value | humanize }} times the promised interval ago{{ end }}.",
        _KEPT,
        wait="15m",
        board="backups",
    ),
)

_LEFT = f"clamp_min({r.EXPIRY.name} - time(), 0)"
_EXPIRES = f"The certificate of {{{{ $labels.component }}}} {SITE} of {SYSTEM} expires in {LASTS}."

PEOPLE = (
    Alarm(
        a.CERTIFICATE_EXPIRES, f"{_LEFT} < {CERTIFICATE_LAST_DAYS * DAY}", _EXPIRES, PLACE, severity=Severity.CRITICAL
    ),
    Alarm(
        a.CERTIFICATE_EXPIRES,
        f"({_LEFT} >= {CERTIFICATE_LAST_DAYS * DAY}) < {CERTIFICATE_DAYS * DAY}",
        _EXPIRES,
        PLACE,
        severity=Severity.WARNING,
    ),
    Alarm(
        a.DRILL_OVERDUE,
        f"time() - {best(recent(m.DRILL_DUE.name), 'system')} > 0",
        f"Neither an event nor a drill has proven the recovery of {SYSTEM} in time; a drill has been due for {LASTS}.",
        wait="5m",
        board="failovers",
    ),
)


def contact_stale(confirmed_for: float) -> Alarm:
    """That a contact was confirmed longer ago than a confirmation holds, in seconds."""
    return Alarm(
        a.CONTACT_STALE,
        f"time() - {best(recent(m.CONTACT_CONFIRMED.name, '6h'), 'contact')} > {confirmed_for:.12g}",
        f"{{{{ $labels.contact }}}} was last confirmed {LASTS} ago.",
        ("contact",),
        board="overview",
    )


BURNS = (
    ("1h", "5m", 14.4, Severity.CRITICAL),
    ("6h", "30m", 6.0, Severity.CRITICAL),
    ("1d", "2h", 3.0, Severity.WARNING),
    ("3d", "6h", 1.0, Severity.WARNING),
)
"""(long window, short window, times the even rate, severity), after the multiwindow alerts of Google's SRE workbook: over
the long window enough is gone to matter, and the short one says that it still goes on."""
TOLD_FOR = {"5m": "7m", "30m": "37m"}
"""For how long after an outage its downtime may stand in a short window. 30 min are a mean of ratios that each reach back for
5 min more, and 2 min at most go by until the last of it is told (10 s later), scraped, recorded, and no longer kept firing."""


def _burning(long: str, short: str, times: float, severity: Severity) -> str:
    """A page comes only of downtime that no outage has told of, in its drill or not: one outage is one page, and what a drill
    cost wakes nobody when it is over."""
    expr = f"{r.burn(long)} > {times:g}\n  and on (system) {r.burn(short)} > {times:g}"
    if severity is not Severity.CRITICAL:
        return expr
    told = f'max_over_time(ALERTS{{alertname="{a.OUTAGE.name}", alertstate="firing"}}[{TOLD_FOR[short]}])'
    return f"{expr}\n  unless on (system) {told}"


BUDGETS = tuple(
    Alarm(
        a.BUDGET_BURN,
        _burning(long, short, times, severity),
        f"{SYSTEM} uses up its downtime budget {{{{ $value | humanize }}}} times as fast as its availability objective allows, measured over {long}.",
        severity=severity,
        board="sla",
        static={"window": long},
    )
    for long, short, times, severity in BURNS
)

ALARMS = (*STANDBYS, *BACKUPS, *PEOPLE)

"""Alerts on what is now: outages, exposure, roles. They are evaluated every 5 s, and what pages has no `for`."""

from dashboards import recorded as r
from dashboards.expressions import best, recent, seeing, select
from dashboards.rule import DRILLS, Alarm
from exporter.catalogue import alerts as a
from exporter.catalogue import metrics as m

SYSTEM = "{{ $labels.system }}"
LASTS = "{{ $value | humanizeDuration }}"
_AT_MOST = f"{{{{ if gt $value 1e15 }}}}nobody can tell how much at most{{{{ else }}}}up to {LASTS}{{{{ end }}}}"
"""A loss that nothing bounds is told as +Inf, which is no duration."""
SHARE = "{{ $value | humanizePercentage }}"
SCENARIO = ("system", "scenario")
UNPROVEN_LEAST = 60
"""Seconds without any proof after which it pages at the earliest: after a start the first looks take a while."""
RECENT_MOVE = 600
LOSS_SHOWN = 86400
"""Seconds for which a measured loss fires: somebody has to put the data right."""

_ENDED, _MOVED = (best(metric.name, "system") for metric in (m.LAST_END, m.LAST_FAILOVER))
_OUT = f"{r.RTO.name}\n  and on (system) {r.OUTAGE.name} > 0.5"
_DOUBT = f"({r.SEEING.name} unless on (system) {r.OUTAGE.name})"
"""The vantages see, but none knows yet: after a restart a running outage is still one."""

OUTAGES = (
    Alarm(
        a.OUTAGE,
        _OUT,
        f"{SYSTEM} has not served for up to {LASTS}.",
        vanished=_DOUBT,
    ),
    Alarm(
        a.RTO_AT_RISK,
        f"({r.RTO.name} / on (system) ({r.RTO_OBJECTIVE.name} > 0) > 0.5) <= 1",
        f"{SHARE} of the recovery time objective of {SYSTEM} is used up, and it does not serve yet.",
        vanished=_DOUBT,
    ),
    Alarm(
        a.RTO_BREACH,
        f"{r.RTO.name} > on (system) {r.RTO_OBJECTIVE.name}",
        f"{SYSTEM} has not served for up to {LASTS}, which is longer than its recovery time objective.",
        vanished=_DOUBT,
    ),
    Alarm(
        a.STATE_UNKNOWN,
        _DOUBT,
        f"{{{{ $value }}}} exporters look at {SYSTEM}, and none has seen it serve since it looks.",
        wait="5m",
    ),
)

EXPOSURE = (
    Alarm(
        a.RPO_BREACH,
        f"{r.RPO.name} > on (system, scenario) ({r.RPO_OBJECTIVE.name} > 0)",
        f"{{{{ $labels.scenario }}}} now would cost {SYSTEM} its last {LASTS} of writes, which is more than the objective.",
        SCENARIO,
    ),
    Alarm(
        a.RPO_AT_RISK,
        # Backups age by nature and come in steps: for them a share says nothing, only when it will be too late.
        f'(\n  {r.RPO_RATIO.name}{{scenario!="data_corruption"}} > 0.8\n'
        f'  or\n  {r.RPO_RATIO.name}{{scenario!="data_corruption"}} > 0.5\n'
        f"    and on (system, scenario) predict_linear({r.RPO.name}[2m], 300) > on (system, scenario) {r.RPO_OBJECTIVE.name}\n"
        f'  or\n  {r.RPO_RATIO.name}{{scenario="data_corruption"}} > 0.5\n'
        f"    and on (system, scenario) {r.RPO.name} + 3600 > on (system, scenario) {r.RPO_OBJECTIVE.name}\n"
        ") <= 1",
        f"{SHARE} of what {{{{ $labels.scenario }}}} may cost {SYSTEM} is exposed, and it grows or stays high.",
        SCENARIO,
    ),
    Alarm(
        a.RPO_UNKNOWN,
        f"{r.RPO_UNPROVEN.name} > on (system, scenario) clamp_min({r.RPO_OBJECTIVE.name}, {UNPROVEN_LEAST})",
        f"For {LASTS} nothing has proven what {{{{ $labels.scenario }}}} would cost {SYSTEM}: longer than the objective.",
        SCENARIO,
        a.Severity.CRITICAL,
    ),
    Alarm(
        a.RPO_UNKNOWN,
        f"{r.RPO_UNPROVEN.name}\n  unless on (system, scenario)"
        f" {r.RPO_UNPROVEN.name} > on (system, scenario) clamp_min({r.RPO_OBJECTIVE.name}, {UNPROVEN_LEAST})",
        f"For {LASTS} nothing has proven what {{{{ $labels.scenario }}}} would cost {SYSTEM}.",
        SCENARIO,
        a.Severity.WARNING,
        wait="2m",
    ),
)


def _lasting(event: str, value: str) -> str:
    """An event that goes on, as most vantages see it. The exporter has waited out its grace already."""
    return f'{value}\n  and on (system) {r.EVENTS.name}{{event="{event}"}} > 0.5'


_SPLIT = seeing(select(m.EVENT_ACTIVE, event="split_brain"))

EVENTS = (
    Alarm(
        a.SPLIT_BRAIN,
        # One vantage is enough: it has seen both sites say that they take writes.
        f"{best(seeing(m.WRITABLE_SITES.name), 'system')}\n  and on (system) {best(_SPLIT, 'system')} == 1",
        f"{{{{ $value }}}} sites of {SYSTEM} take writes.",
    ),
    Alarm(
        a.NO_PRIMARY,
        _lasting("no_primary", r.RTO.name),
        f"Every site of {SYSTEM} answers and is read-only; it has not served for up to {LASTS}.",
        vanished=_DOUBT,
    ),
    Alarm(
        a.STUCK_SWITCH,
        _lasting("stuck_switch", r.RTO.name),
        f"The role of {SYSTEM} has moved, but it has not served for up to {LASTS}.",
        vanished=_DOUBT,
    ),
    Alarm(
        a.LOSS_MEASURED,
        f"{r.LOSS.name}\n  and on (system) time() - {best(m.LAST_LOSS_END.name, 'system')} < {LOSS_SHOWN}",
        f"A move of {SYSTEM} lost acknowledged writes: {_AT_MOST}.",
        # It goes on after the drill that lost them.
        drills=f"{r.LOSS_DRILL.name} == 1",
        board="failovers",
    ),
    Alarm(
        a.FAILOVER,
        f"time() - {_MOVED} < {RECENT_MOVE}",
        f"The writable role of {SYSTEM} moved {LASTS} ago.",
        # It is told for longer than the drill lasts. The last incident is that of the move once it has ended.
        drills=f"({DRILLS} == 1 or on (system) ({r.EVENT_DRILL.name} == 1 and on (system) {_ENDED} + 60 > on (system) {_MOVED}))",
        board="failovers",
    ),
    Alarm(
        a.DRILL_EXPIRED,
        f"{best(recent(m.DRILL_EXPIRED.name), 'system')} == 1",
        f"The drill of {SYSTEM} is past its end and still open. It mutes nothing any more.",
        board="failovers",
    ),
)

ALARMS = (*OUTAGES, *EXPOSURE, *EVENTS)

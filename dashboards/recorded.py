"""What the alerts stand on: one number a system (and scenario, site, ...) from what all vantages say of it."""

from dashboards.expressions import MEMORY, Worse, best, most, newest, promised, recent, seeing, select, share
from dashboards.rule import DRILLS, HELD, Recording
from exporter.catalogue import metrics as m
from exporter.catalogue.metrics import Metric

SEEING = Recording("system:dr_system_info:seeing", f"count by (system) ({seeing(m.SYSTEM_INFO.name)})")
"""How many vantages that are not blind tell of the system; absent: none."""


def gone(job: str) -> Recording:
    """Exporters that have vanished lately, or that `job` names and cannot reach."""
    here = m.EXPORTER_BLIND.name
    return Recording(
        "instance:dr_exporter:gone",
        f"group by (job, instance) ({recent(here, MEMORY)} unless {here})\n"
        f'or\ngroup by (job, instance) (up{{job="{job}"}} == 0)',
    )


GONE = gone("").name
TOLD = Recording("system:dr_system_info:count", f"count by (system) ({m.SYSTEM_INFO.name})")
LOST = Recording(
    "system:dr_system_info:lost",
    f"(\n  {TOLD.name} offset 1m\n  or\n  system:dr_system_info:lost\n)\n"
    f"unless on (system) {TOLD.name}\nand on () {GONE}",
)
"""Systems that somebody watched, and nobody does while an exporter is gone. It goes on by itself: it reads what it said."""
UNSEEN = Recording(
    "system:dr_system_info:unseen",
    # A minute long: a lost scrape of the one that sees must not page for the one that is cut off.
    f"({TOLD.name} or {LOST.name})\nunless on (system) present_over_time({SEEING.name}[1m])",
)
HOLDING = Recording(
    HELD,
    'group by (system) (ALERTS{alertname=~"Dr.+", alertstate="firing", system!=""})\n'
    f"unless on (system) {SEEING.name}\n"
    f"and on (system) ({TOLD.name} or {LOST.name})",
)
DRILLING = Recording(DRILLS, best(recent(m.DRILL_ACTIVE.name), "system"))

KNOWING = Recording("instance_system:dr_state:knowing", seeing(f"{select(m.STATE, state='unknown')} == 0"))
"""The vantages that see, and know of the system whether it serves."""


def known(metric: str) -> str:
    """A metric of those vantages only."""
    return f"{metric} and on (job, instance, system) {KNOWING.name}"


OUTAGE = Recording("system:dr_outage:share", share(known(select(m.STATE, state="outage")), "system"))
"""Above a half: most vantages see an outage. Absent: no vantage that sees knows."""
RTO = Recording("system:dr_rto_seconds:most", most(known(m.RTO.name), "system", Worse.HIGH))
RTO_OBJECTIVE = Recording("system:dr_rto_objective_seconds:min", promised(m.RTO_OBJECTIVE, "system"))
EXPOSED = "system, scenario"
_SAME_SCENARIO = "on (job, instance, system, scenario)"
RPO_EACH = Recording(
    "instance_system_scenario:dr_rpo_seconds:known",
    seeing(f"{m.RPO.name} and {_SAME_SCENARIO} {m.RPO_KNOWN.name} == 1"),
)
RPO = Recording("system_scenario:dr_rpo_seconds:most", most(RPO_EACH.name, EXPOSED, Worse.HIGH))
"""Of the exposures that are known. Absent: no vantage that sees has proven anything."""
RPO_UNPROVEN = Recording(
    "system_scenario:dr_rpo_unproven_seconds:min",
    f"min by ({EXPOSED}) {seeing(f'{m.RPO.name} and {_SAME_SCENARIO} {m.RPO_KNOWN.name} == 0')}\n"
    f"unless on (system, scenario) {RPO.name}",
)
"""Seconds since we began to look, or since the last proof was lost; only while no vantage knows better."""
RPO_OBJECTIVE = Recording("system_scenario:dr_rpo_objective_seconds:min", promised(m.RPO_OBJECTIVE, EXPOSED))
RPO_RATIO = Recording(
    "system_scenario:dr_rpo_objective:ratio",
    f"{RPO.name}\n/ on (system, scenario) ({RPO_OBJECTIVE.name} > 0)",
)
"""Share of the objective that is exposed now. Absent for an objective of 0, which is judged by lost writes alone."""
EVENTS = Recording("system_event:dr_event_active:share", share(known(m.EVENT_ACTIVE.name), "system, event"))
"""Who does not know whether the system serves says 0 of both: he would outvote the one who sees it."""

_SAME_SYSTEM = "on (job, instance, system)"
NEWEST_LOSS = Recording("instance_system:dr_last_loss_timestamp_seconds:newest", newest(m.LAST_LOSS_END))
LOSS = Recording(
    "system:dr_last_loss_seconds:max",
    best(f"{select(m.LAST_LOSS, bound='upper')} and {_SAME_SYSTEM} {NEWEST_LOSS.name}", "system"),
)
"""What was lost last, at most; absent if nothing was ever proven to be. Any vantage is enough: its markers are its own."""
LOSS_DRILL = Recording(
    "system:dr_last_loss_drill:max",
    best(f"{m.LAST_LOSS_DRILL.name} and {_SAME_SYSTEM} {NEWEST_LOSS.name}", "system"),
)
EVENT_DRILL = Recording(
    "system:dr_last_incident_drill:max",
    best(f"{m.LAST_DRILL.name} and {_SAME_SYSTEM} {newest(m.LAST_END)}", "system"),
)
"""Whether the newest event that is over was part of a drill."""

STANDBY = "system, site"
STANDBYS = Recording(
    "system_site:dr_standby:seeing", f"group by (system, site) {seeing(f'{m.SERVING_SITE.name} == 0')}"
)
READY = Recording("system_site:dr_site_ready:share", share(seeing(recent(m.SITE_READY.name)), STANDBY))
REPLICATING = Recording(
    "system_site:dr_replicating:share",
    share(seeing(recent(select(m.READINESS_CHECK, check="replicating"))), STANDBY),
)
REFUTED = Recording(
    "system_site_source:dr_source_refuted:max", best(seeing(recent(m.SOURCE_REFUTED.name)), "system, site, source")
)
ESTIMATE = Recording(
    "system:dr_rto_estimate_seconds:most", most(seeing(recent(m.RTO_ESTIMATE.name)), "system", Worse.HIGH)
)
PARITY = Recording("system_check:dr_parity_match:share", share(seeing(recent(m.PARITY_MATCH.name)), "system, check"))
PARITY_HELD = 6 * 3600
"""Seconds for which a difference is held while nobody can compare."""
PARITY_LOST = Recording(
    "system_check:dr_parity_match:lost",
    f"(\n  timestamp({PARITY.name} < 0.5)\n  or\n"
    f"  system_check:dr_parity_match:lost unless on (system, check) {PARITY.name}\n) > time() - {PARITY_HELD}",
)
"""When sites were last told to differ, in Unix seconds. It goes on by itself while they are not compared, but not for ever: that
a check is configured no longer looks the same."""
_KPI_EACH = f"{recent(m.KPI_VALUE.name)} / on (job, instance, system, kpi) {recent(m.KPI_NORMAL.name)}"
KPI = Recording("system_kpi:dr_kpi:ratio", most(seeing(_KPI_EACH), "system, kpi", Worse.LOW))
SERVING = Recording("system_site:dr_serving_site:share", share(known(m.SERVING_SITE.name), STANDBY))
KEPT = "system, backup"


def _age(made: Metric, every: Metric, name: str) -> Recording:
    """How many times its interval something is old; 0 where there is none at all."""
    newest, interval = best(recent(made.name), KEPT), promised(every, KEPT)
    return Recording(
        name,
        f"(time() - {newest}) / on (system, backup) {interval}\n"
        f"or\n0 * ({interval} unless on (system, backup) {newest})",
    )


BACKUP_AGE = _age(m.BACKUP_SUCCESS, m.BACKUP_INTERVAL_OBJECTIVE, "system_backup:dr_backup_age:ratio")
RESTORE_AGE = _age(m.BACKUP_VERIFIED, m.BACKUP_VERIFY_OBJECTIVE, "system_backup:dr_backup_verified_age:ratio")
EXPIRY = Recording(
    "system_site_component:dr_probe_tls_expiry_timestamp_seconds:min",
    f"min by (system, site, component) ({recent(m.PROBE_TLS_EXPIRY.name)})",
)
_CANARY_EACH = f"increase({m.CANARY_FAILURES.name}[5m]) / (increase({m.CANARY_WRITES.name}[5m]) > 0)"
CANARY = Recording(
    "system_component:dr_canary_write_failures:ratio_rate5m",
    most(seeing(_CANARY_EACH), "system, component", Worse.HIGH),
)

BURN_5M = "system:dr_downtime:ratio_rate5m"
BURN_MINUTES = 5

BUDGET_SHARE = Recording("system:dr_downtime:allowed", f"1 - {promised(m.AVAILABILITY_OBJECTIVE, 'system')}")
"""Share of the time that the availability objective leaves for downtime."""


def burn(window: str) -> str:
    """Name of the series of how many times as fast as allowed the budget was used up over a window."""
    return f"system:dr_downtime:burn_rate{window}"


def _burnt(window: str, minutes: int) -> Recording:
    """Over a longer window: the mean of what was recorded each minute, of which half a window is the least.

    What nobody saw counts like the rest: an exporter that was away for half of the window must not hide that the budget
    burns. Of less than half no more is made than was seen, the rest counts as not down: the mean alone took some seconds of
    downtime in the first minutes of a system for a burn of days.
    """
    if minutes == BURN_MINUTES:
        return Recording(burn(window), f"{BURN_5M} / on (system) {BUDGET_SHARE.name}")
    over = f"{BURN_5M}[{window}]"
    mean = f"sum_over_time({over})\n/ clamp_min(count_over_time({over}), {minutes // 2})"
    return Recording(burn(window), f"{mean}\n/ on (system) {BUDGET_SHARE.name}")


BURN = Recording(
    BURN_5M,
    most(
        f"(increase({m.DOWNTIME.name}[5m]) / (increase({m.OBSERVED.name}[5m]) > 0))",
        "system",
        Worse.HIGH,
    ),
)

NOW = (
    SEEING, TOLD, LOST, UNSEEN, HOLDING, DRILLING, KNOWING, OUTAGE, RTO, RTO_OBJECTIVE, RPO_EACH, RPO, RPO_UNPROVEN,
    RPO_OBJECTIVE, RPO_RATIO, EVENTS, NEWEST_LOSS, LOSS, LOSS_DRILL, EVENT_DRILL,
)  # fmt: skip

STANDING = (
    STANDBYS, READY, REPLICATING, REFUTED, ESTIMATE, PARITY, PARITY_LOST, KPI, SERVING, BACKUP_AGE, RESTORE_AGE, EXPIRY, CANARY,
)  # fmt: skip
WINDOWS = {"5m": BURN_MINUTES, "30m": 30, "1h": 60, "2h": 120, "6h": 360, "1d": 1440, "3d": 4320}
"""Minutes, which are samples: the budget's rules are evaluated once a minute."""
BUDGET = (BURN, BUDGET_SHARE, *(_burnt(window, minutes) for window, minutes in WINDOWS.items()))

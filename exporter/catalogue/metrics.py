"""Every metric that the exporter serves, declared once.

`exporter.metrics` fills them from a snapshot, `exporter.catalogue.reference` prints them for the README. Units are base
units; a value that is not known has no series, it is never 0.
"""

from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """What the `# TYPE` line says. A state set is a gauge: OpenMetrics would force the label's name on us."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    INFO = "info"


UNITS = ("seconds", "bytes", "ratio")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is the name of its series (a histogram's: without `_bucket`, `_sum`, `_count`)."""

    name: str
    type: Type
    labels: tuple[str, ...]
    help: str

    @property
    def family(self) -> str:
        """Its name in OpenMetrics, which leaves `_total` and `_info` to the series."""
        suffix = {Type.COUNTER: "_total", Type.INFO: "_info"}.get(self.type, "")
        return self.name.removesuffix(suffix)

    @property
    def unit(self) -> str:
        """The base unit that its family's name ends with; empty when it is a plain number."""
        last = self.family.rsplit("_", 1)[-1]
        return last if last in UNITS else ""


METRICS: dict[str, Metric] = {}
"""By name, in the order of the reference table."""


def _declare(type_: Type, name: str, labels: str, help_: str) -> Metric:
    metric = Metric(name, type_, tuple(labels.split()), help_)
    if name in METRICS:
        raise ValueError(f"{name} is declared twice; a metric is declared once")
    METRICS[name] = metric
    return metric


def _gauge(name: str, labels: str, help_: str) -> Metric:
    return _declare(Type.GAUGE, name, labels, help_)


def _counter(name: str, labels: str, help_: str) -> Metric:
    return _declare(Type.COUNTER, name, labels, help_)


# What was promised.
SYSTEM_INFO = _declare(Type.INFO, "dr_system_info", "system tier owner home", "A system as it is configured; always 1.")
RTO_OBJECTIVE = _gauge("dr_rto_objective_seconds", "system", "Recovery time objective.")
RPO_OBJECTIVE = _gauge("dr_rpo_objective_seconds", "system scenario", "Recovery point objective of a scenario.")
AVAILABILITY_OBJECTIVE = _gauge("dr_availability_objective_ratio", "system", "Availability objective, 0 to 1.")
DRILL_OBJECTIVE = _gauge(
    "dr_drill_interval_objective_seconds", "system", "How often the recovery must be proven by an event or a drill."
)
WRITABLE_EXPECTED = _gauge(
    "dr_writable_sites_expected", "system", "How many sites should take writes: 1 unless the system is active-active."
)
BACKUP_INTERVAL_OBJECTIVE = _gauge(
    "dr_backup_interval_objective_seconds", "system backup", "How often a backup was promised."
)
BACKUP_VERIFY_OBJECTIVE = _gauge(
    "dr_backup_verify_interval_objective_seconds", "system backup", "How often a restore has to be verified."
)
BACKUP_VERSIONS_OBJECTIVE = _gauge(
    "dr_backup_versions_objective", "system backup", "How many usable versions have to be there."
)
KPI_OBJECTIVE = _gauge(
    "dr_kpi_objective_ratio", "system kpi", "Share of its normal that the figure was promised to keep, 0 to 1."
)

# Where the system stands.
STATE = _gauge("dr_state", "system state", "State set: 1 for the state that the system is in, 0 for the others.")
SERVING_SITE = _gauge("dr_serving_site", "system site", "1 if the site serves the system now.")
SITE_ROLE = _gauge("dr_site_role", "system site role", "State set: primary, standby or unknown.")
WRITABLE_SITES = _gauge(
    "dr_writable_sites", "system", "How many sites take writes: 0 is no primary, more than expected is a split brain."
)
EVENT_ACTIVE = _gauge(
    "dr_event_active",
    "system event",
    "1 while it lasts: split_brain, no_primary, stuck_switch; of systems with a role.",
)
FUNCTIONAL_RATIO = _gauge(
    "dr_functional_ratio", "system", "Weighted share of the components that work at the serving site, 0 to 1."
)
COMPONENT_UP = _gauge("dr_component_up", "system site component", "1 if the newest look was answered as it should be.")
TRAFFIC_SHARE = _gauge(
    "dr_traffic_share", "system site", "Share of the entry's last answers from the site, 0 to 1; active-active only."
)

# The two numbers, live.
RPO = _gauge(
    "dr_rpo_seconds",
    "system scenario",
    "Live exposure: seconds of acknowledged writes that would be lost if the scenario happened now.",
)
RPO_KNOWN = _gauge(
    "dr_rpo_known", "system scenario", "0 if no recovery point was ever proven: the exposure counts from our start."
)
RTO = _gauge("dr_rto_seconds", "system", "How long the running outage has lasted at most; 0 while the system serves.")
RTO_ESTIMATE = _gauge(
    "dr_rto_estimate_seconds", "system", "How long a failover would take now; absent while nothing was measured."
)
SITE_READY = _gauge("dr_site_ready", "system site", "1 if every readiness check of the standby site passes.")
READINESS_CHECK = _gauge("dr_site_readiness_check", "system site check", "1 if this readiness check passes.")

# Replication and canary.
RECOVERY_POINT = _gauge(
    "dr_recovery_point_timestamp_seconds",
    "system site source",
    "What the source covers is proven to be at the site, up to every write acknowledged before this time; absent until then.",
)
SOURCE_REFUTED = _gauge(
    "dr_source_refuted", "system site source", "1 if canary or primary disproves the source: it does not count."
)
REPLICATION_CONNECTED = _gauge(
    "dr_replication_connected", "system site source", "The standby's own opinion of its link: shown, never believed."
)
REPLICATION_LAG_BYTES = _gauge(
    "dr_replication_lag_bytes", "system site source", "How far the standby's position is behind the primary's."
)
REPLICATION_LAG = _gauge(
    "dr_replication_lag_seconds",
    "system site source stage",
    "Stage transport: age of the recovery point. Stage apply: how much later it can be read there.",
)
CANARY_WRITES = _counter("dr_canary_writes_total", "system component", "Canary markers that were sent.")
CANARY_FAILURES = _counter(
    "dr_canary_write_failures_total", "system component", "Canary markers that were not acknowledged in time."
)

# What is asked now and then: backups, parity, business figures. Absent is what was not told.
BACKUP_SUCCESS = _gauge(
    "dr_backup_last_success_timestamp_seconds", "system backup", "When the newest usable backup was finished."
)
BACKUP_VERIFIED = _gauge(
    "dr_backup_last_verified_timestamp_seconds", "system backup", "When a restore from it was last found good."
)
BACKUP_ENCRYPTED = _gauge("dr_backup_encrypted", "system backup", "1 if the newest usable backup is encrypted.")
BACKUP_IMMUTABLE = _gauge(
    "dr_backup_immutable", "system backup", "1 if nobody, an administrator included, can change or remove it now."
)
BACKUP_VERSIONS = _gauge("dr_backup_versions", "system backup", "How many usable backups there are.")
BACKUP_SIZE = _gauge("dr_backup_size_bytes", "system backup", "What the newest usable backup takes where it is kept.")
PARITY_MATCH = _gauge(
    "dr_parity_match", "system check", "1 if all sites answer the question alike, 0 if one is known to differ."
)
PARITY_DIFFERENCE = _gauge(
    "dr_parity_difference",
    "system check",
    "By how much the site that differs most does: of numbers the difference, of anything else 0 or 1.",
)
KPI_VALUE = _gauge("dr_kpi_value", "system kpi", "The business figure, if its newest answer could be had.")
KPI_NORMAL = _gauge(
    "dr_kpi_normal", "system kpi", "What it should be about now: as configured, or at this time a week ago."
)

# What happened so far.
INCIDENTS = _counter("dr_incidents_total", "system kind drill", "Declared outages, by how they ended.")
FAILOVERS = _counter("dr_failovers_total", "system kind drill", "Moves of the writable role.")
BLIPS = _counter("dr_blips_total", "system", "Outages that ended before they were declared.")
BLIP_SECONDS = _counter("dr_blip_seconds_total", "system bound", "How long the blips lasted in sum.")
OBSERVED = _counter(
    "dr_observed_seconds_total", "system", "Time in which the system was watched and we were not blind."
)
DOWNTIME = _counter(
    "dr_downtime_seconds_total",
    "system",
    "Upper bound of the time in which the system did not serve; in drills and maintenance as the policy says.",
)
DRILL_DOWNTIME = _counter(
    "dr_drill_downtime_seconds_total", "system", "The same in drills alone, whether or not the policy counts it."
)
MAINTENANCE_DOWNTIME = _counter(
    "dr_maintenance_downtime_seconds_total", "system", "The same in maintenance alone, whether or not it counts."
)
BLIND = _counter("dr_blind_seconds_total", "system", "Time in which the exporter itself was cut off.")
DOWNTIME_COST = _counter("dr_downtime_cost_total", "system currency", "Downtime times the configured cost per minute.")

# The newest closed incident or move of the role: absent before the first.
LAST_FAILOVER = _gauge("dr_last_failover_timestamp_seconds", "system", "When the writable role moved last.")
LAST_START = _gauge("dr_last_incident_start_timestamp_seconds", "system", "Best estimate of when it began.")
LAST_END = _gauge("dr_last_incident_end_timestamp_seconds", "system", "Best estimate of when the system served again.")
LAST_RTO = _gauge(
    "dr_last_rto_seconds", "system bound", "How long it was down: the truth lies between lower and upper."
)
LAST_RPO = _gauge("dr_last_rpo_seconds", "system bound", "Seconds of acknowledged writes that it lost.")
LAST_DRILL = _gauge("dr_last_incident_drill", "system", "1 if it was part of a drill.")
LAST_PHASE = _gauge(
    "dr_last_incident_phase_seconds", "system phase", "When each phase was reached, counted from the earliest start."
)
LAST_VERDICT = _gauge(
    "dr_last_verdict", "system objective verdict", "State set: met, missed, not_proven or no_objective."
)
CANARY_MARKERS = _gauge(
    "dr_canary_markers", "system outcome", "Canary markers of it, if the role moved: lost, surviving, indeterminate."
)

# The newest of them that is proven to have lost acknowledged writes: what came after it does not undo that.
LAST_LOSS = _gauge("dr_last_loss_seconds", "system bound", "Seconds of acknowledged writes that it lost.")
LAST_LOSS_END = _gauge("dr_last_loss_timestamp_seconds", "system", "When the system served again after it.")
LAST_LOSS_DRILL = _gauge("dr_last_loss_drill", "system", "1 if it was part of a drill.")

# Drills, and when the next one is due.
DRILL_ACTIVE = _gauge(
    "dr_drill_active",
    "system",
    "1 while a drill runs that has not expired, and no incident is open that began before it: its pages are muted.",
)
DRILL_EXPIRED = _gauge("dr_drill_expired", "system", "1 while a drill is left open past its expiry: it mutes nothing.")
MAINTENANCE_ACTIVE = _gauge(
    "dr_maintenance_active", "system", "1 during declared maintenance, which labels incidents and mutes nothing."
)
DRILL_LAST = _gauge(
    "dr_drill_last_timestamp_seconds", "system", "When the last finished drill was stopped; absent before the first."
)
DRILL_DUE = _gauge(
    "dr_drill_due_timestamp_seconds",
    "system",
    "Until when the next recovery has to be proven; absent where no interval was promised.",
)

# The looks themselves; site is empty for the entry.
PROBE_SUCCESS = _gauge("dr_probe_success", "system site component", "1 if the newest finished look succeeded.")
PROBE_LAST_RUN = _gauge("dr_probe_last_run_timestamp_seconds", "system site component", "When that look started.")
PROBE_DURATION = _gauge(
    "dr_probe_duration_seconds",
    "system site component phase",
    "How long each phase of that look took; absent if it had no such phase.",
)
PROBE_ATTEMPTS = _counter("dr_probe_attempts_total", "system site component", "Looks that finished.")
PROBE_FAILURES = _counter("dr_probe_failures_total", "system site component reason", "Looks that failed, by reason.")
PROBE_TLS_EXPIRY = _gauge(
    "dr_probe_tls_expiry_timestamp_seconds", "system site component", "When the served certificate expires."
)

# The people.
CONTACT_CONFIRMED = _gauge(
    "dr_contact_confirmed_timestamp_seconds",
    "contact",
    "Day on which somebody last made sure that the contact is right; absent if nobody ever did.",
)

# The exporter.
BUILD_INFO = _declare(
    Type.INFO, "dr_exporter_build_info", "version vantage config_hash", "The exporter and its configuration; always 1."
)
SHARD_INFO = _declare(Type.INFO, "dr_exporter_shard_info", "shard", "Which share of the systems this exporter watches.")
RELOAD_OK = _gauge("dr_exporter_config_last_reload_successful", "", "1 if the newest configuration is in use.")
RELOAD_AT = _gauge(
    "dr_exporter_config_last_reload_success_timestamp_seconds", "", "When the configuration in use was loaded."
)
EXPORTER_BLIND = _gauge("dr_exporter_blind", "", "1 while the exporter is cut off: it then declares no outage.")
REFERENCE_UP = _gauge("dr_exporter_reference_up", "reference", "1 if the reference target answered last.")
LEDGER_WRITABLE = _gauge("dr_exporter_ledger_writable", "", "1 if evidence can be written.")
LEDGER_WAITING = _gauge("dr_exporter_ledger_waiting_records", "", "Records that wait in memory for the ledger.")
LEDGER_RECORDS = _counter("dr_exporter_ledger_records_total", "", "Number of the newest record in the ledger.")
FAULTS = _counter(
    "dr_exporter_faults_total",
    "",
    "Bugs of the exporter that were met while looking; each is in the log, please report it.",
)
HOOK_MESSAGES = _counter(
    "dr_exporter_dingtalk_messages_total",
    "robot outcome",
    "Messages by the robot's place in the configuration, from 0, and what became of them; absent without the hook.",
)
HOOK_NOTIFICATIONS = _counter(
    "dr_exporter_dingtalk_notifications_total",
    "outcome",
    "Requests of Alertmanager: delivered alone, coalesced with others, repeated after delivery, failed (5xx), refused (4xx).",
)
HOOK_UNNAMED = _counter(
    "dr_exporter_dingtalk_unnamed_alerts_total",
    "severity",
    "Alerts that did not fit into a delivered message and were only counted in it.",
)
HOOK_WAITING = _gauge("dr_exporter_dingtalk_waiting_alerts", "", "Alerts that wait for a robot that may send.")
LATENESS = _declare(
    Type.HISTOGRAM, "dr_exporter_probe_lateness_seconds", "", "How much later than planned the looks started."
)

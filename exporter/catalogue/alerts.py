"""Every alert, declared once: `dashboards.rules` makes its rules, `exporter/runbooks` says what to do about it.

A severity says who is called: `critical` pages at once, `warning` is for working hours, `info` is shown. An alert with two
severities has a rule for each, and at most one of the two fires for the same thing.
"""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How an alert is to be routed."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class InDrill(StrEnum):
    """What a drill of the same system does to an alert. The drill of another system never does anything."""

    MUTED = "muted"
    """It carries `drill="true"`, by which Alertmanager does not page."""
    PAGES = "pages"
    """It carries `drill="false"` even then: what it tells is no part of any drill."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `summary` is a sentence without numbers; the rules add a description that has them."""

    name: str
    severities: tuple[Severity, ...]
    summary: str
    in_drill: InDrill = InDrill.MUTED
    of_system: bool = True
    """It carries the label `system`; otherwise it is about the exporter or people."""

    @property
    def runbook(self) -> str:
        """Its file in `exporter/runbooks`."""
        return f"{self.name}.md"


ALERTS: dict[str, Alert] = {}
"""By name, in the order of the reference table."""

_PAGE = (Severity.CRITICAL,)
_WARN = (Severity.WARNING,)
_INFO = (Severity.INFO,)
_BOTH = (Severity.CRITICAL, Severity.WARNING)


def _alert(
    name: str,
    severities: tuple[Severity, ...],
    summary: str,
    in_drill: InDrill = InDrill.MUTED,
    *,
    of_system: bool = True,
) -> Alert:
    if name in ALERTS:
        raise ValueError(f"{name} is declared twice; an alert is declared once")
    ALERTS[name] = Alert(name, severities, summary, in_drill, of_system)
    return ALERTS[name]


def _own(name: str, severities: tuple[Severity, ...], summary: str) -> Alert:
    """An alert that is not about a system: no drill is about it either."""
    return _alert(name, severities, summary, InDrill.PAGES, of_system=False)


# The system does not serve.
OUTAGE = _alert("DrOutage", _PAGE, "The system does not serve.")
RTO_AT_RISK = _alert("DrRtoAtRisk", _WARN, "Half of the recovery time objective is gone.")
RTO_BREACH = _alert("DrRtoBreach", _PAGE, "The outage lasts longer than the recovery time objective.", InDrill.PAGES)
STATE_UNKNOWN = _alert("DrStateUnknown", _WARN, "We look, but cannot say whether the system serves.")
NO_PRIMARY = _alert("DrNoPrimary", _PAGE, "Every site answers, and none takes writes.")
STUCK_SWITCH = _alert("DrStuckSwitch", _PAGE, "The role has moved, but the system does not serve.")
SPLIT_BRAIN = _alert("DrSplitBrain", _PAGE, "Two sites take writes: their data is drifting apart.")

# Writes would be lost, or were.
RPO_BREACH = _alert("DrRpoBreach", _PAGE, "More would be lost now than the recovery point objective allows.")
RPO_AT_RISK = _alert("DrRpoAtRisk", _WARN, "The recovery point objective is about to be missed.")
RPO_UNKNOWN = _alert("DrRpoUnknown", _BOTH, "Nothing proves what would be lost: no recovery point was ever seen.")
LOSS_MEASURED = _alert("DrLossMeasured", _PAGE, "Acknowledged writes were lost in the last move of the role.")
FAILOVER = _alert("DrFailover", _INFO, "The writable role has moved.")

# The other side would not do.
STANDBY_NOT_READY = _alert("DrStandbyNotReady", _WARN, "The standby could not take over now.")
REPLICATION_BROKEN = _alert("DrReplicationBroken", _WARN, "The standby does not follow, or claims what is not so.")
CANARY_FAILING = _alert("DrCanaryFailing", _WARN, "Writes of the canary are not acknowledged.")
ESTIMATE_MISSES = _alert("DrEstimateMissesObjective", _WARN, "A failover now would take longer than the objective.")
PARITY_MISMATCH = _alert("DrParityMismatch", _WARN, "The sites answer the same question differently.")
BACKUP_TOO_OLD = _alert("DrBackupTooOld", _WARN, "The newest usable backup is too old, or there is none.")
BACKUP_UNVERIFIED = _alert("DrBackupUnverified", _WARN, "No restore has shown in time that the backup is good.")
CERTIFICATE_EXPIRES = _alert("DrCertificateExpires", _BOTH, "A certificate is about to expire.")
KPI_BELOW_NORMAL = _alert("DrKpiBelowNormal", _WARN, "A business figure is below the promised share of its normal.")

# What was promised over time.
BUDGET_BURN = _alert("DrErrorBudgetBurn", _BOTH, "The downtime budget is being used up too fast.")
DRILL_OVERDUE = _alert("DrDrillOverdue", _WARN, "The recovery was not proven in time, by an event or a drill.")
DRILL_EXPIRED = _alert("DrDrillExpired", _PAGE, "A drill was left open past its end; it mutes nothing.", InDrill.PAGES)
CONTACT_STALE = _own("DrContactStale", _WARN, "Nobody has made sure for long that a contact is right.")

# The exporter itself.
EXPORTER_DOWN = _own("DrExporterDown", _BOTH, "The exporter is gone: nobody measures what it measured.")
EXPORTER_BLIND = _own("DrExporterBlind", _BOTH, "The exporter is cut off and declares no outage.")
VANTAGES_DISAGREE = _alert("DrVantagesDisagree", _WARN, "The exporters see different things.")
LEDGER_NOT_WRITABLE = _own("DrLedgerNotWritable", _WARN, "Evidence cannot be written; it waits in memory.")
RELOAD_FAILED = _own("DrConfigReloadFailed", _WARN, "The newest configuration is not in use.")
WATCHDOG = _own("DrWatchdog", _INFO, "Always fires: if it does not arrive, alerting itself is broken.")

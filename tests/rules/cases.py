"""One case an alert of a system: what tells of it, and what it is told like while all is well, nearly amiss, and amiss."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.catalogue import alerts as a
from exporter.catalogue import metrics as m
from exporter.catalogue.alerts import Alert, InDrill, Severity
from tests.rules.story import Check, Said, Series, Story, Told, after, always, growing, series, told_by

DAY = 86400.0
GOOD = 6
"""Steps for which all is well."""
ORDERS, BILLING, CHAT = "orders", "billing", "chat"
"""The one that is amiss, the one that is amiss inside its own drill, and the one that is nearly amiss."""

Values = Mapping[Series, tuple[float, float, float]]
"""Series without the label `system` -> (good, nearly amiss, amiss)."""


@dataclass(frozen=True)
class Case:
    alert: Alert
    says: str
    """Its description when it begins to fire, of the system `orders`."""
    values: Values
    constant: Mapping[Series, float] = field(default_factory=dict)
    grows: Mapping[Series, float] = field(default_factory=dict)
    """By how much with each step, while it is amiss."""
    growing: Mapping[Series, float] = field(default_factory=dict)
    """Counters that grow by this with each step, all the time."""
    labels: Mapping[str, str] = field(default_factory=dict)
    severity: Severity = Severity.WARNING
    wait: int = 0
    """Steps for which it must be amiss."""
    drills: Series = field(default_factory=lambda: series(m.DRILL_ACTIVE))
    board: str = "system"
    vantages: tuple[str, ...] = ("a",)
    variant: str = ""
    patience: int = 16
    """Steps for which the exporter is dead at the end: longer than any bridge."""

    @property
    def name(self) -> str:
        return f"{self.alert.name} {self.variant}".strip()

    @property
    def fires_at(self) -> int:
        return GOOD + self.wait


def told(case: Case) -> dict[Series, Told]:
    """By all three systems."""
    all_told: dict[Series, Told] = {}
    for vantage in case.vantages:
        all_told |= told_by(vantage, (ORDERS, BILLING, CHAT))
    for place, system in ((2, ORDERS), (2, BILLING), (1, CHAT)):
        all_told |= {one.of(system): always(value) for one, value in case.constant.items()}
        all_told |= {one.of(system): growing(by) for one, by in case.growing.items()}
        for one, values in case.values.items():
            all_told[one.of(system)] = after(GOOD, values[0], values[place], case.grows.get(one, 0.0))
    all_told[case.drills.of(BILLING)] = always(1)
    return all_told


def story(case: Case) -> Story:
    """The five things that an alert owes, and that it outlives the exporter."""
    at = case.fires_at
    lost, back, dead = at + 2, at + 3, at + 5
    end = dead + case.patience
    made = Story(case.name, end, told(case))
    made.silence("a", lost, back)
    for vantage in case.vantages:
        made.silence(vantage, dead)
    muted = "true" if case.alert.in_drill is InDrill.MUTED else "false"
    orders, billing = expected(case, ORDERS, "false"), expected(case, BILLING, muted)
    mine = {"system": ORDERS, **case.labels, "severity": str(case.severity)}

    def check(shows: str, step: int, *fires: Mapping[str, str], where: Mapping[str, str] = mine) -> None:
        made.checks.append(Check(shows, step, case.alert.name, fires, where))

    check("silent: all is well", GOOD - 1, where={})
    if case.wait:
        of_mine = {**case.labels, "severity": str(case.severity)}
        check("silent: not for long enough", at - 1, where=of_mine)
    check("silent: it is nearly so", at, where={"system": CHAT, "severity": str(case.severity)})
    check("fires", at, orders)
    check("other drill: that of billing does not mute orders", at, orders, where={**mine, "drill": "false"})
    check("own drill: as Alertmanager is to treat it", at, billing, where={**mine, "system": BILLING})
    check("lost scrape: at it", lost, orders)
    check("lost scrape: after it", back, orders)
    check("death: it does not resolve with the exporter", end, orders)
    both = [(labels, annotations(case, labels)) for labels in (orders, billing)]
    if not case.variant:
        made.said.append(Said(at, case.alert.name, both))
    return made


def expected(case: Case, system: str, drill: str) -> dict[str, str]:
    return {"system": system, **case.labels, "severity": str(case.severity), "drill": drill}


def annotations(case: Case, labels: Mapping[str, str]) -> dict[str, str]:
    system = labels["system"]
    return {
        "summary": f"{system}: {case.alert.summary}",
        "description": case.says.replace(ORDERS, system),
        "runbook_url": f"http://localhost:9720/runbooks/{case.alert.name}",
        "dashboard_url": f"http://localhost:3000/d/dr-{case.board}?var-system={system}",
    }


_STATE = series(m.STATE, state="outage")
_UNKNOWN = series(m.STATE, state="unknown")
_RTO, _RTO_GOAL = series(m.RTO), series(m.RTO_OBJECTIVE)
_LOSS = {"scenario": "site_loss"}
_RPO, _KNOWN, _RPO_GOAL = (series(metric, **_LOSS) for metric in (m.RPO, m.RPO_KNOWN, m.RPO_OBJECTIVE))
_SG = {"site": "sg"}
_PAGE = Severity.CRITICAL


def _event(event: str) -> Series:
    return series(m.EVENT_ACTIVE, event=event)


NOW = (
    Case(
        a.OUTAGE, "orders has not served for up to 4s.",
        {_STATE: (0, 0, 1), _RTO: (0, 0, 4)}, {_RTO_GOAL: 90}, {_RTO: 5}, severity=_PAGE,
    ),
    Case(
        a.RTO_AT_RISK,
        "51.11% of the recovery time objective of orders is used up, and it does not serve yet.",
        {_STATE: (0, 1, 1), _RTO: (0, 45, 46)}, {_RTO_GOAL: 90},
    ),
    Case(
        a.RTO_BREACH, "orders has not served for up to 1m 31s, which is longer than its recovery time objective.",
        {_STATE: (0, 1, 1), _RTO: (0, 90, 91)}, {_RTO_GOAL: 90}, {_RTO: 5}, severity=_PAGE,
    ),
    Case(
        a.STATE_UNKNOWN, "1 exporters look at orders, and none has seen it serve since it looks.",
        {_UNKNOWN: (0, 0, 1)}, wait=30,
    ),
    Case(
        a.RPO_BREACH, "site_loss now would cost orders its last 6s of writes, which is more than the objective.",
        {_RPO: (1, 5, 6)}, {_RPO_GOAL: 5, _KNOWN: 1}, {_RPO: 5}, labels=_LOSS, severity=_PAGE,
    ),
    Case(
        a.RPO_AT_RISK,
        "82% of what site_loss may cost orders is exposed, and it grows or stays high.",
        {_RPO: (1, 2, 4.1)}, {_RPO_GOAL: 5, _KNOWN: 1}, labels=_LOSS,
    ),
    Case(
        a.RPO_UNKNOWN, "For 1m 1s nothing has proven what site_loss would cost orders: longer than the objective.",
        {_KNOWN: (1, 1, 0), _RPO: (1, 4, 61)}, {_RPO_GOAL: 5}, {_RPO: 5}, labels=_LOSS, severity=_PAGE,
    ),
    Case(
        a.RPO_UNKNOWN, "", {_KNOWN: (1, 1, 0), _RPO: (1, 1, 3)}, labels=_LOSS, wait=12, variant="without an objective",
    ),
    Case(
        a.SPLIT_BRAIN, "2 sites of orders take writes.",
        {_event("split_brain"): (0, 0, 1), series(m.WRITABLE_SITES): (1, 2, 2)}, {series(m.WRITABLE_EXPECTED): 1},
        severity=_PAGE,
    ),
    Case(
        a.NO_PRIMARY, "Every site of orders answers and is read-only; it has not served for up to 9s.",
        {_event("no_primary"): (0, 0, 1), _RTO: (0, 9, 9)}, severity=_PAGE,
    ),
    Case(
        a.STUCK_SWITCH, "The role of orders has moved, but it has not served for up to 1m 10s.",
        {_event("stuck_switch"): (0, 0, 1), _RTO: (0, 70, 70)}, severity=_PAGE,
    ),
    Case(
        a.LOSS_MEASURED,
        "A move of orders lost acknowledged writes: up to 3s.",
        {series(m.LAST_LOSS_END): (-DAY - 600, -DAY - 600, 0)}, {series(m.LAST_LOSS, bound="upper"): 3},
        severity=_PAGE, drills=series(m.LAST_LOSS_DRILL), board="failovers",
    ),
    Case(
        a.LOSS_MEASURED,
        "A move of orders lost acknowledged writes: nobody can tell how much at most.",
        {series(m.LAST_LOSS_END): (-DAY - 600, -DAY - 600, 0)}, {series(m.LAST_LOSS, bound="upper"): float("inf")},
        severity=_PAGE, drills=series(m.LAST_LOSS_DRILL), board="failovers", variant="without an upper bound",
    ),
    Case(
        a.FAILOVER, "The writable role of orders moved 3s ago.",
        {series(m.LAST_FAILOVER): (-1000, -560, 57)}, severity=Severity.INFO, board="failovers",
    ),
    Case(
        a.DRILL_EXPIRED, "The drill of orders is past its end and still open. It mutes nothing any more.",
        {series(m.DRILL_EXPIRED): (0, 0, 1)}, severity=_PAGE, board="failovers",
    ),
)  # fmt: skip

_REPLICATING = series(m.READINESS_CHECK, check="replicating", **_SG)
_FAILED, _WRITES = (series(metric, component="database") for metric in (m.CANARY_FAILURES, m.CANARY_WRITES))
_GRANTS, _KPI, _NIGHTLY = {"check": "grants"}, {"kpi": "sales"}, {"backup": "nightly"}
_WEB = {"component": "web", "site": "hk"}
_SERVING = series(m.SERVING_SITE, **_SG)

STANDING = (
    Case(
        a.STANDBY_NOT_READY, "sg could not take over orders now: 0% of the exporters that see hold it to be ready.",
        {series(m.SITE_READY, **_SG): (1, 1, 0), _REPLICATING: (1, 1, 0)}, {_SERVING: 0}, labels=_SG, wait=8,
    ),
    Case(
        a.REPLICATION_BROKEN,
        "sg does not follow orders.",
        {_REPLICATING: (1, 1, 0)}, {_RPO: 64, _KNOWN: 1, _SERVING: 0}, labels=_SG, wait=2,
    ),
    Case(
        a.REPLICATION_BROKEN, "", {series(m.SOURCE_REFUTED, source="streaming", **_SG): (0, 0, 1)}, {_SERVING: 0},
        labels={**_SG, "source": "streaming"}, wait=2, variant="refuted",
    ),
    Case(
        a.CANARY_FAILING,
        "40% of the writes of the canary to database of orders were not acknowledged in 5 minutes.",
        {_FAILED: (0, 6, 60)}, growing={_WRITES: 15}, labels={"component": "database"}, wait=4,
    ),
    Case(
        a.ESTIMATE_MISSES, "A failover of orders now would take about 1m 40s, which is longer than the objective.",
        {series(m.RTO_ESTIMATE): (30, 90, 100)}, {_RTO_GOAL: 90}, wait=20,
    ),
    Case(
        a.PARITY_MISMATCH, "The sites of orders answer grants differently: 0% of the exporters that see find them alike.",
        {series(m.PARITY_MATCH, **_GRANTS): (1, 1, 0), series(m.PARITY_DIFFERENCE, **_GRANTS): (0, 1, 3)},
        labels=_GRANTS, wait=4,
    ),
    Case(
        a.KPI_BELOW_NORMAL, "sales of orders is at 80% of its normal, which is less than was promised.",
        {series(m.KPI_VALUE, **_KPI): (1200, 1056, 960)},
        {series(m.KPI_NORMAL, **_KPI): 1200, series(m.KPI_OBJECTIVE, **_KPI): 0.88}, labels=_KPI, wait=8,
    ),
    Case(
        a.VANTAGES_DISAGREE, "2 exporters look at orders, and they do not see it served from the same place.",
        {_SERVING: (0, 1, 1), _SERVING._replace(instance="b"): (0, 1, 0)}, wait=4, vantages=("a", "b"),
        board="exporter",
    ),
    Case(
        a.BACKUP_TOO_OLD,
        "Of nightly of orders the newest usable version is 2.011 times its interval old."
        "",
        {series(m.BACKUP_SUCCESS, **_NIGHTLY): (0, -0.2 * DAY, -2 * DAY)},
        {series(m.BACKUP_INTERVAL_OBJECTIVE, **_NIGHTLY): DAY}, labels=_NIGHTLY, wait=60, board="backups",
    ),
    Case(
        a.BACKUP_UNVERIFIED,
        "A restore of nightly of orders was last verified 2.011 times the promised interval ago."
        "",
        {series(m.BACKUP_VERIFIED, **_NIGHTLY): (0, -0.9 * DAY, -2 * DAY)},
        {series(m.BACKUP_VERIFY_OBJECTIVE, **_NIGHTLY): DAY}, labels=_NIGHTLY, wait=60, board="backups",
    ),
    Case(
        a.CERTIFICATE_EXPIRES, "The certificate of web hk of orders expires in 13d 0h 0m 0s.",
        {series(m.PROBE_TLS_EXPIRY, **_WEB): (60 * DAY, 15 * DAY, 13 * DAY + 90)}, labels=_WEB,
    ),
    Case(
        a.CERTIFICATE_EXPIRES, "", {series(m.PROBE_TLS_EXPIRY, **_WEB): (60 * DAY, 2 * DAY, DAY / 2)},
        labels=_WEB, severity=_PAGE, variant="tomorrow",
    ),
    Case(
        a.DRILL_OVERDUE,
        "Neither an event nor a drill has proven the recovery of orders in time; a drill has been due for 1h 6m 30s.",
        {series(m.DRILL_DUE): (DAY, DAY, -3600)}, wait=20, board="failovers",
    ),
)  # fmt: skip

_DOWN, _SEEN = series(m.DOWNTIME), series(m.OBSERVED)
_AVAILABLE = {series(m.AVAILABILITY_OBJECTIVE): 0.999}


def _burning(window: str, severity: Severity, wait: int, times: str) -> Case:
    """Down all the time from minute 6 on, until enough of the window's budget is gone."""
    return Case(
        a.BUDGET_BURN,
        f"orders uses up its downtime budget {times} times as fast as its availability objective allows,"
        f" measured over {window}.",
        {_DOWN: (0, 0, 60)},
        _AVAILABLE,
        {_DOWN: 60},
        {_SEEN: 60},
        {"window": window},
        severity,
        wait,
        board="sla",
        variant=f"over {window}",
        patience=6,
    )


BUDGET = (
    _burning("1h", Severity.CRITICAL, 1, "20"),
    _burning("6h", Severity.CRITICAL, 2, "6.667"),
    _burning("1d", Severity.WARNING, 4, "4.167"),
    _burning("3d", Severity.WARNING, 4, "1.389"),
)

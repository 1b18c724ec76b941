"""Made-up systems in every condition, for the tests of whatever reads a snapshot, and for the scrape benchmark."""

from dataclasses import replace

from exporter.core.backup import BackupFacts
from exporter.core.drill import Drill, DrillType, Proof
from exporter.core.inspected import Answer, BackupState, KpiState, ParityState
from exporter.core.interval import Interval
from exporter.core.model import (
    ENTRY,
    Backup,
    Component,
    Contact,
    Facts,
    Kpi,
    Moment,
    Objectives,
    Parity,
    Part,
    Phases,
    Reason,
    Role,
    Sample,
    System,
)
from exporter.core.past import Counters, Incident, Kind, MarkerCount
from exporter.core.snapshot import ExporterState, Head, Histogram, HookState, Snapshot, Target, Watched
from exporter.core.state import CanaryState, Mode, PartState, RoleState, SourceState, Span, SystemState, Track

NOW = Moment(mono=5000.0, wall=1_760_000_000.0)
CONTACTS = (
    Contact("DR commander", "ops-lead@example.com", ("ops-2@example.com",), 1_759_900_000.0),
    Contact("nobody asked", "somebody"),
)
EXPORTER = ExporterState(
    vantage="hk-noc-1",
    version="0.1.0",
    started=4000.0,
    ledger_head=Head(17, "c0ffee" * 10),
    reload_at=1_759_999_000.0,
    config_hash="abc123",
    references={"tcp://198.51.100.1:443": True},
    hook=HookState({("0", "delivered"): 3, ("0", "page"): 1}, {"delivered": 2, "failed": 1}, {"critical": 0}, 4),
    lateness=Histogram((0.001, 0.01, 0.1, float("inf")), (10, 5, 1, 0), 0.093),
)


DRILL = Drill(
    id="drill-shop-2",
    type=DrillType.DRILL,
    scenario="site_loss",
    operator="ops-lead@example.com",
    reason="quarterly drill",
    expected="sg serves within 90 s",
    started=NOW.mono - 60.0,
    expires=NOW.mono + 3540.0,
)


def system(name: str = "orders") -> System:
    """Two sites, three components and an entry; the database has a role and a canary."""
    components = {
        "database": Component("database", critical=True, weight=3.0, stateful=True, canary_every=1.0),
        "web": Component("web", critical=True, weight=2.0),
        "login": Component("login"),
    }
    bound = {Part(site, component) for site in ("hk", "sg") for component in components}
    return System(
        name=name,
        home="hk",
        sites=("hk", "sg"),
        components=components,
        parts=frozenset(bound | {ENTRY}),
        tier="critical",
        owner="payments-sre",
        objectives=Objectives(90.0, {"site_loss": 5.0, "data_corruption": 86400.0}, 0.9999, 90 * 86400.0),
        cost_per_minute=26000.0,
        currency="USD",
    )


def inspected_system() -> System:
    """An active-active shop with a backup, parity and a business figure."""
    return replace(
        system("shop"),
        mode="active-active",
        backups={
            "nightly": Backup("nightly", site="sg", every=86400.0, versions=7, verify_every=30 * 86400.0),
            "bucket": Backup("bucket"),
        },
        parity={"grants": Parity("grants", "database", ("hk", "sg")), "rows": Parity("rows", "database", ("hk", "sg"))},
        kpis={"orders_per_minute": Kpi("orders_per_minute", 1200.0, 0.88), "revenue": Kpi("revenue")},
    )


def inspected(of: System, now: float = NOW.mono) -> SystemState:
    """One backup tells everything, the other nothing; the grants differ at sg, the rows were never compared."""
    told = BackupFacts(NOW.wall - 3600.5, NOW.wall - 3000.25, None, True, False, 12, 1.5e9)
    here, there = Answer(now - 5, 41.0), Answer(now - 5, 38.0)
    return replace(
        healthy(of, now),
        serving=("hk", "sg"),
        traffic_seen=("hk", "sg", "hk", "hk"),
        backups={"nightly": BackupState(told, now - 3600.5, now - 3000.25, now - 86400.4, now - 10)},
        parity={
            "grants": ParityState(
                {"hk": here, "sg": there}, "hk", (here,), {"sg": 3.0}, {"sg": now - 60}, {"sg": False}
            )
        },
        kpis={"orders_per_minute": KpiState(1044.5, 1200.0, now - 2)},
        drill=DRILL,
        drilled=now - 86400.0,
        proof=Proof(now - 86410.0, "01JA7P", "drill-shop-1"),
    )


def good_part(part: Part, at: float, attempts: int = 1000) -> PartState:
    """An endpoint whose newest look, begun at `at`, went well."""
    ended = at + 0.0047
    facts = Facts(tls_not_after=1_790_000_000.0) if part == ENTRY else Facts()
    if part.component == "database":
        primary = part.site == "hk"
        facts = Facts(
            role=Role.PRIMARY if primary else Role.STANDBY, writable=primary, connected=None if primary else True
        )
    phases = Phases(None, 0.000612, 0.00134 if part == ENTRY else None, 0.002331, 0.000431)
    track = Track(good=Span(at, ended))
    sample = Sample(part, at, ended, facts=facts, phases=phases)
    return PartState(sample, facts, at, track, track, attempts=attempts, failures={Reason.TIMEOUT: 2})


def bad_part(part: Part, at: float) -> PartState:
    """An endpoint that has refused three looks, the newest begun at `at`."""
    before = good_part(part, at - 1.75)
    track = Track(
        good=before.reach.good,
        bad=Span(at - 0.75, at - 0.74),
        last_bad=at,
        count=3,
        reason=Reason.REFUSED,
        detail="refused",
    )
    sample = Sample(part, at, at + 0.001, Reason.REFUSED, "connection refused", phases=Phases(connect=0.0002))
    failures = {Reason.TIMEOUT: 2, Reason.REFUSED: 3}
    return replace(before, sample=sample, reach=track, serve=track, attempts=1003, failures=failures)


def failover(at: float = 4000.0) -> Incident:
    """A closed failover that lost two markers."""
    return Incident(
        id="01JB2K",
        system="orders",
        kind=Kind.FAILOVER,
        start=Interval(at, at + 1.2, at + 0.4),
        end=Interval(at + 31.0, at + 31.4),
        cause="database at hk: connection refused",
        open=False,
        declared=True,
        from_site="hk",
        to_site="sg",
        phases={"last_good": at, "first_bad": at + 1.2, "declared": at + 2.3, "role_moved": at + 20.0},
        rpo=Interval(0.9, 3.1),
        rpo_source="canary",
        markers=MarkerCount(2, 880, 1),
        objectives={"rto": 90.0, "rpo_site_loss": 0.0},
    )


def healthy(of: System, now: float = NOW.mono, *, attempts: int = 1000) -> SystemState:
    """Everything works, one failover is in the past."""
    source = SourceState("sg", "database", "streaming", now - 0.8, now - 0.9, now - 0.8, lag_bytes=512.0, backlog=0.0)
    return SystemState(
        watched_since=4000.0,
        mode=Mode.HEALTHY,
        since=4040.0,
        sentence="everything that is needed works at hk",
        parts={part: good_part(part, now - 0.4, attempts) for part in of.parts},
        roles={"database": RoleState("hk", "7", Interval(4019.0, 4020.0))},
        serving=("hk",),
        believed="hk",
        traffic="hk",
        canaries={"database": CanaryState(seq=900, writes=900, failed=3)},
        sources={
            ("sg", "database", "streaming"): source,
            ("sg", "database", "canary"): replace(
                source, source="canary", at=now - 1.3, applied_at=None, lag_bytes=None
            ),
        },
        last=failover(),
        loss=failover(),
        counters=Counters(
            incidents={("failover", "false"): 1},
            failovers={("failover", "false"): 1},
            blips=2,
            blip_seconds=Interval(0.8, 2.4),
            downtime=31.4,
            observed=86400.0,
            switch_times=(28.7,),
        ),
    )


def outage(of: System, now: float = NOW.mono) -> SystemState:
    """The home site refuses everything since about 40 seconds."""
    state = healthy(of, now)
    began = now - 40.0
    incident = Incident(
        id="01JB9Z",
        system=of.name,
        kind=Kind.OUTAGE,
        start=Interval(began, began + 1.1, began + 0.2),
        cause="database at hk: connection refused",
        declared=True,
        from_site="hk",
        phases={"last_good": began, "first_bad": began + 1.1, "declared": began + 2.2},
        objectives={"rto": 90.0, "rpo_site_loss": 5.0},
    )
    parts = {part: bad_part(part, now - 0.2) if part.site in ("hk", "") else seen for part, seen in state.parts.items()}
    return replace(
        state,
        mode=Mode.OUTAGE,
        since=began + 2.2,
        sentence="outage: database at hk refuses connections",
        parts=parts,
        serving=(),
        traffic=None,
        incident=incident,
    )


def unknown(of: System, now: float = NOW.mono) -> SystemState:
    """Nothing was looked at yet."""
    return SystemState(watched_since=now - 3.0, since=now - 3.0, sentence="not looked at yet")


def watched(of: System, state: SystemState) -> Watched:
    """With an address for each part."""
    return Watched(
        of, state, {part: Target("http", f"http://{part.site or 'www'}.example/{part.component}") for part in of.parts}
    )


def snapshot(*items: Watched, exporter: ExporterState = EXPORTER) -> Snapshot:
    return Snapshot({item.system.name: item for item in items}, exporter)


def usual() -> Snapshot:
    """One healthy system, one in an outage, one never seen."""
    orders, chat, records = system("orders"), system("chat"), system("records")
    return snapshot(watched(orders, healthy(orders)), watched(chat, outage(chat)), watched(records, unknown(records)))


def everything() -> Snapshot:
    """The usual ones and one of which all is told that can be."""
    shop = inspected_system()
    exporter = replace(EXPORTER, contacts=CONTACTS)
    return snapshot(*usual().systems.values(), watched(shop, inspected(shop)), exporter=exporter)

"""Board 6: whether the exporters themselves can be believed."""

from dashboards import marks
from dashboards.frame import EXPORTER as UID
from dashboards.frame import Board, Section, system_links
from dashboards.panels import NUMBER, Line, Look, Placed, graph, parts_of, stat, timeline, word
from dashboards.promql import EXPORTER, SCOPE, select
from dashboards.scope import Feature, Scope
from dashboards.tables import Column, Label, table
from exporter.catalogue import metrics as m

SCRAPE_SECONDS, SCRAPE_SAMPLES = "scrape_duration_seconds", "scrape_samples_scraped"
"""Prometheus writes them beside what it scraped."""
QUANTILES = (0.5, 0.99)

_NONE = Look("none", marks.NONE_IS_GOOD, decimals=0)


def exporter_health(scope: Scope) -> Board:
    """For every configuration."""
    return Board(
        uid=UID,
        title="Recovery: exporter health",
        description="Whether the exporters look in time, see, write their ledger and use the newest configuration.",
        sections=[
            Section("", [*_now(scope), _exporters(scope)]),
            Section("Sight", _sight(scope)),
            Section("Ledger and scrapes", _cost(scope)),
            Section("DingTalk", _messages(scope)),
            Section("Certificates", _certificates(scope)),
        ],
        since="now-6h",
    )


def _of_exporters(series: str) -> str:
    """Of Prometheus's own series those of our exporters."""
    return f"{series}{{{SCOPE}}} and on ({EXPORTER}) {select(m.BUILD_INFO)}"


def _late(quantile: float) -> str:
    rates = f"rate({select(m.LATENESS, part='bucket')}[$__rate_interval])"
    return f"histogram_quantile({quantile}, sum by (instance, le) ({rates}))"


def _now(scope: Scope) -> list[Placed]:
    last_look = f"time() - max by (instance) (max by (instance, system) ({select(m.PROBE_LAST_RUN)}))"
    return parts_of(
        scope,
        stat("Exporters", "Exporters that tell something.", f"count({select(m.BUILD_INFO)})", NUMBER, width=4),
        stat("Blind", "Exporters that are cut off: they declare no outage.", f"sum({select(m.EXPORTER_BLIND)})", _NONE, width=4),
        stat(
            "Ledger not writable",
            "Exporters that cannot write evidence; their records wait in memory.",
            f"sum({select(m.LEDGER_WRITABLE)} == bool 0)",
            _NONE,
            width=4,
        ),
        stat(
            "Reload failed",
            "Exporters that still use an older configuration, because the newest one is bad.",
            f"sum({select(m.RELOAD_OK)} == bool 0)",
            _NONE,
            width=4,
        ),
        stat("Faults", "Bugs that were met while looking, in the chosen time. Each is in the log: please report it.",
             f"sum(increase({select(m.FAULTS)}[$__range]))", _NONE, width=4),
        stat("Newest look", "How long ago the exporter that is furthest behind began its newest look.", f"max({last_look})", Look("s", decimals=1), width=4),
    )  # fmt: skip


def _exporters(scope: Scope) -> Placed:
    by = "job, instance"
    columns = [
        Column("Vantage", f"max by ({by}, vantage, version, config_hash) ({select(m.BUILD_INFO)})", label="vantage"),
        Column("Sees", f"max by ({by}) ({select(m.EXPORTER_BLIND)})", word(marks.SEES)),
        Column("Configuration", f"min by ({by}) ({select(m.RELOAD_OK)})", word(marks.words((0, "✕ old", marks.BAD), (1, "✓ newest", marks.GOOD)))),
        Column("Loaded", f"1000 * max by ({by}) ({select(m.RELOAD_AT)})", Look("dateTimeFromNow")),
        Column("Ledger", f"min by ({by}) ({select(m.LEDGER_WRITABLE)})", word(marks.words((0, "✕ not writable", marks.BAD), (1, "✓ writable", marks.GOOD)))),
        Column("Waiting", f"max by ({by}) ({select(m.LEDGER_WAITING)})", NUMBER),
        Column("Share", f"max by ({by}, shard) ({select(m.SHARD_INFO)})", label="shard"),
    ]  # fmt: skip
    return table(
        scope,
        "Each exporter",
        "One row an exporter. Two exporters of the same systems should have the same configuration hash.",
        [
            Label("instance", "Instance"),
            Label("job", "Job"),
            Label("version", "Version"),
            Label("config_hash", "Configuration hash"),
        ],
        columns,
        sort="Sees",
    )


def _sight(scope: Scope) -> list[Placed]:
    return parts_of(
        scope,
        timeline("Blindness", "While it is blind an exporter calls everything unknown, and time is not counted.",
                 [Line("{{instance}}", f"max by (instance) ({select(m.EXPORTER_BLIND)})")], word(marks.SEES)),
        timeline("References", "Whether the targets answer that should always be up and are not at our sites.",
                 [Line("{{reference}} from {{instance}}", f"min by (instance, reference) ({select(m.REFERENCE_UP)})")],
                 word(marks.UP), needs=Feature.REFERENCES),
        graph("Lateness", "How much later than planned looks start: half of them, and all but 1 %.",
              [Line(f"{quantile:.0%} {{{{instance}}}}", _late(quantile)) for quantile in QUANTILES], Look("s", decimals=4)),
        graph("Looks", "Looks that finish a second.",
              [Line("{{instance}}", f"sum by (instance) (rate({select(m.PROBE_ATTEMPTS)}[$__rate_interval]))")], Look("cps", decimals=1)),
        graph("Failed looks", "Looks that fail a second, by reason: all at once point at the exporter's own network.",
              [Line("{{reason}} {{instance}}", f"sum by (instance, reason) (rate({select(m.PROBE_FAILURES)}[$__rate_interval]))")], Look("cps", decimals=2)),
    )  # fmt: skip


def _messages(scope: Scope) -> list[Placed]:
    kept = [Line("waiting {{instance}}", f"max by (instance) ({select(m.HOOK_WAITING)})"),
            Line("only counted {{instance}}", f"sum by (instance) (increase({select(m.HOOK_UNNAMED)}[$__rate_interval]))")]  # fmt: skip
    return parts_of(
        scope,
        graph("Messages to DingTalk", "Messages in each step, by robot and what became of them.",
              [Line("{{outcome}}, robot {{robot}}", f"sum by (robot, outcome) (increase({select(m.HOOK_MESSAGES)}[$__rate_interval]))")],
              Look("short", decimals=1), needs=Feature.DINGTALK),
        graph("Notifications of Alertmanager", "Requests in each step: failed ones come again, refused ones do not.",
              [Line("{{outcome}}", f"sum by (outcome) (increase({select(m.HOOK_NOTIFICATIONS)}[$__rate_interval]))")],
              Look("short", decimals=1), needs=Feature.DINGTALK),
        graph("Alerts without a message of their own", "Those that wait for a robot that may send, and those that were delivered as a number only.",
              kept, Look("short", decimals=1), needs=Feature.DINGTALK),
    )  # fmt: skip


def _certificates(scope: Scope) -> list[Placed]:
    by = "system, site, component"
    expires = f"min by ({by}) ({select(m.PROBE_TLS_EXPIRY)}) - time()"
    return parts_of(
        scope,
        table(
            scope,
            "Certificates by what is left",
            "How long the certificates still hold that the looks were shown. The entry has no site.",
            [Label("system", "System", system_links("System")), Label("component", "Component"), Label("site", "Site")],
            [Column("Expires in", expires, Look("s", marks.between(None, 0, "✕ expired", marks.BAD), decimals=0))],
            sort="Expires in",
            descending=False,
            needs=Feature.CERTIFICATES,
        ),
    )


def _cost(scope: Scope) -> list[Placed]:
    return parts_of(
        scope,
        graph("Ledger", "Records that are written a second, and records that wait in memory because the ledger cannot be written.",
              [Line("written {{instance}}", f"sum by (instance) (rate({select(m.LEDGER_RECORDS)}[$__rate_interval]))"),
               Line("waiting {{instance}}", f"max by (instance) ({select(m.LEDGER_WAITING)})")], Look("short", decimals=2)),
        graph("Scrape duration", "How long Prometheus waits for an exporter's metrics.",
              [Line("{{instance}}", f"max by (instance) ({_of_exporters(SCRAPE_SECONDS)})")], Look("s", decimals=3)),
        graph("Samples a scrape", "How many series an exporter tells.",
              [Line("{{instance}}", f"max by (instance) ({_of_exporters(SCRAPE_SAMPLES)})")], Look("short", decimals=0)),
    )  # fmt: skip

"""Alerts on the exporters themselves: they outlive what they are about, because each remembers who was there."""

from dashboards import recorded as r
from dashboards.expressions import MEMORY, indented, recent, select
from dashboards.rule import Alarm
from exporter.catalogue import alerts as a
from exporter.catalogue import metrics as m
from exporter.catalogue.alerts import Severity

WHERE = "{{ $labels.instance }}"
WHO = ("job", "instance")
NOBODY = f"count({r.LOST.name} unless on (system) present_over_time({r.TOLD.name}[1m]))"
"""Not those of another one, of which only a scrape was lost."""
_NOTHING = f"absent_over_time({r.TOLD.name}[1m])"
"""Nobody tells of any system. Which there were is not known if it was so before this Prometheus began to look."""
_UNWATCHED = f"({NOBODY} > 0 or {_NOTHING})"

_HERE = m.EXPORTER_BLIND.name
_LATELY = f"{r.GONE} unless on (job, instance) present_over_time({_HERE}[1m]) and on (job, instance) {r.GONE} offset 1m"
"""One lost scrape is no death, and one that is scraped for the first time may still be starting."""


def _last(series: str) -> str:
    return f"max by (job, instance) ({recent(series, MEMORY)})"


_BLIND = f"{_last(_HERE)} == 1"
_SAW = f"min_over_time({_HERE}[1m]) == 0"
"""It was blind for a moment only: nothing that is promised runs out while merely we cannot look."""
_ALONE = (
    f"group by (job, instance) ({recent(m.SYSTEM_INFO.name)} and on (system) {r.UNSEEN.name})\n"
    f"or\n{r.GONE} and on () count({r.UNSEEN.name}) > 0"
)
"""Nobody else sees one of its systems: that other systems are lost elsewhere is no reason to page for this one. Which were those
of one that is silent, too, is not known any more."""
_PAGES = f"{_BLIND}\n  unless on (job, instance) {_SAW}\n  and on (job, instance) (\n{indented(indented(_ALONE))}\n  )"


def _watched_by_others() -> str:
    """A query of a template: it has a result if all systems are seen that the exporter, which is gone, is known to have had."""
    its = f"last_over_time({m.SYSTEM_INFO.name}{{job=%q, instance=%q}}[{MEMORY}])"
    text = f"count({its} and on (system) {r.SEEING.name}) == count({its})"
    return f"query (printf `{text}` $labels.job $labels.instance $labels.job $labels.instance)"


def down(job: str) -> tuple[Alarm, ...]:
    """That an exporter is gone. It pages if nobody is left for some system; `job` is its name in the scrape configuration."""
    gone = "has not been scraped for a minute"
    return (
        Alarm(
            a.EXPORTER_DOWN,
            # No exporter at all: not before this Prometheus has run for a minute, since it knows nothing when it starts.
            f"{_LATELY}\n  and on () {_UNWATCHED}\nor\n"
            f'absent_over_time({_HERE}[{MEMORY}])\n  unless on () up{{job="{job}"}} == 0\n'
            f'  and on () ALERTS{{alertname="{a.WATCHDOG.name}"}} offset 1m',
            f"{{{{ if not $labels.instance }}}}No exporter was scraped within {MEMORY}: nothing is measured at all."
            f"{{{{ else }}}}The exporter {WHERE} {gone}, and {{{{ with query `{NOBODY}` }}}}{{{{ . | first | value }}}} systems"
            " are watched by nobody.{{ else }}no other tells of any system: nothing is measured at all.{{ end }}{{ end }}",
            WHO,
            Severity.CRITICAL,
            board="exporter",
        ),
        Alarm(
            a.EXPORTER_DOWN,
            f"{_LATELY}\n  unless on () {_UNWATCHED}",
            f"The exporter {WHERE} {gone}. {{{{ if {_watched_by_others()} }}}}Other exporters still watch its systems."
            "{{ else }}It is not known whether others watch all of its systems.{{ end }}",
            WHO,
            Severity.WARNING,
            board="exporter",
        ),
    )


def expected(systems: tuple[str, ...]) -> tuple[Alarm, ...]:
    """That a configured system is told by no exporter, while there are some."""
    return tuple(
        Alarm(
            a.EXPORTER_DOWN,
            f"absent_over_time({select(m.SYSTEM_INFO, system=name)}[1m])\n  and on () count({_HERE})",
            "{{ $labels.system }} is configured, and no exporter has told of it for a minute.",
            severity=Severity.WARNING,
            wait="5m",
            board="exporter",
            static={"system": name},
        )
        for name in systems
    )


def never_confirmed(contacts: tuple[str, ...]) -> tuple[Alarm, ...]:
    """That a configured contact has no date: it has no series either."""
    return tuple(
        Alarm(
            a.CONTACT_STALE,
            f"absent_over_time({select(m.CONTACT_CONFIRMED, contact=name)}[6h])",
            "Nobody has ever confirmed {{ $labels.contact }}.",
            ("contact",),
            board="overview",
            static={"contact": name},
        )
        for name in contacts
    )


EXPORTERS = (
    Alarm(
        a.EXPORTER_BLIND,
        _PAGES,
        f"The exporter {WHERE} is cut off, and {{{{ with query `count({r.UNSEEN.name})` }}}}{{{{ . | first | value }}}}{{{{ end }}}}"
        " systems are seen by nobody: an outage of theirs would not be told.",
        WHO,
        Severity.CRITICAL,
        board="exporter",
    ),
    Alarm(
        a.EXPORTER_BLIND,
        f"{_BLIND}\n  unless on (job, instance) (\n{indented(indented(_PAGES))}\n  )",
        f"The exporter {WHERE} is cut off and does not vote.",
        WHO,
        Severity.WARNING,
        board="exporter",
    ),
    Alarm(
        a.LEDGER_NOT_WRITABLE,
        f"{_last(m.LEDGER_WAITING.name)}\n  and on (job, instance) {_last(m.LEDGER_WRITABLE.name)} == 0",
        f"The exporter {WHERE} cannot write evidence; {{{{ $value }}}} records wait in memory.",
        WHO,
        wait="1m",
        board="exporter",
    ),
    Alarm(
        a.RELOAD_FAILED,
        f"time() - ({_last(m.RELOAD_AT.name)}\n  and on (job, instance) {_last(m.RELOAD_OK.name)} == 0)",
        f"The exporter {WHERE} refused the newest configuration; the one in use is {{{{ $value | humanizeDuration }}}} old.",
        WHO,
        wait="1m",
        board="exporter",
    ),
    Alarm(a.WATCHDOG, "vector(1)", "It fires all the time: {{ $value }}.", (), board="overview"),
)

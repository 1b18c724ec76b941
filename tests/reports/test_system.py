"""What a system's row tells while something still runs, and at the borders of a window."""

import json
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from exporter.core.accounting import Span
from exporter.core.checklist import checklist
from exporter.core.codec import encode
from exporter.core.evidence import KeptState
from exporter.core.snapshot import ExporterState, Watched
from exporter.core.subject import subject_now
from exporter.reports import period
from exporter.reports.build import period_report
from exporter.reports.period import Period
from exporter.reports.teller import Teller
from exporter.reports.text import markdown
from tests.core.filming import SYSTEM, WALL, Projector, film, moment
from tests.reports.annals import OBJECTIVES, Annals, asked, utc

UTC = ZoneInfo("UTC")
DAY = 86_400.0
SHORT_THEN_OPEN = "h" * 5 + "o" * 6 + "h" * 20 + "o" * 20
"""One outage of 7 s at most, another that runs since the 31st second; the RTO objective is 30 s."""
EXPORTER = ExporterState(vantage="hk", version="0.1", started=0.0)


def report(shown: Projector, until: float, window: Span | None = None) -> dict[str, Any]:
    """Of what the ledger of this film tells, read at its second `until`."""
    annals = Annals()
    annals.watch(WALL)
    for record in shown.records:
        if record.kind == "incident":
            annals.add(WALL + record.at, record.kind, record.system, record.data)
    kept = KeptState(until, WALL + until, json.loads(json.dumps(encode(shown.state))))
    evidence = replace(annals.evidence(WALL + until), states={"orders": kept})
    span = window or Span(WALL, WALL + until)
    return dict(period_report(evidence, asked(Period("x", "custom", span))))


def rto_line(told: dict[str, Any]) -> tuple[str, str]:
    (line,) = (one for one in told["systems"][0]["checklist"] if one["check"] == "rto_measured")
    return line["standing"], line["reason"]


def test_the_worst_is_not_told_while_an_outage_runs() -> None:
    """Hours of it stood beside "worst RTO: 5 to 7 s": the shorter one that was over."""
    told = report(film(SHORT_THEN_OPEN), 5 * 3600.0)
    (system,) = told["systems"]
    assert (system["worst_rto"], system["outage_running"]) == (None, True)
    (row,) = (line for line in markdown(told, Teller("en", UTC)).splitlines() if line.startswith("| orders |"))
    assert "still running" in row
    over = report(film(SHORT_THEN_OPEN + "h" * 5), 60.0)["systems"][0]
    assert (over["outage_running"], over["worst_rto"]["upper"]) == (False, 21.0)


def test_an_outage_that_outlasts_its_objective_is_the_newest_measurement() -> None:
    """Its RTO is missed before it ends: the line said "proven", by the one before. It says so no sooner than it is certain."""
    shown = film(SHORT_THEN_OPEN)
    assert rto_line(report(shown, 60.0)) == ("proven", "measured_met"), "28 s by now"
    assert rto_line(report(shown, 70.0)) == ("failed", "measured_missed")
    early = Span(WALL, WALL + 60)
    assert rto_line(report(shown, 5 * 3600.0, early)) == ("proven", "measured_met"), "of a window that ended before"
    back = film(SHORT_THEN_OPEN + "o" * 50 + "h" * 5)
    assert rto_line(report(back, 200.0, Span(WALL, WALL + 90))) == ("failed", "measured_missed"), "and ended after it"


def test_live_the_checklist_tells_the_same() -> None:
    """While blind only what was seen before counts."""
    shown = film(SHORT_THEN_OPEN)

    def live(at: float) -> str:
        told = checklist(subject_now(Watched(SYSTEM, shown.state), EXPORTER, moment(at)))
        return str(next(line.standing for line in told if line.name == "rto_measured"))

    assert [live(60.0), live(70.0)] == ["proven", "failed"]
    shown.state = shown.state.left(55.0)
    assert live(5000.0) == "proven"


def test_what_is_promised_from_the_end_of_a_window_on_is_not_its_objective() -> None:
    """A budget of 99.99 % stood beside the 99 % that began with the next month."""
    annals = Annals()
    annals.watch(utc("2026-08-01"))
    annals.promise(utc("2026-10-01"), "orders", {**OBJECTIVES, "availability": 0.99, "drill_every": None})
    (told,) = period_report(annals.evidence(utc("2026-11-05")), asked(period.month("2026-09", UTC)))["systems"]
    assert told["availability"]["budget_seconds"] == 30 * DAY * (1 - 0.9999)
    assert (told["availability"]["objective"], told["objectives"]["availability"]) == (0.9999, 0.9999)
    assert told["checklist"][0]["standing"] == "proven"
    (told,) = period_report(annals.evidence(utc("2026-11-05")), asked(period.month("2026-10", UTC)))["systems"]
    assert told["availability"]["objective"] == 0.99

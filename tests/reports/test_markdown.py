"""A period report as Markdown keeps back nothing that the page says."""

import html
import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from exporter.report_command import printed
from exporter.reports import period
from exporter.reports.build import period_report
from exporter.reports.teller import LANGUAGES, Teller
from tests.reports.annals import Annals, asked, utc

UTC = ZoneInfo("UTC")
DAY = 86_400.0


def quarter() -> Annals:
    """Half of a quarter with an outage, a drill that nobody ended, a blip, records that could not be written, and a changed promise."""
    annals = Annals()
    start = utc("2026-07-01T00:00:00")
    annals.watch(start)
    annals.standing(start + 300, sg={"reachable": True, "rpo": False})
    annals.outage(start + DAY, start + DAY + 14_425, width=13.5, rpo={"lower": 0.2, "estimate": 0.3, "upper": 0.4})
    blip = {"start": {"lower": start + 2 * DAY}, "rto": {"lower": 0.5, "upper": 1.5}}
    annals.add(start + 2 * DAY, "blip", "orders", blip)
    lost = {"dropped": 3, "kinds": {}, "from_unix": start + 7200, "to_unix": start + 7260}
    annals.add(start + 7300, "gap", "", lost, "3 records were dropped")
    annals.promise(start + 5 * DAY, "orders", {"rto": 60.0, "rpo_site_loss": 5.0, "availability": 0.99})
    return annals


def told(language: str, form: str) -> str:
    evidence = quarter().evidence(utc("2026-08-10T00:00:00"))
    request = asked(period.quarter("2026Q3", UTC), made=utc("2026-08-15T00:00:00"))
    report = period_report(replace(evidence, first=5), request)
    text = html.unescape(printed(report, form, language).decode())
    return re.sub(r"\\(.)", r"\1", text.replace("\N{NO-BREAK SPACE}", " "))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", ["markdown", "html"])
def test_what_makes_figures_doubtful_is_told(form: str, language: str) -> None:
    """Records that were lost or removed, time that nobody knows of, what is overdue, and that a window is not over."""
    text, t = told(language, form), Teller(language, UTC)
    for said in (
        t.word("note.gaps"), "3 records were dropped", t.word("note.removed", first=5),
        t.word("note.unwatched_end", at="2026-08-10 00:00:00 Z"), t.word("summary.overdue", systems="orders"),
        t.word("value.so_far"), t.word("note.interval"),
    ):  # fmt: skip
        assert said in text, said


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_the_tables_of_the_page_are_there(form: str) -> None:
    """Who decides, budgets by calendar period, readiness, backups, blips, what was worst, what was promised when."""
    text = told("en", form)
    for said in (
        "ops-lead@example.com", "2026Q3", "rolling 365 days", "sg: ", "not ready: rpo", "nightly", "1: [0.50 s, 1.50 s]",
        "[3 h 59 min 58 s, 4 h 25 s]", "[0.20 s, 0.40 s]", "RTO 1 min 30 s → 1 min", "Worst RTO", "Worst RPO", "DORA",
    ):  # fmt: skip
        assert said in text, said

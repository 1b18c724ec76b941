"""A split brain that no incident holds is in the report of its period, in every format."""

import html
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exporter.report_command import printed
from exporter.reports import period
from exporter.reports.build import period_report
from tests.reports.annals import Annals, asked, utc

UTC = ZoneInfo("UTC")
JULY, AUGUST = utc("2026-07-01T00:00:00"), utc("2026-08-01T00:00:00")
SPLIT = {"sites": ["hk", "sg"], "component": "database"}


def watched() -> Annals:
    annals = Annals()
    annals.watch(utc("2026-06-01T00:00:00"))
    return annals


def report(annals: Annals, month: str = "2026-07") -> dict[str, Any]:
    return period_report(annals.evidence(utc("2026-09-01T00:00:00")), asked(period.month(month, UTC)))


@pytest.mark.parametrize("form", ["markdown", "html", "json"])
def test_it_is_told_with_its_length(form: str) -> None:
    """Which system and component, at which sites, when, and for how long."""
    annals = watched()
    annals.add(JULY + 3601, "split_brain", "orders", SPLIT)
    annals.add(JULY + 3600 + 93.5, "split_brain_over", "orders", {"component": "database", "seconds": 93.5})
    told = report(annals)
    assert told["split_brains"] == [
        {"system": "orders", "n": 4, "component": "database", "sites": ["hk", "sg"], "start": JULY + 3600,
         "end": JULY + 3693.5, "seconds": 93.5, "open": False}
    ]  # fmt: skip
    text = html.unescape(printed(told, form, "en").decode()).replace("\N{NO-BREAK SPACE}", " ")
    for said in ("database", "93.5" if form == "json" else "1 min 33.5 s"):
        assert said in text
    if form != "json":
        assert "hk, sg" in text
        assert "2026-07-01 01:00:00" in text
        assert "No split brain was seen" not in text
        assert "No split brain was seen in this period." in printed(report(annals, "2026-08"), form, "en").decode()


def test_one_that_runs_has_no_length_yet() -> None:
    """It is in every month that it touches; null is not 0."""
    annals = watched()
    annals.add(JULY + 3601, "split_brain", "orders", SPLIT)
    for month in ("2026-07", "2026-08"):
        (told,) = report(annals, month)["split_brains"]
        assert (told["open"], told["end"], told["seconds"]) == (True, None, None)
    assert report(annals, "2026-06")["split_brains"] == []
    assert "still running" in printed(report(annals), "html", "en").decode()


def test_one_whose_end_nobody_saw_is_told_as_such() -> None:
    """It is told again: the first one must have ended between, and of another component it says nothing."""
    annals = watched()
    annals.add(JULY + 10, "split_brain", "orders", SPLIT)
    annals.add(JULY + 20, "split_brain", "orders", {**SPLIT, "component": "cache"})
    annals.add(AUGUST + 10, "split_brain", "orders", SPLIT)
    july, august = report(annals)["split_brains"], report(annals, "2026-08")["split_brains"]
    assert [(one["component"], one["open"], one["seconds"]) for one in july] == [
        ("database", False, None), ("cache", True, None),
    ]  # fmt: skip
    assert [one["component"] for one in august] == ["cache", "database"]
    assert "not observed" in printed(report(annals), "markdown", "en").decode()


def test_one_whose_beginning_was_removed_still_has_its_length() -> None:
    """The record of its end alone tells when it began; its sites are not made up."""
    annals = watched()
    annals.add(JULY + 60, "split_brain_over", "orders", {"component": "database", "seconds": 45.0})
    (told,) = report(annals)["split_brains"]
    assert (told["sites"], told["start"], told["seconds"]) == ([], JULY + 15, 45.0)

"""The exporter's claims beside the truth, from an incident written by hand."""

from typing import Any

import pytest

from exporter.core.interval import Interval
from exporter.demo.comparison import compare, timeline
from exporter.demo.truth import Truth

KILLED = Interval(1000.0, 1000.01)
TRUTH = Truth(rto=Interval(3.0, 3.1), rpo=Interval(1.4, 1.5), acknowledged=100, lost=70, restored=Interval(53.0, 53.1))


def incident(**changes: Any) -> dict[str, Any]:
    """A closed failover as the API tells it, in agreement with TRUTH."""
    told = {
        "id": "one",
        "start": {"lower": 999.5, "estimate": 1000.0, "upper": 1000.2},
        "rto": {"lower": 2.5, "estimate": 3.0, "upper": 3.5},
        "rpo": {"lower": 0.5, "estimate": 1.5, "upper": 2.5},
        "markers": {"lost": 3, "surviving": 20, "indeterminate": 1},
        "phases": {"first_bad": 1000.2, "last_good": 999.5, "role_moved": None},
    }
    return told | changes


def judged(told: dict[str, Any], lost_markers: int | None = 3) -> dict[str, bool]:
    """Claim -> whether it holds."""
    return {row.what: row.holds for row in compare(told, TRUTH, KILLED, lost_markers)}


def test_an_honest_account_holds() -> None:
    """Every claim that agrees with the truth is said to hold."""
    assert judged(incident()) == {"outage began": True, "RTO": True, "RPO": True, "canary markers lost": True}


def test_rows_show_both_sides() -> None:
    """A row has the exporter's bounds and the truth; the start counts from the kill."""
    rows = compare(incident(), TRUTH, KILLED, 3)
    assert [(row.said, row.true) for row in rows] == [
        ("-0.50 .. 0.20 s", "0.00 .. 0.01 s"),
        ("2.50 .. 3.50 s", "3.00 .. 3.10 s"),
        ("0.50 .. 2.50 s", "1.40 .. 1.50 s"),
        ("3", "3"),
    ]


@pytest.mark.parametrize(
    ("wrong", "claim"),
    [
        ({"start": {"lower": 1000.1, "estimate": 1000.1, "upper": 1000.2}}, "outage began"),
        ({"rto": {"lower": 3.2, "estimate": 3.3, "upper": 3.5}}, "RTO"),
        ({"rto": None}, "RTO"),
        ({"rpo": {"lower": 0.0, "estimate": 0.5, "upper": 1.0}}, "RPO"),
        ({"rpo": None}, "RPO"),
    ],
)
def test_a_wrong_claim_is_found(wrong: dict[str, Any], claim: str) -> None:
    """Bounds that exclude the truth, and a figure that is missing, do not hold; the other claims still do."""
    assert [what for what, holds in judged(incident(**wrong)).items() if not holds] == [claim]


@pytest.mark.parametrize(("lost", "holds"), [(2, False), (3, True), (4, True), (5, False)])
def test_an_indeterminate_marker_may_be_lost_too(lost: int, holds: bool) -> None:
    """Lost markers are exact up to those that nobody acknowledged."""
    assert judged(incident(), lost_markers=lost)["canary markers lost"] is holds


def test_no_claim_without_a_truth() -> None:
    """Where the demo cannot count the markers it does not judge them."""
    assert "canary markers lost" not in judged(incident(), lost_markers=None)


def test_missing_markers_are_not_passed_over() -> None:
    """An exporter that counted no markers has not told what it should."""
    assert judged(incident(markers=None))["canary markers lost"] is False


def test_the_timeline_is_in_order() -> None:
    """Phases and deeds in one list by time; what was not observed is not in it."""
    moments = timeline(incident(), KILLED.lower, {"kill": KILLED.lower})
    assert [(moment.what, moment.truth) for moment in moments] == [
        ("last good look", False),
        ("kill", True),
        ("first failed look", False),
    ]
    assert [moment.at for moment in moments] == pytest.approx([-0.5, 0.0, 0.2])

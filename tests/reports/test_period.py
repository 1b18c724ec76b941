"""Synthetic months and years, whose availability and budget were worked out by hand."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exporter.reports import period
from exporter.reports.build import period_report
from exporter.reports.period import Period
from tests.reports.annals import OBJECTIVES, Annals, asked, utc

UTC = ZoneInfo("UTC")
HOUR, DAY = 3600.0, 86_400.0


def system(annals: Annals, window: Period, until: str, zone: str = "UTC", name: str = "orders") -> dict[str, Any]:
    report = period_report(annals.evidence(utc(until)), asked(window, zone))
    return next(one for one in report["systems"] if one["name"] == name)


def account(annals: Annals, window: Period, until: str, zone: str = "UTC") -> dict[str, Any]:
    told: dict[str, Any] = system(annals, window, until, zone)["availability"]
    return told


def test_a_leap_year_is_a_day_longer() -> None:
    """366 days at 99.99 % allow 3162.24 s; an hour down leaves 1 - 3600 / 31622400."""
    annals = Annals()
    annals.watch(utc("2027-12-01T00:00:00"))
    annals.outage(utc("2028-02-29T12:00:00"), utc("2028-02-29T13:00:00"))
    booked = account(annals, period.year("2028", UTC), "2029-01-02T00:00:00")
    assert booked["observed_seconds"] == 366 * DAY
    assert booked["budget_seconds"] == pytest.approx(3162.24)
    assert booked["budget_left_seconds"] == pytest.approx(3162.24 - 3600)
    assert booked["ratio"] == pytest.approx(1 - 3600 / (366 * DAY), abs=1e-12)
    assert booked["verdict"] == "missed"


def test_a_common_year_at_four_nines_leaves_52_6_minutes() -> None:
    """The figure that everybody quotes: 0.0001 x 365 x 1440 min = 52.56 min."""
    annals = Annals()
    annals.watch(utc("2025-12-31T00:00:00"))
    booked = account(annals, period.year("2026", UTC), "2027-01-01T00:00:00")
    assert booked["budget_seconds"] / 60 == pytest.approx(52.56)
    assert booked["ratio"] == 1.0
    assert booked["verdict"] == "met"


def test_a_loss_without_an_upper_bound_may_be_the_worst() -> None:
    """One lost at most 3 s, another nobody knows how much: the worst is not told, instead of 3 s."""
    annals = Annals()
    annals.watch(utc("2026-09-01T00:00:00"))
    day, window = utc("2026-09-10T00:00:00"), period.month("2026-09", UTC)
    known = {"lower": 1.0, "estimate": 2.0, "upper": 3.0}
    annals.outage(day, day + 60, id="a", rpo=known, markers={"lost": 1, "surviving": 5, "indeterminate": 0})
    assert system(annals, window, "2026-10-01T00:00:00")["worst_rpo"] == known
    annals.outage(day + HOUR, day + HOUR + 60, id="b", markers={"lost": 9, "surviving": 0, "indeterminate": 0})
    assert system(annals, window, "2026-10-01T00:00:00")["worst_rpo"] is None


def test_overlapping_outages_count_once() -> None:
    """10:00-10:20 and 10:10-10:30 are thirty minutes, not forty; 11:00-11:05 adds five."""
    annals = Annals()
    annals.watch(utc("2026-09-01T00:00:00"))
    day = utc("2026-09-10T00:00:00")
    annals.outage(day + 10 * HOUR, day + 10 * HOUR + 1200, id="a")
    annals.outage(day + 10 * HOUR + 600, day + 10 * HOUR + 1800, id="b")
    annals.outage(day + 11 * HOUR, day + 11 * HOUR + 300, id="c")
    assert account(annals, period.month("2026-09", UTC), "2026-10-01T00:00:00")["downtime_seconds"]["upper"] == 2100


def test_an_outage_across_a_border_is_split_there() -> None:
    """From 23:50 to 00:20 over the end of a year: ten minutes in December, twenty in January, and so for the years."""
    annals = Annals()
    annals.watch(utc("2025-12-01T00:00:00"))
    midnight = utc("2026-01-01T00:00:00")
    annals.outage(midnight - 600, midnight + 1200)
    until = "2026-02-01T00:00:00"
    for window, seconds in (
        (period.month("2025-12", UTC), 600),
        (period.year("2025", UTC), 600),
        (period.month("2026-01", UTC), 1200),
        (period.between("2026-01-01", "2026-01-31", UTC), 1200),
    ):
        assert account(annals, window, until)["downtime_seconds"]["upper"] == seconds
    told = system(annals, period.between("2025-12-01", "2026-01-31", UTC), until)
    spent = {one["name"]: one["downtime_seconds"]["upper"] for one in told["budgets"]}
    assert spent == {
        "365d": 1800, "2025": 600, "2026": 1200, "2025Q4": 600, "2026Q1": 1200, "2025-12": 600, "2026-01": 1200,
    }  # fmt: skip


def test_blind_time_is_neither_up_nor_down() -> None:
    """An hour of blindness in a day leaves 23 h observed; half of an outage that reaches into it is not booked."""
    annals = Annals()
    annals.watch(utc("2026-09-01T00:00:00"))
    day = utc("2026-09-10T00:00:00")
    annals.outage(day + 11.5 * HOUR, day + 12.5 * HOUR)
    annals.blind(day + 12 * HOUR, day + 13 * HOUR)
    booked = account(annals, period.between("2026-09-10", "2026-09-10", UTC), "2026-09-12T00:00:00")
    assert booked["observed_seconds"] == 23 * HOUR
    assert booked["unobserved_seconds"] == HOUR
    assert booked["downtime_seconds"]["upper"] == HOUR / 2
    assert booked["ratio"] == pytest.approx(1 - 0.5 / 23)


def test_an_absence_of_the_exporter_is_not_observed() -> None:
    """From its last heartbeat to its return nobody looked; nor after the newest heartbeat of all."""
    annals = Annals()
    annals.watch(utc("2026-09-01T00:00:00"))
    gone, back = utc("2026-09-10T06:00:00"), utc("2026-09-10T10:00:00")
    annals.add(back, "absence", "orders", {"from_unix": gone, "to_unix": back})
    annals.add(back, "transition", "orders", {"from": "healthy", "to": "unknown"})
    annals.add(back, "transition", "orders", {"from": "unknown", "to": "healthy"})
    booked = account(annals, period.between("2026-09-10", "2026-09-11", UTC), "2026-09-11T12:00:00")
    assert booked["observed_seconds"] == 24 * HOUR - 4 * HOUR + 12 * HOUR


def test_a_blindness_that_was_cut_short_by_death_is_counted_once() -> None:
    """Blind since 6:00, killed at 7:00, back at 8:00: two hours, whatever the two records say."""
    annals = Annals()
    annals.watch(utc("2026-09-01T00:00:00"))
    blind, back = utc("2026-09-10T06:00:00"), utc("2026-09-10T08:00:00")
    annals.add(blind + 2, "blind_began", "orders", {"since_unix": blind})
    annals.add(back, "absence", "orders", {"from_unix": blind, "to_unix": back})
    booked = account(annals, period.between("2026-09-10", "2026-09-10", UTC), "2026-09-12T00:00:00")
    assert booked["unobserved_seconds"] == 2 * HOUR


def test_nothing_observed_proves_nothing() -> None:
    """A month before anybody looked has no availability, and no verdict but "not proven"."""
    annals = Annals()
    annals.watch(utc("2026-09-15T00:00:00"))
    told = system(annals, period.month("2026-09", UTC), "2026-10-01T00:00:00")
    months = {one["name"]: one for one in told["budgets"]}
    assert months["2026-09"]["observed_seconds"] == 16 * DAY
    booked = account(annals, period.between("2026-09-01", "2026-09-20", UTC), "2026-10-01T00:00:00")
    assert booked["observed_seconds"] == 6 * DAY
    empty = Annals()
    empty.add(utc("2026-09-01T00:00:00"), "watch_started", "orders", {"objectives": OBJECTIVES})
    booked = account(empty, period.month("2026-09", UTC), "2026-10-01T00:00:00")
    assert (booked["ratio"], booked["verdict"]) == (None, "not_proven")


def test_a_day_of_daylight_saving_has_23_or_25_hours() -> None:
    """In Berlin the last Sunday of March has 23 hours and that of October 25; a month's budget follows."""
    annals = Annals()
    annals.watch(utc("2025-12-01T00:00:00"))
    until, berlin = "2027-01-02T00:00:00", ZoneInfo("Europe/Berlin")
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)):
        window = period.between(day, day, berlin)
        assert account(annals, window, until, "Europe/Berlin")["observed_seconds"] == hours * HOUR
    march = account(annals, period.month("2026-03", berlin), until, "Europe/Berlin")
    assert march["budget_seconds"] == pytest.approx(0.0001 * (31 * DAY - HOUR))
    year = account(annals, period.year("2026", berlin), until, "Europe/Berlin")
    assert year["observed_seconds"] == 365 * DAY


def test_an_outage_goes_on_when_its_system_is_put_back() -> None:
    """Taken out of the configuration while it was down, and put back: from then on it is observed again, and still down."""
    annals = Annals()
    annals.watch(utc("2026-09-01T00:00:00"))
    day = utc("2026-09-10T00:00:00")
    annals.add(day, "transition", "orders", {"from": "suspected", "to": "outage"})
    annals.add(day + 600, "watch_ended", "orders")
    annals.add(day + 900, "absence", "orders", {"from_unix": day + 600, "to_unix": day + 900})
    annals.outage(day, day + 1200)
    booked = account(annals, period.month("2026-09", UTC), "2026-10-01T00:00:00")
    assert booked["unobserved_seconds"] == 300
    assert booked["downtime_seconds"]["upper"] == 900


def test_reclassified_outages_are_shown_both_ways() -> None:
    """What was a third party's fault stays in the figure as measured and leaves the other; taken back, it returns."""
    annals = Annals()
    annals.watch(utc("2026-09-01T00:00:00"))
    day = utc("2026-09-10T00:00:00")
    first = annals.outage(day, day + 600, id="first")
    annals.outage(day + HOUR, day + HOUR + 300, id="second")
    annals.mark(day + DAY, first, "reclassified", **{"as": "third_party", "reason": "carrier"})
    window = period.month("2026-09", UTC)
    booked = account(annals, window, "2026-10-01T00:00:00")
    assert booked["downtime_seconds"]["upper"] == 900
    assert booked["reclassified_seconds"] == 600
    assert booked["ratio"] == pytest.approx(1 - 900 / (30 * DAY))
    assert booked["ratio_reclassified"] == pytest.approx(1 - 300 / (30 * DAY))
    annals.mark(day + 2 * DAY, first, "reclassified", **{"as": "real", "reason": "it was ours"})
    assert account(annals, window, "2026-10-01T00:00:00")["reclassified_seconds"] == 0


def test_a_drill_is_booked_apart_until_it_ends() -> None:
    """Ten minutes down in a drill that ends after four: four go on its account, six are an outage like any other."""
    annals = Annals()
    annals.watch(utc("2026-09-01T00:00:00"))
    start = utc("2026-09-10T02:00:00")
    drill = annals.drill(start - 60, start + 240)
    annals.outage(start, start + 600, drill=drill, counted=False)
    booked = account(annals, period.month("2026-09", UTC), "2026-10-01T00:00:00")
    assert booked["drill_seconds"] == 240
    assert booked["downtime_seconds"] == {"lower": 360, "upper": 360}


def test_a_drill_that_counts_by_policy_counts() -> None:
    """Where the configuration said so when it began, its downtime is downtime."""
    annals = Annals()
    annals.watch(utc("2026-09-01T00:00:00"))
    start = utc("2026-09-10T02:00:00")
    annals.outage(start, start + 600, drill=annals.drill(start - 60, start + 900), counted=True)
    booked = account(annals, period.month("2026-09", UTC), "2026-10-01T00:00:00")
    assert (booked["drill_seconds"], booked["downtime_seconds"]["upper"]) == (0, 600)


def test_the_budget_follows_the_objective_in_pieces() -> None:
    """99.99 % for ten days and 99.9 % for twenty: 86.4 s and 1728 s."""
    annals = Annals()
    annals.watch(utc("2026-08-01T00:00:00"))
    annals.promise(utc("2026-09-11T00:00:00"), "orders", {**OBJECTIVES, "availability": 0.999})
    told = system(annals, period.month("2026-09", UTC), "2026-10-01T00:00:00")
    assert told["availability"]["budget_seconds"] == pytest.approx(86.4 + 1728)
    assert told["availability"]["objective"] == 0.999
    assert [change["at"] for change in told["objective_changes"]] == [utc("2026-09-11T00:00:00")]


def test_a_verdict_needs_the_whole_interval() -> None:
    """An outage between 250 and 270 s against 259.2 s of September at 99.99 % proves neither."""
    annals = Annals()
    annals.watch(utc("2026-08-01T00:00:00"))
    day = utc("2026-09-10T00:00:00")
    annals.outage(day, day + 270, width=10.0)
    booked = account(annals, period.month("2026-09", UTC), "2026-10-01T00:00:00")
    assert booked["downtime_seconds"] == {"lower": 250, "upper": 270}
    assert booked["verdict"] == "not_proven"


def test_an_outage_that_still_runs_counts_up_to_now() -> None:
    """It has no record yet: it is read from the newest checkpoint, and its end is null."""
    annals = Annals()
    annals.watch(utc("2026-09-01T00:00:00"))
    evidence = annals.evidence(utc("2026-09-10T00:10:00"))
    running = {
        "watched_since": 0.0,
        "incident": {
            "id": "orders-now", "system": "orders", "kind": "outage", "start": {"lower": 100.0, "upper": 101.0},
            "cause": "database at hk: refused", "declared": True, "objectives": [["rto", 90.0]],
        },
    }  # fmt: skip
    kept = evidence.states["orders"]._replace(mono=700.0, state=running)
    told = period_report(
        type(evidence)(evidence.entries, evidence.head, states={"orders": kept}), asked(period.month("2026-09", UTC))
    )
    (event,) = told["events"]
    assert (event["open"], event["end"], event["rto"]) == (True, None, None)
    assert told["systems"][0]["availability"]["downtime_seconds"] == {"lower": 599, "upper": 600}
    assert event["verdicts"]["rto"] == "missed", "599 s at least, and 90 were promised"


def test_an_outage_across_two_months_costs_once() -> None:
    """It is told in both, and paid in the month in which it began."""
    annals = Annals()
    annals.watch(utc("2026-08-01T00:00:00"))
    border = utc("2026-10-01T00:00:00")
    annals.outage(border - 60, border + 60)
    september, october = (
        system(annals, period.month(month, UTC), "2026-11-01T00:00:00") for month in ("2026-09", "2026-10")
    )
    assert (september["cost"]["upper"], october["cost"]) == (52000, None)
    assert [one["availability"]["downtime_seconds"]["upper"] for one in (september, october)] == [60, 60]


def test_cost_and_savings_only_against_what_was_configured() -> None:
    """Two minutes at 26,000 a minute cost 52,000; against a baseline of four hours 238 minutes were saved."""
    annals = Annals()
    annals.watch(utc("2026-09-01T00:00:00"))
    annals.watch(utc("2026-09-01T00:00:00"), "chat")
    day = utc("2026-09-10T00:00:00")
    annals.outage(day, day + 120)
    annals.outage(day, day + 120, "chat")
    report = period_report(annals.evidence(utc("2026-10-01T00:00:00")), asked(period.month("2026-09", UTC)))
    chat, orders = report["systems"]
    assert orders["cost"] == {"lower": 52000, "upper": 52000, "currency": "USD"}
    assert orders["savings"]["upper"] == 238 * 26000
    assert (chat["cost"], chat["savings"]) == (None, None)


@pytest.mark.parametrize("text", ["2026-13", "2026", "September", "1900-01", "2026-9"])
def test_a_month_that_is_none_is_refused(text: str) -> None:
    """With the form that would be right."""
    with pytest.raises(ValueError, match="write it like 2026-09"):
        period.month(text, UTC)


def test_an_unknown_system_is_refused() -> None:
    """With the names that the ledger knows."""
    annals = Annals()
    annals.watch(utc("2026-09-01T00:00:00"))
    with pytest.raises(ValueError, match="it knows orders"):
        period_report(annals.evidence(utc("2026-10-01T00:00:00")), asked(period.year("2026", UTC), systems=("x",)))

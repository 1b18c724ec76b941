"""Reports as one HTML file that needs nothing from anywhere: on a screen, on paper, in ten years."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from exporter.reports.charts import MOST, Bar, Range, budget_bars, drill_trend, interval_rows, timeline
from exporter.reports.teller import Teller


def html(report: Mapping[str, Any], teller: Teller) -> str:
    """A report of any kind in the language of the teller."""
    template = _environment().get_template(f"{report['kind']}.html.j2")
    more = _period(report, teller) if report["kind"] == "period" else {}
    style = Markup(_style())  # noqa: S704 - a file of ours
    return template.render(
        report=report,
        name=title(report),
        t=teller,
        style=style,
        told=told,
        drill_trend=drill_trend,
        timeline=timeline,
        **more,
    )


def title(report: Mapping[str, Any]) -> str:
    """What the report is about, in no language."""
    return str(report["period"]["name"] if report["kind"] == "period" else report[report["kind"]]["id"])


def told(teller: Teller, name: str, value: float | None) -> str:
    """An objective, by its name."""
    if value is None:
        return teller.word("value.none")
    return teller.percent(value) if name == "availability" else teller.exactly(value)


def _period(report: Mapping[str, Any], teller: Teller) -> dict[str, Any]:
    bars = [
        Bar(system["name"], a["downtime_seconds"]["upper"] / a["budget_seconds"], _spent(teller, a))
        for system in report["systems"]
        if (a := system["availability"])["budget_seconds"] and a["observed_seconds"]
    ]
    ranges = [
        Range(_event_name(event, teller), rto["lower"] / objective, rto["upper"] / objective, event["verdicts"]["rto"],
              teller.interval(rto))
        for event in report["events"]
        if (rto := event["rto"]) is not None and (objective := event["objectives"].get("rto"))
    ]  # fmt: skip
    return {
        "tiles": _tiles(report),
        "most": MOST,
        "budget_chart": budget_bars(bars, teller.word("chart.budget")),
        "budget_more": len(bars) > MOST,
        "rto_chart": interval_rows(ranges, teller.word("chart.rto")),
        "rto_more": len(ranges) > MOST,
    }


def _spent(teller: Teller, availability: Mapping[str, Any]) -> str:
    _, spent = teller.bounds(availability["downtime_seconds"])
    return f"{spent} / {teller.duration(availability['budget_seconds'])}"


def _event_name(event: Mapping[str, Any], teller: Teller) -> str:
    drill = f" ({teller.named('class', 'drill')})" if event["drill"] else ""
    return f"{event['system']} {teller.day(event['start']['estimate'])}{drill}"


def _tiles(report: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    """(name, number, what its colour says): only counts, of which none is an average of anything."""
    summary = report["summary"]
    lost = sum((event["markers"] or {}).get("lost", 0) for event in report["events"] if event["drill"] is None)
    unproven = sum(count for standing, count in summary["checklist"].items() if standing != "proven")
    missed, slow = summary["availability"]["missed"], summary["rto"]["missed"]
    return [
        ("systems", summary["systems"], ""),
        ("availability_missed", missed, "bad" if missed else "good"),
        ("events", summary["events"], ""),
        ("rto_missed", slow, "bad" if slow else "good"),
        ("lost", lost, "bad" if lost else "good"),
        ("drills", summary["drills"], ""),
        ("unproven", unproven, "warn" if unproven else "good"),
    ]


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("exporter.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> str:
    return resources.files("exporter.reports").joinpath("templates/style.css").read_text(encoding="utf-8")

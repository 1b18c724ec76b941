"""What `report` does: read the ledger, which may be in use or long at rest, and write down what it proves."""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from exporter import __version__
from exporter.core.accounting import Span
from exporter.core.evidence import Evidence
from exporter.ledger.commands import export
from exporter.ledger.evidence import evidence, samples
from exporter.plans import read_config
from exporter.reports import bundle, period
from exporter.reports.build import period_report
from exporter.reports.html import html
from exporter.reports.pdf import pdf
from exporter.reports.period import Period
from exporter.reports.request import Request
from exporter.reports.single import drill_report, incident_report
from exporter.reports.teller import LANGUAGES, Teller
from exporter.reports.text import as_csv, markdown

DAY = 86_400.0
FORMATS = ("html", "json", "csv", "markdown", "pdf")


class Source(NamedTuple):
    """Where the ledger is, and the configuration of today if one was named."""

    ledger: Path
    config: Mapping[str, Any]
    config_hash: str | None


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `report` and its options."""
    report = commands.add_parser("report", help="the evidence report, from the ledger")
    what = report.add_argument_group("what it is about (one of them)")
    what.add_argument("--from", dest="start", metavar="DAY", help="from the first moment of this day, or this time, on")
    what.add_argument("--to", dest="end", metavar="DAY", help="to the last moment of this day, or up to this time")
    what.add_argument("--month", metavar="2026-09")
    what.add_argument("--quarter", metavar="2026Q3")
    what.add_argument("--year", metavar="2026")
    what.add_argument("--incident", metavar="ID", help="one incident")
    what.add_argument("--drill", metavar="ID", help="one drill or maintenance")
    report.add_argument("--system", action="append", default=[], help="only this one; may be repeated")
    report.add_argument(
        "--timezone", default="UTC", help="of the period's borders and all times (default: %(default)s)"
    )
    report.add_argument("--format", choices=FORMATS, default="html", help="(default: %(default)s)")
    report.add_argument("--lang", choices=LANGUAGES, default="en", help="(default: %(default)s)")
    report.add_argument("--out", type=Path, metavar="FILE", help="(default: standard output)")
    report.add_argument(
        "--bundle", type=Path, metavar="DIR|ZIP", help="the report and all that proves it, with a verifier"
    )
    where = report.add_mutually_exclusive_group(required=True)
    where.add_argument("--ledger", type=Path, metavar="FILE", help="the ledger's file")
    where.add_argument("--config.file", dest="config", type=Path, metavar="dr.yml", help="take the ledger from there")
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> None:
    source = _source(options)
    found = evidence(source.ledger)
    made = make(found, options, source)
    if options.bundle is not None:
        _bundle(options, source, found, made)
    if options.bundle is None or options.out is not None:
        _write(options, made)


def _source(options: argparse.Namespace) -> Source:
    if options.ledger is not None:
        return Source(options.ledger, {}, None)
    loaded = read_config(options.config, allow_exec=True)
    return Source(loaded.config.ledger, loaded.effective, loaded.hash)


def make(found: Evidence, options: argparse.Namespace, source: Source) -> dict[str, Any]:
    """The report that was asked for, as JSON. Raises ValueError with what would be right."""
    zone = period.zone(options.timezone)
    asked = [name for name in ("start", "month", "quarter", "year", "incident", "drill") if getattr(options, name)]
    if len(asked) != 1 or bool(options.start) != bool(options.end):
        raise ValueError(
            "name one period, incident or drill: --month 2026-09, --quarter 2026Q3, --year 2026, "
            "--from 2026-09-01 --to 2026-09-30, --incident ID or --drill ID"
        )
    match asked[0]:
        case "start":
            window = period.between(options.start, options.end, zone)
        case "month":
            window = period.month(options.month, zone)
        case "quarter":
            window = period.quarter(options.quarter, zone)
        case "year":
            window = period.year(options.year, zone)
        case _:
            window = Period("", "custom", Span(0.0, time.time()))
    request = Request(window, zone, tuple(options.system), __version__, time.time(), source.config, source.config_hash)
    if options.incident:
        return incident_report(found, options.incident, request)
    if options.drill:
        return drill_report(found, options.drill, request)
    return period_report(found, request)


def printed(report: Mapping[str, Any], how: str, language: str) -> bytes:
    """The report in one of FORMATS. Raises ValueError if it needs what is not installed."""
    teller = Teller(language, period.zone(str(report["timezone"])))
    match how:
        case "json":
            text = json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        case "csv":
            text = as_csv(report)
        case "markdown":
            text = markdown(report, teller)
        case "pdf":
            return pdf(html(report, teller))
        case _:
            text = html(report, teller)
    return text.encode("utf-8")


def _bundle(options: argparse.Namespace, source: Source, found: Evidence, report: Mapping[str, Any]) -> None:
    events = [report["incident"]] if report["kind"] == "incident" else report["events"]
    reports = {f"report.{name}": printed(report, name, options.lang) for name in ("html", "json", "csv")}
    texts: dict[str, str] = {}
    for event in events:
        texts |= samples(source.ledger, event["id"])
    first = min([_first_record(found, report), *(event["n"] for event in events if event["n"] is not None)])
    ledger = "".join(f"{line}\n" for line in export(source.ledger, first=first, last=found.head.number))
    configs = {kept.hash: bundle.canonical(kept.data) for kept in found.configs}
    bundle.write(bundle.bundled(reports, ledger, texts, configs), options.bundle)
    print(f"{options.bundle} is written; check it with verify.py, which is in it", file=sys.stderr)


def _first_record(found: Evidence, report: Mapping[str, Any]) -> int:
    """The first record since the day before the period, or before the event."""
    match report["kind"]:
        case "period":
            start = report["period"]["from"]
        case "incident":
            start = report["incident"]["start"]["lower"]
        case _:
            start = report["drill"]["started"]
    return next((entry.n for entry in found.entries if entry.at >= start - DAY), found.head.number)


def _write(options: argparse.Namespace, report: Mapping[str, Any]) -> None:
    made = printed(report, options.format, options.lang)
    if options.out is None:
        sys.stdout.buffer.write(made)
        return
    options.out.write_bytes(made)
    print(
        f"{options.out} is written, from the ledger up to record {report['ledger']['head']['number']}", file=sys.stderr
    )

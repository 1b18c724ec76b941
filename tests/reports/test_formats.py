"""What a report looks like, in every format and both languages, and that nothing foreign gets into it."""

import csv
import io
import json
import re
import string
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.report_command import printed
from exporter.reports import period
from exporter.reports.build import period_report
from exporter.reports.html import told as objective_told
from exporter.reports.single import drill_report, incident_report
from exporter.reports.teller import LANGUAGES, Teller, words
from tests.reports.annals import Annals, asked, utc

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text(encoding="utf-8"))
HOSTILE = "<script>alert(1)</script>|`${7*7}`{{7*7}}=1+1"
TEXTS = sorted((ROOT / "exporter/reports/templates").glob("*.j2")) + sorted((ROOT / "exporter/reports").glob("*.py"))


def year() -> tuple[Annals, str, str]:
    """A system with everything, and one with nothing; the ids of its incident and of its drill."""
    annals = Annals()
    annals.watch(utc("2026-01-01T00:00:00"))
    annals.watch(utc("2026-01-01T00:00:00"), "bare", {"rto": None, "availability": None})
    annals.standing(utc("2026-01-01T00:05:00"), sg={"reachable": True, "rpo": False, "permissions": True})
    start = utc("2026-03-11T02:00:00")
    drill = annals.drill(start - 60, start + 900)
    rpo = {"lower": 0.0, "estimate": 0.1, "upper": 0.3}
    annals.outage(start, start + 81, drill=drill, counted=False, rpo=rpo, width=0.5)
    day = utc("2026-09-14T03:21:08.125")
    markers = {"lost": 2, "surviving": 810, "indeterminate": 1}
    incident = annals.outage(day, day + 120, rpo=rpo, markers=markers, cause=HOSTILE, expected_rto_seconds=60.0)
    annals.mark(day + 30, incident, "decided", under="DR-7", text=HOSTILE)
    annals.mark(day + 90, incident, "action", text="Raise the limit", owner="dba", due="2026-10-01", done=None)
    annals.mark(day + 99, incident, "reclassified", **{"as": "planned", "reason": HOSTILE})
    annals.blind(day + 3600, day + 7200)
    annals.add(day + 7600, "split_brain", "orders", {"sites": ["hk", "sg"], "component": HOSTILE})
    annals.add(day + 7700, "split_brain_over", "orders", {"component": HOSTILE, "seconds": 101.0})
    annals.add(
        day + 8000,
        "gap",
        "",
        {"dropped": 3, "kinds": {}, "from_unix": day, "to_unix": day + 1},
        "3 records were dropped",
    )
    return annals, incident, drill


def reports() -> list[dict[str, Any]]:
    annals, incident, drill = year()
    evidence = annals.evidence(utc("2026-12-01T00:00:00"))
    request = asked(period.year("2026", ZoneInfo("Asia/Hong_Kong")), "Asia/Hong_Kong")
    return [
        period_report(evidence, request),
        incident_report(evidence, incident, request),
        drill_report(evidence, drill, request),
    ]


REPORTS = {report["kind"]: report for report in reports()}
KINDS = pytest.mark.parametrize("kind", sorted(REPORTS))
LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)


@KINDS
def test_the_json_is_what_the_published_schema_says(kind: str) -> None:
    """Every field is described, and there is no other."""
    told = json.loads(printed(REPORTS[kind], "json", "en"))
    jsonschema.validate(told, SCHEMA, cls=jsonschema.Draft202012Validator)


def test_both_languages_say_the_same() -> None:
    """The catalogues have the same keys, and each sentence takes the same values."""
    english, chinese = words("en"), words("zh")
    assert list(english) == list(chinese)
    fields = string.Formatter().parse
    for key, text in english.items():
        assert {name for _, name, _, _ in fields(text)} == {name for _, name, _, _ in fields(chinese[key])}, key
        assert text.strip() and chinese[key].strip(), key


def test_every_word_that_is_asked_for_is_there() -> None:
    """Nothing in the templates or the code names a key that no catalogue has."""
    known = words("en")
    for path in TEXTS:
        for key in re.findall(r"word\(['\"]([a-z_.]+)['\"][,)]", path.read_text(encoding="utf-8")):
            assert key in known, f"{path.name}: {key}"


class Reader(HTMLParser):
    """Tags that were opened and not closed, and what is loaded from elsewhere."""

    VOID = ("meta", "br", "rect", "line", "circle")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("script", "link", "img", "iframe", "object"):
            self.loads.append(tag)
        self.loads += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href") or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


@KINDS
@LANGUAGE
def test_the_page_stands_alone(kind: str, language: str) -> None:
    """One file, well formed, that loads nothing, runs nothing, and shows foreign text as text."""
    text = printed(REPORTS[kind], "html", language).decode()
    reader = Reader()
    reader.feed(text)
    assert (reader.open, reader.loads) == ([], [])
    assert "url(" not in text
    assert HOSTILE not in text
    if kind != "drill":
        assert "&lt;script&gt;alert(1)" in text or kind == "period"
    head = REPORTS[kind]["ledger"]["head"]
    assert f"{head['number']}:{head['hash']}" in text


@KINDS
@LANGUAGE
def test_markdown_keeps_its_tables(kind: str, language: str) -> None:
    """Every row of a table has as many cells as its head, whatever stands in it."""
    text = printed(REPORTS[kind], "markdown", language).decode()
    assert "<script>" not in text
    width = 0
    for line in text.splitlines():
        bare = re.sub(r"\\.", "", line)
        if not bare.startswith("|"):
            width = 0
            continue
        width = width or bare.count("|")
        assert bare.count("|") == width, line


def test_csv_is_for_spreadsheets() -> None:
    """One line an event, nothing that a spreadsheet would run, an empty cell for what was not observed."""
    rows = list(csv.DictReader(io.StringIO(printed(REPORTS["period"], "csv", "en").decode())))
    assert [row["system"] for row in rows] == ["orders", "orders"]
    assert rows[0]["drill"].startswith("drill-orders")
    assert rows[0]["markers_lost"] == ""
    assert float(rows[1]["rto_upper"]) == 120.0
    assert rows[1]["rto_verdict"] == "missed"


def test_what_was_not_observed_is_told_as_such() -> None:
    """A system without anything has no number that could be taken for a measured one."""
    bare = next(one for one in REPORTS["period"]["systems"] if one["name"] == "bare")
    assert (bare["worst_rto"], bare["worst_rpo"], bare["markers"], bare["cost"]) == (None, None, None, None)
    assert bare["availability"]["verdict"] == "no_objective"
    assert "not observed" in printed(REPORTS["period"], "html", "en").decode()


def test_a_pdf_is_a_pdf() -> None:
    """Where WeasyPrint is installed the same page becomes a PDF without asking for anything."""
    try:
        made = printed(REPORTS["incident"], "pdf", "zh")
    except ValueError as error:
        assert "pip install 'rto-rpo-exporter[pdf]'" in str(error)
        pytest.skip(str(error))
    assert made.startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, "not observed"), (0.0, "0 s"), (0.042, "42 ms"), (1.5, "1.50 s"), (59.999, "1 min"), (73.79, "1 min 13.8 s"),
        (3599.7, "1 h"), (5400.0, "1 h 30 min"), (86_400.0, "1 d"), (90_000.0, "1 d 1 h"), (-284.0, "−4 min 44 s"),
    ],
)  # fmt: skip
def test_durations_can_be_read(seconds: float | None, told: str) -> None:
    """Two units at most; nothing rounds to a unit that is not carried over; unknown is a word."""
    assert Teller("en", ZoneInfo("UTC")).duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == told


@pytest.mark.parametrize(
    ("lower", "upper", "told"),
    [
        (14398.0, 14425.0, "[3 h 59 min 58 s, 4 h 25 s]"),
        (14401.0, 14403.6, "[4 h 1 s, 4 h 4 s]"),
        (14400.0, 14400.04, "[4 h, 4 h 0.04 s]"),
        (14400.0, 14400.0, "4 h"),
        (14425.0, 14425.0, "4 h 25 s"),
        (80.96, 81.04, "[1 min 20.96 s, 1 min 21.04 s]"),
        (80.94, 81.51, "[1 min 20.9 s, 1 min 21.6 s]"),
        (93_595.0, 93_605.0, "[1 d 1 h 59 min 55 s, 1 d 2 h 5 s]"),
        (3600.0, 90_001.0, "[1 h, 1 d 2 h]"),
        (0.0123, 0.0186, "[12 ms, 19 ms]"),
        (1.5, 1.5, "1.50 s"),
        (1.5001, 1.5004, "1.51 s"),
        (0.0, 0.0, "0 s"),
        (0.0, 59.9999, "[0 s, 1 min]"),
        (120.0, 120.1 + 0.2, "[2 min, 2 min 0.3 s]"),
    ],
)
def test_no_interval_loses_its_bounds(lower: float, upper: float, told: str) -> None:
    """They are told apart as long as they differ; rounding only widens: what may have missed never reads as met."""
    text = Teller("en", ZoneInfo("UTC")).interval({"lower": lower, "upper": upper})
    assert text.replace("\N{NO-BREAK SPACE}", " ") == told


@given(
    lower=st.floats(-(10**7), 10**7),
    width=st.one_of(st.just(0.0), st.floats(0, 0.02), st.floats(0, 3600), st.floats(0, 10**6)),
)
def test_whatever_the_interval_what_is_told_holds_it(lower: float, width: float) -> None:
    """The texts read back are no narrower than what was measured, and one text stands for a hundredth of a second at most."""
    lasted = {"lower": lower, "upper": lower + width}
    told = Teller("en", ZoneInfo("UTC")).bounds(lasted)
    least, most = map(_seconds, told)
    assert most >= lasted["upper"] - 2e-6
    assert least <= lasted["lower"] + 2e-6 or (told[0] == told[1] and most - lasted["lower"] <= 0.0201)


def _seconds(text: str) -> float:
    units = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86_400}
    parts = text.lstrip("−").split("\N{NO-BREAK SPACE}")
    value = sum(float(number) * units[unit] for number, unit in zip(parts[::2], parts[1::2], strict=True))
    return -value if text.startswith("−") else value


@pytest.mark.parametrize(
    ("lower", "upper", "told"),
    [
        (35_100, 35_100, "USD 35,100"), (35_100.2, 36_000.4, "USD [35,100, 36,001]"), (0.30, 0.40, "USD [0.30, 0.40]"),
        (-284.4, -283.6, "USD [−284.40, −283.60]"), (0.0, 0.3, "USD [0.00, 0.30]"), (0.0, 0.0, "USD 0"),
        (99.996, 99.999, "USD 100.00"), (-900.5, 20.2, "USD [−901, 21]"), (12.34, 12.34, "USD 12.34"),
    ],
)  # fmt: skip
def test_money_keeps_its_bounds_too(lower: float, upper: float, told: str) -> None:
    """A cost of thirty to forty cents is not "0"."""
    text = Teller("en", ZoneInfo("UTC")).money({"lower": lower, "upper": upper, "currency": "USD"})
    assert text.replace("\N{NO-BREAK SPACE}", " ") == told


def test_the_page_of_an_incident_keeps_its_bounds() -> None:
    """Also where the two stand in cells of their own."""
    annals = Annals()
    annals.watch(utc("2026-01-01T00:00:00"))
    start = utc("2026-03-11T02:00:00")
    incident = annals.outage(start, start + 14_425, width=13.5, objectives={"rto": 14_400.0})
    request = asked(period.year("2026", ZoneInfo("UTC")))
    report = incident_report(annals.evidence(start + 20_000), incident, request)
    page = printed(report, "html", "en").decode().replace("\N{NO-BREAK SPACE}", " ")
    assert "3 h 59 min 58 s</td>" in page
    assert "4 h 25 s</td>" in page
    assert (
        objective_told(Teller("en", ZoneInfo("UTC")), "rto", 14_430.0).replace("\N{NO-BREAK SPACE}", " ") == "4 h 30 s"
    )


@pytest.mark.parametrize(
    ("ratio", "told"), [(0.99996, "99.996 %"), (0.9999999, "99.9999 %"), (1.0, "100 %"), (0.9999, "99.99 %")]
)
def test_nines_are_never_rounded_up(ratio: float, told: str) -> None:
    """99.99999 % is not 100 %."""
    assert Teller("en", ZoneInfo("UTC")).percent(ratio).replace("\N{NO-BREAK SPACE}", " ") == told

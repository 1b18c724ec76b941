"""Runbooks: one for each alert, readable without anything else, and harmless."""

import re
import shlex
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest
import yarl

from exporter.catalogue.alerts import ALERTS
from exporter.catalogue.metrics import METRICS
from exporter.cli import _parser
from exporter.web import runbooks
from tests.web.fakes import Stage, serving

HEADINGS = ["What it means", "What to look at", "What to do", "How to tell that it is a false alarm"]
WRITTEN = Path(str(files("exporter"))) / "runbooks"


class Page(HTMLParser):
    """The tags, links and headings of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside == "h2" and data.strip():
            self.headings.append(data)

    @property
    def links(self) -> list[str]:
        return [attributes["href"] or "" for tag, attributes in self.tags if tag == "a"]


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    """The folder holds exactly what the catalogue names."""
    assert {path.name for path in WRITTEN.iterdir()} == {alert.runbook for alert in ALERTS.values()}


@pytest.mark.parametrize("name", ALERTS)
def test_a_runbook_answers_the_four_questions(name: str) -> None:
    """What it means, what to look at, what to do, and how to tell a false alarm: in this order, and none is empty."""
    text = (WRITTEN / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    places = [*(match.end() for match in re.finditer(r"^## .+$", text, re.MULTILINE)), len(text)]
    assert all(len(text[start:end].split()) > 5 for start, end in pairwise(places))


@pytest.mark.parametrize("name", ALERTS)
def test_a_runbook_names_only_what_there_is(name: str) -> None:
    """Metrics are of the catalogue, alerts are alerts: nobody looks for a misspelt name at night."""
    text = (WRITTEN / f"{name}.md").read_text(encoding="utf-8")
    metrics = set(re.findall(r"(?<![\w:/.])dr_[a-z_]+", text))
    assert metrics <= METRICS.keys()
    assert set(re.findall(r"\bDr[A-Z]\w+", text)) <= ALERTS.keys()


@pytest.mark.parametrize("name", ALERTS)
def test_a_command_in_a_runbook_can_be_run(name: str) -> None:
    """With all the options that it needs: nobody looks them up at night."""
    text = (WRITTEN / f"{name}.md").read_text(encoding="utf-8")
    for command in re.findall(r"`(?:rto-rpo-exporter )?((?:check|drill|ledger|report) \S[^`]*)`", text):
        _parser().parse_args(shlex.split(command))


async def test_every_runbook_is_a_page_whose_links_lead_somewhere() -> None:
    """Each is served, says what it is about, keeps the strict policy, needs no script and no style of its own."""
    async with serving(Stage()) as url, aiohttp.ClientSession(url) as client:
        leads: set[str] = set()
        for name, alert in ALERTS.items():
            async with client.get(f"/runbooks/{name}") as answer:
                text = await answer.text()
                assert (answer.status, answer.content_type) == (200, "text/html")
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            page = Page(text)
            assert page.headings == HEADINGS
            assert alert.summary in text
            assert not [tag for tag, attributes in page.tags if tag in ("script", "style") or "style" in attributes]
            leads |= set(page.links)
        for path in sorted(leads):
            async with client.get(path) as answer:
                assert answer.status == 200, path


async def test_the_list_leads_to_each() -> None:
    """`/runbooks/` names all alerts; without the slash it is found as well, and from the page."""
    async with serving(Stage()) as url, aiohttp.ClientSession(url) as client:
        async with client.get("/runbooks") as answer:
            assert {f"/runbooks/{name}" for name in ALERTS} <= set(Page(await answer.text()).links)
        async with client.get("/") as answer:
            assert "/runbooks/" in Page(await answer.text()).links


@pytest.mark.parametrize(
    "path", ["/runbooks/DrNothing", "/runbooks/..%2FDrOutage", "/runbooks/DrOutage.md", "/runbooks/%3Cb%3E"]
)
async def test_there_is_nothing_else(path: str) -> None:
    """A name that is no alert is not found, whatever file it may point at."""
    async with (
        serving(Stage()) as url,
        aiohttp.ClientSession() as client,
        client.get(yarl.URL(url + path, encoded=True)) as answer,
    ):
        assert answer.status == 404
        assert "<b>" not in await answer.text()


def test_html_in_a_runbook_is_text() -> None:
    """Whoever edits a runbook cannot put a script, an event or a javascript: link on the page."""
    rendered = runbooks._MARKDOWN.render(
        "<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=alert(1)>"
    )
    assert not {"script", "img", "a"} & {tag for tag, _ in Page(rendered).tags}

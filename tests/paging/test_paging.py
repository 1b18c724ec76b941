"""What people are told, and what they are not: real failures, the real exporter, Prometheus and Alertmanager, the shipped rules and routes."""

import asyncio
import re
from typing import Any

import pytest

from tests.paging.stories import Played, play
from tests.servers import postgres_missing
from tests.servers.alertmanager import Page, alertmanager_missing
from tests.servers.prometheus import prometheus_missing

MISSING = prometheus_missing() or alertmanager_missing() or postgres_missing()
pytestmark = [
    pytest.mark.alone,
    pytest.mark.prometheus,
    pytest.mark.alertmanager,
    pytest.mark.postgres,
    pytest.mark.skipif(bool(MISSING), reason=MISSING or "all of them are here"),
]
DRILLED = pytest.mark.parametrize("system", ["payments", "demo"])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """All stories, played once and at the same time; one that went wrong fails only the tests that ask for it."""
    played = asyncio.run(play(tmp_path_factory.mktemp("paging")))
    for page in played.pages:
        if page.receiver != "dead-mans-switch":
            over = [labels["alertname"] for labels in page.resolved]
            print(f"{page.at:.1f} {page.receiver}: {page.firing} over: {over}")
    return played


def while_it_fired(played: Played, *receivers: str) -> list[Page]:
    """The notifications about the orders up to the last evaluation at which they were in outage."""
    over = played.story("primary_dies")["over"]
    return [page for page in played.of("orders", *receivers) if page.at <= over]


# --- an outage


def test_one_outage_is_one_page(played: Played) -> None:
    """Two exporters saw the primary die: one notification with one alert, and nothing else while it fires."""
    pages = while_it_fired(played, "dr-critical", "dr-warning", "not-through-the-exporter")
    assert [(page.receiver, page.names) for page in pages] == [("dr-critical", ["DrOutage"])]
    (labels,) = pages[0].firing
    assert (labels["severity"], labels["drill"]) == ("critical", "false")


def test_its_own_alerts_are_inhibited(played: Played) -> None:
    """They fired, Alertmanager names the outage as the reason, and none of them was told while it lasted."""
    inhibited = played.story("primary_dies")["inhibited"]
    assert {"DrRtoAtRisk"} <= set(inhibited)
    assert "DrOutage" not in inhibited
    told = [labels["alertname"] for page in while_it_fired(played) for labels in page.firing]
    assert not set(told) & set(inhibited)


def test_it_is_over_once_the_standby_serves(played: Played) -> None:
    """The incident was a failover inside its objective, and the page is taken back after it, not before."""
    incident = played.story("primary_dies")["incident"]
    assert (incident["kind"], incident["drill"], incident["verdicts"]["rto"]) == ("failover", None, "met")
    over = next(page for page in played.of("orders", "dr-critical") if page.resolved)
    assert over.at > incident["phases"]["stable"]


def test_no_outage_is_paged_twice(played: Played) -> None:
    """When it is over the budget that it burnt is no second page."""
    played.story("primary_dies")
    assert not [page for page in played.of("orders", "dr-critical") if "DrErrorBudgetBurn" in page.names]


def test_a_failover_is_told_as_information(played: Played) -> None:
    """It goes where nobody is woken."""
    played.story("primary_dies")
    (info, *_) = played.of("orders", "dr-info")
    assert info.names == ["DrFailover"]
    assert info.firing[0]["severity"] == "info"
    assert not [page for page in played.of("orders", "dr-critical") if "DrFailover" in page.names]


def test_the_page_says_what_to_do(played: Played) -> None:
    """Numbers, a board, and a runbook that the exporter serves."""
    status, runbook = played.story("primary_dies")["runbook"]
    (annotations,) = played.of("orders", "dr-critical")[0].annotations
    assert re.search(r"orders has not served for up to \d", annotations["description"])
    assert annotations["summary"].startswith("orders: ")
    assert annotations["dashboard_url"].endswith("/d/dr-system?var-system=orders")
    assert status == 200
    assert "<h1>DrOutage</h1>" in runbook


@pytest.mark.parametrize("story", ["primary_dies", "exporter_dies"])
def test_it_fires_at_the_first_evaluation(played: Played, story: str) -> None:
    """Once most exporters have declared, their next scrape tells it and the next evaluation fires. The one that was under way
    may be missed, as may a scrape."""
    told = played.story(story)
    for declared, known, scrapes in zip(told["declared"], told["known"], told["scrapes"], strict=True):
        assert known > declared
        assert len([at for at in scrapes if declared < at < known]) <= 1
    known = max(told["known"])
    assert told["fired"] >= min(told["known"])
    assert len([at for at in told["evaluations"] if known < at < told["fired"]]) <= 1


# --- the exporters themselves


def test_one_that_is_cut_off_pages_no_outage(played: Played) -> None:
    """It hears nothing of chat, says that it is blind, and nobody is told of an outage."""
    told = played.story("one_is_cut_off")
    assert told["states"] == ["healthy", "unknown"]
    assert played.of("chat") == []
    assert {labels["instance"] for labels in told["page"].firing} == {told["cut_off"]}


def test_one_that_is_cut_off_wakes_nobody(played: Played) -> None:
    """While another one sees its system it is a matter for working hours."""
    played.story("exporter_dies")  # which lasts longer than the minute after which it could page
    assert not [page for page in played.of(None, "dr-critical") if "DrExporterBlind" in page.names]


def test_a_dead_exporter_pages(played: Played) -> None:
    """It was the only one that watched mail; the page takes a way that does not lead through an exporter, too."""
    page = played.story("exporter_dies")["page"]
    assert page.names == ["DrExporterDown"]
    assert "1 systems are watched by nobody" in page.annotations[0]["description"]


def test_an_outage_does_not_end_with_its_witness(played: Played) -> None:
    """It fires on when `keep_firing_for` is long over, says that it is old, and was never taken back."""
    (still,) = played.story("exporter_dies")["still"]
    assert still["state"] == "firing"
    assert "no longer do" in still["annotations"]["description"]
    pages = played.of("mail", "dr-critical")
    assert [page.names for page in pages] == [["DrOutage"]]
    assert not [page for page in pages if page.resolved]


def test_exporters_that_start_are_not_dead(played: Played) -> None:
    """Prometheus was there before them, and tells of the death of one only."""
    told = played.story("exporter_dies")["page"].firing
    down = [labels for page in played.of(None) for labels in page.firing if labels["alertname"] == "DrExporterDown"]
    assert {labels["instance"] for labels in down} == {labels["instance"] for labels in told}


def test_the_watchdog_arrives(played: Played) -> None:
    """Whoever waits for it outside hears that alerting lives."""
    assert [page for page in played.pages if page.receiver == "dead-mans-switch" and page.names == ["DrWatchdog"]]


# --- drills


@DRILLED
def test_a_drill_pages_nobody(played: Played, system: str) -> None:
    """Its outage is recorded as a drill's, and reaches nobody while the drill runs."""
    told = played.story(f"drill_of_{system}")
    assert told["muted"].firing[0]["drill"] == "true"
    assert [page for page in played.of(system) if page.at < told["ended"]] == []


@DRILLED
def test_what_happened_in_a_drill_is_told_of_no_disaster(played: Played, system: str) -> None:
    """After it the lost standby may be told, but not the outage, its failover or the budget that it burnt."""
    played.story(f"drill_of_{system}")
    played.story("primary_dies")  # which lasts long enough
    later = {name for page in played.of(system, "dr-critical", "dr-info") for name in page.names}
    assert not later & {"DrOutage", "DrFailover", "DrErrorBudgetBurn", "DrRtoBreach", "DrLossMeasured"}


@DRILLED
def test_a_drill_is_measured_and_labelled(played: Played, system: str) -> None:
    """An incident as any other, with the drill's id, counted as a drill's and not as a real one."""
    told = played.story(f"drill_of_{system}")
    incident = told["incident"]
    assert (incident["drill"], incident["kind"]) == (told["drill"]["id"], "failover")
    assert (incident["from_site"], incident["to_site"]) == ("hk", "sg")
    assert told["real"] == 0


@DRILLED
def test_the_report_of_a_drill_is_complete(played: Played, system: str) -> None:
    """RTO and RPO with bounds, phases, verdicts, who decided and signed, and the ledger's head."""
    told = played.story(f"drill_of_{system}")
    report: dict[str, Any] = told["report"]
    drill, (event,) = report["drill"], report["events"]
    assert (report["kind"], drill["id"], drill["outcome"]) == ("drill", told["drill"]["id"], "all well")
    assert [one["by"] for one in drill["signatures"]] == ["risk"]
    assert 0 < event["rto"]["lower"] <= event["rto"]["upper"]
    assert 0 <= event["rpo"]["lower"] <= event["rpo"]["upper"]
    phases = ("last_good", "first_bad", "declared", "decided", "role_moved", "first_good", "stable")
    assert not [name for name in phases if event["phases"][name] is None]
    assert event["verdicts"]["rto"] == "met"
    assert event["verdicts"] == told["incident"]["verdicts"]
    head = report["ledger"]["head"]
    assert head["number"] > 0
    assert len(head["hash"]) == 64


def test_a_real_outage_pages_during_drills(played: Played) -> None:
    """Orders died after the drill of another system had begun at the same exporter, and before its end."""
    incident = played.story("primary_dies")["incident"]
    drill = played.story("drill_takes_too_long")["drill"]
    page = played.of("orders", "dr-critical")[0]
    assert page.names == ["DrOutage"]
    assert drill["started"] < incident["start"]["upper"] < page.at < drill["expires"]


def test_a_drill_that_was_left_open_pages(played: Played) -> None:
    """Muted up to its expiry; then the drill pages, and the system that is still down."""
    told = played.story("drill_expires")
    expires = told["drill"]["expires"]
    assert told["muted"].at < expires
    assert min(page.at for page in played.of("archive")) > expires
    assert {labels["drill"] for page in told["pages"] for labels in page.firing} == {"false"}


def test_a_drill_hides_no_missed_objective(played: Played) -> None:
    """The outage stays muted, and that it lasts longer than was promised pages."""
    told = played.story("drill_takes_too_long")
    pages = played.of("invoices")
    assert {name for page in pages for name in page.names} == {"DrRtoBreach"}
    assert re.search(r"longer than its recovery time objective", told["page"].annotations[0]["description"])
    assert told["clock"] > 12


# --- DingTalk


def test_pages_arrive_at_dingtalk(played: Played) -> None:
    """Signed, accepted without a refusal, with the links of the page; what was muted is not there."""
    assert played.robot is not None
    assert played.robot.problems == []
    texts = "\n".join(played.robot.texts)
    for name, system in (("DrOutage", "orders"), ("DrOutage", "mail"), ("DrRtoBreach", "invoices")):
        assert re.search(
            rf"\*\*CRITICAL\*\*[^\n]*{name}[^\n]*{system}|\*\*CRITICAL\*\*[^\n]*{system}[^\n]*{name}", texts
        )
    assert "/runbooks/DrOutage" in texts
    assert not re.search(r"DrOutage[^\n]*(payments|demo)|(payments|demo)[^\n]*DrOutage", texts)

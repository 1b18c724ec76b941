"""What the group sees: every critical alert by name, whatever else there is; and nothing that somebody smuggled in."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.hooks.message import TEXT_MOST, clean, link, render
from tests.hooks.rig import BOARD, RUNBOOK, alert, alerts
from tests.servers.dingtalk import BYTES_MOST

LINKS = re.compile(r"\[([^]]*)\]\(([^)]*)\)")


def text_of(body: bytes) -> str:
    told: dict[str, Any] = json.loads(body)
    return str(told["markdown"]["text"])


def test_one_outage() -> None:
    """The title tells it on a locked phone; the text has the summary and both links."""
    message = render(alerts(alert()))
    told = json.loads(message.body)
    assert told["msgtype"] == "markdown"
    assert told["markdown"]["title"] == "1 critical firing: DrOutage orders"
    assert f"- **CRITICAL** DrOutage orders: orders does not serve [runbook]({RUNBOOK}) [board]({BOARD})" in text_of(
        message.body
    )
    assert told["at"] == {"atMobiles": [], "isAtAll": False}


def test_the_critical_come_first() -> None:
    """Firing before resolved, critical before the rest, and the title counts them all."""
    mixed = [
        alert("b", "DrRpoAtRisk", "warning"),
        alert("c", "DrOutage", "critical", "resolved"),
        alert("a", "DrFailover", "info"),
        alert("d"),
        alert("e", "Own", "page"),
    ]
    lines = text_of(render(alerts(*mixed)).body).split("\n\n")
    assert lines[0] == "#### 1 critical, 1 warning, 1 info, 1 other firing; 1 resolved: DrOutage d"
    assert [re.sub(r":? .*", "", line.removeprefix("- ").strip("*")) for line in lines[1:]] == [
        "CRITICAL**",
        "WARNING**",
        "INFO**",
        "OTHER**",
        "resolved",
    ]


def test_five_hundred_outages_are_all_named() -> None:
    """500 critical alerts are in one message that DingTalk takes, each by name, with warnings counted that did not fit."""
    storm = [alert(f"system-{number:04}") for number in range(500)]
    storm += [alert(f"a-system-with-quite-a-long-name-{number:04}", "DrRpoAtRisk", "warning") for number in range(500)]
    message = render(alerts(*storm))
    text = text_of(message.body)
    assert len(message.body) <= BYTES_MOST
    assert all(f"system-{number:04}" in text for number in range(500))
    assert message.unnamed.keys() == {"warning"}
    assert f"**And {message.unnamed['warning']} warning more that did not fit in here" in text


@given(
    st.lists(st.tuples(st.text(max_size=300), st.sampled_from(["critical", "warning", "x"]), st.text()), max_size=60),
    st.booleans(),
)
def test_whatever_the_names_all_are_named_or_counted(found: list[tuple[str, str, str]], plain: bool) -> None:
    """Any texts give a message within the limit, in which named and counted alerts add up, and no foreign link."""
    given_ = alerts(
        *(alert(system, f"A{at}", severity, summary=summary) for at, (system, severity, summary) in enumerate(found))
    )
    message = render(given_, plain=plain)
    text = text_of(message.body)
    assert len(message.body) <= BYTES_MOST
    assert sum(f" A{at} " in text.replace("\n", " ").replace(":", " ") for at in range(len(found))) + sum(
        message.unnamed.values()
    ) == len(found)
    assert {target for _, target in LINKS.findall(text)} <= {RUNBOOK, BOARD}


@pytest.mark.parametrize(
    "evil",
    [
        "[click](http://evil.example.com)",
        "![](http://evil.example.com/x.png)",
        "<a href='http://evil.example.com'>x</a>",
        "http://evil.example.com",
        "dingtalk://dingtalkclient/page/link?url=evil",
        "orders\n# URGENT\n- **CRITICAL** DrOutage everything",
        "@13800000000 @all",
        "`code` **bold** | table |",
        "\u202egnp.exe\u2028next",
    ],
)
def test_texts_of_alerts_are_only_text(evil: str) -> None:
    """No label or annotation makes a link, a picture, a line, a heading or a mention of its own."""
    text = text_of(render(alerts(alert(evil, evil, summary=evil))).body)
    assert {target for _, target in LINKS.findall(text)} == {RUNBOOK, BOARD}
    rest = LINKS.sub("", text)
    assert "://" not in rest
    assert not re.search(r"[\[\]<>@`|]", rest)
    assert len(text.split("\n\n")) == 2
    assert text.count("\n") == 2
    assert rest.isprintable() or set(filter(lambda c: not c.isprintable(), rest)) == {"\n"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (RUNBOOK, RUNBOOK),
        ("javascript:alert(1)", ""),
        ("https://u:p@example.com/", ""),
        ("https://example.com/a) [x](http://evil", "https://example.com/a%29%20%5Bx%5D%28http://evil"),
        ("https://[::1", ""),
        ("https://example.com/\n", ""),
        ("https://example.com/" + "a" * 600, ""),
        ("/runbooks/DrOutage", ""),
    ],
)
def test_links_lead_to_web_pages(url: str, expected: str) -> None:
    """A link is http or https, short, without a password, and cannot end early."""
    assert link(url) == expected


def test_long_texts_are_cut() -> None:
    """What is cut ends with dots, and is as long as allowed."""
    assert clean("x" * 100, 10) == "x" * 9 + "…"
    assert clean("short", 10) == "short"


def test_those_on_call_are_mentioned() -> None:
    """Mobile numbers stand in the text too, or DingTalk mentions nobody; only when something critical fires."""
    critical, mild = (
        render(alerts(alert()), at=["13800000000"]),
        render(alerts(alert(severity="warning")), at=["13800000000"]),
    )
    assert text_of(critical.body).endswith("@13800000000")
    assert json.loads(critical.body)["at"]["atMobiles"] == ["13800000000"]
    assert "@" not in text_of(mild.body)


def test_what_alertmanager_left_out_is_told() -> None:
    """`max_alerts` of the receiver hides alerts from us: their number is in the message."""
    assert "**And 7 more that Alertmanager left out.**" in text_of(render(alerts(alert()), truncated=7).body)


def test_plain_messages_have_no_links() -> None:
    """The second form holds names only, and is short."""
    message = render(alerts(*(alert(f"s{number}") for number in range(50))), plain=True)
    assert "http" not in text_of(message.body)
    assert all(f" s{number}" in text_of(message.body) for number in range(50))
    assert len(message.body) < TEXT_MOST / 2

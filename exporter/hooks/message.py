"""Alerts as one DingTalk message: every critical one is named, and what does not fit is counted where all can see it.

Texts of alerts are untrusted: whoever can make a label or an annotation could otherwise put a link, a picture or a mention
into the group. What has a meaning in DingTalk's markdown is replaced by its full-width twin, which no reader minds and no
parser follows. Links are only those of `runbook_url` and `dashboard_url`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from exporter.hooks.alerts import OTHER, SEVERITIES, Alert, in_order

TEXT_MOST = 15_000
"""Bytes of the text as JSON; DingTalk takes 20,000 for the whole message."""
DETAILS_MOST = 8_000
"""Bytes for lines with summary and links; the rest is for names."""
PLAIN_MOST = 5_000
"""Bytes of the text when DingTalk did not like the full one."""
NAME_MOST, SUMMARY_MOST, URL_MOST = 64, 240, 500
_TAIL = 400
"""Bytes kept free for what is only counted."""
_LINKS = {"runbook_url": "runbook", "dashboard_url": "board"}
_TWINS = str.maketrans({char: chr(ord(char) + 0xFEE0) for char in "[]<>*`#|\\@"})


class Message(NamedTuple):
    """What goes out, and how many alerts it only counts, by severity."""

    body: bytes
    unnamed: Mapping[str, int]


def render(alerts: Iterable[Alert], truncated: int = 0, at: Sequence[str] = (), *, plain: bool = False) -> Message:
    """One message about all of them.

    `truncated`: how many more Alertmanager left out. `at`: mobile numbers that are mentioned if something critical fires.
    `plain`: names only, without summaries and links.
    """
    ordered = in_order(alerts)
    most = PLAIN_MOST if plain else TEXT_MOST
    mentioned = [number for number in at if ordered and ordered[0].is_urgent]
    title = _title(ordered)
    text = _Text(most - _TAIL - sum(map(len, mentioned)))
    text.add(f"#### {title}")
    rest = ordered
    if not plain:
        rest = ordered[sum(1 for _ in _fitting(text, ordered)) :]
    unnamed = _names(text, rest)
    if unnamed:
        counted = ", ".join(f"{count} {severity}" for severity, count in unnamed.items())
        text.lines.append(f"**And {counted} more that did not fit in here: see Alertmanager.**")
    if truncated:
        text.lines.append(f"**And {truncated} more that Alertmanager left out.**")
    if mentioned:
        text.lines.append(" ".join(f"@{number}" for number in mentioned))
    body: dict[str, Any] = {
        "msgtype": "markdown",
        "markdown": {"title": title, "text": "\n\n".join(text.lines)},
        "at": {"atMobiles": mentioned, "isAtAll": False},
    }
    return Message(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"), unnamed)


class _Text:
    """Lines up to so many bytes."""

    def __init__(self, most: int) -> None:
        self._left = most
        self.lines: list[str] = []

    def fits(self, line: str, within: int = 0) -> bool:
        """`within`: bytes that must be left afterwards."""
        return _size(line) + within <= self._left

    def add(self, line: str) -> None:
        self.lines.append(line)
        self._left -= _size(line)

    @property
    def left(self) -> int:
        return self._left


def _size(line: str) -> int:
    return _encoded(line) + len(r"\n\n")


def _encoded(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")) - len('""')


def _title(ordered: Sequence[Alert]) -> str:
    """`2 critical, 1 warning firing; 1 resolved: DrOutage orders`: what a phone shows on its locked screen."""
    firing = Counter(alert.severity for alert in ordered if alert.status == "firing")
    over = sum(alert.status == "resolved" for alert in ordered)
    parts = [", ".join(f"{firing[severity]} {severity}" for severity in (*SEVERITIES, OTHER) if firing[severity])]
    parts = [f"{parts[0]} firing"] if parts[0] else []
    parts += [f"{over} resolved"] if over else []
    first = ordered[0] if ordered else None
    about = f": {clean(first.name, NAME_MOST)} {clean(first.subject, NAME_MOST)}".rstrip() if first else ""
    return "; ".join(parts) + about


def _fitting(text: _Text, ordered: Sequence[Alert]) -> Iterator[Alert]:
    """Adds a line each for those that fit into the room for details, in order; yields them."""
    reserve = text.left - DETAILS_MOST
    for alert in ordered:
        line = _detail(alert)
        if not text.fits(line, within=reserve):
            return
        text.add(line)
        yield alert


def _detail(alert: Alert) -> str:
    summary = clean(alert.annotations.get("summary", ""), SUMMARY_MOST)
    urls = {word: link(alert.annotations.get(key, "")) for key, word in _LINKS.items()}
    links = "".join(f" [{word}]({url})" for word, url in urls.items() if url)
    subject = clean(alert.subject, NAME_MOST)
    return (
        f"- {_mark(alert)} {clean(alert.name, NAME_MOST)} {subject}{': ' if summary else ''}{summary}{links}".rstrip()
    )


def _mark(alert: Alert) -> str:
    return "resolved:" if alert.status == "resolved" else f"**{alert.severity.upper()}**"


def _names(text: _Text, alerts: Sequence[Alert]) -> dict[str, int]:
    """Adds a line for each name of an alert with all that it is about; returns how many did not fit, by severity."""
    unnamed: Counter[str] = Counter()
    for (mark, name), group in groupby(alerts, key=lambda a: (_mark(a), a.name)):
        line, left = f"- {mark} {clean(name, NAME_MOST)}:", list(group)
        room = text.left - _size(line)
        fitting = 0
        for alert in left:
            word = f" {clean(alert.subject, NAME_MOST) or '-'},"
            room -= _encoded(word)
            if room < 0:
                break
            line += word
            fitting += 1
        if fitting:
            text.add(line.rstrip(","))
        unnamed.update(alert.severity for alert in left[fitting:])
    return {severity: unnamed[severity] for severity in (*SEVERITIES, OTHER) if unnamed[severity]}


def clean(text: str, most: int) -> str:
    """Untrusted text for the middle of a line: no markup, no link, no mention, no line break; at most `most` characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: 4 * most]).split())
    safe = line.translate(_TWINS).replace("://", "：//").replace("www.", "www．")
    return safe if len(safe) <= most else safe[: most - 1] + "…"


def link(url: str) -> str:
    """The URL as it may stand in a link; empty if it is none that a browser should open."""
    if len(url) > URL_MOST or not url.isprintable():
        return ""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return ""
    return quote(url, safe="/:?#=&%+,;~$-._") if usable else ""

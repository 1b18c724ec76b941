"""What a rule is, and how it is written: one alert of the catalogue becomes rules that outlive the exporter and know drills.

Every alert of a system is written twice, once for `drill="false"` and once for `drill="true"`. The first is everything
that is *not known* to happen inside the system's own running drill: what cannot be told pages.

An alert of a system goes on when the vantages fall silent (killed, cut off, or their scrapes fail): it is held up by its own
`ALERTS` series until a vantage that sees tells of the system again, or the system is configured nowhere any more. A held
alert has the value -1, and its description says that it is old.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboards.expressions import BRIDGE
from dashboards.scope import ADDRESS
from exporter.catalogue.alerts import Alert, InDrill, Severity

HELD = "system:dr_alerts:held"
"""Series: systems of which an alert fires and that nobody tells of any more."""
DRILLS = "system:dr_drill_active:max"
"""Series: 1 while the system is in a drill."""
GRAFANA = "http://localhost:3000"
"""Where Grafana is found if nobody says otherwise."""
OLD = "It was so when the exporters last told, which they no longer do."


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording rule; `name` is `level:metric:operations`."""

    name: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """A condition for an alert. Its value is never negative: that is how a held one is told apart."""

    alert: Alert
    expr: str
    description: str
    """A sentence with numbers, as a template of Prometheus. It asks for nothing else (`query`): in the worst hour a thousand
    alerts would ask a thousand times at every evaluation, and the next page would wait."""
    labels: tuple[str, ...] = ("system",)
    """What the condition's result is labelled with."""
    severity: Severity | None = None
    """May be left out where the alert has only one."""
    wait: str = ""
    """How long the condition must last; never for what pages: its time was measured in the exporter already."""
    vanished: str = ""
    """While the vantages tell of the system, but not of this: labels that hold the alert up, too."""
    drills: str = f"{DRILLS} == 1"
    """Of which systems it is part of a drill."""
    board: str = "system"
    static: Mapping[str, str] = field(default_factory=dict)

    @property
    def level(self) -> Severity:
        if self.severity is None:
            (only,) = self.alert.severities
            return only
        assert self.severity in self.alert.severities, f"{self.alert.name} is not declared as {self.severity}"
        return self.severity


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, in their order: what is recorded is there for the alerts behind it."""

    name: str
    interval: str
    comment: str
    rules: Sequence[Recording | Alarm]


@dataclass(frozen=True, slots=True)
class Links:
    """Where people who are paged click."""

    exporter: str = ADDRESS
    """Base address of an exporter, as a browser reaches it."""
    grafana: str = GRAFANA


def document(group: Group, links: Links) -> dict[str, Any]:
    """The rule file with this group, as plain values."""
    rules: list[dict[str, Any]] = []
    for rule in group.rules:
        if isinstance(rule, Recording):
            rules.append({"record": rule.name, "expr": rule.expr})
        else:
            rules += written(rule, links)
    return {"groups": [{"name": group.name, "interval": group.interval, "rules": rules}]}


def written(alarm: Alarm, links: Links) -> list[dict[str, Any]]:
    """The rules of one alarm. For what a drill mutes the condition is recorded, so that it costs once, not twice."""
    expr = _with_held(alarm) if alarm.alert.of_system else alarm.expr
    if alarm.alert.in_drill is InDrill.PAGES:
        return [_rule(alarm, links, expr, drill=False)]
    name = _recorded(alarm)
    return [
        {"record": name, "expr": expr},
        _rule(alarm, links, f"{name}\nunless on (system) {alarm.drills}", drill=False),
        _rule(alarm, links, f"{name}\nand on (system) {alarm.drills}", drill=True),
    ]


def _recorded(alarm: Alarm) -> str:
    """Name of the series of what is amiss, like `system:dr_outage:critical`."""
    metric = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", alarm.alert.name).lower()
    return f"{'_'.join(alarm.labels)}:{metric}:{'_'.join([alarm.level, *alarm.static.values()])}"


def _with_held(alarm: Alarm) -> str:
    by = ", ".join(alarm.labels)
    mine = {"alertname": alarm.alert.name, "alertstate": "firing", "severity": alarm.level, **alarm.static}
    matchers = ", ".join(f'{label}="{value}"' for label, value in mine.items())
    firing = f"-1 * max by ({by}) (ALERTS{{{matchers}}})"
    held = f"{alarm.expr}\nor\n{firing}\n  and on (system) {HELD}"
    if alarm.vanished:
        held += f"\nor\n{firing}\n  and on ({by}) {alarm.vanished}"
    return held


def _rule(alarm: Alarm, links: Links, expr: str, *, drill: bool) -> dict[str, Any]:
    rule: dict[str, Any] = {"alert": alarm.alert.name, "expr": expr}
    if alarm.wait:
        rule["for"] = alarm.wait
    if alarm.alert.severities != (Severity.INFO,):
        rule["keep_firing_for"] = BRIDGE
    rule["labels"] = {"severity": str(alarm.level), "drill": "true" if drill else "false", **alarm.static}
    rule["annotations"] = {
        "summary": _summary(alarm),
        "description": _description(alarm),
        "runbook_url": f"{links.exporter}/runbooks/{alarm.alert.name}",
        "dashboard_url": _board(alarm, links),
    }
    return rule


def _summary(alarm: Alarm) -> str:
    return f"{{{{ $labels.system }}}}: {alarm.alert.summary}" if alarm.alert.of_system else alarm.alert.summary


def _description(alarm: Alarm) -> str:
    if not alarm.alert.of_system:
        return alarm.description
    return f"{{{{ if lt $value 0.0 }}}}{OLD}{{{{ else }}}}{alarm.description}{{{{ end }}}}"


def _board(alarm: Alarm, links: Links) -> str:
    address = f"{links.grafana}/d/dr-{alarm.board}"
    return f"{address}?var-system={{{{ $labels.system | urlquery }}}}" if alarm.alert.of_system else address

"""Stories for `promtool test rules`: what exporters told over time, and which alerts fire at which instants."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from dashboards.expressions import quote
from exporter.catalogue import metrics as m
from exporter.catalogue.metrics import Metric

GONE = None
"""What a scrape that fails tells of everything."""
Value = float | None
Told = Callable[[int], Value]
"""The value at a step, counted from the beginning."""


class Series(NamedTuple):
    """One series of the exporter at `instance`."""

    name: str
    labels: tuple[tuple[str, str], ...]
    instance: str = "a"

    def __str__(self) -> str:
        labels = {**dict(self.labels), "job": "rto-rpo", "instance": self.instance}
        return f"{self.name}{{{', '.join(f'{key}={quote(value)}' for key, value in labels.items())}}}"

    def of(self, system: str) -> "Series":
        return self._replace(labels=(("system", system), *self.labels))


def series(metric: Metric, *, instance: str = "a", **labels: str) -> Series:
    """Of the catalogue: a label that it does not have is an error."""
    assert set(labels) <= set(metric.labels), f"{metric.name} has not all of {labels}"
    return Series(metric.name, tuple(labels.items()), instance)


UP = Series("up", ())


class Check(NamedTuple):
    """At a step, the alert `name` (empty: any) fires with exactly these sets of labels, of those with `where`."""

    shows: str
    step: int
    name: str
    fires: Sequence[Mapping[str, str]]
    where: Mapping[str, str] = {}


class Said(NamedTuple):
    """At a step, the annotations of all alerts of that name."""

    step: int
    name: str
    alerts: Sequence[tuple[Mapping[str, str], Mapping[str, str]]]
    """(labels without the name, annotations)."""


@dataclass(slots=True)
class Story:
    """What is told from step 0 to `steps`, and what must come of it."""

    name: str
    steps: int
    told: dict[Series, Told] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)

    def tell(self, told: Mapping[Series, Told]) -> None:
        self.told |= told

    def silence(self, instance: str, since: int, until: int | None = None) -> None:
        """Its scrapes fail from one step to before another (or to the end)."""

        def lost(step: int) -> bool:
            return since <= step and (until is None or step < until)

        for one, before in list(self.told.items()):
            if one.instance == instance:
                self.told[one] = _unless(lost, 0.0 if one.name == UP.name else GONE, before)

    def forget(self, system: str, since: int) -> None:
        """The exporters tell nothing of it any more."""
        for one, before in list(self.told.items()):
            if ("system", system) in one.labels:
                self.told[one] = _unless(lambda step: step >= since, GONE, before)


def _unless(lost: Callable[[int], bool], instead: Value, told: Told) -> Told:
    return lambda step: instead if lost(step) else told(step)


def always(value: float) -> Told:
    return lambda _: value


def after(step: int, good: Value, bad: Value, growth: float = 0.0) -> Told:
    """`good` until the step, from then on `bad` and what it grows by with each step."""
    return lambda now: good if now < step else bad and bad + growth * (now - step) if growth else bad


def growing(by: float) -> Told:
    return lambda step: by * step


def told_by(instance: str, systems: Iterable[str]) -> dict[Series, Told]:
    """The least that an exporter tells: that it sees, and of each system that it knows how it is."""
    told: dict[Series, Told] = {
        UP._replace(instance=instance): always(1),
        series(m.EXPORTER_BLIND, instance=instance): always(0),
    }
    for system in systems:
        told |= {
            series(m.SYSTEM_INFO, instance=instance).of(system): always(1),
            series(m.STATE, state="outage", instance=instance).of(system): always(0),
            series(m.STATE, state="unknown", instance=instance).of(system): always(0),
        }
    return told


def notation(told: Told, steps: int) -> str:
    """The values in promtool's short form: `0x23 1+5x9 stale`."""
    values = [told(step) for step in range(steps + 1)]
    pieces: list[str] = []
    at = 0
    while at < len(values):
        first = values[at]
        if first is None:
            run = next((n for n, value in enumerate(values[at:]) if value is not None), len(values) - at)
            pieces += ["stale", *([f"_x{run - 1}"] if run > 1 else [])]
            at += run
            continue
        step = _difference(values, at)
        run = 1
        while at + run < len(values) and _difference(values, at + run - 1) == step and step is not None:
            run += 1
        growth = f"{'+' if (step or 0) >= 0 else '-'}{abs(step or 0):g}" if step else ""
        pieces.append(f"{first:.15g}{growth}x{run - 1}" if run > 1 else f"{first:.15g}")
        at += run
    return " ".join(pieces)


def _difference(values: Sequence[Value], at: int) -> float | None:
    here, then = values[at], values[at + 1] if at + 1 < len(values) else None
    return None if here is None or then is None else then - here


HEAD = "# Generated by `python -m tests.rules --write`: run with `promtool test rules`, do not edit.\n"


def file_text(rules: Sequence[str], order: Sequence[str], step: int, stories: Sequence[Story]) -> str:
    """A test file in which a step, and the time between two evaluations, has `step` seconds."""
    lines = [HEAD + "rule_files:", *(f"  - ../rules/{name}" for name in rules), f"evaluation_interval: {step}s"]
    lines += ["group_eval_order:", *(f"  - {name}" for name in order), "tests:"]
    for story in stories:
        lines += [f"  - name: {quote(story.name)}", f"    interval: {step}s", "    input_series:"]
        for one, told in story.told.items():
            lines += [f"      - series: {_plain(str(one))}", f"        values: {_plain(notation(told, story.steps))}"]
        lines += ["    promql_expr_test:", *(line for check in story.checks for line in _checked(check, step))]
        if story.said:
            lines += ["    alert_rule_test:", *(line for said in story.said for line in _annotated(said, step))]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _matchers(name: str, labels: Mapping[str, str]) -> str:
    wanted = {**({"alertname": name} if name else {}), "alertstate": "firing", **labels}
    return f"ALERTS{{{', '.join(f'{key}={quote(value)}' for key, value in wanted.items())}}}"


def _checked(check: Check, step: int) -> list[str]:
    lines = [
        f"      # {check.shows}",
        f"      - expr: {_plain(_matchers(check.name, check.where))}",
        f"        eval_time: {check.step * step}s",
    ]
    if check.fires:
        lines.append("        exp_samples:")
    for labels in check.fires:
        lines += [f"          - labels: {_plain(_matchers(check.name, labels))}", "            value: 1"]
    return lines


def _annotated(said: Said, step: int) -> list[str]:
    lines = [f"      - alertname: {said.name}", f"        eval_time: {said.step * step}s", "        exp_alerts:"]
    for labels, annotations in said.alerts:
        lines += ["          - exp_labels:", *(f"              {key}: {_plain(text)}" for key, text in labels.items())]
        lines += ["            exp_annotations:"]
        lines += [f"              {key}: {_plain(text)}" for key, text in annotations.items()]
    return lines

"""The test files that stand in deploy/prometheus/tests."""

from collections.abc import Sequence
from dataclasses import replace

from dashboards.rules import PREFIX
from tests.rules import apart, burns, cases, doubts, exporters, several
from tests.rules.story import Story, file_text

BESIDE_NOW = ("standing", "budget", "exporter")
"""Files that show the group of that name, which stands on what is recorded in the group `now`."""


def stories() -> dict[str, tuple[int, Sequence[Story]]]:
    """By file: seconds of a step, and what is told."""
    standing = [
        *(cases.story(replace(case, patience=12)) for case in cases.STANDING),
        exporters.contact_stale(),
        *doubts.standing(),
    ]
    several_burn = (several.slow_burn(), several.one_burns())
    outages = (several.burnt_by_an_outage(), several.burnt_by_a_long_outage())
    burnt = (*several_burn, *outages, burns.fresh(), burns.half_away())
    budget = [*(cases.story(case) for case in cases.BUDGET), *burnt, doubts.stricter_availability()]
    return {
        "now": (10, [cases.story(case) for case in cases.NOW]),
        "vantages": (5, [*several.now(), *doubts.now(), *apart.apart()]),
        "standing": (15, standing),
        "budget": (60, budget),
        "exporter": (5, [*exporters.exporters()]),
    }


def rule_tests() -> dict[str, str]:
    """By file name."""
    made = {}
    for name, (step, told) in stories().items():
        needed = [f"{PREFIX}now", *([f"{PREFIX}{name}"] if name in BESIDE_NOW else [])]
        made[f"{name}.yml"] = file_text([f"{group}.yml" for group in needed], needed, step, told)
    return made

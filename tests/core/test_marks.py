"""What people say of an incident: records that are added, and what they make of it."""

from collections.abc import Mapping
from typing import Any

import pytest

from exporter.core.marks import Mark, MarkKind, marked, open_actions, with_marks
from exporter.core.timeline import incident_json
from tests.core.filming import Projector, film, moment

FIELDS = ("text", "under", "owner", "due", "done", "role", "as", "reason")
DETAILS = {"text": "t", "due": "2026-10-01", "owner": "o", "reason": "r", "as": "planned"}


def mark(kind: MarkKind, at: float = 5.0, details: Mapping[str, str] = {}) -> Mark:
    return Mark(f"{kind}-1", kind, "ops", moment(at).wall, {**dict.fromkeys(FIELDS), **details})


def say(shown: Projector, incident: str, said: Mark, at: float = 9.0) -> dict[str, Any]:
    step = marked("orders", shown.state, incident, said, moment(at))
    shown.take(step)
    (record,) = step.records
    assert (record.kind, record.system) == ("mark", "orders")
    assert record.sentence.startswith(f"{incident}: ops")
    return dict(record.data)


def test_a_decision_dates_its_phase() -> None:
    """Of the open incident, or of the last one; of any other it is a record alone."""
    shown = film("hhooo")
    assert shown.state.incident is not None
    wanted = shown.state.incident.id
    say(shown, wanted, mark(MarkKind.DECIDED, details={"under": "runbook 7"}))
    assert shown.state.incident.phases["decided"] == 5.0
    for tick in range(6, 12):
        shown.frame("s", float(tick))
    assert shown.state.last is not None
    assert shown.state.last.phases["decided"] == 5.0
    say(shown, wanted, mark(MarkKind.DECIDED, at=4.5))
    assert shown.state.last.phases["decided"] == 4.5
    before = shown.state
    say(shown, "orders-earlier", mark(MarkKind.DECIDED))
    assert shown.state == before


@pytest.mark.parametrize("kind", [kind for kind in MarkKind if kind is not MarkKind.DECIDED])
def test_other_marks_change_no_state(kind: MarkKind) -> None:
    """They are records, with who, when it was, and when it was told."""
    shown = film("hhooosssss")
    before = shown.state
    told = say(shown, "orders-1", mark(kind, details=DETAILS))
    assert shown.state == before
    assert (told["by"], told["at"], told["told"]) == ("ops", moment(5.0).wall, moment(9.0).wall)


def test_what_the_marks_make_of_it() -> None:
    """The newest reclassification stands beside what it was; unobserved phases are filled, an observed one stands."""
    shown = film("hhooosssss")
    assert shown.state.last is not None
    closed = incident_json(shown.state.last, moment(10.0))
    plain = with_marks(closed, [])
    assert plain["classification"] == {"original": "real", "effective": "real", "by": None, "at": None, "reason": None}
    said = [
        mark(MarkKind.DECIDED, at=4.0),
        mark(MarkKind.RECLASSIFIED, details={"as": "planned", "reason": "a test"}),
        mark(MarkKind.RECLASSIFIED, details={"as": "third_party", "reason": "their cable"}),
    ]
    told = with_marks(closed, [say(shown, closed["id"], one) for one in said])
    assert (told["classification"]["effective"], told["classification"]["reason"]) == ("third_party", "their cable")
    assert told["phases"]["decided"] == moment(4.0).wall
    assert closed["phases"]["decided"] is None
    assert [one["kind"] for one in told["marks"]] == ["decided", "reclassified", "reclassified"]
    observed = {**closed, "phases": {**closed["phases"], "validated": 1.0}, "drill": "drill-1"}
    late = with_marks(observed, [say(shown, closed["id"], mark(MarkKind.VALIDATED))])
    assert (late["phases"]["validated"], late["classification"]["original"]) == (1.0, "drill")


def test_actions_stay_open_until_they_are_done() -> None:
    """By a later mark that names them."""
    first = {"kind": "action", "id": "action-1", "done": None}
    second = {"kind": "action", "id": "action-2", "done": None}
    done = {"kind": "action", "id": "action-3", "done": "action-1"}
    assert open_actions([first, second, done, {"kind": "note", "id": "n"}]) == [second]

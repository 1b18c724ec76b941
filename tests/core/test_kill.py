"""The exporter dies anywhere in a film, and another one goes on from what was written down."""

import pytest

from exporter.core import fold
from exporter.core.readings import totals
from exporter.core.state import Mode
from tests.core.filming import HK, Projector, film, moment
from tests.core.test_sequences import coherent, every


def killed(letters: str, at: int) -> Projector:
    """The film with a death in the middle of the second after letter number `at`."""
    shown = Projector()
    for tick, letter in enumerate(letters, start=1):
        shown.frame(letter, float(tick))
        if tick == at:
            shown.kill(tick + 0.5)
    return shown


def test_a_death_at_any_point_of_any_film() -> None:
    """What was open keeps its id and its start, is closed once, and the records before and after are one chain."""

    def check(letters: str, shown: Projector) -> None:
        before = shown.state.incident
        after = shown.fork()
        after.kill(len(letters) + 0.5)
        for tick, letter in enumerate("hhhh", start=len(letters) + 1):
            after.frame(letter, float(tick))
            coherent(letters, after, died=True)
        if before is None:
            return
        told = [r for r in after.records if r.kind in ("incident", "blip") and r.data["id"] == before.id]
        assert len(told) == 1, letters
        start = told[0].data["start"]
        assert (start["lower"], start["upper"]) == (
            moment(0).wall_of(before.start.lower),
            moment(0).wall_of(before.start.upper),
        ), letters

    every("hsort", 5, check)


@pytest.mark.parametrize(
    "letters", ["hhooohhhhh", "hhooosssss", "hhoosooosssssshhhhh", "hhsssss", "hhoohhh", "hhooossssshhhhh"]
)
def test_a_death_changes_no_incident(letters: str) -> None:
    """Between any two looks: the same incidents and blips with the same bounds and kinds (stability is waited for anew)."""
    whole = film(letters)
    for at in range(1, len(letters)):
        shown = killed(letters, at)
        assert (shown.incidents, shown.blips) == (whole.incidents, whole.blips), (letters, at)
        assert [r.kind for r in shown.records if r.kind != "transition"] == [
            r.kind for r in whole.records if r.kind != "transition"
        ], (letters, at)


def test_a_split_brain_is_told_once_across_a_death() -> None:
    """A told split brain goes on in the next run and ends there; it is neither told again nor forgotten."""
    shown = killed("hhbbbbbhh", 5)
    assert shown.kinds("transition") == ["split_brain", "split_brain_over"]


def test_a_failover_while_nobody_looked_is_inferred() -> None:
    """The role is elsewhere when the next run looks: an event, marked as found afterwards."""
    shown = film("hhh")
    shown.kill(3.5)
    for tick in range(60, 65):
        shown.frame("s", float(tick))
    (told,) = [r for r in shown.records if r.kind == "incident"]
    assert (told.data["inferred"], told.data["to_site"]) == (True, "sg")
    assert told.data["blind_seconds"] == pytest.approx(0.0, abs=60)
    assert [r.data["inferred"] for r in shown.records if r.kind in ("failover", "switchover")] == [True]


def test_an_epoch_that_moved_while_nobody_looked_is_told() -> None:
    """The same site holds the role in another epoch: what happened in between is told as inferred."""
    shown = film("hhh")
    shown.kill(3.5)
    shown.epochs = {"hk": "9", "sg": "9"}
    for tick in range(60, 65):
        shown.frame("h", float(tick))
    assert [r.kind for r in shown.records if r.kind in ("epoch_changed", "incident")] == ["epoch_changed", "incident"]
    assert [r.data["inferred"] for r in shown.records if r.kind == "incident"] == [True]


def test_absence_is_blindness() -> None:
    """Time in which the exporter was dead is neither observed nor downtime."""
    shown = film("hhooo")
    shown.take(fold.resume(shown.system, shown.state, 5.0, moment(1005)))
    assert shown.state.mode is Mode.OUTAGE
    for tick in range(1006, 1010):
        shown.frame("h", float(tick))
    seen = totals(shown.state, 1100.0)
    assert seen.blind == 1000
    assert seen.downtime == pytest.approx(4.0)
    assert seen.downtime <= seen.observed <= 1100 - 1000


def test_a_move_to_a_site_that_was_never_seen_is_inferred_too() -> None:
    """We died before the first look at the standby: that the other one held the role then is all that we know."""
    shown = film("")
    shown.look(HK, 1.0, True)
    shown.kill(2.0)
    for tick in range(10, 14):
        shown.frame("s", float(tick))
    assert [r.data["inferred"] for r in shown.records if r.kind == "incident"] == [True]

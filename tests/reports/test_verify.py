"""The verifier, which shares no rule with what it verifies."""

import random
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.core import recovery_point
from exporter.core.interval import Interval
from exporter.core.model import Objectives
from exporter.core.past import Ended
from exporter.core.state import Marker
from exporter.reports import verify
from exporter.reports.replay import Replay, achieved, added
from tests.reports.stage import LETTERS, SYSTEM, Stage, staged

FILMS = st.lists(st.sampled_from(LETTERS), min_size=1, max_size=24)


@settings(max_examples=150, deadline=None)
@example(["s", "s", "s", "o", "p"], 0.0, 0.0)
@given(FILMS, st.sampled_from([0.0, 0.4, 1.5, 30.0]), st.sampled_from([0.0, 2.0, 30.0]))
def test_what_is_recomputed_is_what_the_ledger_says(letters: list[str], rpo: float, rto: float) -> None:
    """Random histories: the bounds of RTO and RPO, the counts and the verdicts follow from the samples, and none is skipped."""
    for data, record, chunks in staged(letters, rpo=rpo, rto=rto).incidents():
        differences, notes = verify.incident(data, record, chunks)
        assert differences == [], letters
        assert not [note for note in notes if "its bounds" in note], letters


@pytest.mark.parametrize("letters", ["".join(film) for film in product("hscpor", repeat=3)])
def test_every_short_history_is_recomputed(letters: str) -> None:
    """All films of three letters, with a failover or an outage or both in them."""
    for data, record, chunks in staged(letters).incidents():
        differences, _ = verify.incident(data, record, chunks)
        assert differences == []


@pytest.mark.parametrize("letters", ["hhccpppssss", "hhooohhh", "hhsshh", "hhccppppshssh"])
def test_a_reload_at_any_moment_leaves_it_recomputed(letters: str) -> None:
    """What was seen before a reload belongs to the same incident: nothing differs, and nothing is skipped."""
    whole = staged(letters)
    for after in range(1, whole.acts + 1):
        found = staged(letters, after).incidents()
        assert found
        for data, record, chunks in found:
            assert verify.incident(data, record, chunks) == ([], []), after


def changed(data: dict[str, Any], path: tuple[str, ...], by: float) -> dict[str, Any]:
    key, *rest = path
    return {**data, key: changed(data[key], tuple(rest), by) if rest else data[key] + by}


@pytest.mark.parametrize(
    "path",
    [
        ("start", "lower"), ("start", "upper"), ("end", "lower"), ("end", "upper"), ("rto", "lower"), ("rto", "upper"),
        ("rpo", "upper"), ("markers", "lost"), ("markers", "surviving"),
    ],
    ids=".".join,
)  # fmt: skip
def test_a_flattered_figure_is_named(path: tuple[str, ...]) -> None:
    """A failover that lost writes: each of its figures, changed by itself, does not follow from the samples any more."""
    ((data, record, chunks),) = staged("hhccppps").incidents()
    assert data["markers"]["lost"] == 3
    assert verify.incident(data, record, chunks) == ([], [])
    differences, _ = verify.incident(changed(data, path, -1), record, chunks)
    assert differences
    assert all(data["id"] in one for one in differences)


def test_a_flattered_verdict_is_named() -> None:
    """Told as met, though the bounds say that it was missed."""
    ((data, record, chunks),) = staged("hhccpppppppps", rpo=0.0).incidents()
    assert data["verdicts"] == {"rto": "missed", "rpo": "missed"}
    for which in ("rto", "rpo"):
        flattered = {**data, "verdicts": {**data["verdicts"], which: "met"}}
        differences, _ = verify.incident(flattered, record, chunks)
        assert differences == [f"{data['id']}: the verdict on the {which.upper()} is told as met, but it is missed"]


def test_what_two_moves_lost_is_recomputed() -> None:
    """A failover that lost writes, and the way home within the same incident; what the first lost cannot be left out."""
    ((data, record, chunks),) = staged("hhccpppsh").incidents()
    assert data["kind"] == "failback"
    assert data["markers"]["lost"] == 4
    assert data["verdicts"]["rpo"] == "missed"
    assert verify.incident(data, record, chunks) == ([], [])
    last = {**data, "markers": {**data["markers"], "lost": 1}}
    differences, _ = verify.incident(last, record, chunks)
    assert differences == [f"{data['id']}: its RPO is not what the markers say: {told(data)}, counts {counts(data)}"]


def told(data: dict[str, Any]) -> tuple[float, float]:
    return data["rpo"]["lower"], data["rpo"]["upper"]


def counts(data: dict[str, Any]) -> tuple[int, ...]:
    return tuple(data["markers"][name] for name in ("lost", "surviving", "indeterminate"))


@pytest.mark.parametrize(("rpo", "verdict"), [(0.0, "missed"), (1.5, "missed"), (30.0, "not_proven")])
def test_a_loss_without_an_upper_bound_is_recomputed(rpo: float, verdict: str) -> None:
    """No marker was ever seen at the standby: the RPO is not told, and the verdict follows from what was lost for sure."""
    stage = Stage(replace(SYSTEM, objectives=Objectives(rto=30.0, rpo={"site_loss": rpo})))
    for letter in "cccpppssssss":
        stage.frame(letter)
    ((data, record, chunks),) = stage.incidents()
    assert (data["rpo"], data["markers"]["lost"], data["verdicts"]["rpo"]) == (None, 3, verdict)
    assert verify.incident(data, record, chunks) == ([], [])
    for other in {"met", "missed", "not_proven"} - {verdict}:
        differences, _ = verify.incident({**data, "verdicts": {**data["verdicts"], "rpo": other}}, record, chunks)
        assert differences


@pytest.mark.parametrize(("until", "lost"), [(0, None), (10, 3)])
def test_a_move_that_was_never_counted_is_no_difference(
    until: int, lost: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The markers at the new site cannot be read, from the start or after the failover was counted: nothing is told of the last
    move, and what the first had lost stands."""
    stage = Stage(replace(SYSTEM, policy=replace(SYSTEM.policy, stable_for=2.5)))
    for number, letter in enumerate("hhhccpppss" + ("hhhhhhhh" if lost else "ssssssss")):
        if number == until:
            monkeypatch.setattr("tests.reports.stage.markers_above", lambda system, state, part: None)
        stage.frame(letter)
    ((data, record, chunks),) = stage.incidents()
    assert data["rpo"] is None
    assert (data["markers"] and data["markers"]["lost"]) == lost
    assert data["verdicts"]["rpo"] == ("missed" if lost else "not_proven")
    assert verify.incident(data, record, chunks) == ([], [])


def test_what_an_older_exporter_counted_is_as_it_counted() -> None:
    """Its samples do not tell what the site was proven to have: it counted from the oldest marker, and the last move alone. Later ones
    did, and counted up to the last acknowledgement."""
    row = {"component": "database", "stop": 9.0, "markers": [[1, 1.0, 1.1, False], [2, 2.0, 2.1, False]]}
    assert achieved(row) == ((1.0, 8.0), 1.0, (2, 0, 0))
    assert achieved({**row, "proven": None}) == (None, 1.0, (2, 0, 0))
    assert achieved({**row, "proven": 0.5}) == ((1.0, 8.5), 1.0, (2, 0, 0))
    assert achieved({**row, "proven": 1.2}) == (None, 1.0, (2, 0, 0))
    _, at_least, _ = achieved({**row, "proven": 0.5, "last": "sent"})
    assert at_least == pytest.approx(0.9)
    assert added(((3.0, 4.0), 3.0, (2, 1, 0)), row) == achieved(row)


MARKS = st.lists(st.tuples(st.integers(0, 40), st.sampled_from([None, 1, 2, 9]), st.booleans()), max_size=12)
ENDS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 4), st.integers(-3, 3)), max_size=3)


@settings(max_examples=200, deadline=None)
@given(MARKS, ENDS, st.sampled_from([None, 0.0, 5.0, 20.0]))
def test_what_several_moves_lost_is_judged_alike(
    marks: list[tuple[int, int | None, bool]], ends: list[tuple[int, int, int]], point: float | None
) -> None:
    """The rules of both for moves whose markers are judged together, whatever survived."""
    marks.sort(key=lambda mark: mark[0])
    rows = [
        [seq, sent, None if after is None else sent + after, there] for seq, (sent, after, there) in enumerate(marks)
    ]
    earlier = [Ended(Interval(lower, lower + width), lower + stop) for lower, width, stop in sorted(ends)]
    markers = [Marker(seq, "hk", sent, acked) for seq, sent, acked, _ in rows]  # type: ignore[arg-type]  # of mixed rows
    loss = recovery_point.achieved(markers, [row[0] for row in rows if row[3]], 45.0, point, earlier)  # type: ignore[misc]
    told = {"stop": 45.0, "proven": point, "last": "sent", "markers": rows}
    bounds, at_least, counts = achieved(told | {"earlier": [[*moved[:2], stop] for moved, stop in earlier]})
    assert (loss.rpo and loss.rpo[:2], loss.at_least, loss.markers) == (bounds, at_least, counts)


def test_a_move_that_was_estimated_stays_so_when_the_next_is_counted() -> None:
    """A reload gave the component a canary in between: the markers of the second move alone tell nothing of the first."""
    loss = {"component": "database", "stop": 9.0, "proven": 1.0, "earlier": [], "markers": [[1, 8.0, 8.1, True]]}
    for since, found in ((5.0, ((0.0, 1.0), 0.0, (0, 1, 0))), (7.0, None)):
        replay = Replay({"stateful": ["database"]})
        replay.move({"moved": ["database", 4.0, 5.0]})
        replay.move({"moved": ["database", 6.0, 7.0]})
        replay.row({"at": 9.0, "write": ["hk", "database"], "counts": False, "loss": {**loss, "since": since}})
        assert replay.loss == found


def test_a_component_that_a_reload_brought_is_known_from_then_on() -> None:
    """The samples of the declaration do not name it yet; that it was read-only later is a part of the outage."""
    ((data, record, (first, *more)),) = staged("ooooorr").incidents()
    assert verify.incident(data, record, [[{**first[0], "stateful": []}, *first[1:]], *more]) == ([], [])


LINES = staged("hhccpppsssshhhoooohhhh").lines()


def tampered(dice: random.Random) -> list[str]:
    """The records with one deed done to them; never to the tail alone."""
    lines = list(LINES)
    at = dice.randrange(len(lines) - 1)
    match dice.choice(("edit", "delete", "reorder", "duplicate")):
        case "edit":
            where = dice.randrange(len(lines[at]))
            other = dice.choice([char for char in '0123456789abcxyz"{}:, ' if char != lines[at][where]])
            lines[at] = lines[at][:where] + other + lines[at][where + 1 :]
        case "delete":
            del lines[max(1, at)]
        case "reorder":
            other_at = dice.choice([i for i in range(len(lines)) if i != at])
            lines[at], lines[other_at] = lines[other_at], lines[at]
        case "duplicate":
            lines.insert(dice.randrange(len(lines) + 1), lines[at])
    return lines


def test_a_thousand_random_tamperings_are_noticed() -> None:
    """Edited, deleted, reordered or repeated: every one is named."""
    assert list(verify.chain(LINES)) == []
    dice = random.Random(20260914)
    unnoticed = [number for number in range(1000) if not list(verify.chain(tampered(dice)))]
    assert unnoticed == []


def test_a_cut_head_or_tail_shows_against_what_was_noted() -> None:
    """From inside a cut tail cannot be seen; the head that is printed in the report reveals it."""
    from_inside = list(verify.chain(LINES[:-1]))
    last = LINES[-1].rpartition('"hash":"')[2][:64]
    assert from_inside == []
    assert list(verify.chain(LINES, (len(LINES), last))) == []
    (told,) = verify.chain(LINES[:-1], (len(LINES), last))
    assert "the tail was cut" in told


@pytest.mark.parametrize(("sent", "ended"), [(4.5, 5.0), (3.9, 6.1)])
def test_a_write_just_before_the_new_epoch_was_seen_counts(sent: float, ended: float) -> None:
    """As in tests/core/test_continued.py, by the rules that are written down a second time."""
    look, write = ["hk", "database", "look"], ["hk", "database", "write"]

    def row(key: list[str], start: float, end: float, reason: str | None = None, **more: Any) -> dict[str, Any]:
        what = (
            {"look": key[:2], "role": "primary", "writable": True}
            if key is look
            else {"write": key[:2], "counts": True}
        )
        return {"at": end, "from": start, "to": end, "reason": reason, "needs": [look, write], **what, **more}

    replay = Replay({"stateful": ["database"]})
    for one in (
        row(look, 2.0, 2.0),
        row(write, 2.0, 2.1),
        row(write, 4.0, 4.0, "refused"),
        row(look, 4.0, 4.0, "refused", declared=True),
        row(write, sent, 4.8),
        row(look, 5.0, 5.0, moved=["database", 2.0, 5.0]),
        row(write, 6.0, 6.1),
    ):
        replay.row(one)
    assert replay.end == (4.0, ended)

"""A standby that is ahead of its primary cannot follow: its position proves nothing, and no healthy pair is ever taken for one."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.core import fold
from exporter.core.model import Facts, Instant, Part, Position, Role, Sample
from exporter.core.position import GtidSet, LogPosition, overruns
from exporter.core.readings import exposure
from exporter.core.state import SourceState
from tests.core.filming import HK, SG, SYSTEM, Projector, moment


def look(shown: Projector, primary: bool, start: Instant, position: Position, end: Instant | None = None) -> None:
    """One look at hk, the primary, or at sg, the standby."""
    end = start if end is None else end
    facts = Facts(Role.PRIMARY if primary else Role.STANDBY, primary, "1", position=position, applied=position)
    sample = Sample(HK if primary else SG, start, end, None, "", facts)
    shown.take(fold.observe(shown.system, shown.state, sample, moment(end)))


def streaming(shown: Projector) -> SourceState:
    return shown.state.sources["sg", "database", "streaming"]


def ahead(length: int = 10) -> Projector:
    """The primary was made anew and writes from 1 on, the standby still has 100; nothing else is ever said."""
    shown = Projector()
    for at in range(1, length + 1):
        look(shown, True, at, at)
        look(shown, False, at + 0.5, 100)
    look(shown, True, length + 1, length + 1)
    return shown


def test_a_standby_that_is_ahead_proves_nothing() -> None:
    """It was told as up to date for ever, since nothing that the primary writes is above its position."""
    shown = ahead()
    assert not exposure(shown.system, shown.state, "site_loss", 12.0).known
    assert shown.kinds("transition") == ["source_refuted"]


def test_the_death_of_the_exporter_forgives_nothing() -> None:
    """It is remembered across a restart, and a look at the standby alone brings nothing back."""
    shown = ahead()
    shown.kill(12.0)
    look(shown, True, 13.0, 13)
    look(shown, False, 13.5, 100)
    assert streaming(shown).at is None
    assert streaming(shown).ahead == 100


def test_the_primary_grows_past_one_that_stands_still() -> None:
    """That makes it no standby that follows: it has to move, and to be found behind."""
    shown = ahead()
    for at in (150, 151, 152):
        look(shown, True, at, at)
        look(shown, False, at + 0.5, 100)
    assert streaming(shown).at is None


def test_one_that_was_made_anew_counts_again() -> None:
    """It tells another position, a later look at the primary covers that, and the next look proves."""
    shown = ahead()
    look(shown, False, 12.0, 11)
    assert streaming(shown).at is None
    look(shown, True, 13.0, 13)
    look(shown, False, 13.5, 13)
    assert streaming(shown).at == 13.0
    assert shown.kinds("transition") == ["source_refuted", "source_cleared"]


def test_one_that_goes_on_ahead_is_held_by_what_it_told_last() -> None:
    """Writes of its own carry it on, then it stops, and the primary passes it."""
    shown = ahead()
    look(shown, False, 12.0, 120)
    look(shown, True, 13.0, 13)
    look(shown, True, 200.0, 200)
    look(shown, False, 200.5, 120)
    assert streaming(shown).at is None


def test_only_a_look_that_began_afterwards_tells() -> None:
    """The primary was asked before the standby was, and its answer came later: the standby has what was written between."""
    shown = Projector()
    look(shown, True, 1.0, 10)
    look(shown, False, 2.0, 30, end=4.0)
    look(shown, True, 3.9, 20, end=5.0)
    assert streaming(shown).at == 1.0


def test_a_stream_that_begins_forgets_what_was_told_in_another() -> None:
    """Positions of two epochs are never compared: a third site told its own before the role moved, and more than the new holder has."""
    third = Part("de", "database")
    shown = Projector(replace(SYSTEM, sites=("hk", "sg", "de"), parts=frozenset({HK, SG, third})))
    look(shown, True, 1.0, 90)
    facts = Facts(Role.STANDBY, False, "1", position=90, applied=90)
    shown.take(fold.observe(shown.system, shown.state, Sample(third, 2.0, 2.0, None, "", facts), moment(2.0)))
    shown.frame("o", 3.0)
    shown.epochs["sg"] = "2"
    for at in (4.0, 5.0):
        shown.look(SG, at, True)
    assert shown.state.roles["database"].site == "sg"
    assert "source_refuted" not in shown.kinds()
    assert shown.state.sources["de", "database", "streaming"].at == 1.0


def test_a_new_primary_of_mariadb_has_to_write_first() -> None:
    """Without log_slave_updates its own log ends where it was a primary last; what it received since is not told by it."""
    shown, standby = Projector(), GtidSet.parse("0-1-5000")
    for at in (1.0, 2.0, 3.0):
        look(shown, True, at, GtidSet.parse("0-2-100"))
        look(shown, False, at + 0.5, standby)
    assert streaming(shown).ahead is None
    look(shown, True, 4.0, GtidSet.parse("0-2-101"))
    assert streaming(shown).ahead == standby


@pytest.mark.parametrize(
    ("told", "written", "result"),
    [
        (7, 6, True),
        (6, 6, False),
        (LogPosition("b.000009", 4), LogPosition("b.000002", 90), True),
        (LogPosition("b.000002", 4), LogPosition("b.000002", 90), False),
        (LogPosition("old.000009", 4), LogPosition("new.000001", 4), False),
        (GtidSet.parse("0-1-201"), GtidSet.parse("0-2-2"), True),
        (GtidSet.parse("0-1-201"), GtidSet.parse("0-2-201"), False),
        (GtidSet.parse("0-1-2,7-1-9"), GtidSet.parse("0-2-2"), False),
        (GtidSet.parse("3e11fa47-71ca:1-9"), GtidSet.parse("3e11fa47-71ca:1-8"), False),
        (GtidSet.parse("0-1-201"), 5, False),
    ],
)
def test_what_overruns(told: Position, written: Position, result: bool) -> None:
    """Only what can be compared; a set of MySQL's never does, as a primary may count what it wrote later than its standbys."""
    assert overruns(told, written) is result


STEPS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 8), st.integers(0, 8), st.integers(0, 9)), max_size=40
)


@settings(max_examples=500, deadline=None)
@given(STEPS, st.sampled_from(["number", "log", "domain"]), st.integers(0, 40))
@example([(True, 0, 8, 0, 9), (False, 1, 0, 8, 0), (True, 1, 2, 2, 9)], "number", 0)
def test_a_healthy_standby_is_never_refuted(steps: list[tuple[bool, int, int, int, int]], kind: str, dies: int) -> None:
    """(primary?, started so long after the one before, asked, answered so long after that, how far the standby lags): looks of any
    length, that overlap and end in any order, and a death of the exporter."""
    shown, start, looks = Projector(), 1, []
    for primary, gap, asked, answered, lag in [(True, 1, 0, 0, 0), *steps]:
        start += gap
        at = start + asked
        # One write a second. The standby never has more than there is, and may fall back.
        looks.append((at + answered, start, primary, at if primary else max(0, at - lag)))
    for number, (end, began, primary, count) in enumerate(sorted(looks)):
        positions: dict[str, Position] = {
            "number": count,
            "log": LogPosition(f"b.{count // 5:06}", count % 5),
            "domain": GtidSet.parse(f"0-1-{count + 1}"),
        }
        if number == dies:
            shown.kill(float(end))
        look(shown, primary, float(began), positions[kind], float(end))
    assert "source_refuted" not in shown.kinds()
    assert all(source.ahead is None for source in shown.state.sources.values())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=60))
def test_nothing_is_proven_once_it_was_seen_ahead(steps: list[tuple[bool, int]]) -> None:
    """The primary writes, the standby stands still ahead of it: from the first look that can tell on, T is gone for good, also
    when the primary has grown past it."""
    shown, at, told, found = Projector(), 1.0, False, False
    look(shown, True, at, 1)
    for primary, wait in steps:
        at += 1 + wait
        look(shown, primary, at, int(at) if primary else 40)
        found = found or (primary and told and at < 40)
        told = told or not primary
        if found:
            assert not exposure(shown.system, shown.state, "site_loss", at).known

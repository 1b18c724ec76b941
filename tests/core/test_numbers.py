"""No marker gets a number that another one has, and one that did proves nothing."""

import json
from dataclasses import replace

from exporter.core import fold, numbers
from exporter.core.canary import Outcome
from exporter.core.codec import Decoder, encode
from exporter.core.model import Component, Facts, Role, Sample
from exporter.core.state import Marker, SourceState, SystemState
from tests.core.filming import HK, SG, SYSTEM, film, moment

MARKED = replace(SYSTEM, components={"database": Component("database", critical=True, stateful=True, canary_every=1.0)})
BARE = SYSTEM


def begun() -> SystemState:
    """Home serves."""
    return film("hh", MARKED).state


def sent(state: SystemState, at: float, acked: float | None = None) -> tuple[SystemState, Marker]:
    state, marker = fold.marker_sent(state, "database", "hk", at)
    if acked is not None:
        state = fold.marker_finished(MARKED, state, "database", marker, Outcome(acked), moment(acked)).state
    return state, marker


def written(state: SystemState) -> SystemState:
    return Decoder().state(json.loads(json.dumps(encode(state))))


def test_a_death_goes_on_above_all_that_may_have_been_sent() -> None:
    """The disk was full for an hour, and every 10 ms a marker went out: none of their numbers is given again."""
    kept = written(begun())
    state = kept
    for tick in range(1000):
        state, marker = sent(state, 3 + tick / 100)
    after = fold.resume(MARKED, kept, 3.0, moment(3603.0)).state
    _, first = sent(after, 3603.0)
    assert first.seq > marker.seq + 359_000
    at_once = fold.resume(MARKED, kept, 13.0, moment(13.0)).state  # by a clock that went back meanwhile
    assert at_once.canaries["database"].seq >= marker.seq


def test_a_canary_that_was_taken_out_goes_on_above_them_too() -> None:
    """Taken out of the configuration between two runs, and put back in a third."""
    state, marker = sent(begun(), 3.0, 3.1)
    out = fold.resume(BARE, written(state), 4.0, moment(5.0)).state
    back = fold.resume(MARKED, written(out), 6.0, moment(7.0)).state
    assert back.canaries["database"].seq >= marker.seq + 2 * numbers.SKIPPED


def test_numbers_of_a_site_are_passed() -> None:
    """The ledger is a new one, and the rows of an earlier one are there; lower ones change nothing."""
    state, marker = sent(begun(), 3.0)
    assert numbers.to_read(state, "database", None) == marker.seq
    assert numbers.to_read(state, "database", 0) == 0
    assert numbers.to_read(film("h").state, "database", None) is None
    assert numbers.found(state, "database", (1,)) is state
    _, first = sent(numbers.found(state, "database", (1, 500, 501)), 4.0)
    assert first.seq > 501 + 10_000  # a look may have read the oldest of them only


def test_a_marker_whose_number_was_taken_proves_nothing() -> None:
    """Somebody else's row of that number at the standby passed for it; it is neither seen, nor lost, nor indeterminate."""
    state, good = sent(begun(), 3.0, 3.1)
    state, marker = sent(state, 4.0)
    facts = Facts(Role.STANDBY, writable=False, epoch="1", position=40, applied=40, markers=(good.seq, marker.seq))
    state = fold.observe(MARKED, state, Sample(SG, 4.1, 4.1, facts=facts), moment(4.1), above=0).state
    assert state.sources["sg", "database", "canary"].at == 4.0  # as long as nobody knows better
    state = numbers.taken(state, "database", marker)
    assert state.sources["sg", "database", "canary"] == SourceState("sg", "database", "canary", seen=4.1)
    assert [one.seq for one in state.canaries["database"].markers] == [good.seq]
    state = fold.observe(MARKED, state, Sample(SG, 4.2, 4.2, facts=facts), moment(4.2), above=0).state
    assert state.sources["sg", "database", "canary"].at == 3.0
    assert state.sources["sg", "database", "streaming"].at is not None
    _, later = sent(state, 5.0)
    assert later.seq >= marker.seq + numbers.SKIPPED


def test_nor_after_a_restart() -> None:
    """In the ledger it is a marker of no site: its number counts as given, and nothing else of it."""
    _, marker = sent(begun(), 3.0)
    after = fold.with_markers(written(begun()), {"database": [marker._replace(site="")]})
    assert (after.canaries["database"].markers, after.canaries["database"].seq) == ((), marker.seq)


def test_a_look_that_only_reads_numbers_counts_nothing() -> None:
    """What the holder of the role told of numbers, where nobody asked for survivors, is no count of a loss."""
    state, marker = sent(begun(), 3.0, 3.1)
    facts = Facts(Role.PRIMARY, writable=True, epoch="1", position=40, markers=(marker.seq, 900))
    step = fold.observe(MARKED, state, Sample(HK, 4.0, 4.0, facts=facts), moment(4.0))
    assert (step.records, step.state.canaries) == ((), state.canaries)


def test_impossible_numbers_lead_nowhere() -> None:
    """Whoever answers a number beyond all that can be stored takes none of ours away; what an older exporter believed is given up."""
    state, marker = sent(begun(), 3.0)
    assert numbers.possible([7, -1, 2**63, 10**24, True, "8", None, 5, 2**63 - 1]) == (7, 5, 2**63 - 1)
    for there in (2**63 - 1, 2**64 - 1, 10**24):
        assert numbers.found(state, "database", (there,)) is state
        assert numbers.found(state, "database", (there, 500)).canaries["database"].seq == 500 + numbers.SKIPPED
    canary = replace(state.canaries["database"], seq=10**24)
    led = numbers.after_absence(replace(state, canaries={"database": canary}, numbered={"cache": 10**24}), 0.0)
    assert (led.canaries["database"].seq, led.numbered["cache"]) == (numbers.SKIPPED, numbers.SKIPPED)
    assert marker.seq < numbers.SKIPPED

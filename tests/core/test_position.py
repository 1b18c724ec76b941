"""Positions that are not plain numbers: a partial order, texts that are read back, and gaps that count what is missing."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.core.codec import Decoder, encode
from exporter.core.model import Facts, Position
from exporter.core.position import GtidSet, LogPosition, counted, gap, gap_bytes, read_position
from exporter.core.recovery_point import from_position, proven, remember
from exporter.core.state import SourceState, SystemState

UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
OTHER = "24bc7850-2c16-11e6-a073-0242ac110002"
STREAMING = SourceState("sg", "database", "streaming")

numbers = st.integers(1, 40)
members = st.frozensets(st.tuples(st.sampled_from([UUID, OTHER, f"{UUID}:blue", "0", "7"]), numbers), max_size=30)
"""What a set holds, one by one: the model against which the spans are held."""
logs = st.builds(
    LogPosition,
    st.builds("{}.{:06d}".format, st.sampled_from(["binlog", "mysql-bin", "db.log"]), st.integers(1, 1_000_002)),
    st.integers(0, 2**40),
)


def made(held: frozenset[tuple[str, int]]) -> GtidSet:
    return GtidSet.parse(",".join(f"{stream}:{number}" for stream, number in held))


sets = members.map(made)
positions = st.one_of(sets, logs, st.integers(0, 2**63))


@given(members, members)
def test_a_set_is_behind_another_that_holds_all_of_it(
    some: frozenset[tuple[str, int]], more: frozenset[tuple[str, int]]
) -> None:
    """`<=`, the union and the gap are those of the sets of single transactions."""
    a, b = made(some), made(more)
    assert (a <= b) == (some <= more)
    assert (a == b) == (some == more)
    assert a | b == made(some | more)
    assert gap(a, b) == len(more - some)


@given(positions, positions, positions)
def test_it_is_a_partial_order(a: Position, b: Position, c: Position) -> None:
    """Reflexive, transitive, antisymmetric; different types are never comparable, and comparing them never breaks."""
    assert a <= a
    if a <= b and b <= c:
        assert a <= c
    if a <= b and b <= a:
        assert a == b
    if type(a) is not type(b):
        assert not a <= b
        assert gap(a, b) is None


@given(positions)
def test_a_position_is_read_back_as_it_was_written(position: Position) -> None:
    """Numbers stay numbers; the rest has one text for each value, through the checkpoint too."""
    stored = position if isinstance(position, int) else str(position)
    assert read_position(stored) == position
    source = replace(STREAMING, position=position, applied=position, received=position)
    state = SystemState(watched_since=0.0, sources={("sg", "database", "streaming"): source})
    assert Decoder().state(json.loads(json.dumps(encode(state)))) == state


@given(st.lists(st.tuples(st.sampled_from(["0", "7", UUID]), numbers), max_size=60), sets)
def test_history_is_searched_as_if_each_entry_were_asked(written: list[tuple[str, int]], standby: GtidSet) -> None:
    """Along one primary's history sets only grow, so the newest that a standby covers can be bisected for."""
    history: tuple[tuple[float, Position], ...] = ()
    holds = GtidSet()
    for instant, (stream, number) in enumerate(written):
        holds |= made(frozenset({(stream, number)}))
        history = remember(history, float(instant), holds)
    covered = [instant for instant, position in history if position <= standby]
    assert proven(history, standby) == (max(covered) if covered else None)


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ("", ""),
        (f"{UUID.upper()}:1-5:7,\n{OTHER}:3", f"{OTHER}:3,{UUID}:1-5:7"),
        (f"{UUID}:1-3:4-5:9-7", f"{UUID}:1-5"),
        (f"{UUID}:1-3:blue:1:4-6:green_2:9, {UUID}:4", f"{UUID}:1-4,{UUID}:blue:1:4-6,{UUID}:green_2:9"),
        ("0-1-100,3-2-7", "0:1-100,3:1-7"),
        ("0-1-90,0-2-100", "0:1-100"),
    ],
)
def test_what_servers_tell_is_understood(told: str, written: str) -> None:
    """MySQL's sets with line breaks, runs and tags, and MariaDB's, where a domain's number stands for all before it."""
    assert str(GtidSet.parse(told)) == written


@pytest.mark.parametrize(
    "text", ["nonsense", "0-1-", f"{UUID}:5-", f"{UUID}:1-x:", "0-1-²", "binlog.000001:", "binlog.:4"]
)
def test_nonsense_is_no_position(text: str) -> None:
    """The sentence shows what one looks like."""
    with pytest.raises(ValueError, match="is not a position; one is like"):
        read_position(text)


def test_logs_are_ordered_by_number_and_place() -> None:
    """The number grows beyond six digits; another base name is another log; across files the gap is not known."""
    assert LogPosition("binlog.999999", 9) <= LogPosition("binlog.1000000", 4)
    assert not LogPosition("binlog.000001", 9) <= LogPosition("mysql-bin.000002", 4)
    assert gap(LogPosition("binlog.000001", 4), LogPosition("binlog.000001", 10)) == 6
    assert gap(LogPosition("binlog.000002", 4), LogPosition("binlog.000001", 10)) == 0
    assert gap(LogPosition("binlog.000001", 4), LogPosition("binlog.000002", 10)) is None


def test_only_bytes_are_bytes() -> None:
    """Transactions are not told as bytes of lag."""
    behind, ahead = GtidSet.parse("0-1-5"), GtidSet.parse("0-1-9")
    assert (gap(behind, ahead), gap_bytes(behind, ahead)) == (4, None)
    assert gap_bytes(3, 10) == 7


def test_what_arrived_costs_time_and_proves_nothing() -> None:
    """A relay log that is not applied: T follows what was applied, the backlog and the growth follow what arrived."""
    history = ((1.0, GtidSet.parse("0-1-10")), (2.0, GtidSet.parse("0-1-20")), (3.0, GtidSet.parse("0-1-30")))

    def told(applied: int, received: int) -> Facts:
        done = GtidSet.parse(f"0-1-{applied}")
        return Facts(position=done, applied=done, received=GtidSet.parse(f"0-1-{received}"))

    first = from_position(STREAMING, history, told(10, 20), 4.0)
    assert (first.at, first.applied_at, first.backlog, first.lag_bytes) == (1.0, 1.0, 10.0, None)
    stopped = from_position(first, history, told(10, 30), 5.0)
    assert (stopped.at, stopped.backlog, stopped.apply_rate) == (1.0, 20.0, None)
    assert stopped.grew == (4.0, 5.0)
    applying = from_position(stopped, history, told(20, 30), 7.0)
    assert (applying.at, applying.backlog, applying.apply_rate, applying.grew) == (2.0, 10.0, 5.0, (4.0, 5.0))


def test_what_no_server_counts_is_no_position() -> None:
    """Beyond 64 bits, and beyond a float, nothing is measured, and nothing breaks."""
    assert gap(0, 2**64 - 1) == float(2**64 - 1)
    assert counted(2**64 - 1) == 2**64 - 1
    for beyond in (2**64, -(2**63) - 1, 10**400):
        assert gap(0, beyond) is gap(beyond, 0) is gap(beyond, beyond) is None
        with pytest.raises(ValueError, match="64 bits"):
            counted(beyond)

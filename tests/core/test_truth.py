"""Invented worlds with a known truth: whatever happens and whenever we look, the bounds contain it and no claim exceeds it."""

from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.core import fold
from exporter.core.exposed import site_point
from exporter.core.interval import Interval
from exporter.core.model import Facts, Instant, Reason, Role, Sample
from exporter.core.readings import exposure
from exporter.core.recovery_point import achieved
from exporter.core.state import Marker
from tests.core.filming import HK, SG, SYSTEM, WALL, Projector, moment

ALONE = replace(SYSTEM, sites=("hk",), parts=frozenset({HK}))
PRIMARY = Facts(Role.PRIMARY, True)


class Look(NamedTuple):
    """A look as the world lets it happen."""

    start: Instant
    end: Instant
    reason: Reason | None


class World(NamedTuple):
    """Down from `down` until `up`: refusing at once, or hanging and answering what still waits when it is up again."""

    down: Instant
    up: Instant
    hangs: bool

    def look(self, start: Instant, latency: float, timeout: float) -> Look:
        asked = start + latency / 2
        if not self.down <= asked < self.up:
            return Look(start, start + latency, None)
        if not self.hangs:
            return Look(start, start + latency, Reason.REFUSED)
        if self.up + latency < start + timeout:
            return Look(start, self.up + latency, None)
        return Look(start, start + timeout, Reason.TIMEOUT)


def watch(world: World, gaps: list[float], latency: float, timeouts: list[float]) -> Projector:
    """Look at the world; what started before a good look is no longer awaited when that ends."""
    shown, at, looks = Projector(ALONE), 0.0, []
    for gap, timeout in zip(gaps, timeouts, strict=True):
        at += gap
        looks.append(world.look(at, latency, timeout))
    looks += [world.look(at + n, latency, 0.5) for n in range(1, 9)]
    waiting = sorted(looks, key=lambda look: look.end)
    while waiting:
        look = waiting.pop(0)
        pending = [other.start for other in waiting if other.start < look.start and look.reason is None]
        waiting = [other for other in waiting if other.start not in pending]
        sample = Sample(HK, look.start, look.end, look.reason, "", PRIMARY if look.reason is None else Facts())
        shown.take(fold.observe(ALONE, shown.state, sample, moment(look.end), pending=pending))
    return shown


GAPS = st.lists(st.floats(0.05, 1.2), min_size=20, max_size=20)
TIMEOUTS = st.lists(st.sampled_from([0.5, 2.0]), min_size=20, max_size=20)


@settings(max_examples=400, deadline=None)
@given(st.floats(1.5, 6.0), st.floats(0.01, 7.0), st.booleans(), GAPS, st.floats(0.001, 0.3), TIMEOUTS)
def test_the_truth_lies_within_the_bounds(
    down: float, length: float, hangs: bool, gaps: list[float], latency: float, timeouts: list[float]
) -> None:
    """One real outage, looks at any instants that overlap and end in any order: start, end and RTO contain the truth."""
    world = World(down, down + length, hangs)
    shown = watch(world, [0.5, *gaps[1:]], latency, timeouts)
    told = [record.data for record in shown.records if record.kind in ("incident", "blip")]
    assert len(told) <= 1
    for data in told:
        for name, truth in (("start", world.down), ("end", world.up)):
            assert data[name]["lower"] - WALL - 1e-6 <= truth + latency / 2
            assert truth <= data[name]["upper"] - WALL + 1e-6
        assert data["rto"]["lower"] - latency <= length <= data["rto"]["upper"] + latency
        if not hangs:
            assert data["rto"]["upper"] - data["rto"]["lower"] <= 2 * max(gaps) + 2 * latency + 2


@settings(max_examples=400, deadline=None)
@given(st.floats(3.0, 4.0), st.floats(2.0, 7.0), st.floats(0.001, 0.03))
def test_a_freeze_is_dated_by_what_was_waited_for(down: float, length: float, latency: float) -> None:
    """Looks each second until the first that hangs, then four a second that wait for half a second: the estimate of the start
    is off by at most half of what lies between two looks, though a look that hangs widens the bounds by as long as it waits;
    that of the end by what a look takes, because one that waits is answered."""
    world = World(down, down + length, hangs=True)
    hung = next(at for at in (1.0, 2.0, 3.0, 4.0, 5.0) if world.look(at, latency, 0.5).reason)
    looks = [1.0] * int(hung) + [0.25] * 34
    shown = watch(world, looks, latency, [0.5] * len(looks))
    (told,) = [record.data for record in shown.records if record.kind in ("incident", "blip")]
    assert abs(told["start"]["estimate"] - WALL - down) <= 0.5 + latency
    assert abs(told["end"]["estimate"] - WALL - down - length) <= latency + 1e-6  # Unix seconds have no more digits
    assert told["start"]["upper"] - told["start"]["lower"] >= 0.5


class Stream:
    """A primary that writes, and a standby that has the first `there` of its writes."""

    def __init__(self) -> None:
        self.shown = Projector()
        self.clock = 1.0
        self.acked: list[Instant] = []
        self.there = 0
        self.lies = 0

    def tick(self, seconds: float) -> Instant:
        self.clock += seconds
        return self.clock

    def write(self, count: int) -> None:
        for _ in range(count):
            self.acked.append(self.tick(0.01))

    def look(self, primary: bool, during: int) -> None:
        """A look; `during` writes are acknowledged after it began and before the server answers."""
        start = self.tick(0.01)
        self.write(during)
        position = len(self.acked) if primary else self.there
        role = Role.PRIMARY if primary else Role.STANDBY
        facts = Facts(role, primary, epoch="1", position=position, applied=position)
        end = self.tick(0.01)
        sample = Sample(HK if primary else SG, start, end, None, "", facts)
        self.shown.take(fold.observe(self.shown.system, self.shown.state, sample, moment(end)))

    @property
    def claimed(self) -> Instant | None:
        return site_point(self.shown.system, self.shown.state, "sg")

    def proves(self) -> bool:
        """Every write that was acknowledged before T is at the standby."""
        claimed = self.claimed
        return claimed is None or all(at >= claimed for at in self.acked[self.there :])


STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "copy", "lose", "primary", "standby", "wait", "die"]), st.integers(0, 5)),
    max_size=60,
)


@settings(max_examples=400, deadline=None)
@given(STEPS)
def test_no_recovery_point_is_later_than_the_truth(steps: list[tuple[str, int]]) -> None:
    """Writes, lag, a cut link, a standby that falls back, a death of the exporter: after each look T is proven, and the
    exposure falls only by a look at the standby."""
    world = Stream()
    world.look(primary=True, during=0)
    for step, count in steps:
        shown = world.shown
        before = exposure(shown.system, shown.state, "site_loss", 1000.0)
        fell = False
        match step:
            case "write":
                world.write(count)
            case "copy":
                world.there = min(len(world.acked), world.there + count)
            case "lose":
                fell, world.there = count > 0, max(0, world.there - count)
            case "wait":
                world.tick(count)
            case "die":
                shown.kill(world.tick(0.01))
            case _:
                world.look(step == "primary", count)
        if fell:
            world.look(primary=False, during=0)
        assert world.proves(), step
        after = exposure(shown.system, shown.state, "site_loss", 1000.0)
        if step != "standby" and before.known and after.known and not fell:
            assert after.seconds >= before.seconds


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.05, 1.0), st.floats(0.001, 0.9), st.booleans()), min_size=1, max_size=30),
    st.floats(0, 1),
    st.floats(0, 0.99),
    st.booleans(),
)
def test_the_achieved_rpo_contains_the_truth(
    writes: list[tuple[float, float, bool]], cut: float, last: float, known: bool
) -> None:
    """A link cut somewhere, a death some time later: the seconds of lost writes lie inside, and the counts are exact. Where not
    even the first marker survived, there are bounds only if T of the standby is known."""
    markers, committed, clock = [], [], 0.0
    for number, (gap, latency, acked) in enumerate(writes, start=1):
        markers.append(Marker(number, "hk", clock, clock + latency * gap if acked else None))
        committed.append(clock + latency * gap / 2)
        clock += gap
    stop, cut_at = clock, cut * clock
    acks = [marker.acked for marker in markers if marker.acked is not None]
    survivors = [marker.seq for marker, at in zip(markers, committed, strict=True) if at <= cut_at]
    point = cut_at if known else None
    result = achieved(markers, survivors, stop, point)
    lost = sum(m.acked is not None and m.seq not in survivors for m in markers)
    assert result.markers == (lost, len(acks) - lost, len(markers) - len(acks))
    newest = max(acks, default=0.0)
    truth = newest + last * (stop - newest) - cut_at
    assert result.at_least <= max(0.0, truth) + 1e-9
    if known:
        assert result.rpo is not None
    if result.rpo is not None:
        assert result.at_least == result.rpo.lower
        assert truth <= result.rpo.upper + 1e-9


@pytest.mark.parametrize(
    ("survivors", "rpo", "count"),
    [
        ([1, 2, 3, 4], Interval(0.0, 0.9), (0, 3, 1)),
        ([1, 2], Interval(0.0, 2.9), (1, 2, 1)),
        ([1], Interval(1.9, 3.9), (2, 1, 1)),
        ([1, 4], Interval(1.9, 3.9), (1, 2, 1)),
        ([1, 3, 4], Interval(1.9, 3.9), (1, 2, 1)),
    ],
)
def test_achieved_by_hand(survivors: list[int], rpo: Interval, count: tuple[int, int, int]) -> None:
    """Four markers a second apart, the third never acknowledged, stop 0.9 s after the last: a hole stops the counting."""
    markers = [Marker(n, "hk", float(n), None if n == 3 else n + 0.1) for n in (1, 2, 3, 4)]
    result = achieved(markers, survivors, 4.9, None)
    assert result.markers == count
    assert result.rpo is not None
    assert result.rpo[:2] == pytest.approx(rpo[:2])


def test_an_acknowledgement_that_was_read_late_dates_no_write() -> None:
    """The exporter stood still for a minute while the last one lay in its socket: nothing was written in that minute."""
    markers = [Marker(n, "hk", float(n), n + 0.1) for n in (1, 2, 3)] + [Marker(4, "hk", 4.0, 64.1)]
    result = achieved(markers, [1], 64.2, None)
    assert result.rpo is not None
    assert result.rpo[:2] == pytest.approx((1.9, 63.2))

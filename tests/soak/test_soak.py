"""A short piece of the day, and whether those who judge the soak would see what is wrong."""

import random
from typing import Any

import pytest

from exporter.core.interval import Interval
from tests.soak import day
from tests.soak.clockwork import DayLoop, in_fast_time
from tests.soak.crowd import counters
from tests.soak.day import Held, grown
from tests.soak.gauges import Sample, an_hour, slope
from tests.soak.record import Spell, Told, Truth, judge
from tests.soak.world import Database, Net

OUT = Truth("shop", "killed", [Spell(Interval(100.0, 100.0), Interval(120.0, 120.0))])


def told(start: tuple[float, float] = (99.5, 100.2), end: tuple[float, float] = (119.9, 120.3), **more: Any) -> Told:
    """An incident as the API has it."""
    rto = {"lower": end[0] - start[1], "upper": end[1] - start[0]}
    one = {
        "system": "shop",
        "id": "1",
        "kind": "outage_in_place",
        "open": False,
        "start": start,
        "end": end,
        "rto": rto,
    }
    return {**one, "cause": "refused", "drill": None, "markers": None, **more}


def when(one: Told, which: str) -> Interval:
    """Instants are told as they are."""
    return Interval(*one[which])


def test_a_quarter_of_an_hour() -> None:
    """The real engine, ledger, exposition and board in virtual time: every fault told once and within its bounds, and all sums add up."""
    found = day.measure(0.25, seed=2)
    assert found.wrong == []
    assert found.outages.faults >= 5
    assert found.outages.told >= 4


@pytest.mark.parametrize(
    ("incidents", "wrong"),
    [
        ([told()], ""),
        ([], "told 0 times"),
        ([told(), told(id="2")], "told 2 times"),
        ([told(), told((199.0, 200.0), (209.0, 210.0), id="2", kind="blip")], "nothing had happened"),
        ([told((100.1, 100.2))], "misses"),
        ([told(end=(118.0, 119.9))], "misses"),
        ([told(open=True)], "open"),
        ([told(drill="7")], "drill 7"),
        ([told(kind="failover")], "was Truth"),
        ([told(system="other")], "nothing had happened"),
    ],
)
def test_what_is_wrong_is_seen(incidents: list[Told], wrong: str) -> None:
    """False, missed, told twice, bounds without the truth, a wrong drill or kind."""
    found = judge([OUT], incidents, when).wrong
    assert any(wrong in one for one in found) if wrong else found == []


def test_what_nobody_could_see_need_not_be_told() -> None:
    """An outage of which less than SURE seconds on end were in sight."""
    assert OUT.spells[0].in_sight([]) == 20.0
    assert OUT.spells[0].in_sight([Interval(90.0, 113.0)]) == 7.0
    assert OUT.spells[0].in_sight([Interval(105.0, 106.0), Interval(112.0, 130.0)]) == 6.0
    assert judge([OUT], [], when, [Interval(90.0, 113.0)]).wrong == []


def test_a_miscounted_loss_is_seen() -> None:
    """Markers that a move has cost, by the world and by the exporter."""
    moved = OUT._replace(kinds=["failover"], lost=3)
    told_as = told(kind="failover", markers={"lost": 2, "surviving": 9, "indeterminate": 0})
    (wrong,) = judge([moved], [told_as], when).wrong
    assert "'lost': 2" in wrong


def test_what_grows_is_seen() -> None:
    """A slow leak under noise and jumps; a level that is only noisy is none."""
    dice = random.Random(1)
    level = [Sample(at, 100 + dice.uniform(-3, 3), 50, 6, 1, at) for at in map(float, range(0, 3600, 10))]
    leaking = [one._replace(rss=one.rss + one.at / 360 + (40 if dice.random() < 0.1 else 0)) for one in level]
    assert abs(an_hour(level, 600)["rss"]) < 1
    assert 8 < an_hour(leaking, 600)["rss"] < 12
    assert slope([(0.0, 0.0), (1.0, 2.0), (2.0, 4.0), (3.0, 600.0)]) < 202
    held = [Held(float(hour), 500, 20, 15, 60.0) for hour in range(24)]
    assert list(grown(held)) == []
    (one,) = grown([Held(each.hour, 500 + 10 * int(each.hour), 20, 15, 60.0) for each in held])
    assert one.startswith("objects grew")


def test_counters_are_read_as_they_are_written() -> None:
    """Of both formats: the type's name has its `_total` in one of them only."""
    text = '# TYPE a_total counter\na_total{b="c d"} 3\n# TYPE e counter\ne_total 4.5\n# TYPE f gauge\nf 1\n'
    assert counters(text) == {'a_total{b="c d"}': 3.0, "e_total": 4.5}


def test_the_world_knows_what_is_lost() -> None:
    """A standby that is behind has the older markers and positions; what it lacks is exposed, and lost when it is promoted."""

    async def film() -> None:
        loop = DayLoop.here()
        pair = Database(Net(), loop.time)
        pair.acknowledged = {1, 2, 3}
        for seq in (1, 2):
            pair.write("hk", seq)
            loop.stall(1.0)
        pair.cut_link()
        loop.stall(1.0)
        pair.write("hk", 3)
        loop.stall(1.0)
        assert pair.facts("sg", 0).markers == (1, 2)
        assert 2.0 < pair.exposed(loop.time()) < 2.1
        pair.servers["hk"].kill()
        pair.settle()
        loop.stall(5.0)
        assert 2.0 < pair.exposed(loop.time()) < 2.1
        assert pair.promote() == 1
        assert (pair.primary, pair.facts("sg", 0).markers) == ("sg", (1, 2))

    in_fast_time(film())

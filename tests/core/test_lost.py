"""What a move of the role or the epoch has lost, told beyond the memory of the markers, and of several moves together."""

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

import pytest

from exporter.core import fold
from exporter.core.canary import Outcome
from exporter.core.interval import Interval
from exporter.core.model import Facts, Objectives, Part, Reason, Role, Sample
from exporter.core.past import EARLIER_KEPT, Ended, Incident, Kind, Loss, MarkerCount, Move
from exporter.core.timeline import incident_json, verdicts
from tests.core.filming import HK, SG, SYSTEM, Projector, moment

COMPONENTS = {"database": replace(SYSTEM.components["database"], canary_every=1.0)}


class World(Projector):
    """Looks and markers by hand; a marker is acknowledged after 0.01 s."""

    def write(self, at: float, site: str = "hk", reason: Reason | None = None) -> None:
        self.state, marker = fold.marker_sent(self.state, "database", site, at)
        outcome = Outcome(at + 0.01, reason)
        self.take(fold.marker_finished(self.system, self.state, "database", marker, outcome, moment(at + 0.01)))

    def see(
        self, part: Part, at: float, primary: bool, epoch: str = "1", there: Iterable[int] | None = None, above: int = 0
    ) -> None:
        """A good look; `there`: which markers it found above `above`."""
        role, markers = Role.PRIMARY if primary else Role.STANDBY, None if there is None else tuple(there)
        facts = Facts(role, primary, epoch=epoch, markers=markers)
        sample = Sample(part, at, at, None, "", facts)
        asked = None if there is None else above
        self.take(fold.observe(self.system, self.state, sample, moment(at), above=asked))

    def refused(self, at: float) -> None:
        self.look(HK, at, None, Reason.REFUSED)
        self.write(at + 0.1, reason=Reason.REFUSED)

    @property
    def told(self) -> Incident:
        """The open incident as it would be if it ended where it began: with bounds to judge."""
        assert self.state.incident is not None
        return replace(self.state.incident, end=self.state.incident.start)

    @property
    def verdict(self) -> str:
        return verdicts(self.told)["rpo"]


def world(rpo: float = 0.0, **policy: float) -> World:
    objectives = Objectives(rto=60.0, rpo={"site_loss": rpo})
    kept = replace(SYSTEM.policy, **policy)  # type: ignore[arg-type]  # whatever field each film names
    return World(replace(SYSTEM, components=COMPONENTS, policy=kept, objectives=objectives))


def long_outage(cut: int, died: int, promoted: int, rpo: float, *, standby: bool = True) -> World:
    """Markers every 10 s; the link is cut, then the primary dies, and long after that the standby is promoted."""
    shown, there = world(rpo), 0
    for tick in range(10, promoted, 10):
        if tick < died:
            shown.see(HK, tick, True)
            shown.write(tick + 0.1)
            there = shown.state.canaries["database"].seq if tick < cut else there
        else:
            shown.refused(tick)
        if standby:
            shown.see(SG, tick + 0.2, False, there=[there] if there else [], above=max(0, there - 1))
    shown.see(SG, promoted, True, "2")
    shown.see(SG, promoted + 0.5, True, "2", there=range(1, there + 1))
    return shown


@pytest.mark.parametrize(
    ("cut", "died", "promoted", "rpo", "lower", "verdict"),
    [
        (300, 400, 500, 60.0, 90.0, "missed"),
        (300, 400, 1600, 0.0, 0.0, "not_proven"),
        (300, 400, 1600, 60.0, 0.0, "not_proven"),
        (300, 400, 1600, 200.0, 0.0, "met"),
        (300, 400, 1260, 60.0, 40.0, "not_proven"),
        (300, 3000, 3020, 1200.0, 880.0, "not_proven"),
    ],
)
def test_what_is_forgotten_is_not_told_as_kept(
    cut: int, died: int, promoted: int, rpo: float, lower: float, verdict: str
) -> None:
    """Markers are remembered for 15 minutes. What the standby was proven to have when it was promoted bounds the loss from above,
    however long before that its link was cut and however long after the death it was promoted."""
    shown = long_outage(cut, died, promoted, rpo)
    truth = died - 10.0 - cut
    assert shown.told.rpo is not None
    assert shown.told.rpo.lower == pytest.approx(lower, abs=0.02)
    assert shown.told.rpo.lower <= truth <= shown.told.rpo.upper
    assert shown.told.rpo.upper == pytest.approx(died - (cut - 10), abs=0.1)
    assert shown.verdict == verdict


def test_without_an_acknowledged_marker_it_is_an_estimate() -> None:
    """All are forgotten: what the standby was proven to have is all that is known, and is labelled so."""
    told = long_outage(300, 400, 1600, 0.0).told
    assert (told.rpo_source, told.at_least) == ("position", 0.0)
    assert told.markers is not None
    assert told.markers[:2] == (0, 0)


@pytest.mark.parametrize(("rpo", "verdict"), [(0.0, "missed"), (200.0, "missed"), (500.0, "not_proven")])
def test_a_loss_without_an_upper_bound_can_still_miss(rpo: float, verdict: str) -> None:
    """Nothing was ever seen at the site that took the role: how much was lost is not told, only that it was too much."""
    shown = long_outage(0, 400, 500, rpo, standby=False)
    assert shown.told.rpo is None
    assert shown.told.rpo_source is None
    assert shown.told.at_least == pytest.approx(379.99)
    assert shown.told.markers == (39, 0, 10)
    assert shown.verdict == verdict
    assert incident_json(shown.told, moment(500.0))["rpo"] is None
    (record,) = [record for record in shown.records if record.kind == "loss_measured"]
    assert "at least 380.0 s" in record.sentence


def test_a_refuted_position_stays_refuted_through_a_long_outage() -> None:
    """That the markers which refuted it are forgotten does not clear it."""
    shown = world()
    for tick in range(1, 10):
        shown.look(HK, tick, True)
        shown.write(tick + 0.1)
        facts = Facts(Role.STANDBY, False, epoch="1", position=tick * 10, applied=tick * 10, markers=())
        shown.take(
            fold.observe(
                shown.system, shown.state, Sample(SG, tick + 0.2, tick + 0.2, facts=facts), moment(tick + 0.2), above=0
            )
        )
    for tick in (500, 1000):
        shown.refused(tick)
    facts = Facts(Role.STANDBY, False, epoch="1", position=90, applied=90, markers=())
    shown.take(fold.observe(shown.system, shown.state, Sample(SG, 1001, 1001, facts=facts), moment(1001), above=9))
    assert shown.state.sources["sg", "database", "streaming"].refuted
    assert "source_cleared" not in shown.kinds()


def failed_over(rpo: float = 0.0) -> World:
    """Nine markers, of which five survive the failover."""
    shown = world(rpo, stable_for=10)
    for tick in range(1, 10):
        shown.see(HK, tick, True)
        shown.write(tick + 0.02)
        shown.see(SG, tick + 0.1, False)
    for tick in (10, 11, 12, 13):
        shown.refused(tick)
    shown.see(SG, 14, True, "2")
    shown.see(SG, 14.1, True, "2", there=range(1, 6))
    shown.write(14.2, "sg")
    return shown


def back_home(shown: World) -> None:
    """The planned return before the incident has closed."""
    for tick in (15, 16, 17):
        shown.see(HK, tick, False, "2")
        shown.see(SG, tick + 0.1, True, "2")
        shown.write(tick + 0.2, "sg")
    shown.see(SG, 18, False, "2")
    shown.see(HK, 18.1, True, "3")


def closed(shown: World, epoch: str) -> Incident:
    for tick in range(19, 32):
        shown.see(HK if epoch == "3" else SG, tick, True, epoch)
        shown.write(tick + 0.1, "hk" if epoch == "3" else "sg")
    assert shown.state.incident is None
    assert shown.state.last is not None
    return shown.state.last


def test_a_second_move_does_not_undo_what_the_first_lost() -> None:
    """A failback in the incident of the failover: the lost markers stay lost, and the upper bounds add up."""
    shown = failed_over()
    first = shown.told.rpo
    assert shown.told.markers == (4, 5, 4)
    assert first is not None
    back_home(shown)
    shown.see(HK, 18.2, True, "3", there=[m.seq for m in shown.state.canaries["database"].markers])
    shown.write(18.3)
    told = closed(shown, "3")
    assert told.kind is Kind.FAILBACK
    assert told.markers == (4, 9, 4)
    assert told.rpo is not None
    assert told.rpo.lower == pytest.approx(first.lower)
    assert told.rpo.upper == pytest.approx(first.upper + 18.1 - 17.2)
    assert verdicts(told)["rpo"] == "missed"


@pytest.mark.parametrize("killed", [False, True])
def test_until_the_second_move_is_counted_the_first_stands(killed: bool) -> None:
    """It closes before anybody could count: four were lost for sure, and how much in all is not known."""
    shown = failed_over()
    back_home(shown)
    if killed:
        shown.kill(18.15)
    told = shown.told
    assert (told.rpo, told.markers, list(told.owed)) == (None, (4, 5, 4), ["database"])
    assert told.at_least == pytest.approx(2.99)
    shown.write(18.3)
    told = closed(shown, "3")
    assert (told.rpo, told.markers) == (None, (4, 5, 4))
    assert told.has_lost
    assert verdicts(told)["rpo"] == "missed"


def test_a_first_move_that_lost_nothing_proves_nothing_of_the_second() -> None:
    """What it did not lose says nothing of the second, until that is counted."""
    shown = world(0.0, stable_for=10)
    for tick in range(1, 10):
        shown.see(HK, tick, True)
        shown.write(tick + 0.02)
    shown.refused(10)
    shown.see(SG, 14, True, "2")
    shown.see(SG, 14.1, True, "2", there=range(1, 10))
    assert shown.verdict == "met"
    shown.write(14.2, "sg")
    back_home(shown)
    assert (shown.told.markers, shown.told.rpo, shown.verdict) == (None, None, "not_proven")


def test_the_new_primary_that_is_emptied_is_one_more_loss() -> None:
    """After the failover was counted the new primary restarts and has lost everything."""
    shown = failed_over()
    shown.see(SG, 15, True, "2")
    shown.write(15.1, "sg")
    shown.see(SG, 16, True, "3")
    shown.see(SG, 16.1, True, "3", there=[])
    told = shown.told
    assert told.kind is Kind.FAILOVER
    assert told.phases["role_moved"] == 14
    assert told.markers == (11, 0, 4)
    assert told.rpo is None


def test_a_move_that_settles_is_counted_once() -> None:
    """The new epoch shows a look after the role: before anything was counted it is the same move."""
    shown = world()
    for tick in range(1, 10):
        shown.see(HK, tick, True)
        shown.write(tick + 0.02)
    shown.refused(10)
    shown.see(SG, 14, True, "1")
    shown.see(SG, 15, True, "2")
    shown.see(SG, 15.1, True, "2", there=range(1, 10))
    assert shown.told.markers == (0, 9, 1)
    assert not shown.told.owed


def twice(kept: int) -> World:
    """The server restarts with so many of its nine markers, takes two more and dies before anybody counted; the other site has all
    that it had."""
    shown = world(2.0)
    for tick in range(1, 10):
        shown.see(HK, tick, True)
        shown.write(tick + 0.02)
    shown.see(HK, 10.1, True, "2")
    shown.write(10.2)
    shown.write(11.2)
    shown.refused(12)
    shown.see(SG, 14, True, "3")
    shown.see(SG, 14.1, True, "3", there=[*range(1, kept + 1), 10, 11])
    return shown


def test_two_moves_judged_together_prove_what_one_of_them_lost() -> None:
    """From the seventh on they are lost, the ninth of either epoch; what was taken after the restart survived, and dates nothing."""
    told = twice(6).told
    assert told.markers == (3, 8, 1)
    assert told.rpo is not None
    assert told.rpo.lower == pytest.approx(0.99)
    assert told.rpo.upper == pytest.approx(12.11 - 6.02)
    assert verdicts(told)["rpo"] == "not_proven"


def test_two_moves_judged_together_may_each_have_lost_its_last_writes() -> None:
    """All markers are there. Of the first epoch the eighth is the last that was surely taken in it: two seconds may be lost there."""
    told = twice(9).told
    assert told.markers == (0, 11, 1)
    assert told.rpo is not None
    assert told.rpo.lower == 0.0
    assert told.rpo.upper == pytest.approx(12.11 - 11.2 + 10.1 - 8.02)
    assert verdicts(told)["rpo"] == "not_proven"


def test_a_new_primary_that_is_emptied_before_the_count_is_one_more_loss() -> None:
    """It came in an epoch of its own: the next one is no end of that move, and what was written in between is lost."""
    shown = world(2.0)
    for tick in range(1, 10):
        shown.see(HK, tick, True)
        shown.write(tick + 0.02)
    shown.refused(10)
    shown.see(SG, 14, True, "2")
    shown.write(14.1, "sg")
    shown.write(15.1, "sg")
    shown.see(SG, 16, True, "3")
    shown.see(SG, 16.1, True, "3", there=range(1, 10))
    assert shown.told.markers == (2, 9, 1)
    assert shown.told.rpo is not None
    assert shown.told.rpo.lower == pytest.approx(0.99)
    assert shown.told.rpo.upper == pytest.approx(16 - 9.02)


def test_a_server_that_restarts_without_end_takes_no_more_memory() -> None:
    """Of many moves that nobody could count the last are taken together, from the first of them to the last."""
    moves = [Move(at + 0.1, Interval(at, at + 0.2), in_place=True) for at in range(100)]
    owed = reduce(lambda before, move: move.after(before), moves)
    assert len(owed.earlier) == EARLIER_KEPT
    assert owed.earlier[0] == Ended(Interval(0, 0.2), 0.1)
    assert owed.earlier[-1] == Ended(Interval(EARLIER_KEPT - 1, 98.2), 98.1)


def restarted(there: int, rpo: float) -> World:
    """Nine markers; the server dies at 9.9 and is back at 9.95 in a new epoch, which takes the tenth before that is seen."""
    shown = world(rpo)
    for tick in range(1, 10):
        shown.see(HK, tick, True)
        shown.write(tick + 0.02)
    shown.write(10.0)
    shown.see(HK, 10.1, True, "2")
    shown.see(HK, 10.3, True, "2", there=[*range(1, there + 1), 10])
    return shown


def test_what_the_new_epoch_took_did_not_survive_the_old() -> None:
    """All nine are there, but what was written in 9.03 .. 9.9 is lost. The ninth may have been taken by the new server, too: the last
    good look in the old epoch began before it was acknowledged."""
    shown = restarted(9, 0.5)
    assert shown.told.rpo is not None
    assert shown.told.rpo.lower == 0.0
    assert shown.told.rpo.upper == pytest.approx(10.1 - 8.02)
    assert shown.told.markers == (0, 8, 0)
    assert shown.verdict == "not_proven"
    assert [m.seq for m in shown.state.canaries["database"].markers] == list(range(1, 11))


def test_what_the_new_epoch_took_does_not_date_the_loss() -> None:
    """From the sixth on they are gone: three seconds are proven, and not the one up to the tenth."""
    shown = restarted(5, 3.5)
    assert shown.told.rpo is not None
    assert shown.told.rpo.lower == pytest.approx(2.99)
    assert shown.told.rpo.upper == pytest.approx(10.1 - 5.02)
    assert shown.told.markers == (4, 5, 0)
    assert shown.verdict == "not_proven"


def test_a_marker_that_came_after_the_look_began_is_not_lost() -> None:
    """It was on its way when the new epoch was seen, and the look that counted did not see it yet."""
    shown = world()
    for tick in range(1, 10):
        shown.see(HK, tick, True)
        shown.write(tick + 0.02)
    shown.state, marker = fold.marker_sent(shown.state, "database", "hk", 10.0)
    shown.see(HK, 10.1, True, "2")
    shown.take(fold.marker_finished(shown.system, shown.state, "database", marker, Outcome(10.35), moment(10.35)))
    facts = Facts(Role.PRIMARY, True, epoch="2", markers=tuple(range(1, 10)))
    shown.take(fold.observe(shown.system, shown.state, Sample(HK, 10.3, 10.4, facts=facts), moment(10.4), above=0))
    assert shown.told.markers == (0, 8, 0)


def test_an_emptied_server_tells_no_upper_bound() -> None:
    """Nothing is left: the oldest marker says nothing of what was written before it."""
    shown = world(5.0)
    for tick in range(1, 10):
        shown.see(HK, tick, True)
        shown.write(tick + 0.02)
    shown.see(HK, 10.1, True, "2")
    shown.see(HK, 10.3, True, "2", there=[])
    assert (shown.told.rpo, shown.told.markers) == (None, (9, 0, 0))
    assert shown.verdict == "missed"


def test_two_losses_together() -> None:
    """The larger lower bound, the sum of the upper ones, and no upper bound where one is missing or nothing could be counted."""
    first = Loss(Interval(3.0, 5.0), 3.0, MarkerCount(4, 5, 4))
    assert Loss(Interval(0.0, 1.0), 0.0, MarkerCount(0, 9, 1)).after(first) == (
        Interval(3.0, 6.0),
        3.0,
        (4, 9, 5),
        False,
    )
    assert Loss(None, 7.0, MarkerCount(5, 0, 0)).after(first) == (None, 7.0, (9, 0, 4), False)
    uncertain = Loss(Interval(0.0, 9.0), 0.0, MarkerCount(0, 0, 3))
    assert Loss(Interval(0.0, 1.0), 0.0, MarkerCount(0, 9, 0)).after(uncertain) == (None, 0.0, (0, 9, 3), False)

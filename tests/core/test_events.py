"""Events and corners of the table, each as the shortest film that shows it."""

from dataclasses import replace

import pytest

from exporter.core import fold
from exporter.core.canary import Outcome
from exporter.core.interval import Interval
from exporter.core.model import ENTRY, Component, Facts, Part, Reason, Role, Sample
from exporter.core.past import Kind, MarkerCount
from exporter.core.readings import lasting_events, totals
from exporter.core.snapshot import Watched
from exporter.core.state import Step
from exporter.core.summary import summary
from exporter.core.timeline import running_json
from exporter.core.view import system_json
from tests.core.filming import HK, SG, SYSTEM, WALL, Projector, film, moment

WEB_HK, WEB_SG = Part("hk", "web"), Part("sg", "web")
SHOP = replace(
    SYSTEM,
    name="shop",
    components={"web": Component("web", critical=True)},
    parts=frozenset({WEB_HK, WEB_SG, ENTRY}),
    entry_tells_site=True,
)


def see(shown: Projector, part: Part, at: float, reason: Reason | None = None, site: str | None = None) -> None:
    shown.take(
        fold.observe(shown.system, shown.state, Sample(part, at, at, reason, "", Facts(served_by=site)), moment(at))
    )


def bounds(shown: Projector, end: str = "end") -> tuple[float, float]:
    (told,) = [r.data for r in shown.records if r.kind == "incident"]
    return told[end]["lower"] - WALL, told[end]["upper"] - WALL


def test_a_role_that_moves_back_while_recovering_ends_later() -> None:
    """The second move reopens the incident, also when the claim is seen before the old holder steps down."""
    shown = film("hhooos")
    shown.epochs = {"hk": "3", "sg": "3"}
    shown.look(HK, 7.0, True)
    shown.look(SG, 7.0, False)
    assert shown.state.incident is not None
    assert shown.state.incident.end is not None
    assert shown.state.incident.end.upper >= 7.0
    for tick in (8.0, 9.0):
        shown.look(HK, tick, True)
        shown.look(SG, tick, False)
    assert [kind for *_, kind in shown.incidents] == ["failback"]
    assert bounds(shown) == (6.0, 7.0)


def test_an_epoch_that_settles_after_a_failover_keeps_the_failover() -> None:
    """A new holder whose epoch shows up a look later is the same failover, not an outage in place."""
    shown = film("hhooos")
    shown.epochs = {"hk": "7", "sg": "7"}
    for tick in range(7, 12):
        shown.frame("s", float(tick))
    assert [kind for *_, kind in shown.incidents] == ["failover"]


def test_an_emptied_primary_is_an_event() -> None:
    """The same site in another epoch, without one failed look: an incident, not a blip."""
    shown = film("hhh")
    shown.epochs = {"hk": "7", "sg": "7"}
    for tick in range(4, 8):
        shown.frame("h", float(tick))
    assert shown.incidents == [((3, 4), (3, 4), "outage_in_place")]


def test_an_outage_that_ends_in_blindness_ends_after_it() -> None:
    """Silence is forgotten, the outage is not: its end is dated by the first good look after we saw again."""
    shown = film("hhtttt")
    assert str(shown.state.mode) == "outage"
    shown.take(fold.blinded(shown.system, shown.state, 6.0, moment(7)))
    assert str(shown.state.mode) == "unknown"
    shown.take(fold.sighted(shown.system, shown.state, moment(60)))
    for tick in range(61, 65):
        shown.frame("h", float(tick))
    assert bounds(shown) == (3.0, 61.0)


def test_what_hung_while_we_were_blind_does_not_date_the_end() -> None:
    """The look that ends the blindness gives up those that hung in it. They would have hung at any endpoint: the end may be as
    early as the last look that failed for its own reason."""
    shown = film("hhoooo")
    shown.take(fold.blinded(shown.system, shown.state, 6.0, moment(7)))
    shown.take(fold.sighted(shown.system, shown.state, moment(60)))
    facts = Facts(Role.PRIMARY, True, epoch="1", position=590, applied=590)
    first = Sample(HK, 59.5, 60.0, None, "", facts)
    shown.take(fold.observe(shown.system, shown.state, first, moment(60), pending=[58.5, 59.0]))
    for tick in range(61, 65):
        shown.frame("h", float(tick))
    told = next(record.data for record in shown.records if record.kind == "incident")
    assert told["end"]["lower"] - WALL == pytest.approx(6.0)
    assert told["end"]["upper"] - WALL == pytest.approx(60.0)


def test_silence_after_refusals_does_not_date_the_end_of_a_blindness() -> None:
    """An outage is seen, refused; then our own network goes. What hung since then is no proof that it was still down."""
    shown = film("hhoooo")
    for tick in (7, 8):
        for part in (HK, SG):
            shown.take(_silent(shown, part, float(tick), heard=6.0))
    shown.take(fold.blinded(shown.system, shown.state, 6.0, moment(9)))
    shown.take(fold.sighted(shown.system, shown.state, moment(60)))
    for tick in range(61, 65):
        shown.frame("h", float(tick))
    told = next(record.data for record in shown.records if record.kind == "incident")
    assert (told["end"]["lower"] - WALL, told["end"]["upper"] - WALL) == pytest.approx((6.0, 61.0))


def _end(shown: Projector) -> Interval | None:
    """Of the open incident."""
    assert shown.state.incident is not None
    return shown.state.incident.end


def _silent(shown: Projector, part: Part, at: float, heard: float) -> Step:
    return fold.observe(shown.system, shown.state, Sample(part, at, at, Reason.TIMEOUT), moment(at), heard=heard)


@pytest.mark.parametrize("after", ["blind", "heard", "back"])
def test_a_relapse_in_which_nobody_answers(after: str) -> None:
    """While nobody else answers it may be us, so the end stands until somebody does. It was us if we are found to be blind; if
    others answer meanwhile, or it does so itself, the same incident has gone on."""
    shown = film("hhooohh", stable_for=4)
    assert str(shown.state.mode) == "recovering"
    for part in (HK, SG):
        shown.take(_silent(shown, part, 8.0, heard=7.0))
    assert (str(shown.state.mode), shown.state.serving) == ("recovering", ())
    assert _end(shown) == (5.0, 6.0, None)
    if after == "blind":
        shown.take(fold.blinded(shown.system, shown.state, 7.0, moment(8.5)))
        shown.take(fold.sighted(shown.system, shown.state, moment(9)))
    elif after == "heard":
        shown.take(_silent(shown, HK, 9.0, heard=9.0))
        assert (_end(shown), str(shown.state.mode)) == (None, "outage")
    for tick in range(10, 16):
        shown.frame("h", float(tick))
    told = next(record.data for record in shown.records if record.kind == "incident")
    end = {"blind": (5.0, 6.0), "heard": (9.0, 10.0), "back": (8.0, 10.0)}[after]
    assert (told["end"]["lower"] - WALL, told["end"]["upper"] - WALL) == pytest.approx(end)


def test_nothing_is_declared_while_blind() -> None:
    """Any number of silent looks while blind: no outage, no lost standby, and a doubt that rests on silence is withdrawn."""
    shown = film("hht")
    shown.take(fold.blinded(shown.system, shown.state, 2.0, moment(3.5)))
    before = len(shown.records)
    for tick in range(4, 30):
        shown.frame("t", float(tick))
    assert shown.state.incident is None
    assert len(shown.records) == before


@pytest.mark.parametrize("heard", [float("-inf"), 2.0])
def test_silence_loses_nothing_until_somebody_is_heard(heard: float) -> None:
    """While nobody anywhere answers, neither an outage is declared nor a standby lost: it may be us."""
    shown = film("hh")
    for tick in range(3, 12):
        for part in (HK, SG):
            sample = Sample(part, float(tick), float(tick), Reason.TIMEOUT)
            shown.take(fold.observe(shown.system, shown.state, sample, moment(tick), heard=heard))
    assert str(shown.state.mode) == "suspected"
    assert shown.kinds("transition") == []


def test_silence_declares_once_somebody_is_heard() -> None:
    """The same looks, and another system answers: the outage is declared and the standby is lost."""
    shown = film("hh")
    for tick in range(3, 12):
        for part in (HK, SG):
            sample = Sample(part, float(tick), float(tick), Reason.TIMEOUT)
            shown.take(fold.observe(shown.system, shown.state, sample, moment(tick), heard=tick - 0.5))
    assert str(shown.state.mode) == "outage"
    assert shown.kinds("transition") == ["standby_lost"]


def test_a_standby_is_lost_and_comes_back_once_each() -> None:
    """The primary serves all along: two events, no incident."""
    shown = film("hh")
    for tick in range(3, 12):
        shown.look(HK, float(tick), True)
        shown.look(SG, float(tick), None if tick < 9 else False, Reason.REFUSED if tick < 9 else None)
    assert shown.kinds("transition") == ["standby_lost", "standby_back"]


def test_a_switch_that_does_not_come_to_its_end_is_stuck() -> None:
    """The role moved, and then nothing serves for longer than the deadline: told once."""
    shown = film("hhooos" + "o" * 12)
    assert [kind for kind in shown.kinds("transition") if kind != "standby_lost"] == ["failover", "stuck_switch"]


def test_traffic_that_moves_ends_the_outage_when_it_moved() -> None:
    """The other site worked all along: service is restored when users get there, not when it last came up."""
    shown = Projector(SHOP)
    for tick in range(1, 20):
        there = "hk" if tick < 12 else "sg"
        see(shown, WEB_HK, tick, None if tick < 5 else Reason.REFUSED)
        see(shown, WEB_SG, tick)
        see(shown, ENTRY, tick, None, there)
    (told,) = [r.data for r in shown.records if r.kind == "incident"]
    assert told["kind"] == "traffic_moved"
    low, high = bounds(shown)
    assert low <= 12 <= high


def test_traffic_that_moves_in_calm_is_an_event() -> None:
    """Two looks in a row at another site, nothing failed: one event, no incident."""
    shown = Projector(SHOP)
    for tick in range(1, 12):
        for part in (WEB_HK, WEB_SG):
            see(shown, part, tick)
        see(shown, ENTRY, tick, None, "hk" if tick < 5 else "sg")
    assert shown.kinds("transition") == ["traffic_moved"]


def test_a_late_answer_does_not_turn_traffic_back() -> None:
    """A look that began before the move ends after it, and tells the site of then: that site's dead web server harms nobody."""
    shown = Projector(SHOP)
    for tick in range(1, 30):
        see(shown, WEB_HK, tick, None if tick < 5 else Reason.REFUSED)
        see(shown, WEB_SG, tick)
        see(shown, ENTRY, tick, None, "hk" if tick < 8 else "sg")
        if tick == 9:
            for ended in (9.1, 9.2):
                late = Sample(ENTRY, 7.0, ended, None, "", Facts(served_by="hk"))
                shown.take(fold.observe(shown.system, shown.state, late, moment(ended)))
                assert (shown.state.traffic, shown.state.traffic_settled) == ("sg", "sg")
    assert shown.kinds("transition").count("traffic_moved") == 0
    assert [kind for *_, kind in shown.incidents] == ["traffic_moved"]


def test_nothing_overrules_a_failed_entry() -> None:
    """Every endpoint is well, the entry is not: an outage in place."""
    shown = Projector(SHOP)
    for tick in range(1, 15):
        see(shown, ENTRY, tick, Reason.STATUS if 5 <= tick < 10 else None, "hk")
        for part in (WEB_HK, WEB_SG):
            see(shown, part, tick)
    assert shown.incidents == [((4, 5), (9, 10), "outage_in_place")]


class Stores:
    """A database and a queue at two sites; `claims`: at whose look, from which instant on, it says that it takes writes."""

    def __init__(self, *more: Part) -> None:
        parts = {*more} | {Part(site, name) for site in ("hk", "sg") for name in ("database", "queue")}
        names = {name: Component(name, critical=True, stateful=True) for name in ("database", "queue")}
        self.shown = Projector(replace(SYSTEM, components=names, parts=frozenset(parts)))

    def look(self, site: str, name: str, at: float, role: Role | None) -> None:
        part = Part(site, name)
        sample = Sample(part, at, at, None if role else Reason.REFUSED, "", Facts(role, role is Role.PRIMARY))
        self.shown.take(fold.observe(self.shown.system, self.shown.state, sample, moment(at)))


def test_one_contest_hides_no_other_move() -> None:
    """Two sites claim one component; the other component's failover is seen all the same."""
    stores = Stores()
    for tick in range(1, 12):
        stores.look("hk", "database", tick, Role.PRIMARY)
        stores.look("sg", "database", tick, Role.STANDBY if tick < 4 else Role.PRIMARY)
        stores.look("hk", "queue", tick, Role.PRIMARY if tick < 6 else None)
        stores.look("sg", "queue", tick, Role.STANDBY if tick < 7 else Role.PRIMARY)
    assert stores.shown.kinds("transition", "standby_lost", "incident") == ["split_brain", "failover"]
    assert stores.shown.state.roles["queue"].site == "sg"


@pytest.mark.parametrize("first", ["database", "queue"])
def test_each_component_has_a_split_brain_of_its_own(first: str) -> None:
    """A cut between the sites lets both stores be promoted: who mends one is still told of the other."""
    stores = Stores()
    for tick in range(1, 31):
        for name in ("database", "queue"):
            rival = 4 <= tick < (12 if name == first else 20)
            stores.look("hk", name, tick, Role.PRIMARY)
            stores.look("sg", name, tick + 0.1, Role.PRIMARY if rival else Role.STANDBY)
        if tick == 11:
            assert stores.shown.state.sentence == "serves from hk, but database and queue take writes at two sites"
        assert lasting_events(stores.shown.system, stores.shown.state)[Kind.SPLIT_BRAIN] is (6 <= tick < 20)
    told = [(r.kind, r.data["component"]) for r in stores.shown.records if r.kind.startswith("split_brain")]
    second = "queue" if first == "database" else "database"
    assert sorted(told[:2]) == [("split_brain", "database"), ("split_brain", "queue")]
    assert told[2:] == [("split_brain_over", first), ("split_brain_over", second)]


def test_two_split_brains_of_one_incident_count_once_where_they_overlap() -> None:
    """The second of them began and ended later: the incident's seconds are those in which anything was contested."""
    stores = Stores(ENTRY)
    for tick in range(1, 41):
        down = tick >= 10
        for name, until in (("database", 20), ("queue", 30)):
            rival = (4 if name == "database" else 6) <= tick < until
            stores.look("hk", name, tick, Role.PRIMARY)
            stores.look("sg", name, tick + 0.1, Role.PRIMARY if rival else Role.STANDBY)
        entry = Sample(ENTRY, tick, tick, Reason.STATUS if down and tick < 35 else None, "", Facts())
        stores.shown.take(fold.observe(stores.shown.system, stores.shown.state, entry, moment(tick)))
    (told,) = [r.data for r in stores.shown.records if r.kind == "incident"]
    assert told["split_brain_seconds"] == pytest.approx(30.1 - 4.1, abs=0.2)


def test_totals_never_fall() -> None:
    """Scraped ten times a second through an outage, a relapse, blindness and a death, no total ever falls."""
    shown = Projector()
    seen = [totals(shown.state, 0.0)]
    letters = "hhhhhooooohoohhhhhhhhooooooBttttttSoooohhhhhhhKhhhooooKooohhhhhhhhhhhhhhhh"
    for tick, letter in enumerate(letters, start=1):
        at = float(tick)
        if letter == "B":
            shown.take(fold.blinded(shown.system, shown.state, at - 3, moment(at)))
        elif letter == "S":
            shown.take(fold.sighted(shown.system, shown.state, moment(at - 0.5)))
        elif letter == "K":
            shown.take(fold.resume(shown.system, shown.state, at - 2, moment(at)))
        else:
            shown.frame(letter, at)
        for tenth in range(10):
            now = totals(shown.state, at + tenth / 10)
            assert all(new >= old - 1e-9 for new, old in zip(now, seen[-1], strict=True)), (tick, letter, seen[-1], now)
            assert now.downtime <= now.observed
            seen.append(now)
    assert seen[-1].downtime > 0


def fenced(shown: Projector, at: float, part: Part = SG) -> None:
    """A look at a server that follows nobody and takes no writes."""
    told = Facts(Role.PRIMARY, writable=False, epoch="9")
    shown.take(fold.observe(shown.system, shown.state, Sample(part, at, at, None, "", told), moment(at)))


def test_a_standby_that_is_cut_loose_but_takes_no_writes_is_no_split_brain() -> None:
    """One writable site is no two; when the primary then fails a look, the role has not moved to a fenced server."""
    shown = film("hhh")
    for tick in range(4, 12):
        shown.look(HK, float(tick), True)
        fenced(shown, tick + 0.1)
    assert not shown.state.contests
    for tick in range(12, 18):
        shown.look(HK, float(tick), None, Reason.REFUSED)
        fenced(shown, tick + 0.1)
    shown.look(HK, 18.0, True)
    shown.look(HK, 20.0, True)
    assert shown.kinds("transition") == ["incident"]
    assert shown.state.last is not None
    assert shown.state.last.kind is Kind.OUTAGE_IN_PLACE


def test_a_promotion_that_stays_read_only_moves_the_role_but_does_not_serve() -> None:
    """Whether its claim is seen before or after the first failed look at the old primary; once it takes writes it serves."""
    for first in (4.1, 5.1):
        shown = film("hhh")
        shown.look(HK, 4.0, True)
        if first == 4.1:
            fenced(shown, first)
        for tick in range(5, 14):
            shown.look(HK, float(tick), None, Reason.REFUSED)
            fenced(shown, tick + 0.1)
        assert shown.kinds("transition", "standby_lost") == ["failover", "stuck_switch"], first
        shown.epochs["sg"] = "9"
        shown.look(SG, 14.0, True)
        shown.look(SG, 17.0, True)
        assert shown.state.last is not None
        assert (shown.state.last.kind, shown.state.last.end and shown.state.last.end.upper) == (Kind.FAILOVER, 14.0)


def test_a_split_brain_is_over_when_one_side_takes_no_more_writes() -> None:
    """Whatever it still claims; one failed look at it is not enough."""
    shown = film("hhbbb")
    shown.look(SG, 5.5, None, Reason.TIMEOUT)
    shown.look(HK, 5.6, True)
    assert shown.kinds("transition") == ["split_brain"]
    fenced(shown, 6.0)
    shown.look(HK, 6.5, True)
    assert shown.kinds("transition") == ["split_brain", "split_brain_over"]


def test_a_split_brain_counts_in_the_incident_of_the_move_that_ends_it() -> None:
    """That begins only with the move; one that ends without a move belongs to no incident, and to no older one."""
    shown = film("hhhbbbbbbsssss")
    (over,) = [record.data for record in shown.records if record.kind == "split_brain_over"]
    (closed,) = [record.data for record in shown.records if record.kind == "incident"]
    assert over["seconds"] > 0
    assert closed["split_brain_seconds"] == over["seconds"]
    shown = film("hhhhhoooohhhhhhbbbbbbhhhhhh")
    assert "split_brain_over" in shown.kinds()
    assert shown.state.last is not None
    assert shown.state.last.split_brain == 0.0


def test_an_incident_tells_how_little_worked() -> None:
    """At the worst, while it was out; of its weights one in four was dead all the time."""
    weights = {"database": 3.0, "web": 1.0}
    components = {name: Component(name, critical=name == "database", weight=of) for name, of in weights.items()}
    database, web = Part("hk", "database"), Part("hk", "web")
    shown = Projector(replace(SYSTEM, sites=("hk",), components=components, parts=frozenset({database, web})))
    for tick in range(1, 20):
        for part in (web, database):
            down = part == database and 4 <= tick < 9
            reason = Reason.REFUSED if down or (part == web and tick > 2) else None
            shown.take(fold.observe(shown.system, shown.state, Sample(part, tick, tick, reason), moment(tick)))
    (closed,) = [record.data for record in shown.records if record.kind == "incident"]
    assert closed["functional_ratio"] == 0.0


def test_an_outage_that_runs_has_missed_its_objective_once_its_lower_bound_has() -> None:
    """Not before; and while nobody looks it is not known to go on."""
    shown = film("hhh" + "o" * 40)

    def judged(at: float) -> str:
        told = running_json(shown.state, moment(at))
        assert told is not None
        return str(told["verdicts"]["rto"])

    assert judged(33.9) == "not_proven"
    assert judged(34.1) == "missed"
    shown.take(fold.blinded(shown.system, shown.state, 30.0, moment(43.0)))
    assert judged(90.0) == "not_proven"


def test_a_loss_is_remembered_beyond_the_next_incident() -> None:
    """`loss` is the newest that lost something, `last` the newest of all."""
    shown = film("hhhhhoooohhhhh")
    assert shown.state.last is not None
    assert shown.state.loss is None
    lost = replace(shown.state.last, markers=MarkerCount(2, 5, 0))
    assert lost.has_lost
    shown.state = replace(shown.state, last=lost, loss=lost)
    for tick, letter in enumerate("hoooohhhhh", start=20):
        shown.frame(letter, float(tick))
    assert shown.state.last is not None
    assert not shown.state.last.has_lost
    assert shown.state.loss == lost


def test_what_the_old_primary_took_in_a_split_brain_may_be_lost() -> None:
    """It took writes until it was first seen without the role, however long after the other had been seen with it."""
    components = {"database": replace(SYSTEM.components["database"], canary_every=1.0)}
    for ticks in (1, 6):
        incident = film(f"hh{'b' * ticks}sss", replace(SYSTEM, components=components)).state.incident
        assert incident is not None
        assert incident.owed["database"].stop == 2.0 + ticks + 1.0


def test_a_first_marker_that_fails_at_the_new_primary_does_not_date_the_outage_back() -> None:
    """Nothing was written there before the role came: the outage began when the old primary failed, not when we began to look."""
    components = {"database": replace(SYSTEM.components["database"], canary_every=1.0)}
    shown = film("hhhhhhhho", replace(SYSTEM, components=components))
    shown.holder, shown.epochs = "sg", {"hk": "1", "sg": "2"}
    shown.look(SG, 9.5, True)
    shown.state, marker = fold.marker_sent(shown.state, "database", "sg", 9.6)
    failed = Outcome(10.1, Reason.TIMEOUT)
    shown.take(fold.marker_finished(shown.system, shown.state, "database", marker, failed, moment(10.1)))
    incident = shown.state.incident
    assert incident is not None
    assert (incident.start.lower, incident.start.upper) == (8.0, 9.0)


def test_an_event_lasts_until_somebody_ends_it() -> None:
    """What an alert rule is told: the split brain while both write, no primary while all refuse, the switch until it serves."""

    def lasting(shown: Projector) -> set[str]:
        found = {str(kind) for kind, lasts in lasting_events(shown.system, shown.state).items() if lasts}
        for told in (summary, system_json):
            assert set(told(Watched(shown.system, shown.state), moment(20.0))["events"]) == found
        return found

    split = film("hhbbb")
    assert lasting(split) == {"split_brain"}
    fenced(split, 6.0)
    split.look(HK, 6.5, True)
    assert lasting(split) == set()
    assert lasting(film("hhrrrrr")) == {"no_primary"}
    assert lasting(film("hhrrrrrhhhh")) == set()
    stuck = film("hhooos" + "o" * 12)
    assert lasting(stuck) == {"stuck_switch"}
    assert lasting(film("hhooos" + "o" * 12 + "sssss")) == set()

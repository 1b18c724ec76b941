"""What was lost when several stateful components moved in one incident: each by its own markers, whatever the order."""

from dataclasses import replace
from itertools import permutations

import pytest

from exporter.core import fold, watching
from exporter.core.canary import Outcome
from exporter.core.interval import Interval
from exporter.core.model import ENTRY, Component, Facts, Objectives, Part, Reason, Role, Sample
from exporter.core.past import MOVES, Incident, Kind, Loss, MarkerCount
from exporter.core.reload import reconfigure
from exporter.core.state import Mode
from exporter.core.timeline import verdicts
from exporter.reports.replay import Replay
from tests.core.filming import SYSTEM, Projector, moment

STORES = ("database", "cache")
CACHE = Part("hk", "cache")
DIED = 20


class Stores(Projector):
    """Two stores, whose markers (where they have any) are written every second."""

    def write(self, name: str, at: float, site: str, reason: Reason | None = None) -> None:
        if name in self.state.canaries:
            self.state, marker = fold.marker_sent(self.state, name, site, at)
            outcome = Outcome(at + 0.01, reason)
            self.take(fold.marker_finished(self.system, self.state, name, marker, outcome, moment(at + 0.01)))

    def see(self, name: str, site: str, at: float, epoch: str, there: int | None = None) -> None:
        """A good look at a holder; `there`: up to which marker it has them."""
        markers = None if there is None or name not in self.state.canaries else tuple(range(1, there + 1))
        facts = Facts(Role.PRIMARY, True, epoch=epoch, position=round(at * 10), markers=markers)
        sample = Sample(Part(site, name), at, at, None, "", facts)
        above = None if markers is None else 0
        self.take(fold.observe(self.system, self.state, sample, moment(at), above=above))

    def replicated(self, name: str, at: float, up_to: float) -> None:
        """A look at the standby, whose replication was cut at `up_to`."""
        cut = min(at, up_to)
        markers = tuple(range(1, int(cut) + 1)) if name in self.state.canaries else None
        facts = Facts(
            Role.STANDBY, False, epoch="1", position=round(cut * 10), applied=round(cut * 10), markers=markers
        )
        sample = Sample(Part("sg", name), at, at, None, "", facts)
        self.take(fold.observe(self.system, self.state, sample, moment(at), above=None if markers is None else 0))

    def told(self) -> Incident:
        incident = self.state.incident or self.state.last
        assert incident is not None
        return replace(incident, end=incident.start)


def stores(
    cuts: dict[str, int], rpo: float, marked: tuple[str, ...] = STORES, dying: tuple[str, ...] = STORES
) -> Stores:
    """Both are replicated up to their cut, and die at 20."""
    components = {
        name: Component(name, critical=True, stateful=True, canary_every=1.0 if name in marked else None)
        for name in STORES
    }
    parts = frozenset(Part(site, name) for site in ("hk", "sg") for name in STORES)
    objectives = Objectives(rto=60.0, rpo={"site_loss": rpo})
    shown = Stores(replace(SYSTEM, components=components, parts=parts, objectives=objectives))
    for tick in range(1, DIED):
        for name in STORES:
            shown.see(name, "hk", tick, "1")
            shown.write(name, tick + 0.02, "hk")
            shown.replicated(name, tick + 0.1, cuts[name])
    for tick in range(DIED, DIED + 3):
        for name in dying:
            shown.take(
                fold.observe(
                    shown.system, shown.state, Sample(Part("hk", name), tick, tick, Reason.REFUSED), moment(tick)
                )
            )
            shown.write(name, tick + 0.02, "hk", Reason.REFUSED)
    return shown


ACTS = [("moves", "database"), ("moves", "cache"), ("counted", "database"), ("counted", "cache")]
ORDERS = [
    order
    for order in permutations(ACTS)
    if all(order.index(("moves", name)) < order.index(("counted", name)) for name in STORES)
]


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("cuts", [(19, 19), (10, 19), (19, 10), (12, 8)])
@pytest.mark.parametrize("order", ORDERS)
def test_each_store_is_counted_in_whatever_order(
    order: tuple[tuple[str, str], ...], cuts: tuple[int, int], killed: bool
) -> None:
    """The truth lies inside the bounds once both are counted; until then nothing is told as kept."""
    has = dict(zip(STORES, cuts, strict=True))
    lost = {name: DIED - 1 - has[name] for name in STORES}
    shown = stores(has, 2.0)
    at, counted = 24.0, set[str]()
    for act, name in order:
        at += 0.1
        if act == "moves":
            shown.see(name, "sg", at, "2")
        else:
            shown.see(name, "sg", at, "2", there=has[name])
            counted.add(name)
        if killed:
            markers = {one: canary.markers for one, canary in shown.state.canaries.items()}
            shown.kill(at)
            shown.state = fold.with_markers(shown.state, markers)
        told = shown.told()
        so_far = sum(lost[one] for one in counted)
        if {one for done, one in order[: order.index((act, name)) + 1] if done == "moves"} != counted:
            assert told.rpo is None
            assert (0 if told.markers is None else told.markers.lost) == so_far
            assert verdicts(told)["rpo"] != "met"
    told = shown.told()
    assert told.markers == (sum(lost.values()), sum(has.values()), 6)
    assert told.rpo is not None
    assert told.rpo.lower == pytest.approx(max([0, *(many - 1.01 for many in lost.values() if many > 1)]))
    assert told.rpo.lower <= max(lost.values()) <= told.rpo.upper + 0.1
    assert told.rpo_source == "canary"
    assert verdicts(told)["rpo"] == ("missed" if max(lost.values()) > 3 else "met")


@pytest.mark.parametrize("first", STORES)
def test_a_store_without_markers_bounds_the_whole_by_its_position(first: str) -> None:
    """Nine seconds of the cache may be gone: that the database lost nothing does not keep the objective."""
    shown = stores({"database": 19, "cache": 10}, 5.0, marked=("database",))
    for name in (first, *(name for name in STORES if name != first)):
        shown.see(name, "sg", 24.1, "2")
        shown.see(name, "sg", 24.2, "2", there=19)
    told = shown.told()
    assert told.markers == (0, 19, 3)
    assert told.rpo_source == "position"
    assert told.rpo is not None
    assert told.rpo.lower <= 9 <= told.rpo.upper
    assert verdicts(told)["rpo"] == "not_proven"


@pytest.mark.parametrize(("position", "kept"), [(3, False), (185, False), (190, True), (191, True)])
def test_a_store_that_shows_less_than_it_had_is_not_bounded_by_that(position: int, kept: bool) -> None:
    """The cache without markers was proven up to 190, and had 192 with half a record. One that shows less than 190 at the other site
    restarted empty, or was restored, before it was seen there; one that dropped the half record lost nothing."""
    shown = stores({"database": 19, "cache": 19}, 7.0, marked=("database",))
    source = shown.state.sources["sg", "cache", "streaming"]
    assert source.position == 190
    source = replace(source, position=192, received=192)
    shown.state = replace(shown.state, sources={**shown.state.sources, ("sg", "cache", "streaming"): source})
    facts = Facts(Role.PRIMARY, True, epoch="2", position=position)
    shown.take(
        fold.observe(shown.system, shown.state, Sample(Part("sg", "cache"), 24.1, 24.1, facts=facts), moment(24.1))
    )
    told = shown.told()
    assert (told.rpo is not None) is kept
    assert verdicts(told)["rpo"] == ("met" if kept else "not_proven")


def test_a_count_of_one_store_does_not_judge_an_objective_of_nothing_for_both() -> None:
    """All markers of the database survived; of the cache nobody can tell to the last write."""
    shown = stores({"database": 19, "cache": 19}, 0.0, marked=("database",))
    for name in STORES:
        shown.see(name, "sg", 24.1, "2")
        shown.see(name, "sg", 24.2, "2", there=19)
    assert verdicts(shown.told())["rpo"] == "not_proven"


def test_a_store_that_restarts_in_the_failover_of_another_is_counted_too() -> None:
    """The cache comes back empty at home while the database moves: its nineteen markers are lost."""
    shown = stores({"database": 19, "cache": 19}, 60.0)
    shown.see("database", "sg", 24.0, "2")
    shown.see("database", "sg", 24.1, "2", there=19)
    assert shown.told().markers == (0, 19, 3)
    shown.see("cache", "hk", 24.2, "2")
    assert shown.told().rpo is None
    shown.see("cache", "hk", 24.3, "2", there=0)
    told = shown.told()
    assert told.markers is not None
    assert told.markers.lost == 19
    assert told.rpo is None
    assert told.at_least == pytest.approx(17.99)


@pytest.mark.parametrize("epochs", [("2", "3"), ("1", "2", "3")])
def test_a_store_without_markers_that_is_emptied_where_it_went_is_one_more_loss(epochs: tuple[str, ...]) -> None:
    """A move settles in one epoch, at most; the cache restarts after it, and nobody can tell what it still has."""
    shown = stores({"database": 19, "cache": 19}, 5.0, marked=("database",))
    shown.see("database", "sg", 24.0, "2")
    shown.see("database", "sg", 24.1, "2", there=19)
    for tick, epoch in enumerate(epochs):
        told = shown.told()
        shown.see("cache", "sg", 24.2 + tick / 10, epoch)
        assert tick == 0 or told.rpo is not None
    assert shown.told().rpo is None
    assert verdicts(shown.told())["rpo"] == "not_proven"


def test_a_store_that_follows_gracefully_leaves_it_a_failover() -> None:
    """The cache still serves at home and is switched after the database, whose primary died."""
    shown = stores({"database": 19, "cache": 19}, 60.0, dying=("database",))
    shown.see("database", "sg", 24.0, "2")
    stepped_down = Sample(Part("hk", "cache"), 24.1, 24.1, facts=Facts(Role.STANDBY, False, epoch="1"))
    shown.take(fold.observe(shown.system, shown.state, stepped_down, moment(24.1)))
    shown.see("cache", "sg", 24.2, "2")
    told = shown.told()
    assert told.kind is Kind.FAILOVER
    assert [record.kind for record in shown.records if record.kind in MOVES] == [Kind.FAILOVER, Kind.SWITCHOVER]


def test_what_an_older_exporter_had_counted_stays_in_the_sum() -> None:
    """Its checkpoint knows the whole alone."""
    shown = stores({"database": 10, "cache": 19}, 60.0)
    shown.see("database", "sg", 24.0, "2")
    shown.see("database", "sg", 24.1, "2", there=10)
    assert shown.state.incident is not None
    shown.state = replace(shown.state, incident=replace(shown.state.incident, costs={}))
    shown.see("cache", "sg", 24.2, "2")
    shown.see("cache", "sg", 24.3, "2", there=19)
    assert shown.told().markers == (9, 29, 6)


@pytest.mark.parametrize("killed", [False, True])
def test_a_canary_that_is_put_back_counts_on(killed: bool) -> None:
    """Its rows of before still stand at the standby, which gets nothing any more: none of them is one of the new markers."""
    marked = stores({"database": 19, "cache": 19}, 5.0, dying=()).system
    bare = {**marked.components, "cache": replace(marked.components["cache"], canary_every=None)}
    shown = Stores(marked)
    for tick in range(1, 31):
        if tick in (11, 12):
            shown.system = marked if tick == 12 else replace(marked, components=bare)
            shown.take(watching.reconfigured(shown.system, shown.state, moment(tick)))
            if killed:
                shown.kill(tick)
        for name in STORES:
            shown.see(name, "hk", tick, "1")
            shown.write(name, tick + 0.02, "hk")
            shown.replicated(name, tick + 0.1, 10 if name == "cache" else 30)
    shown.see("cache", "sg", 31.0, "2")
    shown.take(fold.observe(shown.system, shown.state, Sample(CACHE, 31.1, 31.1, Reason.REFUSED), moment(31.1)))
    shown.see("cache", "sg", 31.2, "2")
    shown.see("cache", "sg", 31.3, "2", there=10)
    told = shown.told()
    assert told.markers is not None
    assert told.markers.lost == 19
    assert verdicts(told)["rpo"] == "missed"


def tiered(critical: bool, entry: bool) -> Stores:
    """Two stores without markers and a web tier, which is cold at sg."""
    components = {
        "database": Component("database", critical=True, stateful=True),
        "cache": Component("cache", critical=critical, stateful=True),
        "web": Component("web", critical=True),
    }
    parts = frozenset(Part(site, name) for site in ("hk", "sg") for name in components)
    return Stores(replace(SYSTEM, components=components, parts=parts | ({ENTRY} if entry else set())))


def served(shown: Stores, ticks: range, holders: dict[str, str], web: tuple[str, ...] = ("hk",)) -> None:
    """A look at everything each second; of the stores the standby first."""
    for tick in ticks:
        for part in sorted(part for part in shown.system.parts if part.component not in STORES):
            works = part == ENTRY or part.site in web
            reason = None if works else Reason.REFUSED
            shown.take(fold.observe(shown.system, shown.state, Sample(part, tick, tick, reason), moment(tick)))
        for name, holder in holders.items():
            other, epoch = ("sg", "1") if holder == "hk" else ("hk", "2")
            facts = Facts(Role.STANDBY, False, epoch=epoch, position=tick * 10, applied=tick * 10)
            sample = Sample(Part(other, name), tick + 0.1, tick + 0.1, facts=facts)
            shown.take(fold.observe(shown.system, shown.state, sample, moment(tick + 0.1)))
            shown.see(name, holder, tick + 0.2, epoch)


@pytest.mark.parametrize("entry", [False, True])
@pytest.mark.parametrize("critical", [False, True])
def test_a_store_that_moves_alone_leaves_the_rest_where_it_is(critical: bool, entry: bool) -> None:
    """The cache is switched to sg, where the web tier is cold: nobody is without service, until the database follows."""
    shown = tiered(critical, entry)
    served(shown, range(1, 10), {"database": "hk", "cache": "hk"})
    served(shown, range(10, 40), {"database": "hk", "cache": "sg"})
    assert "outage" not in [record.data.get("to") for record in shown.records]
    assert (shown.state.serving, shown.state.believed) == (("hk",), "hk")
    assert shown.state.sentence == "serves from hk, but no standby is ready: sg (reachable)"
    last = shown.state.last
    assert last is not None
    assert (last.kind, last.component, last.from_site, last.to_site) == (Kind.SWITCHOVER, "cache", "hk", "sg")
    served(shown, range(40, 50), {"database": "sg", "cache": "sg"})
    assert shown.state.mode is Mode.OUTAGE
    served(shown, range(50, 60), {"database": "sg", "cache": "sg"}, web=("sg",))
    assert (shown.state.serving, shown.state.believed, shown.state.incident) == (("sg",), "sg", None)


@pytest.mark.parametrize("order", [STORES, STORES[::-1]])
def test_roles_that_are_apart_from_the_beginning(order: tuple[str, str]) -> None:
    """The rest is served from where the database is, whichever of the two is seen first."""
    shown = tiered(critical=True, entry=False)
    served(shown, range(1, 10), {name: {"database": "hk", "cache": "sg"}[name] for name in order})
    assert shown.state.serving == ("hk",)


def test_two_components_together() -> None:
    """The larger bounds, and none where one of them has none."""
    one, other = (
        Loss(Interval(3.0, 5.0), 3.0, MarkerCount(4, 5, 4)),
        Loss(Interval(1.0, 9.0), 1.0, MarkerCount(2, 9, 0)),
    )
    assert one.beside(other) == other.beside(one) == (Interval(3.0, 9.0), 3.0, (6, 14, 4), False)
    assert one.beside(Loss(None, by_position=True)) == (None, 3.0, (4, 5, 4), True)


def test_the_verifier_counts_each_component_by_itself() -> None:
    """Its own rules say the same: nothing while one is owed, then the larger bounds and all markers."""
    replay = Replay({"stateful": STORES})
    for name in STORES:
        replay.move({"moved": [name, 24.0, 24.1]})
    row = {"stop": 20.0, "proven": 10.0}
    replay.row(
        {"at": 25.0, "write": ["sg", "database"], "counts": False}
        | {"loss": {**row, "component": "database", "markers": [[1, 18.0, 18.1, True], [2, 19.0, 19.1, False]]}}
    )
    assert replay.loss is None
    replay.row(
        {"at": 25.1, "write": ["sg", "cache"], "counts": False}
        | {"loss": {**row, "component": "cache", "markers": [[1, 15.0, 15.1, True]]}}
    )
    assert replay.loss == ((0.0, 5.0), 0.0, (1, 2, 0))


def test_a_move_whose_canary_is_taken_out_stays_uncounted() -> None:
    """Nobody can find the lost markers any more: the next move alone, by its position, proves nothing of both."""
    shown = stores({"database": 10, "cache": 19}, 60.0)
    shown.see("cache", "sg", 24.0, "2")
    shown.see("cache", "sg", 24.1, "2", there=19)
    shown.see("database", "sg", 24.2, "2")
    components = {**shown.system.components, "database": Component("database", critical=True, stateful=True)}
    shown.system = replace(shown.system, components=components)
    shown.state = reconfigure(shown.system, shown.state, moment(24.3))
    assert not shown.told().owed
    shown.see("database", "sg", 25.0, "3")
    assert (shown.told().rpo, shown.told().markers) == (None, (0, 19, 3))
    assert verdicts(shown.told())["rpo"] == "not_proven"


def test_what_a_closed_incident_owes_is_not_charged_to_the_next() -> None:
    """The nine lost markers of the cache were never looked for; it returns later, with all that was written since."""
    shown = stores({"database": 19, "cache": 10}, 5.0)
    shown.see("database", "sg", 24.0, "2")
    shown.see("cache", "sg", 24.1, "2")
    shown.see("database", "sg", 24.2, "2", there=19)
    for tick in range(25, 60):
        for name in STORES:
            shown.see(name, "sg", tick, "2")
            shown.write(name, tick + 0.02, "sg")
    assert shown.state.incident is None
    assert shown.told().rpo is None
    markers = {name: canary.markers for name, canary in shown.state.canaries.items()}
    assert (markers["database"][0].seq, markers["cache"][0].sent) == (1, 25.02)
    stepped_down = Sample(Part("sg", "cache"), 60.0, 60.0, facts=Facts(Role.STANDBY, False, epoch="2"))
    shown.take(fold.observe(shown.system, shown.state, stepped_down, moment(60.0)))
    shown.see("cache", "hk", 60.1, "3")
    shown.see("cache", "hk", 60.2, "3", there=markers["cache"][-1].seq)
    told = shown.told()
    assert told.markers == (0, 35, 0)
    assert told.rpo is not None
    assert told.rpo.lower == 0.0
    assert told.rpo.upper == pytest.approx(60.1 - 59.02)

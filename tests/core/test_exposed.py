"""The exposure never falls, and never stands still, without proof: in outages in which writes go on, and with roles at several sites."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.core import fold
from exporter.core.canary import Outcome
from exporter.core.inspected import BackupState
from exporter.core.model import Backup, Component, Facts, Instant, Part, Reason, Role, Sample, System
from exporter.core.readiness import readiness
from exporter.core.readings import decisive, exposure
from exporter.core.state import Mode
from tests.core.filming import HK, SG, SYSTEM, Projector, film, moment

WEB = Part("hk", "web")
TWO_TIERS = replace(
    SYSTEM,
    components={**SYSTEM.components, "web": Component("web", critical=True)},
    parts=frozenset({HK, SG, WEB, Part("sg", "web")}),
)
STORES = {name: Component(name, critical=True, stateful=True) for name in ("database", "cache")}
SPLIT = replace(
    SYSTEM, components=STORES, parts=frozenset(Part(site, name) for site in SYSTEM.sites for name in STORES)
)


@dataclass
class Watch(Projector):
    """Looks with positions as the test wants them."""

    told: list[float] = field(default_factory=list)

    def see(self, part: Part, at: float, position: int, *, primary: bool, epoch: str | None = "1") -> None:
        role = Role.PRIMARY if primary else Role.STANDBY
        facts = Facts(role, primary, epoch=epoch, position=position, applied=position)
        self.take(fold.observe(self.system, self.state, Sample(part, at, at, None, "", facts), moment(at)))

    def fail(self, part: Part, at: float, reason: Reason = Reason.REFUSED) -> None:
        self.take(fold.observe(self.system, self.state, Sample(part, at, at, reason), moment(at)))

    def web(self, at: float, *, works: bool) -> None:
        for part in (WEB, Part("sg", "web")):
            reason = None if works or part != WEB else Reason.STATUS
            self.take(fold.observe(self.system, self.state, Sample(part, at, at, reason), moment(at)))

    def exposed(self, at: float) -> float:
        told = exposure(self.system, self.state, "site_loss", at)
        assert told.known
        return told.seconds

    def decisive(self) -> list[tuple[str, str]]:
        return [(source.site, source.component) for source in decisive(self.system, self.state)]


def web_out(until: int, cut: int) -> Watch:
    """The web tier fails from 10 on, the database writes on, and the standby gets nothing after `cut`."""
    shown = Watch(TWO_TIERS)
    go_on(shown, range(1, until + 1), cut)
    return shown


def go_on(shown: Watch, ticks: range, cut: int) -> None:
    for tick in ticks:
        shown.web(tick, works=tick < 10)
        shown.see(HK, tick + 0.1, tick, primary=True)
        shown.see(SG, tick + 0.2, min(tick, cut), primary=False)


# --- outages in which writes go on


def test_writes_that_go_on_in_an_outage_are_exposed() -> None:
    """Only the web tier is out: the position of the database grows, nothing is replicated after 20, and the exposure grows."""
    shown = web_out(30, cut=20)
    assert shown.state.mode is Mode.OUTAGE
    assert shown.exposed(30.5) == pytest.approx(10.4)
    assert readiness(TWO_TIERS, shown.state, "sg", 30.5)["rpo"] is False
    go_on(shown, range(31, 301), cut=20)
    assert shown.exposed(300.5) == pytest.approx(280.4)


def test_an_idle_database_exposes_nothing_more_in_an_outage() -> None:
    """Its position stands still since the outage began: nothing shows that anything is acknowledged."""
    shown = Watch(TWO_TIERS)
    go_on(shown, range(1, 10), cut=99)
    for tick in range(10, 60):
        shown.web(tick, works=False)
        shown.see(HK, tick + 0.1, 9, primary=True)
        shown.fail(SG, tick + 0.2)
    assert shown.exposed(60.0) == pytest.approx(10.0 - 9.1)


def test_what_goes_on_in_an_outage_stops_with_the_database() -> None:
    """A disaster in parts: the web tier fails at 10, the database at 16. What is exposed stops there, and does not grow for hours."""
    shown = web_out(15, cut=12)
    for tick in range(16, 19):
        shown.web(tick, works=False)
        shown.fail(HK, tick + 0.1)
        if tick < 18:
            assert shown.exposed(tick + 0.5) == pytest.approx(tick + 0.5 - 12.1), "too few failed looks to believe it"
    assert shown.exposed(18.5) == pytest.approx(16.1 - 12.1)
    assert shown.exposed(7200.0) == pytest.approx(16.1 - 12.1)
    shown.see(HK, 7201.0, 20, primary=True)
    assert shown.exposed(7202.0) == pytest.approx(7202.0 - 12.1), "it takes writes again"


def test_what_went_on_in_an_outage_is_remembered_across_a_restart() -> None:
    """Histories are not kept, that writes went on is: the next run tells at once what the last one did, and goes on from there."""
    shown = web_out(100, cut=20)
    assert shown.exposed(100.5) == pytest.approx(80.4)
    shown.kill(100.5)
    assert shown.exposed(101.0) == pytest.approx(80.9)
    go_on(shown, range(102, 111), cut=20)
    assert shown.exposed(110.5) == pytest.approx(90.4)


def relapsed(system: System = SYSTEM) -> Watch:
    """The standby is cut off since 3; the primary is out from 4 to 8, serves from 9 to 15, and is out again from 16 on."""
    shown = Watch(replace(system, policy=replace(system.policy, stable_for=10)))
    for tick in range(1, 20):
        if tick < 4:
            shown.see(HK, tick, tick, primary=True)
            shown.see(SG, tick + 0.1, tick, primary=False)
            continue
        shown.fail(SG, tick)
        if 9 <= tick < 16:
            shown.see(HK, tick + 0.2, tick, primary=True)
        else:
            shown.fail(HK, tick + 0.2)
        shown.told.append(shown.exposed(tick + 0.3))
    return shown


def test_a_relapse_exposes_what_was_written_between() -> None:
    """The exposure stops where the relapse began, not where the outage did; also in the next run."""
    shown = relapsed()
    assert shown.state.mode is Mode.OUTAGE
    told = dict(zip(range(4, 20), shown.told, strict=True))
    assert told[8] == pytest.approx(4.2 - 3.0)
    assert told[15] == pytest.approx(15.3 - 3.0)
    assert [told[tick] for tick in (16, 17, 19)] == pytest.approx([16.2 - 3.0] * 3)
    assert shown.exposed(600.0) == pytest.approx(16.2 - 3.0)
    shown.kill(600.0)
    shown.fail(HK, 601.0)
    assert shown.exposed(602.0) == pytest.approx(16.2 - 3.0)


def test_markers_before_a_relapse_do_not_expose_what_comes_after() -> None:
    """A marker that was acknowledged while it served says nothing of the relapse; one that is acknowledged in it does."""
    component = replace(SYSTEM.components["database"], canary_every=1)
    shown = Watch(replace(SYSTEM, components={"database": component}, policy=replace(SYSTEM.policy, stable_for=10)))

    def tick(at: float, works: bool) -> None:
        if works:
            shown.see(HK, at, int(at), primary=True)
        else:
            shown.fail(HK, at)
        shown.state, marker = fold.marker_sent(shown.state, "database", "hk", at + 0.1)
        outcome = Outcome(at + 0.2, None if works else Reason.REFUSED)
        shown.take(fold.marker_finished(shown.system, shown.state, "database", marker, outcome, moment(at + 0.2)))

    shown.see(HK, 0.5, 0, primary=True)
    shown.see(SG, 0.6, 0, primary=False)
    for at in range(1, 20):
        tick(float(at), works=not (4 <= at < 9 or at >= 16))
    assert shown.exposed(600.0) == pytest.approx(16.0 - 0.5)
    shown.state, marker = fold.marker_sent(shown.state, "database", "hk", 601.0)
    shown.take(fold.marker_finished(shown.system, shown.state, "database", marker, Outcome(601.1), moment(601.1)))
    assert shown.exposed(602.0) == pytest.approx(602.0 - 0.5)


@pytest.mark.parametrize("first", sorted(STORES))
def test_writes_of_each_store_go_on_for_themselves(first: str) -> None:
    """The web tier fails at 10, the database at 16; the cache writes on, in whatever order the two are configured."""
    marked = {name: replace(STORES[name], canary_every=1.0) for name in sorted(STORES, key=lambda name: name != first)}
    parts = SPLIT.parts | {WEB, Part("sg", "web")}
    shown = Watch(replace(SPLIT, components={**marked, "web": Component("web", critical=True)}, parts=parts))
    for tick in range(1, 31):
        shown.web(tick, works=tick < 10)
        for name in marked:
            holder, standby = Part("hk", name), Part("sg", name)
            if name == "database" and tick >= 16:
                shown.fail(holder, tick + 0.1)
            else:
                shown.see(holder, tick + 0.1, 0, primary=True)
            shown.see(standby, tick + 0.2, 0, primary=False)
            if tick < 12 or (name == "database" and tick < 16):
                shown.state, marker = fold.marker_sent(shown.state, name, "hk", tick + 0.3)
                outcome = Outcome(tick + 0.4)
                shown.take(fold.marker_finished(shown.system, shown.state, name, marker, outcome, moment(tick + 0.4)))
    stale = {key: replace(one, at=9.0) for key, one in shown.state.sources.items()}
    shown.state = replace(shown.state, sources=stale)
    assert shown.state.mode is Mode.OUTAGE
    assert shown.exposed(30.5) == pytest.approx(21.5)


class Tiers:
    """A database and its web tier, a link that may be cut, and what of all acknowledged writes the standby has."""

    def __init__(self) -> None:
        self.shown = Watch(TWO_TIERS)
        self.clock = 1.0
        self.acked: list[Instant] = []
        self.there = 0
        self.works = {"web": True, "database": True, "link": True}

    def second(self, writes: int) -> None:
        """Writes while the database works, then a look at everything."""
        self.clock += 1.0
        if self.works["database"]:
            self.acked += [self.clock - 0.5] * writes
        if self.works["link"]:
            self.there = len(self.acked)
        self.shown.web(self.clock, works=self.works["web"])
        if self.works["database"]:
            self.shown.see(HK, self.clock + 0.1, len(self.acked), primary=True)
        else:
            self.shown.fail(HK, self.clock + 0.1)
        self.shown.see(SG, self.clock + 0.2, self.there, primary=False)

    @property
    def declared(self) -> bool:
        incident = self.shown.state.incident
        return incident is not None and incident.declared

    @property
    def loss(self) -> float:
        """Seconds from the first write that is not at the standby to the last that was acknowledged."""
        missing = self.acked[self.there :]
        return missing[-1] - missing[0] if missing else 0.0


SECONDS = st.lists(
    st.tuples(st.sampled_from(["", "", "", "web", "database", "link", "die"]), st.integers(0, 2), st.integers(1, 5)),
    min_size=4,
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(SECONDS)
def test_the_exposure_is_never_less_than_what_would_be_lost(steps: list[tuple[str, int, int]]) -> None:
    """Tiers fail and come back, the link is cut, the exporter dies: what is told covers all writes that are missing at the standby,
    but for those of the last two looks, which nobody can have compared yet; and it falls by a look at the standby, or
    as an outage is declared by as much as that takes, and by nothing else."""
    world = Tiers()
    world.second(1)
    world.second(1)
    patience, before = 4.0, 0.0
    for event, writes, seconds in steps:
        if event == "die":
            world.shown.kill(world.clock + 0.3)
        elif event:
            world.works[event] = not world.works[event]
        for _ in range(seconds):
            held, was = world.there, world.declared
            world.second(writes)
            told = world.shown.exposed(world.clock + 0.3)
            assert told >= world.loss - 2.0, (event, world.clock)
            if world.there == held and not world.works["link"] and was == world.declared:
                assert told >= before - patience, (event, world.clock)
            before = told


# --- a return from a stale standby


def stale(back: int, follows: range = range(0), *, killed: bool = False) -> Watch:
    """Nothing is replicated after 10; hk is out from 60 to 63, sg has the role from 64 on, and people go back to hk at `back`.
    What hk has of the writes at sg it gets in `follows`."""
    shown = Watch()
    for tick in range(1, 64):
        if tick < 60:
            shown.see(HK, tick, tick, primary=True)
        else:
            shown.fail(HK, tick)
        shown.see(SG, tick + 0.1, min(tick, 10), primary=False)
    for tick in range(64, back):
        shown.see(SG, tick, tick - 50, primary=True, epoch="2")
        if tick in follows:
            shown.see(HK, tick + 0.1, tick - 50, primary=False, epoch="2")
        else:
            shown.fail(HK, tick + 0.1)
    if killed:
        shown.kill(back - 0.5)
    for tick in range(back, back + 10):
        shown.fail(SG, tick)
        shown.see(HK, tick + 0.1, tick + 1, primary=True, epoch="3")
    return shown


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("back", [66, 100])
def test_a_return_from_a_stale_standby_proves_nothing_of_it(back: int, killed: bool) -> None:
    """hk comes back with what sg never got: sg still has no more than up to 10, in that incident or a later one."""
    shown = stale(back, killed=killed)
    assert shown.state.roles["database"].site == "hk"
    assert shown.exposed(back + 9.5) == pytest.approx(back + 9.5 - 10.0)


def test_a_return_to_a_site_that_followed_leaves_everything_at_the_old_one() -> None:
    """hk was made a standby of sg before the role went back: sg has all that hk has until then."""
    shown = stale(100, range(80, 100))
    assert shown.exposed(109.5) == pytest.approx(109.5 - 99.0)


def test_a_holder_that_was_never_proven_to_have_anything_is_not_credited() -> None:
    """sg took the role without a T: nobody knows what it lacks once hk is back."""
    shown = Watch()
    shown.see(HK, 1.0, 1, primary=True)
    shown.see(SG, 1.1, 0, primary=False, epoch="0")
    shown.fail(HK, 2.0)
    shown.see(SG, 3.0, 1, primary=True, epoch="2")
    shown.fail(SG, 4.0)
    shown.see(HK, 4.1, 2, primary=True, epoch="3")
    assert exposure(SYSTEM, shown.state, "site_loss", 10.0) == (10.0, False)


def test_one_that_began_anew_in_place_is_not_credited_with_what_was_before() -> None:
    """hk comes back empty, and the role moves to sg, which still has everything and never followed: hk may lack all of it."""
    shown = Watch()
    for tick in range(1, 10):
        shown.see(HK, tick, tick, primary=True)
        shown.see(SG, tick + 0.1, tick, primary=False)
    shown.see(HK, 10.0, 0, primary=True, epoch="2")
    shown.fail(HK, 11.0)
    shown.see(SG, 12.0, 10, primary=True, epoch="3")
    assert exposure(SYSTEM, shown.state, "site_loss", 20.0) == (20.0, False)


# --- roles at several sites


def split(until: int, moved: int, *, system: System = SPLIT, cut: int = 10**9) -> Watch:
    """Both stores at hk; the cache alone moves to sg. What is replicated there, and from there, stops at `cut`."""
    shown = Watch(system)
    for tick in range(1, until + 1):
        shown.see(Part("hk", "database"), tick, tick, primary=True)
        shown.see(Part("sg", "database"), tick + 0.1, min(tick, cut), primary=False)
        away = tick >= moved
        epoch, holder, other = ("2", "sg", "hk") if away else ("1", "hk", "sg")
        if tick == moved:
            shown.see(Part("hk", "cache"), tick + 0.2, tick, primary=False, epoch=epoch)
        shown.see(Part(holder, "cache"), tick + 0.3, tick, primary=True, epoch=epoch)
        shown.see(Part(other, "cache"), tick + 0.4, min(tick, cut) if away else tick, primary=False, epoch=epoch)
    return shown


def test_a_role_that_moves_alone_leaves_the_exposure_known() -> None:
    """A site that holds a role has every write of it: what is exposed is the database at hk, and the cache at sg."""
    shown = split(30, moved=20)
    assert {name: role.site for name, role in shown.state.roles.items()} == {"database": "hk", "cache": "sg"}
    assert shown.exposed(30.5) == pytest.approx(0.5)


@pytest.mark.parametrize(("stale", "told"), [("database", 10.5), ("cache", 10.2)])
def test_of_a_split_system_the_worst_site_to_lose_counts(stale: str, told: float) -> None:
    """Each store is exposed at the site that holds it, to the loss of that site only."""
    shown = split(20, moved=10)
    for tick in range(21, 31):
        shown.see(Part("hk", "database"), tick, tick, primary=True)
        shown.see(Part("sg", "database"), tick + 0.1, 20 if stale == "database" else tick, primary=False)
        shown.see(Part("sg", "cache"), tick + 0.3, tick, primary=True, epoch="2")
        shown.see(Part("hk", "cache"), tick + 0.4, 20 if stale == "cache" else tick, primary=False, epoch="2")
    assert shown.exposed(30.5) == pytest.approx(told)
    assert shown.decisive() == [("sg" if stale == "database" else "hk", stale)]


def test_a_standby_that_holds_another_role_is_ready_for_the_rest() -> None:
    """What it holds it need not follow: it is ready while it follows what it does not hold, and not when that is cut off."""
    assert readiness(SPLIT, split(30, moved=20).state, "sg", 30.5) == {
        "reachable": True,
        "replicating": True,
        "rpo": True,
        "backlog": True,
    }
    assert readiness(SPLIT, split(30, moved=20, cut=22).state, "sg", 30.5)["rpo"] is False


def test_backups_of_what_a_site_does_not_hold_do_not_count_for_its_loss() -> None:
    """Of the database nothing but its backup is elsewhere; the cache, at the other site, has none and needs none."""
    system = replace(SPLIT, backups={"nightly": Backup("nightly", component="database")})
    shown = split(30, moved=20, system=system)
    sources = {key: one for key, one in shown.state.sources.items() if key[1] != "database"}
    shown.state = replace(shown.state, sources=sources, backups={"nightly": BackupState(point=12.0)})
    assert shown.exposed(30.5) == pytest.approx(18.5)
    assert shown.decisive() == [], "the backup does"


def lonely(*more: Part, **backups: Backup) -> Watch:
    """The database is replicated from hk to sg; the cache has no part at sg."""
    parts = frozenset({Part("hk", "database"), Part("sg", "database"), Part("hk", "cache"), *more})
    sites = ("hk", "sg", *sorted({part.site for part in more}))
    shown = Watch(replace(SPLIT, sites=sites, parts=parts, backups=backups))
    for tick in range(1, 31):
        for name in STORES:
            shown.see(Part("hk", name), tick, tick, primary=True)
        for part in sorted(parts):
            if part.site != "hk":
                shown.see(part, tick + 0.1, min(tick, 20) if part in more else tick, primary=False)
    return shown


def test_a_store_that_is_at_one_site_only_is_lost_with_it() -> None:
    """That the database is replicated says nothing of the cache: nobody knows how much of it would be left."""
    shown = lonely()
    assert exposure(shown.system, shown.state, "site_loss", 30.5) == (30.5, False)
    assert shown.decisive() == []


def test_what_a_site_does_not_hold_comes_from_a_backup_or_from_a_third_site() -> None:
    """The one furthest behind counts, whichever of the two it is."""
    kept = lonely(nightly=Backup("nightly", component="cache"))
    kept.state = replace(kept.state, backups={"nightly": BackupState(point=12.0)})
    assert kept.exposed(30.5) == pytest.approx(18.5)
    kept.state = replace(kept.state, backups={"nightly": BackupState(point=30.4)})
    assert kept.exposed(30.5) == pytest.approx(0.5)
    third = lonely(Part("tk", "cache"))
    assert third.exposed(30.5) == pytest.approx(10.5)
    assert third.decisive() == [("tk", "cache")]


def test_the_store_furthest_behind_decides() -> None:
    """Not the newest of all; in an outage neither what the lost holder has, nor what a marker disproves."""
    shown = split(30, moved=99, cut=20)
    assert shown.decisive() == [("sg", "database")]
    for tick in range(31, 35):
        shown.fail(Part("hk", "database"), tick)
        shown.fail(Part("hk", "cache"), tick)
    assert shown.state.mode is Mode.OUTAGE
    assert shown.decisive() == [("sg", "database")]
    first = ("sg", "database", "streaming")
    point = shown.state.sources[first]
    there = {("hk", "database", "streaming"): replace(point, site="hk"), first: replace(point, refuted=True)}
    marked = replace(point, source="canary")
    shown.state = replace(shown.state, sources={**shown.state.sources, **there, ("sg", "database", "canary"): marked})
    assert decisive(shown.system, shown.state) == [marked]


def test_the_entry_at_another_site_does_not_hide_who_holds_the_data() -> None:
    """Nothing is lost with a site that holds no role: the exposure stays that of the site that does."""
    shown = film("hhhhh")
    away = replace(shown.state, serving=("sg",), believed="sg")
    assert exposure(SYSTEM, away, "site_loss", 6.0) == exposure(SYSTEM, shown.state, "site_loss", 6.0)


# --- two sites that claim a role without an epoch


def test_a_rival_without_an_epoch_proves_nothing() -> None:
    """In a split brain its position grows by writes of its own: nothing is replicated since it claimed the role."""
    shown = Watch()
    for tick in range(1, 31):
        rival = tick >= 5
        shown.see(HK, tick, tick * 10, primary=True, epoch=None)
        shown.see(SG, tick + 0.1, tick * 10 + (30 if rival else 0), primary=rival, epoch=None)
    assert [contest.declared for contest in shown.state.contests.values()] == [True]
    assert shown.exposed(30.2) == pytest.approx(26.2)

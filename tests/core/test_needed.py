"""What begins to be needed: that it failed before harmed nobody, so it neither dates an outage back nor declares one."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.core import fold, watching
from exporter.core.canary import Outcome
from exporter.core.interval import Interval
from exporter.core.model import ENTRY, NO_FACTS, Component, Facts, Part, Reason, Role, Sample, System
from exporter.core.readings import rto_clock
from tests.core.filming import HK, POLICY, SG, SYSTEM, WALL, Projector, moment

WEB = {"hk": Part("hk", "web"), "sg": Part("sg", "web")}
ONLY_WEB = replace(
    SYSTEM,
    components={"web": Component("web", critical=True)},
    parts=frozenset({*WEB.values(), ENTRY}),
    entry_tells_site=True,
)
BOTH = replace(
    SYSTEM,
    components={**SYSTEM.components, "web": Component("web", critical=True)},
    parts=SYSTEM.parts | {*WEB.values()},
)
LONG = 3 * 86400.0


class Shown(Projector):
    """A film in which single looks are shown."""

    def see(self, part: Part, at: float, ok: bool, served_by: str = "", until: float | None = None) -> None:
        facts = Facts(served_by=served_by) if served_by else NO_FACTS
        if part in (HK, SG) and ok:
            facts = Facts(Role.PRIMARY, True, epoch="1", position=1)
        end = at if until is None else until
        self.take(
            fold.observe(
                self.system, self.state, Sample(part, at, end, None if ok else Reason.REFUSED, "", facts), moment(end)
            )
        )

    def tick(self, at: float, served_by: str, *, sg: bool) -> None:
        """One second of `ONLY_WEB`: the entry answers, hk works."""
        self.see(ENTRY, at, True, served_by)
        self.see(WEB["sg"], at + 0.1, sg)
        self.see(WEB["hk"], at + 0.2, True)

    def reload(self, system: System, at: float) -> None:
        self.system = system
        self.take(watching.reconfigured(system, self.state, moment(at)))

    @property
    def mode(self) -> str:
        return str(self.state.mode)

    @property
    def start(self) -> tuple[float, float]:
        """Of the open incident."""
        assert self.state.incident is not None
        return self.state.incident.start[:2]


def closed(shown: Shown) -> tuple[str, float, float]:
    """Kind and RTO of the last incident."""
    last = shown.state.last
    assert last is not None
    assert last.rto is not None
    return str(last.kind), round(last.rto.lower, 3), round(last.rto.upper, 3)


def three_days(shown: Shown) -> Shown:
    """The entry is served by hk; web at sg is dead from the second look on."""
    for at in (1.0, 2.0, 3.0, LONG, LONG + 1, LONG + 2):
        shown.tick(at, "hk", sg=at < 2)
    return shown


@pytest.mark.parametrize("killed", [False, True])
def test_traffic_that_moves_to_a_dead_site_dates_from_the_move(killed: bool) -> None:
    """Three days of failed looks at a site without traffic: the outage begins when traffic comes, and is declared by the looks
    that fail from then on; a death of the exporter in between changes nothing."""
    shown = three_days(Shown(ONLY_WEB))
    shown.see(ENTRY, LONG + 3, True, "sg")
    assert (shown.mode, shown.start) == ("suspected", (LONG + 2, LONG + 3))
    if killed:
        shown.kill(LONG + 3)
    shown.see(WEB["sg"], LONG + 3.5, False)
    assert shown.mode != "outage"
    shown.see(WEB["sg"], LONG + 4, False)
    assert (shown.mode, shown.start) == ("outage", (LONG + 2, LONG + 3))
    assert rto_clock(shown.state, LONG + 4.5) == 2.5
    for at in range(5, 9):
        shown.tick(LONG + at, "sg", sg=True)
    assert closed(shown) == ("traffic_moved", 1.0, 3.1)
    assert shown.state.counters.downtime == pytest.approx(3.1)


def test_traffic_that_comes_back_in_time_is_a_blip() -> None:
    """The entry answers once from the dead site."""
    shown = three_days(Shown(ONLY_WEB))
    shown.see(ENTRY, LONG + 3, True, "sg")
    for at in (4, 5, 6):
        shown.tick(LONG + at, "hk", sg=False)
    assert shown.mode == "degraded"
    assert shown.state.last is None
    assert shown.state.counters.blip_seconds.upper == pytest.approx(2.0)


def test_a_part_that_worked_when_it_was_first_needed_is_dated_by_its_looks() -> None:
    """Traffic moves to a site that works, which dies later."""
    shown = Shown(ONLY_WEB)
    for at in range(1, 8):
        shown.tick(at, "hk" if at < 4 else "sg", sg=True)
    shown.see(WEB["sg"], 8.0, False)
    assert shown.start == (7.1, 8.0)


def test_a_move_of_the_role_dates_what_else_has_to_work_there() -> None:
    """A clean switchover to a site whose web has been dead for three days."""
    shown = Shown(BOTH)
    for at in (1.0, 2.0, 3.0, LONG, LONG + 1, LONG + 2):
        shown.see(WEB["sg"], at, at < 2)
        shown.see(WEB["hk"], at, True)
        shown.frame("h", at)
    shown.frame("s", LONG + 3)
    assert shown.start == (LONG + 2, LONG + 3)
    assert shown.mode == "suspected"
    for at in (3.5, 4.0):
        shown.see(WEB["sg"], LONG + at, False)
    assert (shown.mode, shown.start) == ("outage", (LONG + 2, LONG + 3))
    for at in range(5, 9):
        shown.frame("s", LONG + at)
        shown.see(WEB["sg"], LONG + at + 0.1, True)
    assert closed(shown) == ("switchover", 1.0, 3.1)


def watched(system: System = SYSTEM) -> Shown:
    shown = Shown(system)
    for at in (1.0, 2.0, 3.0, LONG):
        shown.frame("h", at)
    return shown


def test_what_a_reload_adds_is_needed_from_then_on() -> None:
    """A critical component that fails from its first look: nobody missed it before."""
    shown = watched()
    shown.reload(BOTH, LONG + 0.5)
    for at in (1, 2, 3):
        shown.see(WEB["hk"], LONG + at, False)
    assert (shown.mode, shown.start) == ("outage", (LONG + 0.5, LONG + 1))


def test_a_second_reload_is_no_new_beginning() -> None:
    """What did not change keeps its dating."""
    shown = watched()
    shown.reload(BOTH, LONG + 0.5)
    shown.reload(replace(BOTH, owner="somebody else"), LONG + 0.8)
    shown.see(WEB["hk"], LONG + 1, False)
    assert shown.start == (LONG + 0.5, LONG + 1)


def test_a_reload_dates_nothing_that_it_did_not_change() -> None:
    """Another component is added while the database fails already, and the database is declared by all of its looks."""
    shown = watched()
    for at in (1, 2):
        shown.frame("o", LONG + at)
    shown.reload(BOTH, LONG + 2.5)
    shown.frame("o", LONG + 3)
    assert (shown.mode, shown.start) == ("outage", (LONG, LONG + 1))


def test_a_canary_that_a_reload_adds() -> None:
    """Its table is missing."""
    shown = watched()
    database = Component("database", critical=True, stateful=True, canary_every=1)
    shown.reload(replace(SYSTEM, components={"database": database}), LONG + 0.5)
    for at in (1, 2, 3):
        shown.state, marker = fold.marker_sent(shown.state, "database", "hk", LONG + at)
        outcome = Outcome(LONG + at + 0.1, Reason.PERMISSION)
        shown.take(
            fold.marker_finished(shown.system, shown.state, "database", marker, outcome, moment(LONG + at + 0.1))
        )
    assert (shown.mode, shown.start) == ("outage", (LONG + 0.5, LONG + 1.1))


def test_a_component_that_a_reload_makes_critical() -> None:
    """It has failed for three days, which degraded the system; from the reload on it is an outage."""
    web = Component("web", critical=False)
    shown = Shown(replace(BOTH, components={**SYSTEM.components, "web": web}))
    for at in (1.0, 2.0, 3.0, LONG):
        shown.frame("h", at)
        shown.see(WEB["hk"], at, at < 2)
    shown.reload(BOTH, LONG + 0.5)
    shown.see(WEB["hk"], LONG + 1, False)
    assert (shown.mode, shown.start) == ("suspected", (LONG + 0.5, LONG + 0.5))
    shown.see(WEB["hk"], LONG + 2, False)
    assert (shown.mode, shown.start) == ("outage", (LONG + 0.5, LONG + 0.5))


def test_a_component_that_a_reload_adds_to_several_sites_that_serve() -> None:
    """It works at none of them: the outage begins with the reload."""
    everywhere = replace(
        ONLY_WEB, mode="active-active", entry_tells_site=False, parts=frozenset(WEB.values()), policy=POLICY
    )
    shown = Shown(everywhere)
    for at in (1.0, 2.0, LONG):
        for part in WEB.values():
            shown.see(part, at, True)
    more = {**everywhere.components, "shop": Component("shop", critical=True)}
    shop = [Part("hk", "shop"), Part("sg", "shop")]
    shown.reload(replace(everywhere, components=more, parts=everywhere.parts | {*shop}), LONG + 0.5)
    for at in (1, 2, 3):
        for part in shop:
            shown.see(part, LONG + at, False)
    assert (shown.mode, shown.start) == ("outage", (LONG + 0.5, LONG + 1))


@pytest.mark.parametrize("parts", [ONLY_WEB.parts, frozenset(WEB.values())], ids=["told no more", "no entry"])
def test_where_traffic_was_is_forgotten_when_nothing_tells_it_any_more(parts: frozenset[Part]) -> None:
    """A reload takes `served_by`, or the entry, away: the site that it told last is not needed for ever."""
    shown = Shown(ONLY_WEB)
    for at in (1, 2, 3):
        shown.tick(at, "sg", sg=True)
    assert str(shown.state.traffic_settled) == "sg"
    shown.reload(replace(ONLY_WEB, parts=parts, entry_tells_site=False), 3.5)
    assert (shown.state.traffic, shown.state.traffic_settled) == (None, None)


def test_an_entry_that_no_longer_tells_its_site_is_believed() -> None:
    """The site that it told last dies, and it answers all the same: from the other one."""
    shown = Shown(ONLY_WEB)
    for at in (1, 2, 3):
        shown.tick(at, "hk", sg=True)
    shown.reload(replace(ONLY_WEB, entry_tells_site=False), 3.5)
    for at in range(4, 12):
        shown.see(WEB["hk"], at, at < 6)
        shown.see(WEB["sg"], at, True)
        shown.see(ENTRY, at, True)
    assert shown.state.serving == ("sg",)
    assert shown.state.incident is None


def test_a_look_that_hung_past_the_declaration_still_tells_of_the_start() -> None:
    """The database froze before the entry failed, and the look that met it ends after the outage was declared."""
    system = replace(SYSTEM, parts=frozenset({HK, SG, ENTRY}))
    shown = Shown(system)
    shown.see(HK, 9.0, True)
    shown.see(ENTRY, 9.5, True)
    for at in (10.5, 11.0, 11.5):
        shown.see(ENTRY, at, False)
    assert (shown.mode, shown.start) == ("outage", (9.5, 10.5))
    shown.see(HK, 10.6, False, until=11.6)  # it met an outage that was known
    assert shown.start == (9.5, 10.5)
    shown.see(HK, 10.0, False, until=12.0)
    assert shown.start == (9.0, 10.5)
    assert shown.state.incident is not None
    assert shown.state.incident.phases["last_good"] == 9.0


GAPS = st.lists(st.floats(0.2, 1.5), min_size=1, max_size=8)


def instants(first: float, gaps: list[float]) -> list[float]:
    """When it is looked at in 26 s: these gaps, again and again."""
    every = [first]
    while every[-1] < 26:
        every.append(every[-1] + gaps[len(every) % len(gaps)])
    return every


@settings(max_examples=150, deadline=None)
@given(GAPS, GAPS, st.floats(0.1, 12.0), st.floats(4.0, 10.0), st.floats(0.0, 9.0), st.booleans())
def test_the_truth_lies_within_the_bounds(
    entry: list[float], web: list[float], down: float, moved: float, later: float, reloads: bool
) -> None:
    """Web at sg is down from `down` until some time after it begins to be needed, because traffic moves there or a reload leaves
    no other site: nobody misses it before."""
    started = max(moved, down)
    up = started + later
    system = replace(ONLY_WEB, parts=frozenset(WEB.values())) if reloads else ONLY_WEB
    shown, reloaded = Shown(system), not reloads
    looks = [(at, name) for name, at0, gaps in (("entry", 0.01, entry), ("hk", 0.02, web), ("sg", 0.03, web))
             for at in instants(at0, gaps)]  # fmt: skip
    for at, name in sorted(looks):
        if not reloaded and at > moved:
            shown.reload(replace(system, home="sg", sites=("sg",), parts=frozenset({WEB["sg"]})), moved)
            reloaded = True
        if name == "entry" and not reloads:
            shown.see(ENTRY, at, True, "hk" if at < moved else "sg")
        elif name != "entry" and WEB[name] in shown.system.parts:
            shown.see(WEB[name], at, name == "hk" or not down <= at < up)
    told = [record.data for record in shown.records if record.kind in ("incident", "blip")]
    assert len(told) <= 1
    for data in told:
        for name, truth in (("start", started), ("end", up)):
            bounds = Interval(data[name]["lower"] - WALL, data[name]["upper"] - WALL)
            assert bounds.lower - 1e-6 <= truth <= bounds.upper + 1e-6, name
            assert bounds.width <= 3.1
        assert data["rto"]["lower"] - 1e-6 <= up - started <= data["rto"]["upper"] + 1e-6

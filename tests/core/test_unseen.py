"""What is needed and looked at nowhere, after a reload or because traffic moved: told as unknown, never as healthy or as an outage
for ever."""

from dataclasses import replace

import pytest

from exporter.core import watching
from exporter.core.model import ENTRY, Component, Part, Reason, System
from exporter.core.readings import totals
from exporter.core.state import Mode, Span
from tests.core.filming import HK, SG, SYSTEM, moment
from tests.core.test_needed import BOTH, ONLY_WEB, WEB, Shown

ONLY_SG = replace(SYSTEM, parts=frozenset({SG}))
"""The endpoint at hk was taken out, the site was not."""


def calm(shown: Shown, until: int = 5) -> Shown:
    for at in range(1, until):
        shown.frame("h", float(at))
    return shown


def standby(shown: Shown, *ticks: int) -> None:
    for at in ticks:
        shown.look(SG, float(at), False)


def promoted(shown: Shown, *ticks: int) -> None:
    shown.epochs["sg"] = "2"
    for at in ticks:
        shown.look(SG, float(at), True)


def told(shown: Shown) -> list[str]:
    return shown.kinds("transition", "watch_started")


def moving(system: System, home: str, *parts: Part) -> System:
    return replace(system, home=home, parts=frozenset(parts))


@pytest.mark.parametrize("dead", [False, True])
def test_what_a_reload_moves_is_needed_where_it_is_looked_at(dead: bool) -> None:
    """No role and no entry tells where users are: web and home move to sg, hk stays for something else. An outage at hk is over."""
    mail = {"mail": Component("mail")}
    before = moving(replace(ONLY_WEB, components={**ONLY_WEB.components, **mail}), "hk", WEB["hk"], Part("hk", "mail"))
    shown = Shown(before)
    for at in range(1, 10):
        shown.see(WEB["hk"], at, not dead or at < 3)
    assert shown.mode == ("outage" if dead else "healthy")
    shown.reload(moving(before, "sg", WEB["sg"], Part("hk", "mail")), 9.5)
    for at in range(10, 14):
        shown.see(WEB["sg"], at, True)
    assert (shown.mode, shown.state.serving) == ("healthy", ("sg",))
    assert [one[2] for one in shown.incidents] == (["traffic_moved"] if dead else [])
    for at in range(14, 18):
        shown.see(WEB["sg"], at, False)
    assert shown.mode == "outage"


def test_a_holder_that_nobody_looks_at_any_more_is_unknown() -> None:
    """It worked when its endpoint was taken out. Nobody can tell how it is: no incident, and no time that counts as up."""
    shown = calm(Shown())
    shown.reload(ONLY_SG, 4.5)
    standby(shown, 5, 6, 7, 100)
    assert (shown.mode, shown.state.incident, shown.state.serving) == ("unknown", None, ())
    assert "database at hk is needed, and nobody looks at it" in shown.state.sentence
    assert totals(shown.state, 200.0).observed == pytest.approx(4.0)
    shown.reload(SYSTEM, 100.5)
    for at in range(101, 104):
        shown.frame("h", float(at))
    assert (shown.mode, told(shown)) == ("healthy", [])
    assert totals(shown.state, 113.0).observed == pytest.approx(4.0 + 2.0)


def test_who_claims_the_role_of_one_that_nobody_looks_at_has_it() -> None:
    """A minute later: an event with bounds as wide as what nobody saw, which is no downtime; then its outage is told as any."""
    shown = calm(Shown())
    shown.reload(ONLY_SG, 4.5)
    standby(shown, *range(5, 65))
    promoted(shown, *range(65, 69))
    (incident,) = [record.data for record in shown.records if record.kind == "incident"]
    assert (incident["kind"], incident["inferred"]) == ("switchover", True)
    assert shown.incidents == [((4, 65), (64, 65), "switchover")]
    assert shown.state.counters.downtime == pytest.approx(1.0)
    for at in range(70, 74):
        shown.look(SG, float(at), None, Reason.REFUSED)
    assert shown.mode == "outage"


@pytest.mark.parametrize("killed", [False, True])
def test_an_outage_whose_endpoint_is_taken_out_ends_with_the_failover(killed: bool) -> None:
    """hk's database is gone for good: the outage goes on until sg is promoted, and nothing of it is lost."""
    shown = calm(Shown())
    for at in range(5, 9):
        shown.frame("o", float(at))
    shown.reload(ONLY_SG, 8.5)
    if killed:
        shown.kill(8.6)
    standby(shown, *range(9, 31))
    assert shown.mode == "outage"
    promoted(shown, *range(31, 36))
    assert shown.incidents == [((4, 5), (30, 31), "failover")]
    assert "no_primary" not in shown.kinds()
    assert (shown.mode, shown.state.serving) == ("healthy", ("sg",))


def test_a_doubt_whose_endpoint_is_taken_out_is_not_declared() -> None:
    """Two failed looks were too few; if it is put back and answers, it was a blip, of which nobody saw the middle."""
    shown = calm(Shown())
    for at in (5, 6):
        shown.frame("o", float(at))
    shown.reload(ONLY_SG, 6.5)
    standby(shown, *range(7, 20))
    assert shown.mode == "unknown"
    assert shown.state.incident is not None
    assert not shown.state.incident.declared
    shown.reload(SYSTEM, 19.5)
    for at in range(20, 24):
        shown.frame("h", float(at))
    assert (shown.mode, len(shown.blips), shown.incidents) == ("healthy", 1, [])


def test_traffic_that_moves_to_where_nobody_looks() -> None:
    """The entry tells sg, and web has no probe there: once two looks told it, nobody can say how the system is."""
    shown = Shown(replace(ONLY_WEB, parts=frozenset({ENTRY, WEB["hk"]})))
    for at in range(1, 5):
        shown.see(ENTRY, at, True, "hk")
        shown.see(WEB["hk"], at + 0.1, True)
    shown.see(ENTRY, 5.0, True, "sg")
    assert shown.mode == "healthy"
    shown.see(ENTRY, 6.0, True, "sg")
    for at in (7, 8, 9, 10):
        shown.see(WEB["hk"], at, False)
    assert (shown.mode, shown.state.incident) == ("unknown", None)
    assert "web at sg is needed" in shown.state.sentence
    for at in (11, 12):
        shown.see(WEB["hk"], at, True)
        shown.see(ENTRY, at + 0.1, True, "hk")
    assert shown.mode == "healthy"


def test_a_split_brain_whose_holder_is_taken_out_is_over() -> None:
    """The other one has the role with its next look."""
    shown = calm(Shown())
    for at in range(5, 9):
        shown.frame("b", float(at))
    assert told(shown) == ["split_brain"]
    shown.reload(ONLY_SG, 8.5)
    promoted(shown, 9, 10, 11, 12)
    assert told(shown) == ["split_brain", "split_brain_over", "switchover", "incident"]
    assert (shown.mode, shown.state.contests, shown.state.roles["database"].site) == ("healthy", {}, "sg")


def test_a_split_brain_of_what_tells_no_role_any_more_is_over() -> None:
    """The reload looks at the same endpoints with a kind that tells none: nobody could end it."""
    shown = calm(Shown())
    for at in range(5, 9):
        shown.frame("b", float(at))
    shown.reload(replace(SYSTEM, components={"database": Component("database", critical=True)}), 8.5)
    shown.frame("b", 9.0)
    assert told(shown) == ["split_brain", "split_brain_over"]
    assert (shown.mode, shown.state.roles) == ("healthy", {})


def test_a_witness_that_is_taken_out_is_none() -> None:
    """The primary fails, and a standby that still received from it is no longer looked at: the outage is declared."""
    shown = Shown(BOTH)
    for at in range(1, 5):
        shown.frame("h", float(at))
        shown.see(WEB["hk"], at + 0.1, True)
    shown.look(HK, 5.0, None, Reason.REFUSED)
    for now in (5.2, 5.4, 5.6):
        shown.look(HK, now, None, Reason.REFUSED)
        known = shown.state.sources["sg", "database", "streaming"]
        grown = replace(known, seen=now, grew=Span(now, now))
        shown.state = shown.state.but(sources={("sg", "database", "streaming"): grown})
    shown.look(HK, 6.0, None, Reason.REFUSED)
    assert "still receives" in shown.state.sentence
    shown.reload(replace(BOTH, parts=BOTH.parts - {SG}), 6.1)
    shown.look(HK, 6.5, None, Reason.REFUSED)
    assert shown.mode == "outage"


def test_a_state_of_an_earlier_exporter_is_read_the_same() -> None:
    """It kept nothing of an endpoint that was taken out: whoever claims the role has it, and nothing is healthy until then."""
    shown = calm(Shown())
    shown.state = shown.state.but(parts={SG: shown.state.parts[SG]})
    shown.system = ONLY_SG
    shown.kill(5.0)
    standby(shown, 6, 7)
    assert shown.mode == str(Mode.UNKNOWN)
    promoted(shown, 8, 9, 10, 11)
    assert (shown.mode, shown.state.serving) == ("healthy", ("sg",))


def test_blindness_in_what_nobody_looks_at_is_counted_once() -> None:
    """Cut off for a while meanwhile: no second of it is hidden twice."""
    shown = calm(Shown())
    for at in (5, 6):
        shown.frame("o", float(at))
    shown.reload(ONLY_SG, 6.5)
    standby(shown, 7, 8)
    shown.take(watching.blinded(ONLY_SG, shown.state, 10.0, moment(12)))
    shown.take(watching.sighted(ONLY_SG, shown.state, moment(20)))
    standby(shown, 21, 22)
    promoted(shown, 24, 25, 26, 27)
    assert shown.state.last is not None
    assert shown.state.last.blind == pytest.approx((10 - 7) + (20 - 10) + (24 - 21))

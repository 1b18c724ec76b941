"""What is told of now is of now: in blindness nothing is, and after it, or a restart, only what was looked at again."""

from dataclasses import replace

import pytest

from exporter.core import watching
from exporter.core.condition import complaint
from exporter.core.model import Component, Part, Reason, Role
from exporter.core.past import Kind
from exporter.core.readiness import readiness, readiness_now
from exporter.core.readings import functional_ratio, lasting_events, site_role, tells_now, writable_sites
from exporter.core.snapshot import Watched
from exporter.core.standing import standing
from exporter.core.state import Mode
from exporter.core.summary import site_json
from exporter.core.view import system_json
from tests.core.filming import HK, SG, SYSTEM, Projector, film, moment

READY = {"reachable": True, "replicating": True, "rpo": True, "backlog": True}


def told(shown: Projector, at: float) -> tuple[float | None, int | None, dict[str, bool], Role]:
    """Share of the components that work, writable sites, readiness of the standby, its role."""
    system, state = shown.system, shown.state
    return (
        functional_ratio(system, state),
        writable_sites(system, state),
        dict(readiness_now(system, state, "sg", at)),
        site_role(system, state, "sg"),
    )


NOTHING_KNOWN: tuple[None, None, dict[str, bool], Role] = (None, None, {}, Role.UNKNOWN)
ALL_WELL = (1.0, 1, READY, Role.STANDBY)


def test_blindness_leaves_nothing_that_works() -> None:
    """Three hours into it everything was told to work, and the standby to be ready, or late by what nobody could see."""
    shown = film("hhhh")
    assert told(shown, 4.0) == ALL_WELL
    shown.take(watching.blinded(SYSTEM, shown.state, 4.5, moment(6)))
    for at in (7.0, 3 * 3600.0):
        shown.frame("t", at)
        assert told(shown, at) == NOTHING_KNOWN
    site = site_json(Watched(SYSTEM, shown.state), "sg", moment(3 * 3600.0))
    assert (site["ready"], site["checks"], site["role"]) == (None, {}, "unknown")
    page = system_json(Watched(SYSTEM, shown.state), moment(3 * 3600.0))
    assert [site["components"]["database"]["up"] for site in page["sites"]] == [None, None]


@pytest.mark.parametrize("how", ["blind", "killed", "stood still"])
def test_what_was_seen_before_is_told_when_it_was_looked_at_again(how: str) -> None:
    """Part by part: of two sites one says nothing of how many take writes, and a standby's own look tells of its role."""
    shown = film("hhhh")
    if how == "blind":
        shown.take(watching.blinded(SYSTEM, shown.state, 4.5, moment(6)))
        shown.take(watching.sighted(SYSTEM, shown.state, moment(10)))
    elif how == "killed":
        shown.kill(10.0)
    else:
        shown.take(watching.paused(SYSTEM, shown.state, 4.5, moment(10)))
    assert told(shown, 10.0) == NOTHING_KNOWN
    shown.look(SG, 11.0, False)
    assert told(shown, 11.0)[1] is None
    assert told(shown, 11.0)[3] is Role.STANDBY
    assert functional_ratio(SYSTEM, shown.state) is None
    shown.look(HK, 12.0, True)
    assert told(shown, 12.0)[:2] == (1.0, 1)
    shown.look(SG, 13.0, False)
    assert told(shown, 13.0) == ALL_WELL


def test_a_failed_look_tells_of_now_too() -> None:
    """A standby that was dead before a restart is told to be again with the first look that fails, and not before."""
    shown = film("hhh")
    shown.look(SG, 4.0, None, Reason.REFUSED)
    shown.kill(10.0)
    assert not tells_now(shown.state, shown.state.parts[SG].reach)
    assert readiness_now(SYSTEM, shown.state, "sg", 10.0) == {}
    shown.look(SG, 11.0, None, Reason.REFUSED)
    assert readiness_now(SYSTEM, shown.state, "sg", 11.0)["reachable"] is False


def test_no_share_is_told_of_a_part_of_the_components() -> None:
    """The one that had failed is looked at later than the one that works: 1.0 for as long would be wrong."""
    names = {**SYSTEM.components, "web": Component("web")}
    web = Part("hk", "web")
    shown = Projector(replace(SYSTEM, components=names, parts=SYSTEM.parts | {web}))
    shown.frame("h", 1.0)
    shown.look(web, 2.0, None, Reason.REFUSED)
    assert functional_ratio(shown.system, shown.state) == 0.5
    shown.kill(10.0)
    shown.frame("h", 11.0)
    assert functional_ratio(shown.system, shown.state) is None
    shown.look(web, 12.0, None, Reason.REFUSED)
    assert functional_ratio(shown.system, shown.state) == 0.5


def test_permissions_that_were_not_looked_at_again_make_no_site_ready() -> None:
    """The alert on them would be resolved by the rest of the checks, which are known sooner."""
    flow = Component("login", permissions=True)
    part = Part("sg", "login")
    shown = Projector(replace(SYSTEM, components={**SYSTEM.components, "login": flow}, parts=SYSTEM.parts | {part}))
    shown.frame("h", 1.0)
    shown.look(part, 2.0, None, Reason.STATUS)
    shown.kill(10.0)
    for at in (11.0, 12.0):
        shown.frame("h", at)
    assert readiness_now(shown.system, shown.state, "sg", 12.0) == {}
    shown.look(part, 13.0, None, Reason.STATUS)
    assert readiness_now(shown.system, shown.state, "sg", 13.0) == {**READY, "permissions": False}


def test_what_is_believed_stands_while_nobody_knows() -> None:
    """A blindness or a standstill writes no standing to and fro, and makes no degraded system healthy until its standby is looked
    at again."""
    shown = film("hhhh")
    before = standing(SYSTEM, shown.state, 4.0)
    shown.take(watching.blinded(SYSTEM, shown.state, 4.5, moment(4.6)))
    assert standing(SYSTEM, shown.state, 4.6) == before
    shown = film("hhh")
    for at in range(4, 8):
        shown.look(SG, float(at), None, Reason.REFUSED)
        shown.look(HK, at + 0.5, True)
    assert shown.state.mode is Mode.DEGRADED
    shown.take(watching.paused(SYSTEM, shown.state, 7.6, moment(12)))
    shown.look(HK, 12.5, True)
    assert complaint(SYSTEM, shown.state, 12.5) is not None
    assert shown.state.mode is Mode.DEGRADED
    assert readiness(SYSTEM, shown.state, "sg", 12.5)["reachable"] is False


def test_a_declared_split_brain_keeps_its_number() -> None:
    """Until somebody sees its end: the page of it would resolve, or tell of one site, while the event goes on."""
    shown = film("hhh" + "b" * 15)
    assert lasting_events(SYSTEM, shown.state)[Kind.SPLIT_BRAIN]
    shown.take(watching.blinded(SYSTEM, shown.state, 18.5, moment(20)))
    assert (lasting_events(SYSTEM, shown.state)[Kind.SPLIT_BRAIN], writable_sites(SYSTEM, shown.state)) == (True, 2)
    shown.kill(30.0)
    assert (lasting_events(SYSTEM, shown.state)[Kind.SPLIT_BRAIN], writable_sites(SYSTEM, shown.state)) == (True, 2)


def test_that_there_is_no_primary_goes_on_over_a_restart() -> None:
    """It is an event, which lasts until somebody sees its end; how many sites take writes is only known after a look."""
    shown = film("hhh" + "r" * 8)
    assert lasting_events(SYSTEM, shown.state)[Kind.NO_PRIMARY]
    shown.kill(20.0)
    assert writable_sites(SYSTEM, shown.state) is None
    assert lasting_events(SYSTEM, shown.state)[Kind.NO_PRIMARY]

"""Readiness is proven, not assumed: what was never seen to answer or to follow is not ready."""

from dataclasses import replace

from exporter.core import fold
from exporter.core.model import Reason
from exporter.core.readiness import readiness
from exporter.core.readings import functional_ratio, writable_sites
from tests.core.filming import HK, SG, SYSTEM, Projector, film, moment


def test_a_site_that_was_never_looked_at_is_unknown() -> None:
    """No check is made up before the first look; the first one that fails makes it not ready."""
    shown = Projector()
    assert readiness(SYSTEM, shown.state, "sg", 1.0) == {}
    shown.look(SG, 1.0, None, Reason.TIMEOUT)
    assert set(readiness(SYSTEM, shown.state, "sg", 1.0).values()) == {False}


def test_a_site_that_only_silence_was_heard_of_is_not_reachable() -> None:
    """Blind from the start, its failed looks count for nothing, and nothing is no proof that it answers; what nobody knows is no 0."""
    shown = Projector()
    shown.take(fold.blinded(SYSTEM, shown.state, 0.5, moment(1)))
    shown.frame("t", 2.0)
    assert readiness(SYSTEM, shown.state, "sg", 2.0)["reachable"] is False
    assert (writable_sites(SYSTEM, shown.state), functional_ratio(SYSTEM, shown.state)) == (None, None)


def test_a_standby_that_follows_is_ready() -> None:
    """It answers, told what it has, and is inside the objective."""
    assert readiness(SYSTEM, film("hhh").state, "sg", 3.0) == {
        "reachable": True,
        "replicating": True,
        "rpo": True,
        "backlog": True,
    }


def test_an_old_primary_that_is_back_is_no_standby() -> None:
    """What it held when it lost the role was never seen to follow, whether it comes back read-only or still writable."""
    system = replace(SYSTEM, objectives=replace(SYSTEM.objectives, rpo={}))
    shown = film("hhooo", system)
    shown.epochs["sg"] = "2"
    for at in (6.0, 7.0):
        shown.look(SG, at, True)
    shown.look(HK, 8.0, False)
    checks = readiness(system, shown.state, "hk", 8.0)
    assert checks == {"reachable": True, "replicating": False}
    shown.epochs["hk"] = shown.epochs["sg"]
    shown.look(SG, 9.0, True)
    shown.look(HK, 10.0, False)
    assert readiness(system, shown.state, "hk", 10.0)["replicating"] is True, "now it follows"
    shown.look(HK, 11.0, True)
    assert readiness(system, shown.state, "hk", 11.0)["replicating"] is False, "it claims the role"

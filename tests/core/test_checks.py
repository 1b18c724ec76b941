"""Backups, parity and business figures, folded in: what they prove, and what they do not."""

import json
from dataclasses import replace

import pytest

from exporter.core import fold
from exporter.core.backup import BackupFacts
from exporter.core.checks import (
    backup_complaint,
    backup_inspected,
    kpi_answered,
    kpi_low,
    parity_answered,
    parity_at,
    parity_match,
    restore_verified,
)
from exporter.core.codec import Decoder, encode
from exporter.core.inspected import Answer
from exporter.core.model import Backup, Component, Kpi, Moment, Parity, Part, Reason, Sample, System
from exporter.core.readiness import readiness, validated
from exporter.core.readings import exposure, functional_ratio, recovery_point, scenarios
from exporter.core.state import Mode, SystemState
from tests.core.filming import HK, SG, SYSTEM, WALL, Projector, film, moment

NIGHTLY = replace(SYSTEM, backups={"nightly": Backup("nightly", site="sg", every=100.0, versions=2)})
SAME = Parity("grants", "database", ("hk", "sg"), delay=10.0)
ALIKE = replace(SYSTEM, parity={"grants": SAME})


def inspected(state: SystemState, at: float, facts: BackupFacts | None, name: str = "nightly") -> SystemState:
    reason = None if facts else Reason.ASSERTION
    sample = Sample(Part("sg", name), at, at + 0.5, reason, "" if facts else "no repository")
    return backup_inspected(state, name, sample, facts, moment(at + 0.5)).state


def facts(ago: float, at: float, versions: int = 3) -> BackupFacts:
    return BackupFacts(point=WALL + at - ago, last_success=WALL + at - ago, versions=versions)


def test_a_backup_is_a_recovery_point_of_data_corruption() -> None:
    """Its instant comes over to our clock; before it is seen the exposure counts from our start and is not known."""
    state = film("hhh").state
    assert scenarios(NIGHTLY) == ("site_loss", "data_corruption")
    assert exposure(NIGHTLY, state, "data_corruption", 4.0) == (4.0, False)
    state = inspected(state, 4.0, facts(50.0, 4.0))
    seconds, known = exposure(NIGHTLY, state, "data_corruption", 6.0)
    assert known
    assert seconds == pytest.approx(52.0)
    assert exposure(NIGHTLY, state, "site_loss", 6.0).seconds == pytest.approx(4.0), "streaming proves more"


def test_a_backup_at_a_lost_site_is_lost_with_it() -> None:
    """A backup kept where the system serves proves nothing for the loss of that site, only for corruption."""
    home = replace(NIGHTLY, backups={"nightly": Backup("nightly", site="hk"), "far": Backup("far")})
    state = replace(inspected(film("hhh").state, 4.0, facts(1.0, 4.0)), sources={})
    assert recovery_point(home, state, "site_loss") is None
    assert recovery_point(home, state, "data_corruption") == pytest.approx(3.0)
    far = inspected(state, 4.0, facts(3.5, 4.0), "far")
    assert recovery_point(home, far, "site_loss") == pytest.approx(0.5)


def test_each_component_needs_its_own_backup() -> None:
    """What is furthest behind counts, and a component without any has no recovery point at all."""
    two = {name: Component(name, critical=True, stateful=True) for name in ("database", "files")}
    system = replace(NIGHTLY, components=two, backups={"db": Backup("db", component="database")})
    state = inspected(film("hhh").state, 4.0, facts(1.0, 4.0), "db")
    assert recovery_point(system, state, "data_corruption") is None
    whole = replace(system, backups={**system.backups, "all": Backup("all")})
    state = inspected(state, 4.0, facts(3.0, 4.0), "all")
    assert recovery_point(whole, state, "data_corruption") == pytest.approx(1.0)


def test_a_failed_inspection_proves_nothing_new() -> None:
    """The last recovery point stays, so the exposure grows; one that went well and found nothing takes it away."""
    state = inspected(film("hhh").state, 4.0, facts(50.0, 4.0))
    failed = inspected(state, 10.0, None)
    assert exposure(NIGHTLY, failed, "data_corruption", 12.0).seconds == pytest.approx(58.0)
    assert failed.backups["nightly"].reason is Reason.ASSERTION
    assert readiness(NIGHTLY, failed, "sg", 12.0)["backup:nightly"] is False, "what cannot be seen is not proven"
    complaint = backup_complaint(NIGHTLY.backups["nightly"], failed.backups["nightly"], 12.0)
    assert complaint == "could not be inspected: no repository"
    gone = inspected(failed, 14.0, BackupFacts())
    seconds, known = exposure(NIGHTLY, gone, "data_corruption", 15.0)
    assert not known
    assert seconds == pytest.approx(61.0), "what it held is exposed again: no less than before"
    assert exposure(NIGHTLY, inspected(gone, 16.0, BackupFacts()), "data_corruption", 17.0).seconds > 62.0
    back = inspected(gone, 16.0, facts(1.0, 16.0))
    assert exposure(NIGHTLY, back, "data_corruption", 17.0).seconds == pytest.approx(2.0)


def test_a_clock_ahead_of_ours_makes_no_point_in_the_future() -> None:
    """T is never later than the look that told it first, and what tells the same again is no younger for it."""
    ahead = facts(-500.0, 4.0)
    state = inspected(film("hhh").state, 4.0, ahead)
    assert state.backups["nightly"].point == pytest.approx(4.0)
    later = inspected(state, 300.0, ahead).backups["nightly"]
    assert later.point == later.succeeded == pytest.approx(4.0)
    newer = inspected(state, 300.0, facts(-500.0, 300.0)).backups["nightly"]
    assert newer.point == pytest.approx(300.0)


def test_a_wall_clock_that_is_set_makes_no_backup_younger() -> None:
    """Set back, it would make every backup younger than it is; set forward it makes it older, which may be the truth."""
    state = inspected(film("hhh").state, 4.0, facts(50.0, 4.0))
    sample, told = Sample(Part("sg", "nightly"), 8.0, 8.0), state.backups["nightly"].facts
    for set_by, expected in ((-40.0, -46.0), (40.0, -86.0)):
        step = backup_inspected(state, "nightly", sample, told, Moment(8.0, WALL + 8.0 + set_by))
        assert step.state.backups["nightly"].point == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ago", "versions", "complaint"),
    [(10.0, 3, None), (130.0, 3, "is late"), (10.0, 1, "has 1 versions of 2"), (124.0, 2, None)],
)
def test_what_is_promised_of_a_backup(ago: float, versions: int, complaint: str | None) -> None:
    """In time, and enough versions; the standby that keeps it is ready only then."""
    state = inspected(film("hhh").state, 4.0, facts(ago, 4.0, versions))
    assert backup_complaint(NIGHTLY.backups["nightly"], state.backups["nightly"], 4.0) == complaint
    assert readiness(NIGHTLY, state, "sg", 4.0)["backup:nightly"] is (complaint is None)


def test_a_restore_has_to_be_verified_in_time() -> None:
    """Never verified is a complaint; a report of the restore job settles it until it is too old."""
    system = replace(NIGHTLY, backups={"nightly": Backup("nightly", verify_every=50.0)})
    state = inspected(film("hhh").state, 4.0, facts(10.0, 4.0))
    backup = system.backups["nightly"]
    assert "restored" in str(backup_complaint(backup, state.backups["nightly"], 5.0))
    step = restore_verified(system, state, "nightly", moment(6.0))
    assert [record.kind for record in step.records] == ["restore_verified"]
    later = inspected(step.state, 8.0, facts(10.0, 8.0))
    assert backup_complaint(backup, later.backups["nightly"], 20.0) is None, "a new look forgets no report"
    assert backup_complaint(backup, later.backups["nightly"], 60.0) is not None


def answers(at: float, hk: float | str | Reason | None, sg: float | str | Reason | None) -> dict[str, Answer]:
    def one(value: float | str | Reason | None) -> Answer:
        if isinstance(value, Reason):
            return Answer(at, reason=value)
        return Answer(at, text=value) if isinstance(value, str) else Answer(at, value)

    return {"hk": one(hk), "sg": one(sg)}


def asked(state: SystemState, *rounds: dict[str, Answer], system: System = ALIKE) -> SystemState:
    for told in rounds:
        state = parity_answered(system, state, "grants", "hk", told, moment(told["hk"].at)).state
    return state


def test_a_standby_may_be_behind_by_the_delay() -> None:
    """Its answer is compared to what the serving site gave lately: on a table that grows it is always a little behind."""
    state = film("hhh").state
    state = asked(state, *[answers(float(at), at, at - 1) for at in range(4, 60)])
    known = state.parity["grants"]
    assert parity_match(SAME, known) is True
    assert known.differences == {"sg": 0.0}


def test_a_difference_that_lasts_is_a_loss_of_parity() -> None:
    """Not at once, because it may only be late; then with a record, and with another when it is mended."""
    state = asked(film("hhh").state, answers(3, 12.0, 12.0), answers(4, 12.0, 0.0))
    assert parity_match(SAME, state.parity["grants"]) is True
    step = parity_answered(ALIKE, state, "grants", "hk", answers(14, 12.0, 0.0), moment(14))
    assert [record.kind for record in step.records] == ["parity_lost"]
    assert parity_match(SAME, step.state.parity["grants"]) is False
    assert step.state.parity["grants"].differences == {"sg": 12.0}
    assert readiness(ALIKE, step.state, "sg", 14.0)["parity:grants"] is False
    step = parity_answered(ALIKE, step.state, "grants", "hk", answers(15, 12.0, 12.0), moment(15))
    assert [record.kind for record in step.records] == ["parity_restored"]
    assert readiness(ALIKE, step.state, "sg", 15.0)["parity:grants"] is True


def test_a_difference_that_was_never_a_match_is_not_called_one() -> None:
    """The first answers differ: it may be a delay, so nobody knows, and no proof is no readiness."""
    state = asked(film("hhh").state, answers(4, 12.0, 0.0))
    assert parity_match(SAME, state.parity["grants"]) is None
    assert readiness(ALIKE, state, "sg", 4.0)["parity:grants"] is False
    state = asked(state, answers(5, 12.0, Reason.TIMEOUT), answers(20, 12.0, 0.0))
    assert parity_match(SAME, state.parity["grants"]) is None, "nobody knows that it differed in between"


def test_a_loss_of_parity_is_told_once_across_silence() -> None:
    """A site that is known to differ and falls silent differs at once when it answers again, and is no news."""
    shown = Projector(ALIKE)
    told = [
        (4, "b", True),
        (5, "c", True),
        (15, "c", False),
        (16, Reason.TIMEOUT, None),
        (17, "c", False),
        (18, Reason.TIMEOUT, None),
        (19, "b", True),
        (20, Reason.TIMEOUT, None),
        (21, "c", None),
    ]
    for at, there, match in told:
        shown.take(parity_answered(ALIKE, shown.state, "grants", "hk", answers(at, "b", there), moment(at)))
        assert parity_match(SAME, shown.state.parity["grants"]) is match, at
    assert shown.kinds() == ["parity_lost", "parity_restored"]


def test_parity_after_a_move_is_proven_anew() -> None:
    """What was alike to the old site is not yet alike to the new one, which has nothing to be compared to while that is away."""
    state = asked(film("hhh").state, answers(4, "b", "b"))
    moved = film("hhhsss").state
    state = replace(moved, parity=state.parity)
    assert readiness(ALIKE, state, "hk", 6.0)["parity:grants"] is False
    for there, holds in ((Reason.REFUSED, False), (Reason.TIMEOUT, False), ("c", False), ("b", True)):
        told = {"sg": Answer(7.0, text="b"), "hk": answers(7.0, there, None)["hk"]}
        after = parity_answered(ALIKE, state, "grants", "sg", told, moment(7.0)).state
        assert validated(ALIKE, after, 5.0) is holds, there


def test_silence_is_neither_equal_nor_different() -> None:
    """A site that does not answer leaves parity unknown, but no proof is no readiness; a refusal to answer is a difference."""
    state = asked(film("hhh").state, answers(4, 12.0, Reason.TIMEOUT), answers(20, 12.0, Reason.TIMEOUT))
    assert parity_match(SAME, state.parity["grants"]) is None
    assert readiness(ALIKE, state, "sg", 20.0)["parity:grants"] is False
    denied = asked(state, answers(30, 12.0, Reason.PERMISSION), answers(41, 12.0, Reason.PERMISSION))
    assert parity_at(SAME, denied.parity["grants"], "sg") is False
    assert denied.parity["grants"].differences == {}


@pytest.mark.parametrize(
    ("check", "there", "alike"),
    [
        (replace(SAME, delay=0.0), 100.0, True),
        (replace(SAME, delay=0.0), 99.0, False),
        (replace(SAME, delay=0.0, tolerance=1.0), 99.0, True),
        (replace(SAME, delay=0.0, tolerance=0.01, relative=True), 99.0, True),
        (replace(SAME, delay=0.0, tolerance=0.009, relative=True), 99.0, False),
        (replace(SAME, delay=0.0, tolerance=1000.0), "text", False),
    ],
)
def test_tolerance(check: Parity, there: float | str, alike: bool) -> None:
    """Absolute or a share of the serving site's answer, for numbers; texts have to be the same."""
    system = replace(SYSTEM, parity={"grants": check})
    state = asked(film("hhh").state, answers(4, 100.0, there), system=system)
    assert parity_match(check, state.parity["grants"]) is alike


def test_a_figure_below_its_floor_degrades() -> None:
    """Records when it falls and when it is back; unknown is not low."""
    system = replace(SYSTEM, kpis={"opm": Kpi("opm", at_least=0.88)})
    shown = Projector(system)
    for tick in range(1, 4):
        shown.frame("h", float(tick))
    for at, value, kinds, mode in ((4, 870.0, ["kpi_low"], Mode.DEGRADED), (6, 900.0, ["kpi_recovered"], Mode.HEALTHY)):
        sample = Sample(Part("", "opm"), at, at)
        step = kpi_answered(system, shown.state, "opm", sample, value, 1000.0, moment(at))
        assert [record.kind for record in step.records] == kinds
        shown.take(step)
        shown.frame("h", at + 1.0)
        assert shown.state.mode is mode
    for at, opm in ((8, 870.0), (9, None), (10, 860.0), (11, None), (12, 900.0)):
        sample = Sample(Part("", "opm"), at, at, Reason.REFUSED if opm is None else None)
        shown.take(kpi_answered(system, shown.state, "opm", sample, opm, 1000.0, moment(at)))
        assert kpi_low(system.kpis["opm"], shown.state.kpis["opm"]) is (None if opm is None else opm < 880)
    assert shown.kinds("transition")[2:] == ["kpi_low", "kpi_recovered"], "a figure nobody knows is no news"


def test_a_third_party_is_part_of_the_system() -> None:
    """A critical dependency that fails is an outage wherever the system serves; it has no site of its own."""
    parts = {"database": SYSTEM.components["database"], "sms": Component("sms", critical=True, dependency=True)}
    system = replace(SYSTEM, components=parts, parts=SYSTEM.parts | {Part("", "sms")})
    shown = Projector(system)
    for tick in range(1, 10):
        shown.frame("h", float(tick))
        sample = Sample(Part("", "sms"), tick, tick, Reason.REFUSED if tick > 3 else None)
        shown.take(fold.observe(system, shown.state, sample, moment(tick)))
    assert shown.state.mode is Mode.OUTAGE
    assert shown.state.incident is not None
    assert shown.state.incident.cause.startswith("sms: refused")
    assert functional_ratio(system, shown.state) == 0.5
    assert readiness(system, shown.state, "sg", 9.0)["reachable"] is True


def test_permissions_are_a_check_of_their_own() -> None:
    """Who can log in at the standby but may do nothing there has no standby, critical or not."""
    login = Component("login", permissions=True)
    system = replace(
        SYSTEM, components={**SYSTEM.components, "login": login}, parts=SYSTEM.parts | {Part("sg", "login")}
    )
    shown = Projector(system)
    shown.frame("h", 1.0)
    assert "permissions" not in readiness(system, shown.state, "sg", 1.0)
    shown.look(Part("sg", "login"), 2.0, None, Reason.PERMISSION)
    assert readiness(system, shown.state, "sg", 2.0)["permissions"] is False


def test_all_of_it_survives_a_restart() -> None:
    """What is written down is read back the same, and instants move to the next boot's clock."""
    state = asked(inspected(film("hhh").state, 4.0, facts(50.0, 4.0)), answers(5, "a", "b"))
    system = replace(SYSTEM, kpis={"opm": Kpi("opm", 5.0)})
    state = kpi_answered(system, state, "opm", Sample(HK, 6, 6), 4.0, None, Moment(6, WALL)).state
    read = Decoder().state(json.loads(json.dumps(encode(state))))
    assert (read.backups, read.parity, read.kpis) == (state.backups, state.parity, state.kpis)
    moved = Decoder(shift=100.0).state(json.loads(json.dumps(encode(state))))
    point = state.backups["nightly"].point
    assert point is not None
    assert moved.backups["nightly"].point == point + 100.0
    unsure = Decoder(shift=100.0, slack=2.0).state(json.loads(json.dumps(encode(state))))
    assert unsure.backups["nightly"].point == point + 98.0, "what the move may be wrong by is exposed"
    assert unsure.sources["sg", "database", "streaming"].at == 102.0 - 2.0
    assert unsure.watched_since == 98.0
    assert moved.parity["grants"].reference[0].at == 105.0
    assert moved.backups["nightly"].facts == state.backups["nightly"].facts
    assert SG in moved.parts

"""Drills and maintenance: they label, mute and book apart, and hide nothing."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.core import drilling, fold
from exporter.core.codec import Decoder, encode
from exporter.core.drill import DrillType
from exporter.core.drilling import Refused, left_open, maintained, mutes
from exporter.core.model import Objectives, System
from exporter.core.past import MarkerCount
from exporter.core.proof import due, missed_by, proof_of, proof_state
from exporter.core.readings import totals
from exporter.core.snapshot import Watched
from exporter.core.state import Mode
from exporter.core.view import system_json
from tests.core.filming import HK, SYSTEM, film, moment
from tests.core.rehearsing import EXCLUDING, Rehearsal, order, rehearse
from tests.metrics import scenes


def test_what_begins_in_a_drill_is_labelled() -> None:
    """Incident, counters and records name the drill; the drill's own record names the incident."""
    shown = rehearse("hhDooosssssQ")
    (incident,) = shown.told("incident")
    (stopped,) = shown.told("drill_stopped")
    assert (incident["drill"], incident["scenario"]) == (stopped["id"], "site_loss")
    assert stopped["incidents"] == [incident["id"]]
    assert shown.state.counters.incidents == {("failover", "true"): 1}
    assert shown.state.counters.failovers == {("failover", "true"): 1}
    assert all(record.data.get("drill") == stopped["id"] for record in shown.records if record.kind == "failover")


def test_what_begins_outside_of_it_is_not() -> None:
    """Before it was started, and after it was stopped."""
    shown = rehearse("hooohhhhDhQooohhhh")
    assert [incident["drill"] for incident in shown.told("incident")] == [None, None]
    assert shown.state.counters.incidents == {("outage_in_place", "false"): 2}


@pytest.mark.parametrize("letters", ["ho", "hooo", "hooohh"])
def test_no_drill_begins_in_an_incident(letters: str) -> None:
    """Suspected, down or recovering: it would hide a real disaster, and the sentence says so."""
    shown = rehearse(letters)
    with pytest.raises(Refused, match="cannot begin in an incident"):
        shown.begin(DrillType.DRILL)


@pytest.mark.parametrize("letters", ["hhb", "hhbbbb"])
@pytest.mark.parametrize("type_", DrillType)
def test_no_drill_begins_in_a_split_brain(letters: str, type_: DrillType) -> None:
    """Told, or about to be: it needs no incident to page. Once it is mended the drill may begin."""
    shown = rehearse(letters)
    assert shown.state.incident is None
    with pytest.raises(Refused, match="cannot begin in a split brain"):
        shown.begin(type_)
    shown.play("h").begin(type_)


def test_a_split_brain_is_muted_by_the_drill_that_it_began_in() -> None:
    """One that is older than the drill (an earlier exporter let that begin) pages in it."""
    shown = rehearse("hhDbbbb")
    assert shown.told("split_brain")[0]["drill"] == shown.state.drill.id  # type: ignore[union-attr]  # it is open
    assert mutes(shown.state, shown.at)
    later = replace(shown.state.drill, started=shown.at) if shown.state.drill else None
    assert not mutes(replace(shown.state, drill=later), shown.at)


def test_no_drill_begins_while_nobody_can_tell() -> None:
    """What goes on in blindness, or before the first look of an exporter that has just started, may be a real disaster."""
    unseen = fold.begin(SYSTEM, moment(0))
    blind = fold.blinded(SYSTEM, film("hhh").state, 3.0, moment(4)).state
    dead = fold.resume(SYSTEM, film("hhh").state, 3.0, moment(60)).state
    for state in (unseen, blind, dead):
        with pytest.raises(Refused, match="nobody can tell"):
            drilling.start(SYSTEM, state, order(), moment(61))


def test_one_at_a_time() -> None:
    """A second one, and stopping one that is not open, are refused with the name of the open one."""
    shown = rehearse("hhD")
    assert shown.state.drill is not None
    with pytest.raises(Refused, match=shown.state.drill.id):
        shown.begin(DrillType.MAINTENANCE)
    with pytest.raises(Refused, match="is not open"):
        drilling.stop(SYSTEM, shown.state, "drill-orders-x", "ops", "", moment(9))


def test_a_death_before_the_drill_is_none_of_it() -> None:
    """The tripwire rang before the drill was started, and the look that failed came after: it pages."""
    shown = rehearse("hh")
    shown.state = fold.tripped(shown.state, HK, 2.2)
    shown.play("Dooo")
    assert shown.state.incident is not None
    assert shown.state.incident.drill is None
    assert not mutes(shown.state, shown.at)
    late = rehearse("hhDo")
    late.state = fold.tripped(late.state, HK, 2.2)
    assert late.state.incident is not None
    assert (late.state.incident.drill, late.state.incident.excluded) == (None, False)


def test_it_expires_by_itself() -> None:
    """From that instant on nothing is muted, whether or not the clock was looked at; told once; open until stopped."""
    shown = rehearse("hhDhh", seconds=3.0)
    assert (mutes(shown.state, 5.4), mutes(shown.state, 5.5), left_open(shown.state, 5.5)) == (True, False, True)
    shown.play("hhhh")
    (expired,) = shown.told("drill_expired")
    assert (expired["expires"], expired["incident"]) == (moment(5.5).wall, None)
    assert left_open(shown.state, shown.at)
    shown.play("ooohhhhQ")
    assert [incident["drill"] for incident in shown.told("incident")] == [None]
    assert (shown.state.drill, shown.state.drilled) == (None, shown.at + 0.5)


def test_it_expires_with_the_system_down() -> None:
    """The record names the incident that now pages."""
    shown = rehearse("hhDooooo", seconds=3.0)
    (expired,) = shown.told("drill_expired")
    assert shown.state.incident is not None
    assert (expired["state"], expired["incident"]) == ("outage", shown.state.incident.id)
    assert not mutes(shown.state, shown.at)


def test_maintenance_mutes_nothing_and_ends_by_itself() -> None:
    """What begins in it is labelled as such, not as a drill."""
    shown = rehearse("hhMooohhhh", seconds=4.0)
    assert not mutes(shown.state, 3.0)
    assert (shown.state.drill, shown.state.drilled) == (None, None)
    (incident,) = shown.told("incident")
    (stopped,) = shown.told("maintenance_stopped")
    assert (incident["drill"], incident["maintenance"]) == (None, stopped["id"])
    assert (stopped["by"], stopped["ended"]) == (None, moment(6.5).wall)
    assert shown.state.counters.incidents == {("outage_in_place", "false"): 1}
    assert maintained(rehearse("hM").state, 2.0)


FILMS = ["hhooohhhhh", "hhooosssss", "hhosshhhh", "hhoohhh", "hhsssss", "hhooohooohhhh", "hhbbbbhhh", "hhrrrrhhhh"]


def _plain(shown: Rehearsal) -> list[tuple[str, str]]:
    people = set(drilling.DECLARED)
    return [(record.kind, record.sentence) for record in shown.records if record.kind not in people]


@pytest.mark.parametrize("letters", FILMS)
def test_the_states_know_of_no_drill(letters: str) -> None:
    """Wherever a drill is started, stopped or expires: the same transitions, events and incidents with the same bounds."""
    alone = rehearse(letters)
    for begin in range(1, len(letters)):
        for length in range(len(letters) - begin + 1):
            for stopped in (True, False):
                shown = Rehearsal(seconds=1000.0 if stopped else length + 0.25).play(letters[:begin])
                if shown.state.incident is not None or shown.state.contests:
                    continue
                shown.play("D" + letters[begin : begin + length] + "Q" * stopped + letters[begin + length :])
                assert _plain(shown) == _plain(alone), (letters, begin, length, stopped)
                assert shown.incidents == alone.incidents
                assert shown.sums().downtime == pytest.approx(alone.sums().downtime)


@pytest.mark.parametrize("letters", FILMS)
def test_a_death_changes_no_drill(letters: str) -> None:
    """Killed between any two looks: the same drill, the same labels, told once, the same downtime apart."""
    for seconds in (3.0, 1000.0):
        calm = letters[-1] * 4  # stability is waited for anew
        whole = rehearse(f"hD{letters}{calm}", EXCLUDING, seconds)
        for at in range(len(letters)):
            shown = rehearse(f"hD{letters[:at]}K{letters[at:]}{calm}", EXCLUDING, seconds)
            assert _declared(shown) == _declared(whole), (letters, seconds, at)
            assert (shown.state.drill is None) == (whole.state.drill is None)
            assert shown.sums().drills == pytest.approx(whole.sums().drills, abs=1.0)


def _declared(shown: Rehearsal) -> list[tuple[str, object]]:
    """What people declared, and to what the incidents belong."""
    known = {*drilling.DECLARED, "incident", "blip"}
    return [(r.kind, r.data["drill"] if "drill" in r.data else r.data["id"]) for r in shown.records if r.kind in known]


def test_a_drill_is_written_down() -> None:
    """With its incident and its proof it survives JSON; across a reboot its instants move, and its length stays."""
    for letters in ("hhD", "hhDooo", "hhDooosssss", "hhDooosssssQ", "hhM"):
        state = rehearse(letters).state
        assert Decoder().state(encode(state)) == replace(state, histories={})
    moved = Decoder(shift=100.0, slack=2.0).state(encode(rehearse("hhD", seconds=60.0).state)).drill
    assert moved is not None
    assert (moved.started, moved.expires) == (102.5, 162.5)


# --- how downtime is booked


def test_a_drill_is_booked_apart() -> None:
    """Its downtime counts or not, as the policy says; in either case it is told apart."""
    counted, excluded = rehearse("hhDooosssss").sums(), rehearse("hhDooosssss", EXCLUDING).sums()
    assert (counted.downtime, counted.drills) == (4.0, 4.0)
    assert (excluded.downtime, excluded.drills, excluded.maintenance) == (0.0, 4.0, 0.0)
    assert rehearse("hhMooosssss", EXCLUDING).sums()[1:] == (0.0, 0.0, 0.0, 4.0)


@pytest.mark.parametrize("seconds", [2.0, 1000.0])
def test_what_outlasts_the_drill_counts(seconds: float) -> None:
    """From its expiry, or from when it was stopped, downtime is like any other: down since 2 s, the drill until 4.5 s."""
    stop = "" if seconds < 1000 else "Q"
    shown = rehearse(f"hhDoo{stop}oooooohhhh", EXCLUDING, seconds)
    (incident,) = shown.told("incident")
    assert (incident["apart_seconds"], incident["counted"]) == (pytest.approx(2.5), False)
    assert shown.sums().drills == pytest.approx(2.5)
    assert shown.sums().downtime == pytest.approx(incident["rto"]["upper"] - 2.5)


def test_a_new_policy_changes_nothing_that_runs() -> None:
    """The configuration is reloaded in the middle: an open incident goes on as it was begun, so that nothing falls."""
    shown = rehearse("hhDoooo", EXCLUDING)
    shown.system = SYSTEM
    assert shown.play("hhhh").sums().downtime == 0.0


SCRIPT = st.lists(st.sampled_from("hhhhoootsrbxDDMQQKBS"), min_size=5, max_size=40)


@settings(max_examples=60, deadline=None)
@example(["o", "o", "o", "K", "B", "K"], SYSTEM, 1000.0)
@given(SCRIPT, st.sampled_from([SYSTEM, EXCLUDING]), st.sampled_from([2.0, 5.0, 1000.0]))
def test_no_sum_ever_falls(script: list[str], system: System, seconds: float) -> None:
    """Whatever happens, deaths and blindness included: each total only grows, and what is apart is a part of all."""
    shown = Rehearsal(system, seconds=seconds).play("h")
    seen = [totals(shown.state, shown.at)]
    for letter in script:
        state, now = shown.state, moment(shown.at + 0.4)
        unclear = state.incident or state.contests or state.blind_since is not None or state.mode is Mode.UNKNOWN
        if (letter in "DM" and (state.drill or unclear)) or (letter == "Q" and not state.drill):
            continue
        if letter == "B":
            shown.take(fold.blinded(shown.system, state, now.mono, now))
        elif letter == "S":
            shown.take(fold.sighted(shown.system, state, now))
        else:
            shown.play(letter)
        seen.append(totals(shown.state, shown.at + 0.9))
    seen += [shown.sums(20.0)]
    for before, after in pairwise(seen):
        assert all(one <= other + 1e-9 for one, other in zip(before, after, strict=True)), script
    last = seen[-1]
    kept = 0.0 if shown.system is EXCLUDING else last.drills + last.maintenance
    assert last.downtime >= kept - 1e-9


# --- what is proven, and when it is due

PROMISED = replace(SYSTEM, objectives=Objectives(rto=10.0, drill_every=100.0))


def test_a_recovery_at_the_other_site_is_proof() -> None:
    """In a drill or not; the next is due `drill_every` after the system served again, and then it is stale."""
    for letters in ("hhooosssss", "hhDooosssss"):
        shown = rehearse(letters, PROMISED)
        assert shown.state.proof is not None
        assert shown.state.proof.at == 6.0
        assert (shown.state.proof.drill is not None) == ("D" in letters)
        assert due(PROMISED, shown.state) == 106.0
        assert [proof_state(PROMISED, shown.state, at) for at in (105.9, 106.0)] == ["proven", "stale"]


@pytest.mark.parametrize(
    ("letters", "why"),
    [
        ("hhooohhhh", "the same site came back: nobody knows whether the other one would do"),
        ("hhooooooooooooossss", "the objective was missed"),
        ("hhoooooooooossss", "the bounds leave open whether it was kept"),
        ("hhoohhh", "a blip"),
    ],
)
def test_what_is_no_proof(letters: str, why: str) -> None:
    """Without proof the first is due `drill_every` after we began to look."""
    shown = rehearse(letters, PROMISED)
    assert (shown.state.proof, proof_state(PROMISED, shown.state, 50.0)) == (None, "missing"), why
    assert due(PROMISED, shown.state) == 100.0


@pytest.mark.parametrize(("lost", "proven"), [(True, True), (False, False)])
def test_a_site_lost_without_a_loss_to_users_is_proof(lost: bool, proven: bool) -> None:
    """Of an active-active system, in a drill: nothing could be measured, because nobody noticed."""
    both = replace(PROMISED, mode="active-active")
    state = rehearse("hhD").state
    assert state.drill is not None
    state = replace(state, drill=replace(state.drill, site_lost=lost))
    after = drilling.stop(both, state, state.drill.id if state.drill else "", "ops", "", moment(9.0)).state
    assert (after.proof is not None) is proven
    assert after.proof is None or (after.proof.at, after.proof.incident) == (9.0, None)


def test_a_missed_objective_is_told_beside_the_proof() -> None:
    """It does not renew the proof, and whoever asks hears of it."""
    shown = rehearse("hhsssssooooooooooooohhhh", PROMISED)
    told = system_json(Watched(PROMISED, shown.state), moment(shown.at))["proof"]
    assert shown.state.proof is not None
    assert (told["state"], told["at"]) == ("proven", moment(shown.state.proof.at).wall)
    assert told["missed"] is not None
    assert told["missed"] > told["at"]


def test_lost_data_is_no_proof() -> None:
    """In time, but with acknowledged writes gone that were promised: it proves the contrary."""
    closed, system = scenes.failover(), scenes.system()
    assert (proof_of(system, closed), missed_by(system, closed) is not None) == (None, True)
    closed = replace(closed, markers=MarkerCount(0, 880, 1))
    assert (proof_of(system, closed) is not None, missed_by(system, closed)) == (True, None)
    assert proof_of(system, replace(closed, inferred=True)) is None


def test_nothing_promised_is_never_due() -> None:
    """Without `drill_every` there is no due date, and a proof never goes stale."""
    shown = rehearse("hhooosssss")
    assert due(SYSTEM, shown.state) is None
    assert proof_state(SYSTEM, shown.state, 1e9) == "proven"


def test_the_system_tells_its_drill() -> None:
    """As the API has it, with Unix seconds, and whether it has expired by now."""
    shown = rehearse("hhD", seconds=60.0)
    told = system_json(Watched(SYSTEM, shown.state), moment(10.0))["drill"]
    assert told["id"] == "drill-orders-20270115T080002.500Z"
    assert (told["started"], told["expires"], told["expired"]) == (moment(2.5).wall, moment(62.5).wall, False)
    assert system_json(Watched(SYSTEM, shown.state), moment(62.5))["drill"]["expired"]
    assert system_json(Watched(SYSTEM, film("hh").state), moment(10.0))["drill"] is None


def test_an_order_of_maintenance_names_itself() -> None:
    """The id tells what it is."""
    step = drilling.start(SYSTEM, film("hh").state, order(DrillType.MAINTENANCE), moment(3.0))
    assert [record.kind for record in step.records] == ["maintenance_started"]
    assert str(step.records[0].data["id"]).startswith("maintenance-orders-")
